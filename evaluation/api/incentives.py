"""Endpoints of incentives: policies and confirmations for everybody, the incentives of the cases that the caller sees."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, permissions, serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from evaluation import incentives
from evaluation.api.outcome import PUBLIC_NUMBER
from evaluation.api.within import NUMBER
from evaluation.models import Incentive, IncentivePolicy
from evaluation.workflow import INCENTIVE
from portal import files
from portal.api import BINARY, Acts, AnyAccept, DeadlineOrder, Endpoint, LifeSerializer, NumberFilter, by_deadline
from portal.attempts import address_of

# --- for everybody ------------------------------------------------------------------------------------------------


class IncentiveLevelSerializer(serializers.Serializer):
    """What a policy gives one level; value: with its unit, empty while the authority has set none."""

    level_name = serializers.CharField()
    value = serializers.CharField()


class IncentivePolicySerializer(serializers.Serializer):
    """激励政策. An empty value, document, condition, cap or department has not been set by the authority."""

    code = serializers.CharField()
    name = serializers.CharField()
    programme = serializers.CharField(source="programme_id")
    basis = serializers.CharField()
    document_number = serializers.CharField()
    valid_from = serializers.DateField(allow_null=True)
    valid_until = serializers.DateField(allow_null=True)
    levels = serializers.SerializerMethodField()
    conditions = serializers.CharField()
    cap = serializers.CharField()
    department = serializers.CharField()

    @extend_schema_field(IncentiveLevelSerializer(many=True))
    def get_levels(self, row: IncentivePolicy) -> list[dict[str, str]]:
        return [{"level_name": name, "value": value} for name, value in row.standing_values]


class IncentivePolicyEndpoint(mixins.ListModelMixin, Endpoint):
    """激励政策 that are not over. Public."""

    permission_classes = [permissions.AllowAny]
    queryset = IncentivePolicy.objects.all()
    serializer_class = IncentivePolicySerializer
    filter_backends: list[Any] = []

    def get_queryset(self) -> Any:
        rows = IncentivePolicy.objects.not_over(timezone.localdate()).select_related("programme__standard")
        return rows.order_by("programme", "code")


class ConfirmationSerializer(serializers.Serializer):
    """激励确认书. ``standing``: valid, expired or reversed today. One that was reversed tells which policy and since when; all
    else is null.
    """

    number = serializers.CharField()
    standing = serializers.SerializerMethodField()
    reversed_on = serializers.SerializerMethodField()
    incentive = serializers.CharField(source="policy_name")
    certificate = serializers.CharField(source="certificate.number", allow_null=True)
    organisation = serializers.CharField(source="organisation_name", allow_null=True)
    credit_code = serializers.CharField(allow_null=True)
    community = serializers.CharField(source="community_name", allow_null=True)
    level = serializers.IntegerField(allow_null=True)
    level_name = serializers.CharField(allow_null=True)
    value = serializers.CharField(source="amount", allow_null=True)
    granted_on = serializers.DateField(allow_null=True)
    valid_until = serializers.DateField(allow_null=True)
    seal = serializers.CharField(
        allow_null=True, help_text="the signature that the QR code holds, docs/certificate.md; empty until it is made"
    )

    def get_standing(self, row: Incentive) -> str:
        return row.standing(timezone.localdate())

    def get_reversed_on(self, row: Incentive) -> str | None:
        return timezone.localdate(row.state_since).isoformat() if row.state == "reversed" else None

    def to_representation(self, row: Incentive) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(row)
        if row.state != "reversed":
            return told
        return {name: value if name in TOLD_OF_REVERSED else None for name, value in told.items()}


TOLD_OF_REVERSED = ("number", "standing", "reversed_on", "incentive")


class ConfirmationEndpoint(mixins.RetrieveModelMixin, Endpoint):
    """激励确认书 by its number, for whoever supervises funds. Public; there is no list of them."""

    permission_classes = [permissions.AllowAny]
    queryset = Incentive.objects.none()
    serializer_class = ConfirmationSerializer
    filter_backends: list[Any] = []
    lookup_field = "number"
    lookup_value_regex = PUBLIC_NUMBER

    def get_object(self) -> Incentive:
        """By its number; for guesses see ``confirmation_at``."""
        row = incentives.confirmation_at(self.kwargs["number"].upper(), address_of(self.request))
        if row is None:
            raise Http404
        return row


# --- of the cases that one sees -----------------------------------------------------------------------------------


class IncentiveSerializer(LifeSerializer):
    """激励 of a certificate under a policy. What it is worth is the policy's until it is decided, and a copy from then on."""

    id = serializers.IntegerField()
    certificate = serializers.CharField(source="certificate.number")
    policy = serializers.CharField(source="policy_id")
    number = serializers.CharField()
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    community_name = serializers.CharField()
    organisation_name = serializers.CharField()
    credit_code = serializers.CharField()
    policy_name = serializers.SerializerMethodField()
    value = serializers.SerializerMethodField()
    grounds = serializers.CharField()
    reason = serializers.CharField()
    granted_on = serializers.DateField(allow_null=True)
    valid_until = serializers.DateField(allow_null=True)
    sha256 = serializers.CharField()
    seal = serializers.CharField()

    def get_policy_name(self, row: Incentive) -> str:
        return incentives.terms_of(row).policy_name

    def get_value(self, row: Incentive) -> str:
        return incentives.terms_of(row).amount


class IncentiveFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(INCENTIVE.states.items()))
    policy = django_filters.CharFilter(field_name="policy")
    certificate = django_filters.CharFilter(field_name="certificate__number")
    project = NumberFilter(field_name="certificate__application__project")
    district = django_filters.CharFilter(field_name="certificate__application__project__community__district")
    search = django_filters.CharFilter(method="found", label="part of a number, the community's or the unit's name")
    ordering = DeadlineOrder(fields=["due_on", "opened_at"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        named = Q(community_name__icontains=value) | Q(organisation_name__icontains=value)
        return rows.filter(Q(number__icontains=value) | Q(certificate__number__icontains=value) | named)


class IncentiveEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """激励 of the cases that the caller may see, most urgent first. ``read`` of ``grant`` keeps it from terms changed since."""

    machine = "incentive"
    serializer_class = IncentiveSerializer
    filterset_class = IncentiveFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        case = "certificate__application__project__"
        whole = super().get_queryset().select_related(
            "policy", "certificate", f"{case}programme", f"{case}organisation", f"{case}community"
        )  # fmt: skip
        return by_deadline(whole)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        """The confirmation as a PDF, while it holds."""
        row = self.get_object()
        if row.standing(timezone.localdate()) != "valid" or not row.file:
            raise Http404
        return files.send(
            row.file, name=f"{row.number}.pdf", content_type="application/pdf", inline=False, request=request,
            sha256=row.sha256,
        )  # fmt: skip
