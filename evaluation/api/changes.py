"""Endpoints of major changes: declaring and demanding one, its proofs; examined and decided by acts."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import changing
from evaluation.api.guidance import OfProject
from evaluation.api.within import NUMBER
from evaluation.models import MajorChange
from evaluation.workflow import MAJOR_CHANGE
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    FileSerializer,
    LifeSerializer,
    NumberFilter,
    UploadSerializer,
    by_deadline,
    download,
    uploads,
)


class MajorChangeSerializer(LifeSerializer):
    """重大变更. items, documents: codes of the design; demand: why it was asked for, "" for one declared unasked; ruling:
    why it was decided as its state says.
    """

    id = serializers.IntegerField()
    project = serializers.IntegerField(source="project_id")
    summary = serializers.CharField()
    reason = serializers.CharField()
    items = serializers.ListField(child=serializers.CharField())
    documents = serializers.ListField(child=serializers.CharField())
    demand = serializers.CharField()
    revision = serializers.IntegerField()
    proposal = serializers.CharField()
    grounds = serializers.CharField()
    statement = serializers.CharField()
    ruling = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)


class MajorChangeData(serializers.Serializer):
    """What is built otherwise; revision: what the writer last saw, else what somebody else wrote meanwhile is lost."""

    summary = serializers.CharField(max_length=changing.LONGEST, allow_blank=True)
    reason = serializers.CharField(max_length=changing.LONGEST, allow_blank=True)
    items = serializers.ListField(child=serializers.CharField(max_length=20), max_length=500)
    documents = serializers.ListField(child=serializers.CharField(max_length=20), max_length=500)
    revision = serializers.IntegerField(required=False, allow_null=True, default=None)


class DemandData(serializers.Serializer):
    """What seems to be built otherwise than it was certified."""

    reason = serializers.CharField(max_length=changing.LONGEST)


class MajorChangeFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(MAJOR_CHANGE.states.items()))
    project = NumberFilter(field_name="project")
    district = django_filters.CharFilter(field_name="project__community__district")
    ordering = DeadlineOrder(fields=["due_on", "opened_at"])


class MajorChangeEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """重大变更 of the cases that the caller may see, most urgent first."""

    machine = "major_change"
    scopes = {"update": access.FILE}
    serializer_class = MajorChangeSerializer
    filterset_class = MajorChangeFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().select_related("project__programme", "project__community"))

    @extend_schema(request=MajorChangeData, responses=MajorChangeSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Write what changes, as far as it is known; ``declare`` hands it in."""
        row = changing.write(request.user, self.get_object(), **self.read(MajorChangeData))
        return Response(MajorChangeSerializer(row).data)


class NewMajorChangeEndpoint(OfProject):
    """重大变更 of one case."""

    serializer_class = MajorChangeSerializer
    scopes = {"create": access.FILE, "demand": access.HANDLE}

    @extend_schema(request=None, responses={201: MajorChangeSerializer})
    def create(self, request: Request, project: str) -> Response:
        """Begin a declaration: a draft that nobody else reads."""
        row = changing.open_change(request.user, self.project)
        return Response(MajorChangeSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=DemandData, responses={201: MajorChangeSerializer})
    @action(detail=False, methods=["post"])
    def demand(self, request: Request, project: str) -> Response:
        """Ask the applicant to declare one."""
        row = changing.demand(request.user, self.project, self.read(DemandData)["reason"])
        return Response(MajorChangeSerializer(row).data, status=status.HTTP_201_CREATED)


class ChangeProofEndpoint(Endpoint):
    """Proofs of one major change."""

    scope = access.FILE
    serializer_class = FileSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def change(self) -> MajorChange:
        rows = MAJOR_CHANGE.visible_to(self.request.user).select_related("project__community")
        found: MajorChange = get_object_or_404(rows, pk=self.kwargs["change"])
        return found

    def _rows(self) -> Any:
        return self.change.proofs.filter(removed_at=None).order_by("pk")

    @extend_schema(responses=FileSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Proofs in the order in which they came."""
        return self.paged(self._rows(), FileSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a proof while the change is being written."""
        row = changing.add_proof(request.user, self.change, self.read(UploadSerializer)["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str, **kwargs: Any) -> Response:
        """Take a proof out again."""
        proof = get_object_or_404(self._rows(), pk=pk)
        proof.change = self.change
        changing.remove_proof(request.user, proof)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The proof as it is kept."""
        return download(request, get_object_or_404(self._rows(), pk=pk))
