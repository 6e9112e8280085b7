"""Endpoints of statistics: every figure that the caller may see, as JSON and as CSV, and the monthly reports."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, permissions, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation import monthly_reports, statistics
from evaluation.figures import Asked, Figure
from evaluation.models import MonthlyReport, StatisticsDay
from portal.api import AnyAccept, Endpoint

ASKED = [
    OpenApiParameter("year", OpenApiTypes.INT, description="four digits; left out: all years"),
    OpenApiParameter("programme", OpenApiTypes.STR, description="code of a programme"),
    OpenApiParameter("district", OpenApiTypes.STR, description="code of a district"),
]


class ColumnSerializer(serializers.Serializer):
    """One column. ``kind``: text, count, percent, points, or days, which are working days."""

    code = serializers.CharField()
    label = serializers.CharField()
    kind = serializers.ChoiceField(["text", "count", "percent", "points", "days"])


class FigureSerializer(serializers.Serializer):
    """统计: one figure as a table. ``about``: what it counts; ``sentence``: what it comes to. ``counted_on``: what was over
    before this day is counted; null where it is counted now. ``rows``: values in the order of ``columns``, null for none."""

    code = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField()
    sentence = serializers.CharField()
    counted_on = serializers.DateField(allow_null=True)
    columns = ColumnSerializer(many=True)
    rows = serializers.ListField(child=serializers.ListField(child=serializers.JSONField(allow_null=True)))


class StatisticsEndpoint(Endpoint):
    """统计. Public; officers find their own figures among them."""

    permission_classes = [permissions.AllowAny]
    serializer_class = FigureSerializer
    queryset = StatisticsDay.objects.none()  # figures are found by their code
    filter_backends: list[Any] = []
    lookup_field = "code"
    lookup_value_regex = r"[a-z_]+"

    def _asked(self) -> Asked:
        return statistics.asked_of(self.request.query_params, self.request.user)[0]

    def _found(self, code: str) -> Figure:
        try:
            return statistics.find(code, self.request.user)
        except LookupError as error:
            raise Http404 from error

    @extend_schema(parameters=ASKED)
    def list(self, request: Request) -> Response:
        """Every figure that the caller may see."""
        asked = self._asked()
        found = [statistics.as_json(statistics.table(one, asked)) for one in statistics.figures_for(request.user)]
        return self.paged(found, FigureSerializer)

    @extend_schema(parameters=ASKED)
    def retrieve(self, request: Request, code: str) -> Response:
        """One figure."""
        table = statistics.table(self._found(code), self._asked())
        return Response(FigureSerializer(statistics.as_json(table)).data)

    @extend_schema(parameters=ASKED, responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, content_negotiation_class=AnyAccept)
    def csv(self, request: Request, code: str) -> HttpResponse:
        """One figure for spreadsheets: UTF-8 with its mark, columns in words, no text a formula."""
        table = statistics.table(self._found(code), self._asked())
        return HttpResponse(statistics.as_csv(table), content_type="text/csv; charset=utf-8")


class MonthlyReportSerializer(serializers.Serializer):
    """统计月报 of one month. ``figures``: the numbers it was printed from; ``address``: of the PDF."""

    month = serializers.CharField(source="code")
    made_at = serializers.DateTimeField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    figures = serializers.JSONField()
    address = serializers.SerializerMethodField()

    def get_address(self, row: MonthlyReport) -> str:
        return str(settings.SITE_URL + row.get_absolute_url())


class MonthlyReportEndpoint(mixins.ListModelMixin, Endpoint):
    """统计月报, newest first. Public."""

    permission_classes = [permissions.AllowAny]
    serializer_class = MonthlyReportSerializer
    filter_backends: list[Any] = []

    def get_queryset(self) -> Any:
        return monthly_reports.reports()
