"""Endpoints of the panel: its seats, its result, assignments.

Hides: that nobody is named before they accepted, and nobody's marks are told before the panel's result exists.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation import decision_receipts, marking, sheets, wording
from evaluation.api.cases import CodedSerializer, NamedSerializer
from evaluation.api.within import NUMBER, OfApplication
from evaluation.models import Application, Assignment, Engagement, Result
from evaluation.permissions import SEATED, can_see_sheets
from evaluation.workflow import ASSIGNMENT
from portal.api import Acts, DeadlineOrder, Endpoint, LifeSerializer, NumberFilter, by_deadline
from portal.machine import NotAllowed


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
