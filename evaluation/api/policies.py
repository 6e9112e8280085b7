"""Endpoints of settings (districts to forms of notices), of the working-day table, and of the trail."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import day_table, policies, trail
from evaluation.api.clock import LimitPreviewSerializer
from evaluation.api.people import require
from portal.api import AnyAccept, Endpoint
from portal.models import DayOverride, Event
from portal.templatetags.portal import sentence


class PolicySerializer(serializers.Serializer):
    """One row that the authority keeps. ``values``: column → value; ``seen``: what a change shows to have seen them."""

    kind = serializers.CharField()
    key = serializers.CharField()
    label = serializers.CharField()
    values = serializers.DictField()
    basis = serializers.CharField(allow_null=True)
    seen = serializers.CharField()


class PolicyData(serializers.Serializer):
    """A change. ``values``: those columns that shall become another; ``seen``: as it was read, left out to overwrite."""

    values = serializers.DictField()
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.CharField(max_length=2000, allow_null=True, default=None)


class ChangedValueSerializer(serializers.Serializer):
    """One column that would become another."""

    name = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class PolicyPreviewSerializer(serializers.Serializer):
    """What a change would do. ``open_cases``: how many cases are handled under the row now.

    They keep what they were given; only a form_rule holds at once for those that are not accepted yet.
    """

    changes = ChangedValueSerializer(many=True)
    open_cases = serializers.IntegerField()


class NewPolicyData(serializers.Serializer):
    """A new row. ``values``: annual_target: year, programme, district ("" the city), count; district: code,
    name, valid_from; form_rule: rule, programme, is_hard; late_code: code, label, needs_words, position; incentive_policy:
    code, name, programme, document_number, valid_from, least_level, values, unit, conditions, cap, department.
    What is left out is as a new row has it."""

    values = serializers.DictField()
    basis = serializers.CharField(max_length=1000, allow_blank=True)


class DistrictData(serializers.Serializer):
    """A new district, with a code that was never used."""

    code = serializers.CharField(max_length=6)
    name = serializers.CharField(max_length=30)
    valid_from = serializers.DateField(allow_null=True, default=None)
    basis = serializers.CharField(max_length=1000, allow_blank=True)


def told(kind: policies.Kind, row: Any) -> dict[str, Any]:
    return {
        "kind": kind.code, "key": str(row.pk), "label": str(row), "values": policies.plain(kind, row),
        "basis": getattr(row, "basis", None), "seen": policies.seen_of(kind, row),
    }  # fmt: skip


class PolicyEndpoint(Endpoint):
    """Settings: ``kind`` is one of ``policies.KINDS``: district, programme, parameter, late_code and so on."""

    scope = access.HANDLE
    serializer_class = PolicySerializer
    queryset = DayOverride.objects.none()  # rows are found by their kind
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require(request.user, "see_settings")

    def _found(self, kind: str, key: str) -> tuple[policies.Kind, Any]:
        try:
            return policies.find(kind, key)
        except LookupError as error:
            raise Http404 from error

    def list(self, request: Request, kind: str) -> Response:
        """Every row of one kind."""
        if kind not in policies.KINDS:
            raise Http404
        found = policies.KINDS[kind]
        return self.paged([told(found, row) for row in policies.rows_of(found)], PolicySerializer)

    def retrieve(self, request: Request, kind: str, key: str) -> Response:
        """One row."""
        return Response(PolicySerializer(told(*self._found(kind, key))).data)

    @extend_schema(request=PolicyData, responses=PolicySerializer)
    def update(self, request: Request, kind: str, key: str) -> Response:
        """Change columns of one row, on a basis. Cases that are being handled keep what they were given, save that a
        form_rule holds at once for those that are not accepted yet."""
        found, row = self._found(kind, key)
        policies.keep(request.user, found, row, **self.read(PolicyData))
        return Response(PolicySerializer(told(*self._found(kind, key))).data)

    @extend_schema(request=PolicyData, responses=PolicyPreviewSerializer)
    def preview(self, request: Request, kind: str, key: str) -> Response:
        """What a change would do, without changing anything."""
        require(request.user, policies.RIGHT)
        seen = policies.preview(*self._found(kind, key), **self.read(PolicyData))
        changes = [{"name": name, "before": old, "after": new} for name, (old, new) in seen.changes.items()]
        return Response(PolicyPreviewSerializer({"changes": changes, "open_cases": seen.cases.count()}).data)

    @extend_schema(request=NewPolicyData, responses={201: PolicySerializer})
    def create(self, request: Request, kind: str) -> Response:
        """Add a row by a key that was never used. Programmes, stages, parameters and forms of notices are not added to."""
        if kind not in policies.KINDS or not policies.KINDS[kind].new:
            raise Http404
        return self._added(policies.KINDS[kind], **self.read(NewPolicyData))

    @extend_schema(request=DistrictData, responses={201: PolicySerializer})
    def add_district(self, request: Request) -> Response:
        """Add a district."""
        said = self.read(DistrictData)
        return self._added(policies.KINDS["district"], said, said.pop("basis"))

    def _added(self, kind: policies.Kind, values: dict[str, Any], basis: str) -> Response:
        row = policies.add(self.request.user, kind, values, basis)
        return Response(PolicySerializer(told(kind, row)).data, status=status.HTTP_201_CREATED)


# --- working days -----------------------------------------------------------------------------------------------------


class DayOverrideSerializer(serializers.ModelSerializer):
    """工作日调整: a day of which the authority says otherwise. ``whole_year``: of a list of all exceptions of its year."""

    class Meta:
        model = DayOverride
        fields = ("day", "is_workday", "whole_year", "basis")
        read_only_fields = fields


class DaysData(serializers.Serializer):
    """A list of days, as on the page: “2027-01-01 休 元旦”, “2027-02-05 至 2027-02-11 休”, “2027-02-14 班”, “2027-03-05 删除”."""

    text = serializers.CharField(max_length=20000)
    whole_year = serializers.IntegerField(allow_null=True, default=None, min_value=1, max_value=9999)
    basis = serializers.CharField(max_length=1000, allow_blank=True)


class DayOverrideEndpoint(mixins.ListModelMixin, Endpoint):
    """The working-day table."""

    scope = access.HANDLE
    serializer_class = DayOverrideSerializer
    queryset = DayOverride.objects.order_by("day")
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require(request.user, "see_settings")

    def _change(self) -> day_table.Change:
        require(self.request.user, day_table.RIGHT)
        said = self.read(DaysData)
        return day_table.Change(day_table.read(said["text"]), said["basis"], said["whole_year"])

    @extend_schema(request=DaysData, responses=LimitPreviewSerializer)
    def create(self, request: Request) -> Response:
        """Change the table; the deadlines that were moved are told."""
        return Response(LimitPreviewSerializer({"moves": day_table.change_days(request.user, self._change())}).data)

    @extend_schema(request=DaysData, responses=LimitPreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Which running deadlines a change would move, without changing anything."""
        moves = day_table.preview(self._change(), timezone.localdate())
        return Response(LimitPreviewSerializer({"moves": moves}).data)


# --- the trail --------------------------------------------------------------------------------------------------------


class TrailEventSerializer(serializers.Serializer):
    """留痕, as whoever oversees it reads it."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    person = serializers.CharField(source="actor_name")
    role = serializers.CharField()
    verb = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    subject_type = serializers.CharField()
    subject = serializers.CharField(source="subject_label")
    thread = serializers.CharField()
    data = serializers.SerializerMethodField()

    def get_sentence(self, event: Event) -> str:
        return str(sentence(event))

    def get_data(self, event: Event) -> dict[str, Any]:
        return trail.told(event)


class TrailSearch(serializers.Serializer):
    """What is looked for: parts of a name and of a subject, a verb or its head, days, both included."""

    person = serializers.CharField(max_length=60, default="", allow_blank=True)
    subject = serializers.CharField(max_length=100, default="", allow_blank=True)
    verb = serializers.CharField(max_length=60, default="", allow_blank=True)
    since = serializers.DateField(allow_null=True, default=None)
    until = serializers.DateField(allow_null=True, default=None)


class TrailEndpoint(Endpoint):
    """The trail; it is only read, and whoever takes it along is on it."""

    scope = access.HANDLE
    serializer_class = TrailEventSerializer
    queryset = Event.objects.none()
    filter_backends: list[Any] = []

    @extend_schema(parameters=[TrailSearch])
    def list(self, request: Request) -> Response:
        """Events, newest first."""
        require(request.user, trail.RIGHT)
        return self.paged(trail.events(request.user, trail.Search(**self.asked(TrailSearch))), TrailEventSerializer)

    @extend_schema(request=TrailSearch, responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=False, methods=["post"], content_negotiation_class=AnyAccept)
    def export(self, request: Request) -> HttpResponse:
        """The events of a search as CSV, oldest first, each line bound to the one above it by its hash."""
        require(request.user, trail.RIGHT)
        made = trail.export(request.user, trail.Search(**self.read(TrailSearch)))
        response = HttpResponse(made.content, content_type="text/csv; charset=utf-8")
        response["X-Trail-Chain"] = made.chain
        return response
