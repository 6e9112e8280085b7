"""Endpoints of communities: their data sheets one by one, their history, and many at once from a workbook.

Hides: that what the request says is only checked for its shape here; ``sheets`` and ``importing`` decide.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access, importing, sheets, wording
from communities.api.within import LARGEST, NUMBER, InDistrict, OfOrganisation
from communities.models import Community, District
from communities.permissions import can, communities_visible_to, visible_to
from portal.api import BINARY, Endpoint, EventSerializer, NumberFilter, UploadSerializer, uploads
from portal.files import KINDS
from portal.machine import NotAllowed
from portal.models import Event


class CommunitySerializer(serializers.ModelSerializer):
    """小区. Areas in square metres, heights in metres, ``green_ratio`` in per cent, coordinates in degrees (WGS 84).

    The outlines of the districts, by their codes, are the GeoJSON file ``/static/map/chongqing.geojson``.
    """

    class Meta:
        model = Community
        fields = ("id", "organisation", *sheets.COMMUNITY_FIELDS)
        read_only_fields = fields


class CommunityData(InDistrict, serializers.Serializer):
    """What is registered of a community, in the units of ``Community``.

    ``is_another`` says that a namesake or a neighbour, once pointed out, is another one; ``is_outside`` that a point beside
    the outline of its district is right.
    """

    name = serializers.CharField(max_length=80)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all())
    address = serializers.CharField(max_length=200)
    floor_area = serializers.DecimalField(max_digits=12, decimal_places=2)
    households = serializers.IntegerField(min_value=0, max_value=LARGEST)
    buildings = serializers.IntegerField(min_value=0, max_value=LARGEST)
    latitude = serializers.DecimalField(max_digits=9, decimal_places=6, required=False, allow_null=True)
    longitude = serializers.DecimalField(max_digits=9, decimal_places=6, required=False, allow_null=True)
    site_area = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, allow_null=True)
    underground_area = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, allow_null=True)
    green_ratio = serializers.DecimalField(max_digits=5, decimal_places=2, required=False, allow_null=True)
    green_area = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, allow_null=True)
    highest = serializers.DecimalField(max_digits=6, decimal_places=2, required=False, allow_null=True)
    lifts = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, allow_null=True)
    parking_spaces = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, allow_null=True)
    planning_permit_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    planning_permit_on = serializers.DateField(required=False, allow_null=True)
    drawing_review_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    drawing_review_on = serializers.DateField(required=False, allow_null=True)
    construction_permit_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    construction_permit_on = serializers.DateField(required=False, allow_null=True)
    completion_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    completed_on = serializers.DateField(required=False, allow_null=True)
    is_another = serializers.BooleanField(default=False)
    is_outside = serializers.BooleanField(default=False)


class NewCommunity(CommunityData):
    """A community and the unit that registers it."""

    organisation = serializers.IntegerField(min_value=1)


class CommunityChange(CommunityData):
    """Any of the data; what is left out stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "partial": True})


class ColumnChangeSerializer(serializers.Serializer):
    """One column before and after: text, a number or null; the district by its name."""

    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    sentence = serializers.CharField()


class CommunityEventSerializer(EventSerializer):
    """留痕 of a community, with what it changed."""

    changes = serializers.SerializerMethodField()

    @extend_schema_field(ColumnChangeSerializer(many=True))
    def get_changes(self, event: Event) -> list[dict[str, Any]]:
        return [
            {
                "field": name,
                "before": event.data.get("before", {}).get(name),
                "after": event.data.get("after", {}).get(name),
                "sentence": words,
            }
            for name, words in wording.sentences(event).items()
        ]


class CommunityFilter(django_filters.FilterSet):
    district = django_filters.CharFilter(field_name="district")
    organisation = NumberFilter(field_name="organisation")
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")
    ordering = django_filters.OrderingFilter(fields=["name", "pk"])


@extend_schema_view(list=extend_schema(description="小区 of the units that the caller may see, newest first."))
class CommunityEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """小区 of the units that the caller may see."""

    scope = access.FILE
    serializer_class = CommunitySerializer
    filterset_class = CommunityFilter
    lookup_value_regex = NUMBER
    queryset = Community.objects.none()

    def get_queryset(self) -> Any:
        return communities_visible_to(self.request.user).select_related("organisation", "district").order_by("-pk")

    @extend_schema(request=NewCommunity, responses={201: CommunitySerializer})
    def create(self, request: Request) -> Response:
        """Register a community of an active unit."""
        values = self.read(NewCommunity)
        organisation = get_object_or_404(visible_to(request.user), pk=values.pop("organisation"))
        row = sheets.register_community(request.user, organisation, values)
        return Response(CommunitySerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CommunityChange, responses=CommunitySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what no case leans on yet."""
        row = self.get_object()
        sheets.change_community(request.user, row, self.read(CommunityChange))
        return Response(CommunitySerializer(row).data)

    @extend_schema(responses=CommunityEventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the community, oldest first, with every column that changed."""
        return self.paged(Event.objects.of(self.get_object()), CommunityEventSerializer)


# --- import -------------------------------------------------------------------------------------------------------


class CommunityImport(UploadSerializer):
    """A workbook in the shape of the template. ``dry_run`` true only looks at it."""

    dry_run = serializers.BooleanField(default=False)


class ImportedCommunities(serializers.Serializer):
    """How many communities a workbook holds, and those that were registered: none of a dry run."""

    dry_run = serializers.BooleanField()
    count = serializers.IntegerField()
    communities = CommunitySerializer(many=True)


class CommunityImportEndpoint(OfOrganisation):
    """Many communities of one unit from a workbook (XLSX)."""

    scope = access.FILE
    serializer_class = ImportedCommunities

    @extend_schema(responses=BINARY)
    def retrieve(self, request: Request, organisation: str) -> HttpResponse:
        """The empty workbook to be filled in."""
        return HttpResponse(importing.template(), content_type=KINDS["xlsx"].types[".xlsx"])

    @extend_schema(request=uploads(CommunityImport), responses={200: ImportedCommunities, 201: ImportedCommunities})
    def create(self, request: Request, organisation: str) -> Response:
        """Register every community of the workbook, or none and learn of every problem, each at its row and column."""
        values, unit = self.read(CommunityImport), self.organisation
        if not can(request.user, "register_community", unit):  # before the file is looked at
            raise NotAllowed("register_community")
        table = importing.LAYOUT.read(values["file"])
        made = []
        if values["dry_run"]:
            importing.check(request.user, unit, table)
        else:
            made = importing.import_communities(request.user, unit, table)
        told = {"dry_run": values["dry_run"], "count": len(table.rows), "communities": made}
        code = status.HTTP_200_OK if values["dry_run"] else status.HTTP_201_CREATED
        return Response(ImportedCommunities(told).data, status=code)
