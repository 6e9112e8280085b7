"""Endpoints of the panel: the draw and its receipt, assignments with their marks and sheets, the result.

Hides: that nobody is named before they accepted, and nobody's marks are told before the panel's result exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import django_filters
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import (
    decision_receipts,
    drawing,
    marking,
    sheets,
    snapshot,
    substituting,
    suspecting,
    wording,
)
from evaluation import standard as standards
from evaluation.api.cases import CodedSerializer, NamedSerializer
from evaluation.api.within import CODE, NUMBER, OfApplication
from evaluation.models import Application, Assignment, Draw, Engagement, Result
from evaluation.papers import data_for
from evaluation.permissions import SEATED, assignment_roles, can_see_sheets
from evaluation.workflow import ASSIGNMENT
from experts import draw as lots
from portal.api import Acts, DeadlineOrder, Endpoint, LifeSerializer, NumberFilter, by_deadline
from portal.api_schema import ProblemSerializer
from portal.machine import NotAllowed

# --- draw ---------------------------------------------------------------------------------------------------------


class ExcludedSerializer(serializers.Serializer):
    """An expert who cannot be drawn, and why."""

    number = serializers.CharField()
    reason = serializers.CharField()
    reason_name = serializers.CharField()


class SuggestionSerializer(serializers.Serializer):
    """A possible conflict that only a name suggests, to be decided before the draw. ``said``: what the expert named."""

    expert = serializers.CharField(source="expert.number")
    party_code = serializers.CharField(source="party.code")
    party_name = serializers.CharField(source="party.name")
    said = serializers.CharField()
    why = serializers.SerializerMethodField()

    def get_why(self, row: suspecting.Suspicion) -> str:
        return gettext(row.why)


class EarlierDrawSerializer(serializers.Serializer):
    """A draw of the same application before this one. ``drawn_at`` is null where it was given up before it was held."""

    review_round = serializers.IntegerField()
    commitment = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)


class DrawSerializer(serializers.Serializer):
    """抽取: what is frozen, or what would be. ``seats``: field -> seats at least; ``drawable``: field -> experts.

    ``organiser_hash``, ``supervisor_hash``: by which the parties are bound; ``missing``: what the draw still waits for, of
    organiser, supervisor (their secrets) and public_value; ``obstacles``: why no panel can be drawn now, with the cure.
    ``suggestions``: possible conflicts to be decided before the draw is proposed.
    """

    review_round = serializers.IntegerField()
    commitment = serializers.CharField(allow_null=True)
    organiser_hash = serializers.CharField(allow_null=True)
    supervisor_hash = serializers.CharField(allow_null=True)
    public_source = serializers.CharField(allow_null=True)
    missing = serializers.ListField(child=serializers.CharField())
    obstacles = ProblemSerializer(many=True)
    suggestions = SuggestionSerializer(many=True)
    earlier = EarlierDrawSerializer(many=True)
    proposed_at = serializers.DateTimeField(allow_null=True)
    drawn_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField()
    seats = serializers.DictField(child=serializers.IntegerField())
    pool_size = serializers.IntegerField()
    drawable = serializers.DictField(child=serializers.IntegerField())
    excluded = ExcludedSerializer(many=True)
    given_up = serializers.IntegerField()
    waiting = serializers.IntegerField()
    shortage = ProblemSerializer(many=True)


class DrawEndpoint(OfApplication):
    """The draw of the present review round, for those who run it."""

    serializer_class = DrawSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Fields and seats, who is excluded and why: as frozen with the draw, or as it would be frozen now."""
        case = self.require("see_draw")
        row = drawing.draw_of(case)
        return Response(DrawSerializer({**_frozen(case, row), **_bound(case, row)}).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("review_round", int, description="of an earlier draw; the present one without it")
        ],
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
    )
    def receipt(self, request: Request, application: int) -> HttpResponse:
        """The receipt, byte for byte as it is verified; people stand in it under salted hashes."""
        case = self.require("see_draw")
        asked = request.query_params.get("review_round", "")
        row = drawing.held(case, int(asked) if asked.isdecimal() and len(asked) < 5 else None)
        if row is None:
            raise Http404
        return receipt_file(row.receipt, f"receipt-{case.project.number}-{case.stage}-{row.review_round}.json")


def _frozen(case: Application, row: Draw | None) -> dict[str, Any]:
    """Seats and people of the draw: as frozen with it, or as they would be frozen now."""
    rules = row.frozen["rules"] if row else drawing.rules(case).document()
    standings = drawing.standings(case, row)
    return {
        "size": rules["size"],
        "seats": rules["seats"],
        "public_source": rules["public_source"],
        "pool_size": len(standings),
        "drawable": Counter(code for one in standings if not one.excluded for code in one.fields),
        "excluded": [
            {"number": one.number, "reason": one.excluded, "reason_name": gettext(lots.EXCLUSIONS[one.excluded])}
            for one in standings
            if one.excluded
        ],
    }


def _bound(case: Application, row: Draw | None) -> dict[str, Any]:
    """How far the draw has come, and what both parties are bound by; never a secret, which only the receipt tells."""
    obstacles = drawing.obstacles(case) if case.state == "drawing" else []
    return {
        "review_round": row.review_round if row else case.review_round,
        "commitment": row.commitment if row else None,
        "organiser_hash": row.organiser_hash if row else None,
        "supervisor_hash": (row.supervisor_hash or None) if row else None,
        "missing": drawing.missing(row) if row else (),
        "obstacles": [
            {"code": problem.code, "place": problem.place, "message": problem.text(gettext)} for problem in obstacles
        ],
        "suggestions": suspecting.undecided(case, drawing.standings(case, None), timezone.localdate())
        if case.state == "drawing"
        else [],
        "earlier": drawing.earlier(case, row),
        "proposed_at": row.proposed_at if row else None,
        "drawn_at": row.drawn_at if row else None,
        "given_up": len(row.declines) if row else 0,
        "waiting": substituting.of_round(case).filter(state="waiting").count(),
        "shortage": [problem.as_json(gettext) for problem in substituting.shortage(case)],
    }


def receipt_file(receipt: dict[str, Any], name: str) -> HttpResponse:
    """A receipt as the one file that can be verified."""
    response = HttpResponse(lots.canonical_bytes(receipt), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response


# --- panel and result ---------------------------------------------------------------------------------------------


class SeatSerializer(serializers.Serializer):
    """One expert who accepted. ``state`` is null for who may not know yet whether the sheet is signed."""

    seat = serializers.IntegerField(source="assignment.seat")
    field = serializers.CharField(source="assignment.field")
    field_name = serializers.SerializerMethodField()
    is_leader = serializers.BooleanField(source="assignment.is_leader")
    state = serializers.SerializerMethodField()
    number = serializers.CharField(source="assignment.expert.number")
    name = serializers.CharField(source="assignment.expert.user.name")

    def get_field_name(self, row: sheets.Seat) -> str:
        return field_name(row.assignment)

    def get_state(self, row: sheets.Seat) -> str | None:
        return row.state or None


def field_name(row: Assignment) -> str:
    """The field of a seat in the standard's word."""
    return row.application.standard.domains.get(row.field) or gettext("不限专业")


class PanelEndpoint(OfApplication):
    """The panel of the present review round."""

    serializer_class = SeatSerializer

    def list(self, request: Request, application: int) -> Response:
        """Who sits, seat by seat, nobody before they accepted; whose sheet is signed, once the caller may know."""
        return self.paged(sheets.known_seats(request.user, self.require("see_panel")), SeatSerializer)


class ResultSerializer(serializers.Serializer):
    """结果 of the present review round. ``trace`` and ``sheets`` hold every mark: null for who may not see sheets."""

    review_round = serializers.IntegerField()
    total = serializers.CharField(allow_null=True)
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    chapters = serializers.DictField(child=serializers.CharField())
    opinion = serializers.CharField(allow_null=True)
    notes = serializers.DictField(child=serializers.CharField(), allow_null=True)
    trace = serializers.DictField(allow_null=True)
    sheets = serializers.ListField(child=serializers.DictField(), allow_null=True)


class ResultEndpoint(OfApplication):
    """The result of the present review round."""

    serializer_class = ResultSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """What it came to with every reason for who may see sheets; for the others what the notice published."""
        case = self.application
        sees_sheets = can_see_sheets(request.user, case)
        result = marking.result_of(case)
        published = result is not None and case.notices.filter(result=result).exists()
        if not (sees_sheets or published):
            raise NotAllowed("see_sheets")
        if result is None:
            raise Http404
        return Response(ResultSerializer(_told(case, result, sees_sheets)).data)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    def receipt(self, request: Request, application: int) -> HttpResponse:
        """The receipt of the decision, byte for byte as ``recompute.py`` reads it: the standard with its hash, every sheet
        under a role, points, total and level. It names no expert; 403 until the result may be told.
        """
        result = decision_receipts.decided(request.user, self.application)
        if result is None:
            raise Http404
        content = decision_receipts.receipt_bytes(self.application, result)
        response = HttpResponse(content, content_type="application/json")
        name = decision_receipts.file_name(self.application, result)
        response["Content-Disposition"] = content_disposition_header(True, name) or ""
        return response


def _told(case: Application, result: Result, sees_sheets: bool) -> dict[str, Any]:
    inner = {"opinion": result.opinion, "notes": result.notes, "trace": result.trace, "sheets": result.sheets}
    return {
        "review_round": result.review_round,
        "total": result.trace["total"],
        "level": result.level,
        "level_name": wording.level_name(case.standard, result.level),
        "chapters": {code: row["ratio"] for code, row in result.trace["chapters"].items()},
        **(inner if sees_sheets else dict.fromkeys(inner)),
    }


# --- assignments --------------------------------------------------------------------------------------------------


class EngagedSerializer(serializers.Serializer):
    """A consulting unit of the case, also one whose engagement has ended: both are looked for among conflicts."""

    name = serializers.CharField(source="organisation.name")
    credit_code = serializers.CharField(source="organisation.credit_code")
    until = serializers.DateField(allow_null=True)


class InvitedToSerializer(serializers.Serializer):
    """The case of an assignment: its parties are what conflicts are looked for against."""

    id = serializers.IntegerField()
    stage = serializers.CharField()
    stage_name = serializers.CharField()
    state = serializers.CharField()
    number = serializers.CharField(source="project.number")
    programme = serializers.CharField(source="project.programme_id")
    community = NamedSerializer(source="project.community")
    district = CodedSerializer(source="project.community.district")
    organisation = NamedSerializer(source="project.organisation")
    engagements = EngagedSerializer(source="project.engaged", many=True)


class AssignmentSerializer(LifeSerializer):
    """指派. ``expert`` is null until the person has accepted, but for the person asked. ``signed_sha256`` is empty until
    the sheet is signed, and for all but its expert until there is a result.
    """

    id = serializers.IntegerField()
    application = InvitedToSerializer()
    expert = serializers.SerializerMethodField()
    field = serializers.CharField()
    field_name = serializers.SerializerMethodField()
    seat = serializers.IntegerField()
    is_leader = serializers.BooleanField()
    review_round = serializers.IntegerField()
    signed_sha256 = serializers.SerializerMethodField()

    def get_signed_sha256(self, row: Assignment) -> str:
        return sheets.known_sha256(self.context["request"].user, row)

    def get_expert(self, row: Assignment) -> str | None:
        mine = row.expert.user_id == self.context["request"].user.pk
        return row.expert.user.name if mine or row.state in SEATED else None

    def get_field_name(self, row: Assignment) -> str:
        return field_name(row)


class AssignmentFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(ASSIGNMENT.states.items()))
    application = NumberFilter(field_name="application")
    stage = django_filters.CharFilter(field_name="application__stage")
    programme = django_filters.CharFilter(field_name="application__project__programme")
    district = django_filters.CharFilter(field_name="application__project__community__district")
    search = django_filters.CharFilter(method="found", label="part of the number or of the community's name")
    ordering = DeadlineOrder(fields=["due_on", "state_since"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        named = Q(application__project__community__name__icontains=value)
        return rows.filter(Q(application__project__number__icontains=value) | named)


class AssignmentEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """指派: the caller's own, and all of a case for those who run its draw. Most urgent first."""

    machine = "assignment"
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset().prefetch_related(Engagement.objects.prefetch_at("application__project__"))
        return by_deadline(rows.defer("application__project__standard__document"))


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
