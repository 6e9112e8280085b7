"""Endpoints of approving a result: what earlier decisions on like cases were, the minutes of the meeting."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import marking, minutes, precedents
from evaluation.api.within import OfApplication
from portal.api import BINARY, AnyAccept, FileSerializer, UploadSerializer, download, uploads


class MinutesEndpoint(OfApplication):
    """会议纪要 of the present review round, for who may see the sheets; attached by an approver before the decision."""

    scope = access.HANDLE
    serializer_class = FileSerializer

    def _rows(self) -> Any:
        return minutes.kept(self.require("see_sheets"))

    @extend_schema(responses=FileSerializer(many=True))
    def list(self, request: Request, application: str) -> Response:
        """Minutes in the order in which they came."""
        return self.paged(self._rows(), FileSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: FileSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Attach a PDF, while the result waits for approval."""
        row = minutes.add(request.user, self.require("see_sheets"), self.read(UploadSerializer)["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Take minutes out again, before the decision."""
        row = get_object_or_404(self._rows(), pk=pk)
        row.application = self.application
        minutes.remove(request.user, row)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The minutes as they are kept."""
        return download(request, get_object_or_404(self._rows(), pk=pk))


class PrecedentSerializer(serializers.Serializer):
    """An earlier decision on a like case. ``said``: the approver's words, empty where none are kept."""

    application = serializers.IntegerField(source="application.pk")
    number = serializers.CharField(source="application.project.number")
    community = serializers.CharField(source="application.project.community.name")
    standard = serializers.CharField(source="application.project.standard")
    total = serializers.CharField(allow_null=True)
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    passed = serializers.BooleanField()
    at = serializers.DateTimeField()
    said = serializers.CharField()


class PrecedentEndpoint(OfApplication):
    """Earlier decisions on like cases, for who may see the sheets."""

    serializer_class = PrecedentSerializer

    def list(self, request: Request, application: int) -> Response:
        """At most five of the same programme and stage, nearest in points first, among the cases that the caller sees."""
        result = marking.result_of(self.require("see_sheets"))
        found = precedents.precedents(request.user, result) if result else []
        return self.paged(found, PrecedentSerializer)
