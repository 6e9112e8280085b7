"""Endpoint of calls for experts: public to read, announced and published by the keeper, applied to by anybody."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from experts import admitting
from experts import calls as calling
from experts.api.admissions import AdmissionSerializer, FieldSerializer
from experts.models import Call
from portal.api import Endpoint

NUMBER = r"[0-9A-Za-z-]+"


class CallSerializer(serializers.Serializer):
    """专家征集. ``term_years``: years; ``published_at``: when the admitted list was published."""

    number = serializers.CharField()
    title = serializers.CharField()
    conditions = serializers.CharField()
    opens_on = serializers.DateField()
    closes_on = serializers.DateField()
    is_running = serializers.SerializerMethodField()
    term_years = serializers.IntegerField()
    fields_at_most = serializers.IntegerField()
    version = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)

    def get_is_running(self, row: Call) -> bool:
        return row.is_running(timezone.localdate())


class CallData(serializers.Serializer):
    """What a call says. Until its last day it may be prolonged and its conditions may change; nothing else."""

    title = serializers.CharField(max_length=120)
    conditions = serializers.CharField(max_length=20000)
    opens_on = serializers.DateField()
    closes_on = serializers.DateField()
    term_years = serializers.IntegerField(default=3)
    fields_at_most = serializers.IntegerField(default=3)


class CallChangeData(serializers.Serializer):
    """A later last day, or other conditions, or both, and why. ``version``: the one that the caller has read."""

    closes_on = serializers.DateField(required=False)
    conditions = serializers.CharField(max_length=calling.CONDITIONS_AT_MOST, required=False)
    reason = serializers.CharField(max_length=calling.REASON_AT_MOST, required=False, default="", allow_blank=True)
    version = serializers.IntegerField(required=False, min_value=1, max_value=32767)


class CallVersionSerializer(serializers.Serializer):
    """What a call said before it was changed, and why it was."""

    number = serializers.IntegerField()
    conditions = serializers.CharField()
    closes_on = serializers.DateField()
    replaced_at = serializers.DateTimeField()
    reason = serializers.CharField()


class AdmittedSerializer(serializers.Serializer):
    """One person of a published list, as it was published."""

    number = serializers.CharField()
    name = serializers.CharField()
    title = serializers.CharField()
    employer = serializers.CharField()
    district = serializers.CharField()
    fields = FieldSerializer(many=True)


class CallFilter(django_filters.FilterSet):
    running = django_filters.BooleanFilter(method="is_running", label="one can apply today")

    def is_running(self, rows: Any, name: str, value: bool) -> Any:
        running = Call.objects.running(timezone.localdate()).values("pk")
        return rows.filter(pk__in=running) if value else rows.exclude(pk__in=running)


class CallEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """专家征集, those that run first. Public."""

    scope = access.HANDLE
    scopes = {"apply": access.FILE}
    queryset = Call.objects.none()
    serializer_class = CallSerializer
    filterset_class = CallFilter
    lookup_field = "number"
    lookup_value_regex = NUMBER

    def get_permissions(self) -> list[Any]:
        """Reading is public; whatever writes asks who it is."""
        public = self.action in ("list", "retrieve", "admitted", "versions")
        return [permissions.AllowAny()] if public else super().get_permissions()

    def get_queryset(self) -> Any:
        return calling.announced(timezone.localdate())

    @extend_schema(request=CallData, responses={201: CallSerializer})
    def create(self, request: Request) -> Response:
        """Announce a call; for the keeper of the pool."""
        row = calling.open_call(request.user, self.read(CallData))
        return Response(CallSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CallChangeData, responses=CallSerializer)
    def partial_update(self, request: Request, number: str) -> Response:
        """Prolong a call or change its conditions, until its last day; for the keeper of the pool."""
        row, values = self.get_object(), self.read(CallChangeData)
        reason, seen = values.pop("reason"), values.pop("version", None)
        calling.change_call(request.user, row, values, reason, seen)
        return Response(CallSerializer(row).data)

    @extend_schema(responses=CallVersionSerializer(many=True), filters=False)
    @action(detail=True)
    def versions(self, request: Request, number: str) -> Response:
        """What the call said before it was changed, newest first."""
        return self.paged(self.get_object().versions.all(), CallVersionSerializer)

    @extend_schema(responses=AdmittedSerializer(many=True), filters=False)
    @action(detail=True)
    def admitted(self, request: Request, number: str) -> Response:
        """Who was admitted; nobody before the list is published."""
        return self.paged(self.get_object().listed, AdmittedSerializer)

    @extend_schema(request=None, responses=CallSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, number: str) -> Response:
        """Publish who was admitted, once; for the keeper of the pool."""
        row = self.get_object()
        calling.publish_admitted(request.user, row)
        return Response(CallSerializer(row).data)

    @extend_schema(request=None, responses={201: AdmissionSerializer})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, number: str) -> Response:
        """Begin to apply within the period, or find what was begun."""
        row = admitting.open_admission(request.user, self.get_object())
        return Response(AdmissionSerializer(row).data, status=status.HTTP_201_CREATED)
