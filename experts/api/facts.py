"""Endpoints of facts for which an expert is kept off cases: declared ones within one expert, and officers' decisions.

Hides: that a decision is a conflict or a clearance, kept in two tables.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from experts import declaring, facts
from experts.models import Expert, Recusal
from experts.permissions import can_expert, can_pool, experts_visible_to
from portal.api import Endpoint
from portal.machine import NotAllowed

NUMBER = r"\d+"


class EmploymentSerializer(serializers.Serializer):
    """任职经历, as declared. A row without a name says that there was no employment in that time."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    credit_code = serializers.CharField()
    post = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True)


class EmploymentData(serializers.Serializer):
    """``none``: there was no employment in that time. ``until``: null while it lasts."""

    name = serializers.CharField(max_length=120, allow_blank=True, default="")
    credit_code = serializers.CharField(max_length=40, allow_blank=True, default="")
    post = serializers.CharField(max_length=60, allow_blank=True, default="")
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True, default=None)
    none = serializers.BooleanField(default=False)


class TieSerializer(serializers.Serializer):
    """回避事实 that an expert declared."""

    id = serializers.IntegerField()
    party_code = serializers.CharField()
    reason = serializers.CharField()
    reason_name = serializers.CharField(source="get_reason_display")
    since = serializers.DateField(allow_null=True)
    until = serializers.DateField(allow_null=True)
    note = serializers.CharField()


class TieData(serializers.Serializer):
    """``party``: a credit code, or the name of one registered unit."""

    party = serializers.CharField(max_length=120)
    reason = serializers.ChoiceField([(code.value, code.label) for code in declaring.DECLARABLE])
    since = serializers.DateField(allow_null=True, default=None)
    until = serializers.DateField(allow_null=True, default=None)
    note = serializers.CharField(max_length=declaring.NOTE_AT_MOST, allow_blank=True, default="")


class FactEndData(serializers.Serializer):
    """The last day on which a fact held."""

    until = serializers.DateField()


class FactReasonData(serializers.Serializer):
    """Why a fact is corrected, or a decision lifted."""

    reason = serializers.CharField(max_length=facts.REASON_AT_MOST)


class _FactEndpoint(Endpoint):
    """What all facts within one expert share."""

    scope = access.HANDLE
    personal = True
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    kind = ""  # a key of declaring.KINDS

    @cached_property
    def expert(self) -> Expert:
        rows = experts_visible_to(self.request.user).select_related("user")
        row: Expert = get_object_or_404(rows, number=self.kwargs["expert"])
        if not can_expert(self.request.user, "see_facts", row):
            raise Http404
        return row

    def declared(self, pk: str) -> Any:
        """One fact of this expert that the person may still change; else 404, or NotAllowed for who only reads."""
        if not can_expert(self.request.user, "declare_fact", self.expert):
            raise NotAllowed("declare_fact")
        return get_object_or_404(declaring.own_facts(self.request.user, self.kind), pk=pk)

    @extend_schema(request=FactEndData, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, expert: str, pk: str) -> Response:
        """Say until when it held; for the expert."""
        declaring.end(request.user, self.declared(pk), self.read(FactEndData)["until"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=FactReasonData, responses={204: None})
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, expert: str, pk: str) -> Response:
        """Take back what was declared wrongly; it stays on record. For the expert."""
        declaring.correct(request.user, self.declared(pk), self.read(FactReasonData)["reason"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmploymentEndpoint(_FactEndpoint):
    """任职经历 of one expert, for who keeps the pool or draws from it, and for the expert."""

    kind = "employment"
    serializer_class = EmploymentSerializer

    @extend_schema(responses=EmploymentSerializer(many=True))
    def list(self, request: Request, expert: str) -> Response:
        """The history, the latest first."""
        return self.paged(declaring.employments(self.expert), EmploymentSerializer)

    @extend_schema(request=EmploymentData, responses={201: EmploymentSerializer})
    def create(self, request: Request, expert: str) -> Response:
        """Add to the own history."""
        row = declaring.add_employment(request.user, self.expert, self.read(EmploymentData))
        return Response(EmploymentSerializer(row).data, status=status.HTTP_201_CREATED)


class TieEndpoint(_FactEndpoint):
    """回避事实 that one expert declared, for who keeps the pool or draws from it, and for the expert."""

    kind = "recusal"
    serializer_class = TieSerializer

    @extend_schema(responses=TieSerializer(many=True))
    def list(self, request: Request, expert: str) -> Response:
        """What was declared, the latest first."""
        return self.paged(declaring.ties(self.expert), TieSerializer)

    @extend_schema(request=TieData, responses={201: TieSerializer})
    def create(self, request: Request, expert: str) -> Response:
        """Declare a tie of one's own."""
        row = declaring.declare(request.user, self.expert, self.read(TieData))
        return Response(TieSerializer(row).data, status=status.HTTP_201_CREATED)


# --- decisions --------------------------------------------------------------------------------------------------------


class PinSerializer(serializers.Serializer):
    """核定: a decision that an expert is kept off a party's cases, or need not be. ``withdrawn_at``: when it was lifted."""

    id = serializers.IntegerField()
    expert = serializers.CharField(source="expert.number")
    name = serializers.CharField(source="expert.user.name")
    party_code = serializers.CharField()
    reason = serializers.SerializerMethodField()
    by = serializers.SerializerMethodField()
    at = serializers.SerializerMethodField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)

    def get_reason(self, row: facts.Pin) -> str:
        return row.note if isinstance(row, Recusal) else row.reason

    def get_by(self, row: facts.Pin) -> str:
        return str(row.declared_by if isinstance(row, Recusal) else row.by)

    def get_at(self, row: facts.Pin) -> str:
        return (row.declared_at if isinstance(row, Recusal) else row.at).isoformat()


class PinData(serializers.Serializer):
    """``expert``: the expert's number. ``party``: a credit code, or the name of one registered unit."""

    expert = serializers.CharField(max_length=20)
    party = serializers.CharField(max_length=120)
    reason = serializers.CharField(max_length=facts.REASON_AT_MOST)


class PinEndpoint(Endpoint):
    """核定 of possible conflicts: ``conflict`` (须回避) or ``none`` (不必回避)."""

    scope = access.HANDLE
    serializer_class = PinSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @extend_schema(responses=PinSerializer(many=True))
    def list(self, request: Request, verdict: str) -> Response:
        """Every decision, newest first, the lifted ones among them."""
        if not can_pool(request.user, "see_pins"):
            raise NotAllowed("see_pins")
        return self.paged(facts.pins(request.user, verdict), PinSerializer)

    @extend_schema(request=PinData, responses={201: PinSerializer})
    def create(self, request: Request, verdict: str) -> Response:
        """Decide on one expert and one party; for the organiser and the keeper of the pool."""
        values = self.read(PinData)
        row = get_object_or_404(experts_visible_to(request.user).select_related("user"), number=values["expert"])
        made = facts.pin(request.user, row, values["party"], verdict, values["reason"])
        return Response(PinSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=FactReasonData, responses={204: None})
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, verdict: str, pk: str) -> Response:
        """Take a decision back; for the supervisor."""
        row = get_object_or_404(facts.pins(request.user, verdict), pk=pk)
        facts.lift(request.user, row, self.read(FactReasonData)["reason"])
        return Response(status=status.HTTP_204_NO_CONTENT)
