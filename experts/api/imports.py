"""Endpoints of imports of an existing pool: handing a workbook in, releasing it by the machine's acts, sending links again."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from django.http.response import HttpResponse, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.api.within import NUMBER
from experts import importing
from experts.models import PoolImport
from experts.permissions import can_pool
from experts.workflow import POOL_IMPORT
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    Endpoint,
    EventSerializer,
    LifeSerializer,
    UploadSerializer,
    download,
    uploads,
)
from portal.files import KINDS
from portal.machine import NotAllowed
from portal.models import Event


class PoolImportSerializer(LifeSerializer):
    """专家库导入. ``count``: people in the table; size: bytes."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    count = serializers.IntegerField()
    uploaded_by = serializers.CharField(source="uploaded_by.name")
    uploaded_at = serializers.DateTimeField()


class PoolImportData(UploadSerializer):
    """A workbook in the shape of the template. ``dry_run`` true only looks at it."""

    dry_run = serializers.BooleanField(default=False)


class ReceivedPoolImport(serializers.Serializer):
    """How many people a workbook holds, and the import that waits to be released: none of a dry run."""

    dry_run = serializers.BooleanField()
    count = serializers.IntegerField()
    pool_import = PoolImportSerializer(allow_null=True)


class PoolImportFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(POOL_IMPORT.states.items()))


class PoolImportEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """专家库导入 (XLSX), newest first, for keepers of the pool and supervisors. Released or refused by an act."""

    scope = access.HANDLE
    machine = "pool_import"
    serializer_class = PoolImportSerializer
    filterset_class = PoolImportFilter
    lookup_value_regex = NUMBER
    queryset = PoolImport.objects.none()

    def get_queryset(self) -> Any:
        if not getattr(self, "swagger_fake_view", False) and not can_pool(self.request.user, "see_imports"):
            raise NotAllowed("see_imports")
        return super().get_queryset().order_by("-pk")

    @extend_schema(request=uploads(PoolImportData), responses={200: ReceivedPoolImport, 201: ReceivedPoolImport})
    def create(self, request: Request) -> Response:
        """Hand in a workbook to be released by another person, or learn of every problem, each at its row and column."""
        if not can_pool(request.user, "import_experts"):  # before the file is looked at
            raise NotAllowed("import_experts")
        values, made = self.read(PoolImportData), None
        if values["dry_run"]:
            count = len(importing.check(request.user, values["file"]).rows)
        else:
            made = importing.open_import(request.user, values["file"])
            count = made.count
        told = {"dry_run": values["dry_run"], "count": count, "pool_import": made}
        code = status.HTTP_200_OK if values["dry_run"] else status.HTTP_201_CREATED
        return Response(ReceivedPoolImport(told).data, status=code)

    @extend_schema(responses=BINARY, filters=False)
    @action(detail=False, content_negotiation_class=AnyAccept, pagination_class=None)
    def template(self, request: Request) -> HttpResponse:
        """The workbook to be filled in; its example rows are to be deleted."""
        if not can_pool(request.user, "see_imports"):
            raise NotAllowed("see_imports")
        return HttpResponse(importing.template(), content_type=KINDS["xlsx"].types[".xlsx"])

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        """The workbook as it was handed in."""
        row = self.get_object()
        if not row.file:
            raise Http404
        return download(request, row)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of an import, oldest first."""
        return self.paged(Event.objects.of(self.get_object()), EventSerializer)
