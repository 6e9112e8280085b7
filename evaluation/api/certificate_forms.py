"""Endpoints of the forms of certificates: their versions, a draft to look at, a seal."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import certificate_forms
from evaluation.certificate_forms import MOST_LINES, MOST_SIGNATURES, Words
from evaluation.permissions import can_city
from portal.api import BINARY, Endpoint, uploads
from portal.machine import NotAllowed


class PairsField(serializers.ListField):
    """[[text, text], …]."""

    def __init__(self, **more: Any) -> None:
        text = serializers.CharField(max_length=200, allow_blank=True)
        super().__init__(child=serializers.ListField(child=text, min_length=2, max_length=2), **more)


class CertificateFormSerializer(serializers.Serializer):
    """证书式样: one version. ``lines``: [code of a fact, label]; ``signatures``: [label, name].

    ``seal_sha256``: "" for the sample seal.
    """

    number = serializers.IntegerField()
    title = serializers.CharField()
    body = serializers.CharField()
    lines = PairsField()
    issuer = serializers.CharField()
    signatures = PairsField()
    pattern = serializers.CharField()
    seal_sha256 = serializers.CharField()
    basis = serializers.CharField()
    by = serializers.CharField(source="by.name", allow_null=True)
    at = serializers.DateTimeField()


class CertificateFormDraft(serializers.Serializer):
    """What a form says."""

    title = serializers.CharField(max_length=200, allow_blank=True)
    body = serializers.CharField(max_length=2000, allow_blank=True)
    lines = PairsField(max_length=4 * MOST_LINES)
    issuer = serializers.CharField(max_length=200, allow_blank=True)
    signatures = PairsField(max_length=4 * MOST_SIGNATURES, default=list)
    pattern = serializers.CharField(max_length=60, allow_blank=True)


class CertificateFormData(CertificateFormDraft):
    """A new version. seen: number of the version it was made from, 0 for none; sample_seal: the sample seal again."""

    sample_seal = serializers.BooleanField(default=False)
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.IntegerField(min_value=0, max_value=10**6)


class SealData(serializers.Serializer):
    """Another seal (PNG, JPEG) for the newest version, whose words stay. seen: number of that version."""

    file = serializers.FileField()
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.IntegerField(min_value=0, max_value=10**6)


def _words(said: dict[str, Any]) -> Words:
    lines, signatures = (tuple((one, two) for one, two in said[name]) for name in ("lines", "signatures"))
    return Words(said["title"], said["body"], lines, said["issuer"], signatures, said["pattern"])


class CertificateFormEndpoint(Endpoint):
    """证书式样 of one stage of a programme."""

    serializer_class = CertificateFormSerializer
    filter_backends: list[Any] = []
    scope = access.SESSION

    def _named(self, right: str, programme: str, stage: str) -> None:
        if not can_city(self.request.user, right):
            raise NotAllowed(right)
        try:
            certificate_forms.rule_of(programme, stage)
        except LookupError as error:
            raise Http404 from error

    @extend_schema(responses=CertificateFormSerializer(many=True))
    def list(self, request: Request, programme: str, stage: str) -> Response:
        """Every version, newest first: by that one certificates are printed."""
        self._named("see_settings", programme, stage)
        return self.paged(certificate_forms.versions(programme, stage), CertificateFormSerializer)

    @extend_schema(request=CertificateFormData, responses={201: CertificateFormSerializer})
    def create(self, request: Request, programme: str, stage: str) -> Response:
        """Keep a new version, in force for certificates from now on. 409 where somebody wrote one meanwhile."""
        self._named(certificate_forms.RIGHT, programme, stage)
        said = self.read(CertificateFormData)
        row = certificate_forms.write(
            request.user, programme, stage, _words(said), said["basis"], said["seen"], sample_seal=said["sample_seal"]
        )
        return Response(CertificateFormSerializer(row).data, status=201)

    @extend_schema(request=uploads(SealData), responses={201: CertificateFormSerializer})
    def seal(self, request: Request, programme: str, stage: str) -> Response:
        """Keep a new version with another seal. 409 where somebody wrote one meanwhile."""
        self._named(certificate_forms.RIGHT, programme, stage)
        said = self.read(SealData)
        words = certificate_forms.words_of(certificate_forms.in_force(programme, stage))
        row = certificate_forms.write(
            request.user, programme, stage, words, said["basis"], said["seen"], seal=said["file"]
        )
        return Response(CertificateFormSerializer(row).data, status=201)

    @extend_schema(request=CertificateFormDraft, responses=BINARY)
    def preview(self, request: Request, programme: str, stage: str) -> HttpResponse:
        """A sample as it would be printed (PDF), marked as a draft, or everything that is wrong with it. Nothing is kept."""
        self._named(certificate_forms.RIGHT, programme, stage)
        found = certificate_forms.previewed(request.user, programme, stage, _words(self.read(CertificateFormDraft)))
        response = HttpResponse(certificate_forms.paper_of(*found), content_type="application/pdf")
        response["Cache-Control"] = "no-store"
        return response
