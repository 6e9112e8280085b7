"""Endpoints of one expert's sheet: marks, the proofs that were opened, what was signed.

Hides: that a sheet is its expert's alone until the panel's result exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import marking, sheets, snapshot
from evaluation import standard as standards
from evaluation.api.within import CODE
from evaluation.models import Assignment
from evaluation.papers import data_for
from evaluation.permissions import assignment_roles
from evaluation.workflow import ASSIGNMENT
from portal.api import Endpoint
from portal.api_schema import ProblemSerializer
from portal.machine import NotAllowed


class ShownProofSerializer(serializers.Serializer):
    """One proof of an item, and whether this expert has opened it."""

    evidence = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)
    opened = serializers.BooleanField()


class MarkSerializer(serializers.Serializer):
    """评分 of one item. ``is_own``: the sheet cannot be signed without it, since it lies in the expert's own field
    (``is_own_field``), the expert leads, or too few others mark it; ``legal``: the marks that may be entered."""

    item_code = serializers.CharField()
    name = serializers.CharField()
    is_own = serializers.BooleanField()
    is_own_field = serializers.BooleanField()
    legal = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    reason = serializers.CharField()
    private_note = serializers.CharField(allow_null=True)
    revision = serializers.IntegerField()
    evidence = ShownProofSerializer(many=True)


class MarkData(serializers.Serializer):
    """A mark, or a part of it; what is left out stays. ``value`` null abstains. ``revision``: what the writer last saw.

    ``save_key``: a name that the writer gives to this one save; sent again, since its answer was lost, it changes nothing.
    """

    value = serializers.JSONField(allow_null=True, required=False)
    reason = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    private_note = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    revision = serializers.IntegerField(allow_null=True, required=False)
    save_key = serializers.CharField(max_length=36, allow_blank=True, required=False)


class MarkSavedSerializer(serializers.Serializer):
    """The number of a save: what the next save of the same item sends as ``revision``."""

    revision = serializers.IntegerField()


class OfAssignment(Endpoint):
    """Marks and sheet of one assignment: the expert's own, or of who may see the sheets once there is a result."""

    filter_backends: list[Any] = []

    @cached_property
    def assignment(self) -> Assignment:
        rows = ASSIGNMENT.visible_to(self.request.user)
        return get_object_or_404(rows, pk=self.kwargs["assignment"])

    @property
    def is_mine(self) -> bool:
        return "invitee" in assignment_roles(self.request.user, self.assignment)

    def readable(self) -> Assignment:
        """The assignment, if the caller may read its marks: one's own once accepted, another's as it is signed."""
        row = self.assignment
        if not sheets.may_read_marks(self.request.user, row):
            raise NotAllowed("mark")
        return row


class MarkEndpoint(OfAssignment):
    """评分, item by item."""

    scope = access.HANDLE
    serializer_class = MarkSerializer
    lookup_url_kwarg = "item_code"
    lookup_value_regex = CODE

    def list(self, request: Request, assignment: str) -> Response:
        """Every item of the stage in the order of the standard, with this expert's mark."""
        return self.paged(list(self._rows()), MarkSerializer)

    def retrieve(self, request: Request, assignment: str, item_code: str) -> Response:
        """One item with this expert's mark."""
        found = next((row for row in self._rows() if row["item_code"] == item_code), None)
        if found is None:
            raise Http404
        return Response(MarkSerializer(found).data)

    @extend_schema(request=MarkData, responses=MarkSavedSerializer)
    def update(self, request: Request, assignment: str, item_code: str) -> Response:
        """Keep the expert's mark of one item. 409 where it was saved after ``revision``, or the sheet is signed."""
        mark = marking.save_mark(request.user, self.assignment, item_code, **self.read(MarkData))
        return Response({"revision": mark.revision})

    def _rows(self) -> Iterator[dict[str, Any]]:
        row = self.readable()
        own, marks = marking.own_items(row), {mark.item_code: mark for mark in row.marks.all()}
        fields, data = marking.own_fields(row), data_for(self.request.user, row.application)
        opened = marking.opened_evidence(row.expert.user, data)
        for item in row.application.standard.items(row.application.stage):
            mark = marks.get(item.code)
            note = mark.private_note if mark else ""
            yield {
                "item_code": item.code,
                "name": item.name,
                "is_own": item.code in own,
                "is_own_field": item.domain in fields,
                "legal": standards.legal_marks(item).text(),
                "value": mark.value if mark else None,
                "reason": mark.reason if mark else "",
                "private_note": note if self.is_mine else None,
                "revision": mark.revision if mark else 0,
                "evidence": [
                    {"evidence": proof["id"], "page": proof["page"], "opened": proof["id"] in opened}
                    for proof in snapshot.evidence_of(data, item.code)
                ],
            }


class OpenedData(serializers.Serializer):
    """Numbers of the proofs that were shown to the expert."""

    evidence = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=500)


class OpenedEndpoint(OfAssignment):
    """Which proofs an expert has looked at."""

    scope = access.HANDLE
    serializer_class = OpenedData

    @extend_schema(request=OpenedData, responses=OpenedData)
    def create(self, request: Request, assignment: int) -> Response:
        """Keep that these proofs were shown, by a program that read them from elsewhere; all that were ever opened."""
        row = self.assignment
        if not self.is_mine or row.state != "accepted":
            raise NotAllowed("mark")
        marking.open_proofs(request.user, row, self.read(OpenedData)["evidence"])
        opened = marking.opened_evidence(request.user, data_for(request.user, row.application))
        return Response({"evidence": sorted(opened)})


class SheetSerializer(serializers.Serializer):
    """评分表 as the engine takes it. ``missing``: what stands between it and its signature, for its own expert.

    ``unopened``: item code -> proofs that the expert never opened, up to the signature; null where that was not kept yet.
    """

    scorer = serializers.CharField()
    leader = serializers.BooleanField()
    marks = serializers.DictField(child=serializers.JSONField(allow_null=True))
    reasons = serializers.DictField(child=serializers.CharField())
    unopened = serializers.DictField(child=serializers.ListField(child=serializers.IntegerField()), allow_null=True)
    sha256 = serializers.CharField()
    missing = ProblemSerializer(many=True)


class SheetEndpoint(OfAssignment):
    """评分表 of one assignment."""

    serializer_class = SheetSerializer

    def retrieve(self, request: Request, assignment: int) -> Response:
        """The whole sheet; ``sha256`` is empty until it is signed."""
        row = self.readable()
        missing = marking.missing_marks(row) if self.is_mine and row.state == "accepted" else ()
        problems = [problem.as_json(gettext) for problem in missing]
        found = {"unopened": None, **marking.sheet_of(row), "sha256": row.signed_sha256, "missing": problems}
        return Response(SheetSerializer(found).data)
