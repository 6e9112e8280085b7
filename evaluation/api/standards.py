"""Endpoints of what cases are judged against: standards and programmes. Public, but for bringing a standard in."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import standard as standards
from evaluation.api.within import NUMBER
from evaluation.configuration import import_standard
from evaluation.models import Programme, StageRule, Standard
from evaluation.permissions import can_city
from evaluation.standard.reading import MOST_BYTES
from portal.api import AnyAccept, Endpoint, UploadSerializer, uploads
from portal.files import display_name
from portal.machine import NotAllowed


class StandardSerializer(serializers.ModelSerializer):
    """评价标准: one version. ``is_official`` false: a reference sample, not the authority's text."""

    class Meta:
        model = Standard
        fields = (
            "id", "code", "version", "name", "kind", "is_official", "notice", "sha256", "imported_at", "frozen_at",
        )  # fmt: skip
        read_only_fields = fields


class StandardFilter(django_filters.FilterSet):
    code = django_filters.CharFilter()
    kind = django_filters.CharFilter()
    is_official = django_filters.BooleanFilter()
    search = django_filters.CharFilter(method="found", label="part of the name or of the code")
    ordering = django_filters.OrderingFilter(fields=["code", "version", "imported_at"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(name__icontains=value) | Q(code__icontains=value))


class StandardEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """评价标准: every version that was brought in. Public."""

    scope = access.HANDLE
    queryset = Standard.objects.defer("document")
    serializer_class = StandardSerializer
    filterset_class = StandardFilter
    lookup_value_regex = NUMBER

    def get_permissions(self) -> list[Any]:
        return super().get_permissions() if self.action == "create" else [permissions.AllowAny()]

    @extend_schema(request=uploads(UploadSerializer), responses={201: StandardSerializer})
    def create(self, request: Request) -> Response:
        """Bring one version in from YAML or JSON, or learn of everything that is wrong with the file, each at its place.

        The same document twice is one row.
        """
        if not can_city(request.user, "import_standard"):  # before the file is looked at
            raise NotAllowed("import_standard")
        upload = self.read(UploadSerializer)["file"]
        # One byte more than allowed is enough for the reader to refuse the rest unread.
        row = import_standard(upload.read(MOST_BYTES + 1), display_name(upload.name), by=request.user)
        return Response(StandardSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    @action(detail=True, content_negotiation_class=AnyAccept)
    def document(self, request: Request, pk: str) -> HttpResponse:
        """The whole document in its canonical form: the bytes whose SHA-256 is published."""
        row = self.get_object()
        response = HttpResponse(standards.canonical(row.document), content_type="application/json")
        response["Content-Disposition"] = content_disposition_header(True, f"{row.code}-{row.version}.json") or ""
        response["ETag"] = f'"{row.sha256}"'
        return response


class StageRuleSerializer(serializers.ModelSerializer):
    """The route of one stage."""

    class Meta:
        model = StageRule
        fields = (
            "stage", "position", "needs_recommendation", "needs_site_visit", "needs_certificate_of",
            "needs_guidance_closed", "certificate_years", "is_final", "basis",
        )  # fmt: skip
        read_only_fields = fields


class ProgrammeSerializer(serializers.ModelSerializer):
    """评价类别 as the authority configures it. ``guidance_nodes``, ``report_questions``: pairs of code and name."""

    standard = StandardSerializer()
    stages = StageRuleSerializer(many=True)

    class Meta:
        model = Programme
        fields = (
            "code", "name", "standard", "correction_rounds", "panel_size", "panel_seats", "guidance_nodes", "report_questions",
            "basis",
            "stages",
        )  # fmt: skip
        read_only_fields = fields


class ProgrammeFilter(django_filters.FilterSet):
    kind = django_filters.CharFilter(field_name="standard__kind")
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")


class ProgrammeEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """评价类别: what can be applied for, with the stages of each. Public."""

    permission_classes = [permissions.AllowAny]
    queryset = (
        Programme.objects.select_related("standard")
        .defer("standard__document")
        .prefetch_related("stages")
        .order_by("code")
    )
    serializer_class = ProgrammeSerializer
    filterset_class = ProgrammeFilter
    lookup_value_regex = r"[a-z_]+"
