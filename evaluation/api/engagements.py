"""Endpoints of the consulting units of a case: fetched through the case, so that what is invisible is unknown."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import engaging
from evaluation.api.within import NUMBER
from evaluation.models import Project
from evaluation.permissions import projects_visible_to
from portal.api import Endpoint


class EngagementSerializer(serializers.Serializer):
    """委托 of one consulting unit. ``until``: the last day, null while it holds; an ended one stays a conflict fact."""

    id = serializers.IntegerField()
    organisation = serializers.IntegerField(source="organisation_id")
    name = serializers.CharField(source="organisation.name")
    credit_code = serializers.CharField(source="organisation.credit_code")
    scope = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True)


class EngagementData(serializers.Serializer):
    """Whom to engage, by the credit code of a verified consulting unit, and what for."""

    credit_code = serializers.CharField(max_length=40)
    scope = serializers.CharField(max_length=200)


class EngagementEndpoint(Endpoint):
    """咨询服务单位 of one case."""

    scope = access.SUBMIT  # it opens the case to other people, also after the token has ended
    serializer_class = EngagementSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def project(self) -> Project:
        rows = projects_visible_to(self.request.user).select_related("organisation", "community")
        return get_object_or_404(rows, pk=self.kwargs["project"])

    @extend_schema(responses=EngagementSerializer(many=True))
    def list(self, request: Request, project: str) -> Response:
        """Every engagement of the case, also ended ones, oldest first."""
        return self.paged(self.project.engagements.select_related("organisation"), EngagementSerializer)

    @extend_schema(request=EngagementData, responses={201: EngagementSerializer})
    def create(self, request: Request, project: str) -> Response:
        """Let a consulting unit work on the case, from today."""
        row = engaging.engage(request.user, self.project, **self.read(EngagementData))
        return Response(EngagementSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, project: str, pk: str) -> Response:
        """End an engagement; the unit sees the case no longer, at once."""
        rows = self.project.engagements.select_related("organisation", "project__organisation", "project__community")
        engaging.end_engagement(request.user, get_object_or_404(rows, pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
