"""Endpoints of sanctions and renewals of certificates: beginning one, the papers of both sides; heard and decided by acts."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import renewing, sanctions
from evaluation.api.outcome import PUBLIC_NUMBER
from evaluation.api.within import NUMBER
from evaluation.models import Certificate, Sanction
from evaluation.permissions import certificates_visible_to, lives_visible_to
from evaluation.workflow import RENEWAL, SANCTION
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    FileSerializer,
    LifeSerializer,
    UploadSerializer,
    by_deadline,
    download,
    uploads,
)

CASE = "certificate__application__project__"


class SanctionSerializer(LifeSerializer):
    """处理. kind: revoke or downgrade (then ``to_level``); told_at: when the unit was told; notice, decision: numbers of the
    two documents; ban_years: for how long the unit applies for nothing, null for no ban.
    """

    id = serializers.IntegerField()
    number = serializers.CharField()
    certificate = serializers.CharField(source="certificate.number")
    kind = serializers.CharField()
    to_level = serializers.IntegerField(allow_null=True)
    facts = serializers.CharField()
    basis = serializers.CharField()
    told_at = serializers.DateTimeField(allow_null=True)
    notice = serializers.CharField(source="notice_number")
    statement = serializers.CharField()
    waived_at = serializers.DateTimeField(allow_null=True)
    oral_reason = serializers.CharField()
    heard_on = serializers.DateField(allow_null=True)
    record = serializers.CharField()
    ruling = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(source="decision_number")
    ban_years = serializers.IntegerField(allow_null=True)
    unbanned_reason = serializers.CharField()


class SanctionProofSerializer(FileSerializer):
    """A file; side: office or party."""

    side = serializers.CharField()


class SanctionData(serializers.Serializer):
    """What is proposed, on which facts and basis; to_level: of a downgrade."""

    kind = serializers.ChoiceField(Sanction.Kind.choices)
    facts = serializers.CharField(max_length=sanctions.LONGEST)
    basis = serializers.CharField(max_length=sanctions.LONGEST)
    to_level = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1, max_value=100)


class RenewalSerializer(LifeSerializer):
    """延续. is_advised: what whoever examined it advises, null before; decision: number of the refusal."""

    id = serializers.IntegerField()
    number = serializers.CharField()
    certificate = serializers.CharField(source="certificate.number")
    statement = serializers.CharField()
    asked_at = serializers.DateTimeField()
    is_advised = serializers.BooleanField(allow_null=True)
    opinion = serializers.CharField()
    ruling = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(source="decision_number")


class RenewalData(serializers.Serializer):
    """How the community has been run since it was certified."""

    statement = serializers.CharField(max_length=renewing.LONGEST)


class HindranceSerializer(serializers.Serializer):
    """One thing that keeps a certificate from being renewed today."""

    code = serializers.CharField()
    message = serializers.CharField()


class ConditionsSerializer(serializers.Serializer):
    """Renewing a certificate today: empty ``hindrances`` where it may be asked."""

    opens = serializers.DateField()
    until = serializers.DateField()
    hindrances = HindranceSerializer(many=True)


class SanctionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(SANCTION.states.items()))
    kind = django_filters.ChoiceFilter(choices=Sanction.Kind.choices)
    certificate = django_filters.CharFilter(field_name="certificate__number")
    programme = django_filters.CharFilter(field_name=f"{CASE}programme")
    district = django_filters.CharFilter(field_name=f"{CASE}community__district")
    ordering = DeadlineOrder(fields=["due_on", "proposed_at"])


class RenewalFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(RENEWAL.states.items()))
    certificate = django_filters.CharFilter(field_name="certificate__number")
    programme = django_filters.CharFilter(field_name=f"{CASE}programme")
    district = django_filters.CharFilter(field_name=f"{CASE}community__district")
    ordering = DeadlineOrder(fields=["due_on", "asked_at"])


class SanctionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """证书处理 that the caller may read, most urgent first. A unit reads those of which it was told."""

    machine = "sanction"
    serializer_class = SanctionSerializer
    filterset_class = SanctionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("certificate__application__project__community")
        return by_deadline(rows.select_related("certificate__application__project__programme"))


class RenewalEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """证书延续 that the caller may read, most urgent first."""

    machine = "renewal"
    serializer_class = RenewalSerializer
    filterset_class = RenewalFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("certificate__application__project__community")
        return by_deadline(rows.select_related("certificate__application__project__programme"))


class OfCertificate(Endpoint):
    """What is done about one certificate by those who see its case."""

    filter_backends: list[Any] = []
    lookup_value_regex = PUBLIC_NUMBER

    @cached_property
    def certificate(self) -> Certificate:
        rows = certificates_visible_to(self.request.user).select_related(
            "application__project__programme__standard", "application__project__community__district",
            "application__project__standard",
        )  # fmt: skip
        return get_object_or_404(rows, number=self.kwargs["certificate"])


class NewSanctionEndpoint(OfCertificate):
    """证书处理 of one certificate."""

    serializer_class = SanctionSerializer
    scopes = {"create": access.HANDLE}

    @extend_schema(request=SanctionData, responses={201: SanctionSerializer})
    def create(self, request: Request, certificate: str) -> Response:
        """Propose that the certificate be revoked or downgraded; the unit hears of it by the act ``tell``."""
        row = sanctions.propose(request.user, self.certificate, **self.read(SanctionData))
        return Response(SanctionSerializer(row).data, status=status.HTTP_201_CREATED)


class NewRenewalEndpoint(OfCertificate):
    """证书延续 of one certificate."""

    serializer_class = RenewalSerializer
    scopes = {"create": access.FILE}

    @extend_schema(request=RenewalData, responses={201: RenewalSerializer})
    def create(self, request: Request, certificate: str) -> Response:
        """Ask that the certificate be renewed; refused with everything that stands in the way."""
        row = renewing.ask(request.user, self.certificate, **self.read(RenewalData))
        return Response(RenewalSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=ConditionsSerializer)
    @action(detail=False, pagination_class=None)
    def conditions(self, request: Request, certificate: str) -> Response:
        """From when on the certificate may be renewed, until when it would hold, and what stands in the way today."""
        day, row = timezone.localdate(), self.certificate
        get_object_or_404(lives_visible_to(request.user), pk=row.pk)  # a seat on its panel opens nothing of this
        told = {
            "opens": renewing.window_opens(row),
            "until": renewing.last_day_of_renewed(row, day),
            "hindrances": [{"code": one.code, "message": one.text()} for one in renewing.hindrances(row, day)],
        }
        return Response(ConditionsSerializer(told).data)


class SanctionProofEndpoint(Endpoint):
    """Files of both sides of one sanction."""

    serializer_class = SanctionProofSerializer
    scopes = {"create": access.FILE, "destroy": access.FILE}
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def sanction(self) -> Sanction:
        rows = SANCTION.visible_to(self.request.user).select_related("certificate__application__project__community")
        found: Sanction = get_object_or_404(rows, pk=self.kwargs["sanction"])
        return found

    @extend_schema(responses=SanctionProofSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Files as they stand, the office's first."""
        return self.paged(sanctions.proofs_of(self.sanction), SanctionProofSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: SanctionProofSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a file to the own side: the proposer's before the unit is told, the unit's while it is heard."""
        row = sanctions.add_proof(request.user, self.sanction, self.read(UploadSerializer)["file"])
        return Response(SanctionProofSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, sanction: str, pk: str) -> Response:
        """Take a file of the own side out again."""
        sanctions.remove_proof(request.user, get_object_or_404(sanctions.proofs_of(self.sanction), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, sanction: str, pk: str) -> HttpResponseBase:
        """The file itself."""
        return download(request, get_object_or_404(sanctions.proofs_of(self.sanction), pk=pk))
