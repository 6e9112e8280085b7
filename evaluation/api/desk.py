"""Endpoints of the officers' desk: the queue as its page shows it, saved views, and what one chose for the own queue."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import desk, saved_views
from evaluation.api.cases import ApplicationSerializer
from evaluation.api.within import NUMBER
from evaluation.clocks import with_shortage
from evaluation.desk_conditions import CONDITIONS
from evaluation.models import Engagement, SavedView
from evaluation.permissions import may_see_queue
from portal.api import Endpoint
from portal.machine import NotAllowed

COLUMN_CODES = list(desk.COLUMNS)
ASKED = [
    OpenApiParameter("show", OpenApiTypes.STR, enum=list(desk.SHOWS), description='"mine" where nothing is said'),
    OpenApiParameter(
        "q", OpenApiTypes.STR, description="a line as the page explains it: text, 环节:形式审查, 逾期:是 …"
    ),
    OpenApiParameter("sort", OpenApiTypes.STR, description='a column, "-" before it for downwards'),
    *(
        OpenApiParameter(row.code, OpenApiTypes.STR, description=f"{row.label}, e.g. {row.example}")
        for row in CONDITIONS.values()
    ),
]


class QueueEndpoint(Endpoint):
    """The queue of cases, as its page shows it."""

    scope = access.HANDLE
    serializer_class = ApplicationSerializer
    filter_backends: list[Any] = []

    @extend_schema(parameters=ASKED, responses=ApplicationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The cases that a query asks for, in its order. A wrong word is refused: it never means more cases than were asked for."""
        user: Any = request.user
        if not may_see_queue(user):
            raise NotAllowed("queue")
        rows = with_shortage(desk.rows(user, request.query_params))
        rows = rows.prefetch_related("certificates", "project__programme", Engagement.objects.prefetch_at("project__"))
        return self.paged(rows, ApplicationSerializer)


class SavedViewSerializer(serializers.ModelSerializer):
    """保存的视图: ``query`` as in the address of the page, ``columns`` by code; ``duty`` it is shared with, "" for none."""

    owner = serializers.CharField(source="owner.name")
    is_mine = serializers.SerializerMethodField()
    address = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = SavedView
        fields = ("id", "name", "query", "columns", "duty", "owner", "is_mine", "revision", "address")
        read_only_fields = fields

    def get_is_mine(self, row: SavedView) -> bool:
        return row.owner_id == self.context["request"].user.pk


class SavedViewData(serializers.Serializer):
    """What a view asks, and under which name."""

    name = serializers.CharField(max_length=40, allow_blank=True)
    query = serializers.CharField(max_length=1000, allow_blank=True, default="")
    columns = serializers.ListField(child=serializers.ChoiceField(COLUMN_CODES), max_length=40, default=list)
    duty = serializers.CharField(max_length=30, allow_blank=True, default="")


class SavedViewChange(serializers.Serializer):
    """What is to be changed of a view; the rest stays. revision: the one that the caller has seen."""

    name = serializers.CharField(max_length=40, allow_blank=True, required=False)
    query = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    columns = serializers.ListField(child=serializers.ChoiceField(COLUMN_CODES), max_length=40, required=False)
    duty = serializers.CharField(max_length=30, allow_blank=True, required=False)
    revision = serializers.IntegerField(min_value=1)


class SavedViewEndpoint(Endpoint):
    """Saved views that the caller may open: the own ones, and those shared with a duty that they hold."""

    scope = access.HANDLE
    serializer_class = SavedViewSerializer
    filter_backends: list[Any] = []
    queryset = SavedView.objects.none()
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return saved_views.visible_to(self.request.user)

    def list(self, request: Request) -> Response:
        """The views, by name."""
        return self.paged(self.get_queryset(), SavedViewSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One view."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=SavedViewData, responses={201: SavedViewSerializer})
    def create(self, request: Request) -> Response:
        """Keep a query under a name."""
        asked = self.read(SavedViewData)
        params = QueryDict(asked["query"])
        view = saved_views.create(request.user, asked["name"], params, asked["columns"], asked["duty"])
        return Response(self.get_serializer(view).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=SavedViewChange, responses=SavedViewSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a view of one's own."""
        asked = self.read(SavedViewChange)
        if "query" in asked:
            asked["params"] = QueryDict(asked.pop("query"))
        view = saved_views.change(request.user, self.get_object(), asked.pop("revision"), **asked)
        return Response(self.get_serializer(view).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a view of one's own."""
        saved_views.remove(request.user, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class QueueSettingsSerializer(serializers.Serializer):
    """columns: what the caller's queue shows, in its order; opens_with: the view that it opens with, null for none."""

    columns = serializers.ListField(child=serializers.CharField())
    opens_with = serializers.IntegerField(allow_null=True)


class QueueSettingsData(serializers.Serializer):
    """Columns to be kept, none for the usual ones; the view to open with, null for none. What is not named stays."""

    columns = serializers.ListField(child=serializers.ChoiceField(COLUMN_CODES), max_length=40, required=False)
    opens_with = serializers.IntegerField(allow_null=True, required=False, min_value=1, max_value=2**63 - 1)


class QueueSettingsEndpoint(Endpoint):
    """What the caller chose for the own queue."""

    scope = access.HANDLE
    serializer_class = QueueSettingsSerializer

    @extend_schema(responses=QueueSettingsSerializer)
    def retrieve(self, request: Request) -> Response:
        """The columns and the view."""
        user: Any = request.user
        if not may_see_queue(user):
            raise NotAllowed("queue")
        view = saved_views.default_of(user)
        columns = [column.code for column in desk.columns_of(user, {})]
        return Response(QueueSettingsSerializer({"columns": columns, "opens_with": view.pk if view else None}).data)

    @extend_schema(request=QueueSettingsData, responses=QueueSettingsSerializer)
    def partial_update(self, request: Request) -> Response:
        """Choose columns, or the view to open with."""
        asked, user = self.read(QueueSettingsData), request.user
        if not may_see_queue(user):
            raise NotAllowed("queue")
        if "opens_with" in asked:
            pk = asked["opens_with"]
            saved_views.open_with(user, get_object_or_404(saved_views.visible_to(user), pk=pk) if pk else None)
        if "columns" in asked:
            saved_views.choose_columns(user, asked["columns"])
        return self.retrieve(request)
