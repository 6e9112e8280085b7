"""Endpoints of the consulting units of a case: fetched through the case, so that what is invisible is unknown."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import engaging
from evaluation.api.within import NUMBER
from evaluation.models import Engagement, Project
from evaluation.permissions import engagements_asked_of, projects_visible_to
from portal.api import Endpoint


class EngagementSerializer(serializers.Serializer):
    """委托 of one consulting unit.

    ``standing``: offered, accepted, declined, withdrawn or ended. ``since``: the day on which the unit accepted, null
    before; ``until``: the last day, null while it holds or waits. One that was accepted stays a conflict fact.
    """

    id = serializers.IntegerField()
    organisation = serializers.IntegerField(source="organisation_id")
    name = serializers.CharField(source="organisation.name")
    credit_code = serializers.CharField(source="organisation.credit_code")
    scope = serializers.CharField()
    standing = serializers.ChoiceField(Engagement.Standing.choices, read_only=True)
    offered_at = serializers.DateTimeField()
    since = serializers.DateField(allow_null=True)
    until = serializers.DateField(allow_null=True)


class EngagementData(serializers.Serializer):
    """Whom to ask, by the credit code of a verified consulting unit, and what for."""

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
        """Every engagement of the case, also declined and ended ones, oldest first."""
        return self.paged(self.project.engagements.select_related("organisation"), EngagementSerializer)

    @extend_schema(request=EngagementData, responses={201: EngagementSerializer})
    def create(self, request: Request, project: str) -> Response:
        """Ask a consulting unit to work on the case; it does from the day on which it accepts."""
        row = engaging.offer(request.user, self.project, **self.read(EngagementData))
        return Response(EngagementSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, project: str, pk: str) -> Response:
        """Take an offer back, or end an engagement; the unit sees the case no longer, at once."""
        rows = self.project.engagements.select_related("organisation", "project__organisation", "project__community")
        engaging.end_engagement(request.user, get_object_or_404(rows, pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AskedEngagementSerializer(EngagementSerializer):
    """委托, as the unit that is asked sees it before it sees the case."""

    project = serializers.IntegerField(source="project_id")
    number = serializers.CharField(source="project.number")
    community = serializers.CharField(source="project.community.name")
    applicant = serializers.CharField(source="project.organisation.name")


class AskedEngagementEndpoint(Endpoint):
    """委托 offered to a unit that the caller administers."""

    scope = access.SUBMIT
    serializer_class = AskedEngagementSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    def _rows(self) -> Any:
        case = "project__community", "project__organisation"
        return engagements_asked_of(self.request.user).select_related("organisation", *case).order_by("-pk")

    def _row(self, pk: str) -> Engagement:
        return get_object_or_404(self._rows(), pk=pk)

    @extend_schema(responses=AskedEngagementSerializer(many=True))
    def list(self, request: Request) -> Response:
        """What the caller's units were asked to advise, newest first; answered and ended ones too."""
        return self.paged(self._rows(), AskedEngagementSerializer)

    @extend_schema(responses=AskedEngagementSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Who asks for what."""
        return Response(AskedEngagementSerializer(self._row(pk)).data)

    @extend_schema(request=None, responses=AskedEngagementSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Work on the case from today; the unit is a party of it from now on."""
        row = self._row(pk)
        engaging.accept(request.user, row)
        return Response(AskedEngagementSerializer(row).data)

    @extend_schema(request=None, responses=AskedEngagementSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Say no; the offer leaves no conflict behind."""
        row = self._row(pk)
        engaging.decline(request.user, row)
        return Response(AskedEngagementSerializer(row).data)
