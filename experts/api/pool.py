"""Endpoint of the expert pool: all of it for officers, oneself for an expert."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from experts import admitting, importing, pool, standing
from experts.api.admissions import AdmissionSerializer, FieldSerializer
from experts.models import Expert, Field
from experts.permissions import as_person, can_expert, experts_visible_to, may_see_pool
from experts.workflow import EXPERT
from portal.api import Acts, Endpoint, EventSerializer, LifeSerializer
from portal.machine import NotAllowed
from portal.models import Event


class ExpertSerializer(LifeSerializer):
    """专家. ``due_on``: last day of the confirmation, of the pause, or for stating the case, as the state is.

    ``load``: panels joined this year. How to reach a person is not told here.
    """

    number = serializers.CharField()
    name = serializers.CharField(source="user.name")
    education = serializers.CharField()
    title = serializers.CharField()
    experience_years = serializers.IntegerField(allow_null=True)
    employer = serializers.CharField()
    district = serializers.CharField(source="district_id")
    fields = FieldSerializer(many=True)
    term_from = serializers.DateField()
    term_until = serializers.DateField()
    confirmed_on = serializers.DateField(allow_null=True)
    load = serializers.IntegerField()


class ExpertFieldsData(serializers.Serializer):
    """Fields in which an expert shall serve from now on, by their codes, and why."""

    fields = serializers.PrimaryKeyRelatedField(queryset=Field.objects.all(), many=True)
    reason = serializers.CharField(max_length=500)


class ExpertFilter(django_filters.FilterSet):
    field = django_filters.CharFilter(field_name="fields")
    district = django_filters.CharFilter(field_name="district")
    state = django_filters.ChoiceFilter(choices=list(EXPERT.states.items()))
    serving_on = django_filters.DateFilter(method="serves", label="term covers this day, not paused")
    search = django_filters.CharFilter(method="found", label="part of the name, the number or the employer")
    ordering = django_filters.OrderingFilter(fields=["number", "load", "term_until"])

    def serves(self, rows: Any, name: str, value: date) -> Any:
        return rows.filter(pk__in=Expert.objects.serving(value).values("pk"))

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(pk__in=pool.search(timezone.localdate(), value).values("pk"))


class ExpertEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """专家 of the pool by number, for officers of the evaluation; for an expert the own row."""

    scope = access.HANDLE
    scopes = {"renewal": access.FILE}
    machine = "expert"
    queryset = Expert.objects.none()
    serializer_class = ExpertSerializer
    filterset_class = ExpertFilter
    lookup_field = "number"
    lookup_value_regex = r"[0-9A-Za-z-]+"

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Expert.objects.none()
        user = self.request.user
        if not may_see_pool(user) and not Expert.objects.filter(user__in=as_person(user)).exists():
            raise NotAllowed("experts")
        return pool.search(timezone.localdate()).filter(pk__in=experts_visible_to(user).values("pk"))

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, number: str) -> Response:
        """The history of an expert, oldest first, for those who keep the pool and for the person."""
        row = self.get_object()
        if not can_expert(request.user, "see_history", row):
            raise Http404
        return self.paged(Event.objects.of(row), EventSerializer)

    @extend_schema(request=ExpertFieldsData, responses=ExpertSerializer)
    @action(detail=True, methods=["put"], url_path="fields")
    def change_fields(self, request: Request, number: str) -> Response:
        """Let an expert serve in other fields."""
        row, values = self.get_object(), self.read(ExpertFieldsData)
        standing.change_fields(request.user, row, values["fields"], values["reason"])
        return Response(ExpertSerializer(self.get_object()).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="password-link")
    def password_link(self, request: Request, number: str) -> Response:
        """Send an imported expert the link to set a first password again, as long as none was set; for the keeper."""
        importing.send_password_link(request.user, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: AdmissionSerializer})
    @action(detail=True, methods=["post"])
    def renewal(self, request: Request, number: str) -> Response:
        """Begin to ask for another term, in the window before the present one ends; for the expert."""
        row = admitting.open_renewal(request.user, self.get_object())
        return Response(AdmissionSerializer(row).data, status=status.HTTP_201_CREATED)
