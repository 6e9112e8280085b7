"""Endpoints of deadlines: the clock of a case line by line; the limits, what a change would move, and changing one."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import limits, telling_time
from evaluation.api.within import OfApplication
from evaluation.permissions import can_city
from portal.api import Endpoint
from portal.machine import NotAllowed
from portal.models import Limit


class ClockLineSerializer(serializers.Serializer):
    """One thing that happened to the clock, in words. ``due_on``: the last day as it stood then."""

    on = serializers.DateField()
    sentence = serializers.CharField()
    due_on = serializers.DateField(allow_null=True)
    basis = serializers.CharField()


class CountedDaySerializer(serializers.Serializer):
    """One day of the period. ``number``: which working day it is; null for a day off. ``why``: see the data dictionary."""

    day = serializers.DateField()
    number = serializers.IntegerField(allow_null=True)
    why = serializers.CharField()
    holiday = serializers.CharField()


class ClockSerializer(serializers.Serializer):
    """Why a case has its deadline."""

    due_on = serializers.DateField(allow_null=True)
    paused_on = serializers.DateField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    lines = ClockLineSerializer(many=True)
    counted = CountedDaySerializer(many=True)
    unknown_years = serializers.ListField(child=serializers.IntegerField())


class ClockEndpoint(OfApplication):
    """The clock of one application."""

    serializer_class = ClockSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Why the case has the deadline it has, line by line and day by day. Stopping the clock is an act."""
        row = self.require("see_history")
        told = telling_time.explain(row)
        values = {name: getattr(told, name) for name in ("lines", "counted", "unknown_years")}
        kept = {name: getattr(row, name) for name in ("due_on", "paused_on", "days_left")}
        return Response(ClockSerializer({**kept, **values}).data)


class LimitSerializer(serializers.ModelSerializer):
    """期限: working days of a step on a basis, from ``valid_from`` on; ``programme`` "" for all without an own one."""

    class Meta:
        model = Limit
        fields = ("id", "programme", "step", "days", "basis", "valid_from", "valid_until")
        read_only_fields = fields


class LimitChangeSerializer(serializers.Serializer):
    """A new limit. ``to_running``: cases that are in this step already get the difference."""

    programme = serializers.CharField(allow_blank=True, default="", max_length=30)
    step = serializers.CharField(max_length=40)
    days = serializers.IntegerField(min_value=-32768, max_value=32767)
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    valid_from = serializers.DateField()
    to_running = serializers.BooleanField(default=False)


class MovedDeadlineSerializer(serializers.Serializer):
    """A running deadline that a change moves; both days null and ``days_left`` given for a clock that is paused.

    ``kind``: the machine, application or what is handled beside it; ``application``: null for everything else.
    """

    kind = serializers.CharField(source="clock.name")
    application = serializers.IntegerField(source="application.pk", default=None, allow_null=True)
    project = serializers.CharField(source="project.number")
    old = serializers.DateField(allow_null=True)
    new = serializers.DateField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)


class LimitPreviewSerializer(serializers.Serializer):
    """What a change would move."""

    moves = MovedDeadlineSerializer(many=True)


class LimitFilter(django_filters.FilterSet):
    step = django_filters.CharFilter()
    programme = django_filters.CharFilter()


class LimitEndpoint(mixins.ListModelMixin, Endpoint):
    """期限: every limit that holds, held or will hold."""

    scope = access.HANDLE
    serializer_class = LimitSerializer
    filterset_class = LimitFilter
    queryset = Limit.objects.order_by("step", "programme", "valid_from", "pk")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not can_city(request.user, "see_settings"):
            raise NotAllowed("see_settings")

    @extend_schema(request=LimitChangeSerializer, responses={201: LimitSerializer})
    def create(self, request: Request) -> Response:
        """Change a limit: a new row from its day on. With ``to_running`` the deadlines of cases in the step move with it."""
        limit, _moved = limits.change(request.user, self._wanted())
        return Response(LimitSerializer(limit).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=LimitChangeSerializer, responses=LimitPreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Which running deadlines a change would move, without changing anything."""
        if not can_city(request.user, "change_limits"):
            raise NotAllowed("change_limits")
        wanted, day = self._wanted(), timezone.localdate()
        limits.refuse_wrong(wanted, day)
        return Response(LimitPreviewSerializer({"moves": limits.preview(wanted, day)}).data)

    def _wanted(self) -> limits.Change:
        return limits.Change(**self.read(LimitChangeSerializer))
