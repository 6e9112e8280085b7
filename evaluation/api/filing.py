"""Endpoints of what an applicant hands in: data, claims, statements, documents, evidence.

Hides: which version a reader gets (``papers``), and that every write is judged by ``filing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.sheets import PERMIT_DATES
from evaluation import checks, filing, proofs, snapshot
from evaluation import standard as standards
from evaluation.api.within import CODE, OfApplication
from evaluation.merging import read_seen, seen_text
from evaluation.models import Document
from evaluation.papers import data_for, documents_for, may_read_file
from evaluation.progress import forecast, meters
from portal.api import BINARY, AnyAccept, FileSerializer, UploadSerializer, download, uploads
from portal.api_schema import ProblemSerializer
from portal.problems import Problem

LARGEST = 2**31 - 1


class SavedSerializer(serializers.Serializer):
    """The number of a save: what the next save of the same place sends as ``revision``."""

    revision = serializers.IntegerField()


# --- data ---------------------------------------------------------------------------------------------------------


class CaseDataSerializer(serializers.Serializer):
    """Who applies for what, as the reader's version of the application says it."""

    project = serializers.DictField()
    standard = serializers.DictField()
    organisation = serializers.DictField()
    consultants = serializers.SerializerMethodField()
    community = serializers.DictField()
    seen = serializers.SerializerMethodField()

    def get_consultants(self, data: dict[str, Any]) -> list[dict[str, str]]:
        return snapshot.consultants_of(data)

    def get_seen(self, data: dict[str, Any]) -> str:
        return seen_text(filing.data_of(data))


class CaseDataChange(serializers.Serializer):
    """Target level and permit dates; what is left out stays. ``seen``: as it was read; left out or null skips that."""

    seen = serializers.CharField(required=False, allow_null=True, max_length=400)
    target_level = serializers.IntegerField(required=False)
    planning_permit_on = serializers.DateField(required=False, allow_null=True)
    drawing_review_on = serializers.DateField(required=False, allow_null=True)
    construction_permit_on = serializers.DateField(required=False, allow_null=True)
    completed_on = serializers.DateField(required=False, allow_null=True)


class CaseDataEndpoint(OfApplication):
    """The data of the case that a correction may name."""

    scope = access.FILE
    serializer_class = CaseDataSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Project, standard, parties and community: the present state for the parties, the sealed one for everybody else."""
        return Response(CaseDataSerializer(data_for(request.user, self.application)).data)

    @extend_schema(request=CaseDataChange, responses=CaseDataSerializer)
    def partial_update(self, request: Request, application: int) -> Response:
        """Change target level and permit dates. 409 where somebody else changed the same ones after ``seen``."""
        values, row = self.read(CaseDataChange), self.application
        dates = {name: values[name] for name in PERMIT_DATES if name in values}
        seen = values.get("seen")
        known = None if seen is None else read_seen(seen)
        filing.save_case_data(request.user, row, values.get("target_level"), dates, seen=known)
        self.__dict__.pop("application")  # read anew: what it says has changed
        return self.retrieve(request, application)


# --- claims -------------------------------------------------------------------------------------------------------


class ProofSerializer(serializers.Serializer):
    """Where an item is proved."""

    evidence = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)


class ClaimSerializer(serializers.Serializer):
    """自评 of one item. ``legal``: the marks that may be entered; ``revision``: null for readers, 0 before the first save.

    ``parts``: of an item whose parts add up, the numbers (from 0) of those ticked; only whoever may edit reads them.
    """

    item_code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    mode = serializers.CharField()
    points = serializers.CharField()
    legal = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    note = serializers.CharField()
    parts = serializers.ListField(child=serializers.IntegerField())
    revision = serializers.IntegerField(allow_null=True)
    is_open = serializers.BooleanField()
    is_concealed = serializers.BooleanField(help_text="true: an expert reads the claim only after the own mark")
    evidence = ProofSerializer(many=True)


class ClaimData(serializers.Serializer):
    """A mark: true, false, "na", a number, or null for none. ``revision``: what the writer last saw; null skips that.

    ``parts``: numbers (from 0) of the ticked parts of an item whose parts add up; they make the mark where it is null.
    """

    value = serializers.JSONField(allow_null=True)
    note = serializers.CharField(max_length=filing.NOTE_LENGTH, allow_blank=True, default="")
    parts = serializers.ListField(child=serializers.IntegerField(), allow_null=True, default=None)
    revision = serializers.IntegerField(allow_null=True, default=None)


class ClaimEndpoint(OfApplication):
    """自评, item by item."""

    scope = access.FILE
    serializer_class = ClaimSerializer
    lookup_url_kwarg = "item_code"
    lookup_value_regex = CODE

    def list(self, request: Request, application: str) -> Response:
        """Every item of the stage in the order of the standard, with its claim and where it is proved."""
        return self.paged(list(self._rows()), ClaimSerializer)

    def retrieve(self, request: Request, application: str, item_code: str) -> Response:
        """One item with its claim."""
        found = next((row for row in self._rows() if row["item_code"] == item_code), None)
        if found is None:
            raise Http404
        return Response(ClaimSerializer(found).data)

    @extend_schema(request=ClaimData, responses=SavedSerializer)
    def update(self, request: Request, application: str, item_code: str) -> Response:
        """Keep the applicant's own mark of one item. 409 where somebody saved after ``revision``."""
        claim = filing.save_claim(request.user, self.application, item_code, **self.read(ClaimData))
        return Response({"revision": claim.revision})

    def _rows(self) -> Iterator[dict[str, Any]]:
        row, places = self.application, self.open_to_me()
        data = data_for(self.request.user, row)
        writes = places.everything or bool(places.places)
        rows = {claim.item_code: claim for claim in row.claims.all()} if writes else None
        for item in row.standard.items(row.stage):
            claim = data["claims"].get(item.code, {})
            kept = rows and rows.get(item.code)
            yield {
                "item_code": item.code,
                "name": item.name,
                "kind": item.kind,
                "mode": item.mode,
                "points": standards.to_text(item.points),
                "legal": standards.legal_marks(item).text(),
                "value": claim.get("value"),
                "note": claim.get("note", ""),
                "parts": kept.parts if kept else [],
                "revision": None if rows is None else kept.revision if kept else 0,
                "is_open": places.item(item.code),
                "is_concealed": item.code in data.get("concealed", ()),
                "evidence": [
                    {"evidence": proof["id"], "page": proof["page"]} for proof in snapshot.evidence_of(data, item.code)
                ],
            }


# --- statements and documents -------------------------------------------------------------------------------------


class DocumentSerializer(serializers.Serializer):
    """申报材料: one document of the stage's list, with the text or the files that were handed in for it."""

    code = serializers.CharField()
    name = serializers.CharField()
    required = serializers.BooleanField()
    forms = serializers.ListField(child=serializers.CharField())
    is_open = serializers.BooleanField()
    text = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    files = FileSerializer(many=True)


class StatementData(serializers.Serializer):
    """The text of a document that is filled in online."""

    text = serializers.CharField(allow_blank=True, max_length=filing.STATEMENT_LENGTH)
    revision = serializers.IntegerField(allow_null=True, default=None)


class StatementEndpoint(OfApplication):
    """Texts typed in the portal."""

    scope = access.FILE
    serializer_class = SavedSerializer
    lookup_url_kwarg = "code"
    lookup_value_regex = CODE

    @extend_schema(request=StatementData, responses=SavedSerializer)
    def update(self, request: Request, application: str, code: str) -> Response:
        """Keep the text of one online document. 409 where somebody saved after ``revision``."""
        statement = filing.save_statement(request.user, self.application, code, **self.read(StatementData))
        return Response({"revision": statement.revision})


class DocumentUpload(UploadSerializer):
    """One file of one document of the stage."""

    code = serializers.CharField(max_length=10)


class DocumentEndpoint(OfApplication):
    """申报材料 of one application, by the stage's list."""

    scope = access.FILE
    serializer_class = DocumentSerializer

    def list(self, request: Request, application: str) -> Response:
        """Every document of the stage, with what was handed in for it."""
        return self.paged(list(self._rows()), DocumentSerializer)

    def _rows(self) -> Iterator[dict[str, Any]]:
        row, places = self.application, self.open_to_me()
        data = data_for(self.request.user, row)
        writes = places.everything or bool(places.places)
        revisions = dict(row.statements.values_list("code", "revision")) if writes else None
        for document in row.standard.stage(row.stage).documents:
            yield {
                "code": document.code,
                "name": document.name,
                "required": document.required,
                "forms": document.forms,
                "is_open": places.document(document.code),
                "text": data["statements"].get(document.code, ""),
                "revision": None if revisions is None else revisions.get(document.code, 0),
                "files": data["documents"].get(document.code, []),
            }

    @extend_schema(request=uploads(DocumentUpload), responses={201: FileSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Add one file to a document of the stage."""
        values = self.read(DocumentUpload)
        row = proofs.add_document(request.user, self.application, values["code"], values["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    def _found(self, pk: str) -> Document:
        row: Document = get_object_or_404(documents_for(self.request.user), application=self.application, pk=pk)
        row.application = self.application
        return row

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Take one file out of the next version; versions that name it keep it."""
        proofs.remove_document(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, application: str, pk: str) -> Response:
        """Take back a removal."""
        proofs.restore_document(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The file itself: what is there now for the parties, what a sealed version names for everybody else."""
        row = self._found(pk)
        if not may_read_file(request.user, row):
            raise Http404
        return download(request, row)


# --- advice -------------------------------------------------------------------------------------------------------


class RuleSerializer(serializers.Serializer):
    """One rule of the form check that a machine can test, and what it found."""

    rule = serializers.CharField()
    label = serializers.CharField()
    problems = ProblemSerializer(many=True)


class MeterSerializer(serializers.Serializer):
    """One part of the form: how many of its pieces are there."""

    code = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer):
    """One thing that holds the next level back. anchor: item-CODE, chapter-CODE or empty."""

    text = serializers.CharField()
    anchor = serializers.CharField()


class MarkChangeSerializer(serializers.Serializer):
    """One item of a cheapest way. mark: what it must get; gained: points in words, empty for a control."""

    item = serializers.CharField()
    title = serializers.CharField()
    mark = serializers.CharField()
    now = serializers.CharField()
    then = serializers.CharField()
    gained = serializers.CharField()


class WayUpSerializer(serializers.Serializer):
    """The fewest items, and of those the fewest points, that reach a level. changes: null where no marks reach it."""

    level = serializers.IntegerField()
    level_name = serializers.CharField()
    sentence = serializers.CharField()
    changes = MarkChangeSerializer(many=True, allow_null=True)
    exact = serializers.BooleanField(help_text="false: the points are only nearly the fewest, the items always are")


class ForecastSerializer(serializers.Serializer):
    """What the own marks come to with everything unmarked lost, what holds the next level back, the cheapest ways up."""

    total = serializers.CharField()
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    unmarked = serializers.IntegerField()
    level_if_won = serializers.IntegerField()
    if_won_name = serializers.CharField()
    next_name = serializers.CharField()
    holds_back = ReasonSerializer(many=True)
    target_name = serializers.CharField(help_text="the level aimed at, where it lies beyond the next one; else empty")
    target_holds_back = ReasonSerializer(many=True)
    ways = WayUpSerializer(many=True)


class AdviceSerializer(serializers.Serializer):
    """What the automatic rules would find if the application were handed in now."""

    rules = RuleSerializer(many=True)
    meters = MeterSerializer(many=True)
    forecast = ForecastSerializer(allow_null=True)


def rules_in_words(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored or fresh results of the rules, in the reader's language."""
    return [
        {
            "rule": row["rule"],
            "label": gettext(row["label"]),
            "problems": [Problem.from_record(record).as_json(gettext) for record in row["problems"]],
        }
        for row in results
    ]


class AdviceEndpoint(OfApplication):
    """The rules of the form check, run live."""

    serializer_class = AdviceSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """What the rules find now, how complete each part is, and where the own marks lead; for those who may edit."""
        row = self.require("edit")
        data = snapshot.build(row)
        found = {
            "rules": rules_in_words(checks.run(row, data, files_too=False)),
            "meters": meters(checks.Look(row, data)).values(),
            "forecast": forecast(row, data["claims"], data["project"]["target_level"]),
        }
        return Response(AdviceSerializer(found).data)
