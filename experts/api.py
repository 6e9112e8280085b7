"""Endpoint of the expert pool, for officers."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django.utils import timezone
from rest_framework import mixins, serializers

from experts import pool
from experts.models import Expert
from portal.api import Endpoint
from portal.machine import NotAllowed


class FieldSerializer(serializers.Serializer):
    """专业."""

    code = serializers.CharField()
    name = serializers.CharField()


class ExpertSerializer(serializers.Serializer):
    """专家. ``load``: panels joined this year. How to reach a person is not told here."""

    number = serializers.CharField()
    name = serializers.CharField(source="user.name")
    title = serializers.CharField()
    employer = serializers.CharField()
    district = serializers.CharField(source="district_id")
    fields = FieldSerializer(many=True)
    term_from = serializers.DateField()
    term_until = serializers.DateField()
    paused_until = serializers.DateField(allow_null=True)
    load = serializers.IntegerField()


class ExpertFilter(django_filters.FilterSet):
    field = django_filters.CharFilter(field_name="fields")
    district = django_filters.CharFilter(field_name="district")
    serving_on = django_filters.DateFilter(method="serves", label="term covers this day, not paused")
    search = django_filters.CharFilter(method="found", label="part of the name, the number or the employer")
    ordering = django_filters.OrderingFilter(fields=["number", "load", "term_until"])

    def serves(self, rows: Any, name: str, value: date) -> Any:
        return rows.filter(pk__in=Expert.objects.serving(value).values("pk"))

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(pk__in=pool.search(timezone.localdate(), value).values("pk"))


class ExpertEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """专家 of the pool by number, for officers of the evaluation."""

    queryset = Expert.objects.none()
    serializer_class = ExpertSerializer
    filterset_class = ExpertFilter
    lookup_field = "number"
    lookup_value_regex = r"[0-9A-Za-z-]+"

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Expert.objects.none()
        if not pool.may_see_pool(self.request.user):
            raise NotAllowed("experts")
        return pool.search(timezone.localdate())
