"""Endpoints of what the public sees: notices, objections to them, certificates. Officers have their acts on top.

Hides: that published copies are read and never the case behind them, and that nothing tells who objected.
"""

from __future__ import annotations

import json
from typing import Any

import django_filters
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import disclosing, notice_versions, replying, sealing
from evaluation.api.draw import receipt_file
from evaluation.api.within import NUMBER
from evaluation.models import Certificate, NoticeVersion, Objection, ObjectionProof, PublicNotice
from evaluation.outcome import certificate_at, file_objection
from evaluation.permissions import notices_visible_to, objections_visible_to
from evaluation.workflow import CERTIFICATE, OBJECTION
from portal import accounts, files
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    FileSerializer,
    LifeSerializer,
    NumberFilter,
    by_deadline,
    download,
)
from portal.attempts import address_of
from portal.machine import NotAllowed

PUBLIC_NUMBER = r"[0-9A-Za-z-]+"

# --- notices ------------------------------------------------------------------------------------------------------


class NoticeSerializer(serializers.Serializer):
    """公示 as it was published."""

    number = serializers.CharField()
    opened_on = serializers.DateField()
    closes_on = serializers.DateField()
    is_running = serializers.SerializerMethodField()
    was_cut_short = serializers.BooleanField()
    figures = serializers.DictField()

    def get_is_running(self, row: PublicNotice) -> bool:
        return row.is_running(timezone.localdate())


class NoticeVersionSerializer(serializers.Serializer):
    """One version of a notice: what it says, and the hash that chains it to the version before."""

    version = serializers.IntegerField()
    published_at = serializers.SerializerMethodField()
    figures = serializers.DictField()
    reason = serializers.CharField()
    previous = serializers.CharField()
    sha256 = serializers.CharField()

    def get_published_at(self, row: NoticeVersion) -> str:
        return notice_versions.moment_of(row)  # as it is hashed


class PublishedReplySerializer(serializers.Serializer):
    """What a notice shows of an objection that was decided; neither who objected nor the receipt number."""

    kind = serializers.CharField()
    received_on = serializers.DateField()
    decision = serializers.CharField()
    decided_on = serializers.DateField()
    text = serializers.CharField()


class NoticeCorrectionData(serializers.Serializer):
    """Facts as they should have been; what is not named stays. read: the hash of the version that was read."""

    community = serializers.CharField(required=False, max_length=200)
    address = serializers.CharField(required=False, max_length=300)
    organisation = serializers.CharField(required=False, max_length=200)
    floor_area = serializers.CharField(required=False, max_length=20)
    households = serializers.CharField(required=False, max_length=20)
    buildings = serializers.CharField(required=False, max_length=20)
    reason = serializers.CharField(max_length=2000)
    password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)
    read = serializers.CharField(max_length=64)


class NoticeFilter(django_filters.FilterSet):
    running = django_filters.BooleanFilter(method="is_running", label="an objection can be made today")
    stage = django_filters.CharFilter(field_name="application__stage")
    programme = django_filters.CharFilter(field_name="application__project__programme")
    district = django_filters.CharFilter(field_name="application__project__community__district")
    search = django_filters.CharFilter(method="found", label="part of the number or of the community's name")
    ordering = django_filters.OrderingFilter(fields=["closes_on", "opened_on"])

    def is_running(self, rows: Any, name: str, value: bool) -> Any:
        running = PublicNotice.objects.running(timezone.localdate()).values("pk")
        return rows.filter(pk__in=running) if value else rows.exclude(pk__in=running)

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(number__icontains=value) | Q(figures__community__icontains=value))


class NoticeEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """公示, newest first. Public."""

    scope = access.HANDLE
    counted = ("corrections",)
    queryset = PublicNotice.objects.all()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter
    lookup_field = "number"
    lookup_value_regex = PUBLIC_NUMBER

    def get_permissions(self) -> list[Any]:
        return super().get_permissions() if self.action == "corrections" else [permissions.AllowAny()]

    def get_queryset(self) -> Any:
        return notices_visible_to(self.request.user).order_by("-opened_on", "-pk")

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    @action(detail=True, content_negotiation_class=AnyAccept)
    def receipt(self, request: Request, number: str) -> HttpResponse:
        """The receipt of the draw from which the panel came, byte for byte as it is verified; it names nobody."""
        row = get_object_or_404(self.get_queryset().select_related("result"), number=number)
        drawn = disclosing.drawn_for(row.result)
        if drawn is None:
            raise Http404
        return receipt_file(drawn.receipt, f"draw-receipt-{row.number}.json")

    @extend_schema(responses=NoticeVersionSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, number: str) -> Response:
        """Every version, the newest first; docs/notice-versions.md says how the hash is computed."""
        return self.paged(notice_versions.chain(self.get_object()), NoticeVersionSerializer)

    @extend_schema(responses=PublishedReplySerializer(many=True))
    @action(detail=True, filterset_class=None)
    def replies(self, request: Request, number: str) -> Response:
        """Replies to the objections that were decided, where the programme publishes them."""
        return self.paged(replying.published(self.get_object()), PublishedReplySerializer)

    @extend_schema(request=NoticeCorrectionData, responses={201: NoticeVersionSerializer})
    @action(detail=True, methods=["post"], filterset_class=None, pagination_class=None)
    def corrections(self, request: Request, number: str) -> Response:
        """Correct mistyped facts of a published notice: another version. For an approver who has not run the panel."""
        row = get_object_or_404(self.get_queryset().select_related("application__project"), number=number)
        told = self.read(NoticeCorrectionData)
        reason, password, read = (told.pop(name) for name in ("reason", "password", "read"))
        if not notice_versions.may_correct(request.user, row):
            raise NotAllowed(notice_versions.RIGHT)
        confirmed = accounts.confirm(request.user, password)
        version = notice_versions.correct(request.user, row, told, reason, confirmed, read)
        return Response(NoticeVersionSerializer(version).data, status=status.HTTP_201_CREATED)


# --- objections ---------------------------------------------------------------------------------------------------


class ObjectionStatusSerializer(LifeSerializer):
    """How far an objection is. Its number opens the reply: keep it."""

    number = serializers.CharField()
    received_at = serializers.DateTimeField()
    reply = serializers.CharField()


class ObjectionSerializer(ObjectionStatusSerializer):
    """异议, for the officers who handle it. Who objects is not told here."""

    id = serializers.IntegerField()
    notice = serializers.CharField(source="notice.number")
    kind = serializers.CharField()
    text = serializers.CharField()
    proofs = FileSerializer(many=True)


class ObjectionData(serializers.Serializer):
    """Who objects, how to reach them, and why. A unit gives its credit code and hands in a sealed letter."""

    notice = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(Objection.Kind.choices)
    name = serializers.CharField(max_length=120)
    identity = serializers.CharField(max_length=30)
    contact = serializers.CharField(max_length=120)
    text = serializers.CharField(max_length=5000)
    proofs = serializers.ListField(child=serializers.FileField(), required=False)


class ObjectionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(OBJECTION.states.items()))
    notice = django_filters.CharFilter(field_name="notice__number")
    stage = django_filters.CharFilter(field_name="notice__application__stage")
    programme = django_filters.CharFilter(field_name="notice__application__project__programme")
    district = django_filters.CharFilter(field_name="notice__application__project__community__district")
    search = django_filters.CharFilter(method="found", label="part of the number or of the notice's number")
    ordering = DeadlineOrder(fields=["due_on", "received_at"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(number__icontains=value) | Q(notice__number__icontains=value))


class ObjectionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """异议, for the officers who handle it, most urgent first. Everybody may make one and follow it by its number."""

    machine = "objection"
    counted = ("create",)
    serializer_class = ObjectionSerializer
    filterset_class = ObjectionFilter
    lookup_value_regex = NUMBER

    def get_permissions(self) -> list[Any]:
        public = self.action in ("create", "status")
        return [permissions.AllowAny()] if public else super().get_permissions()

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().select_related("notice").prefetch_related("proofs"))

    @extend_schema(
        request={"multipart/form-data": ObjectionData, "application/json": ObjectionData},
        responses={201: ObjectionStatusSerializer},
    )
    def create(self, request: Request) -> Response:
        """Object to a running notice, without an account. The answer holds the number of the receipt."""
        values = self.read(ObjectionData)
        notice = get_object_or_404(notices_visible_to(request.user), number=values.pop("notice"))
        row = file_objection(notice, values, values.pop("proofs", []), address_of(request))
        return Response(ObjectionStatusSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=ObjectionStatusSerializer)
    @action(detail=False, url_path=rf"status/(?P<number>{PUBLIC_NUMBER})", filterset_class=None)
    def status(self, request: Request, number: str) -> Response:
        """How far an objection is, and the reply, by the number of its receipt."""
        shown = Objection.objects.only("number", "state", "state_since", "due_on", "reply", "received_at")
        return Response(ObjectionStatusSerializer(get_object_or_404(shown, number=number.upper())).data)


class ObjectionProofEndpoint(Endpoint):
    """Proofs of one objection, for the officers who handle it."""

    serializer_class = FileSerializer
    lookup_value_regex = NUMBER

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, objection: str, pk: str) -> HttpResponseBase:
        """The file itself."""
        seen = objections_visible_to(request.user).filter(pk=objection)
        return download(request, get_object_or_404(ObjectionProof, objection__in=seen, pk=pk))


# --- certificates -------------------------------------------------------------------------------------------------


class CertificateSerializer(serializers.Serializer):
    """证书 with names as they were when it was issued. ``standing``: valid, expired, revoked or superseded today."""

    number = serializers.CharField()
    standing = serializers.SerializerMethodField()
    is_final = serializers.BooleanField()
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    community_name = serializers.CharField()
    organisation_name = serializers.CharField()
    district_name = serializers.CharField()
    standard_label = serializers.CharField()
    standard_sha256 = serializers.CharField()
    standard_notice = serializers.CharField()
    issued_on = serializers.DateField()
    valid_until = serializers.DateField()
    sha256 = serializers.CharField()
    seal = serializers.CharField(
        help_text="the signature that the QR code holds, docs/certificate.md; empty without one"
    )
    seal_key = serializers.CharField(source="seal_key_id", allow_null=True)

    def get_standing(self, row: Certificate) -> str:
        return row.standing(timezone.localdate())


class IssuerKeySerializer(serializers.Serializer):
    """A public key of the issuer: 32 bytes of Ed25519 in hexadecimal. What it sealed until it was retired stays right."""

    id = serializers.CharField()
    public_key = serializers.CharField()
    begins = serializers.DateField()
    retired = serializers.DateField(allow_null=True)


class IssuerKeysSerializer(serializers.Serializer):
    """The published file of public keys, docs/certificate.md."""

    format = serializers.CharField()
    keys = IssuerKeySerializer(many=True)


class RevocationsSerializer(serializers.Serializer):
    """The signed list of certificates that ended: number -> standing (revoked or superseded) and since when;
    of confirmations that were taken back the same (reversed)."""

    format = serializers.CharField()
    day = serializers.DateField()
    certificates = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    incentives = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    key = serializers.CharField()
    signature = serializers.CharField()


class CertificateFilter(django_filters.FilterSet):
    level = NumberFilter()
    year = NumberFilter(field_name="issued_on__year", min_value=1, max_value=9998)
    programme = django_filters.CharFilter(field_name="application__project__programme")
    district = django_filters.CharFilter(field_name="application__project__community__district")
    organisation = NumberFilter(field_name="application__project__organisation")
    search = django_filters.CharFilter(method="found", label="part of the number, the community's or the unit's name")
    ordering = django_filters.OrderingFilter(fields=["issued_on", "valid_until", "level"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        named = Q(community_name__icontains=value) | Q(organisation_name__icontains=value)
        return rows.filter(Q(number__icontains=value) | named)


class CertificateEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """证书: the directory of certified communities, and each certificate by its number. Public, but for its acts."""

    machine = "certificate"
    serializer_class = CertificateSerializer
    filterset_class = CertificateFilter
    lookup_field = "number"
    lookup_value_regex = PUBLIC_NUMBER

    def get_permissions(self) -> list[Any]:
        public = self.action in ("list", "retrieve", "file", "issuer_keys", "revocations")
        return [permissions.AllowAny()] if public else super().get_permissions()

    def get_queryset(self) -> Any:
        """Whoever holds a star certificate today; any certificate by its number; to act on, as its case is seen."""
        if self.action == "list":
            return Certificate.objects.in_force(timezone.localdate()).newest_first()
        if self.action in ("retrieve", "file"):
            return Certificate.objects.all()
        return CERTIFICATE.visible_to(self.request.user) if self.request else Certificate.objects.none()

    def get_object(self) -> Any:
        """By its number; for guesses see ``certificate_at``."""
        if self.action != "retrieve":
            return super().get_object()
        row = certificate_at(self.kwargs["number"], address_of(self.request))
        if row is None:
            raise Http404
        return row

    @extend_schema(responses=IssuerKeysSerializer)
    @action(detail=False, url_path="issuer-keys", filterset_class=None, pagination_class=None)
    def issuer_keys(self, request: Request) -> Response:
        """The public keys that certificates are verified with, those that were retired included."""
        return Response(sealing.keys_document())

    @extend_schema(responses=RevocationsSerializer)
    @action(detail=False, filterset_class=None, pagination_class=None)
    def revocations(self, request: Request) -> Response:
        """The newest signed list of certificates that ended before their last day."""
        newest = sealing.newest_list()
        if newest is None:
            raise Http404
        return Response(json.loads(newest.content))

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, number: str) -> HttpResponseBase:
        """The PDF of a certificate that holds; of one that does not, only its standing is told."""
        row = certificate_at(number, address_of(request))
        if row is None or row.standing(timezone.localdate()) != "valid" or not row.file:
            raise Http404
        return files.send(
            row.file,
            name=f"{row.number}.pdf",
            content_type="application/pdf",
            inline=False,
            request=request,
            sha256=row.sha256,
        )
