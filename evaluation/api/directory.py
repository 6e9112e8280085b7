"""Endpoints of the directory: certified communities, how many there are in each district, one community as it was published.

Hides: that published copies are read and never the case behind them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, permissions, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation import directory
from evaluation.api.within import NUMBER
from evaluation.directory import Directory, Narrowing, PublicCommunity
from evaluation.models import Certificate
from portal.api import Endpoint

ASKED = [
    OpenApiParameter("district", OpenApiTypes.STR, description="code of the district"),
    OpenApiParameter("level", OpenApiTypes.STR, description="name of the level in the words of the standard"),
    OpenApiParameter("programme", OpenApiTypes.STR, description="code of the programme"),
    OpenApiParameter("year", OpenApiTypes.INT, description="year in which the certificate was issued"),
]
SEARCH = OpenApiParameter(
    "search", OpenApiTypes.STR, description="part of the community's or the unit's name; the newest 1,000 of many"
)


class DirectoryQuestion(serializers.Serializer):
    """How the directory is narrowed."""

    district = serializers.CharField(required=False, max_length=6)
    level = serializers.CharField(required=False, max_length=40)
    programme = serializers.CharField(required=False, max_length=30)
    year = serializers.IntegerField(required=False, min_value=1, max_value=9998)
    search = serializers.CharField(required=False, max_length=60)


class DirectoryRowSerializer(serializers.Serializer):
    """A community that holds a star certificate today. ``community``: the number of its page."""

    community = serializers.IntegerField()
    community_name = serializers.CharField()
    organisation_name = serializers.CharField()
    district = serializers.CharField(source="district_id")
    district_name = serializers.CharField()
    programme = serializers.CharField(source="programme_id")
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    certificate = serializers.CharField(source="number")
    standard_notice = serializers.CharField()
    issued_on = serializers.DateField()
    valid_until = serializers.DateField()


class DistrictCountSerializer(serializers.Serializer):
    """How many communities of one district are certified, in all and by the name of the level."""

    district = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()
    levels = serializers.DictField(child=serializers.IntegerField())


class KnownCertificateSerializer(serializers.Serializer):
    """One certificate of a community, with how it stands today."""

    number = serializers.CharField()
    standing = serializers.SerializerMethodField()
    is_final = serializers.BooleanField()
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    issued_on = serializers.DateField()
    valid_until = serializers.DateField()

    def get_standing(self, row: Certificate) -> str:
        return row.standing(timezone.localdate())


class KnownNoticeSerializer(serializers.Serializer):
    """One public notice of a community."""

    number = serializers.CharField()
    opened_on = serializers.DateField()
    closes_on = serializers.DateField()
    was_cut_short = serializers.BooleanField()


class ScenarioSerializer(serializers.Serializer):
    """A bonus item that the panel found to be met and the notice named."""

    code = serializers.CharField()
    name = serializers.CharField()


class PublicCommunitySerializer(serializers.Serializer):
    """A community as notices and certificates told of it; null scenarios where no notice listed any."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    district = serializers.CharField()
    facts = serializers.DictField()
    certificates = KnownCertificateSerializer(many=True)
    notices = KnownNoticeSerializer(many=True)
    scenarios = serializers.SerializerMethodField()
    samples = serializers.ListField(child=serializers.CharField())
    page = serializers.SerializerMethodField()

    @extend_schema_field(ScenarioSerializer(many=True, allow_null=True))
    def get_scenarios(self, row: PublicCommunity) -> list[dict[str, str]] | None:
        return None if row.scenarios is None else [{"code": code, "name": name} for code, name in row.scenarios]

    def get_page(self, row: PublicCommunity) -> str:
        return str(settings.SITE_URL + reverse("public-community", args=[row.pk]))


class DirectoryEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """获证小区名录, the newest first, and each community's page. Public."""

    permission_classes = [permissions.AllowAny]
    serializer_class = DirectoryRowSerializer
    queryset = Certificate.objects.none()
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    def _found(self) -> Directory:
        said = self.asked(DirectoryQuestion)
        narrowing = Narrowing(
            said.get("district", ""), said.get("level", ""), said.get("programme", ""), said.get("year", 0),
            said.get("search", ""),
        )  # fmt: skip
        return Directory(narrowing, timezone.localdate())

    @extend_schema(parameters=[*ASKED, SEARCH])
    def list(self, request: Request) -> Response:
        """Whoever holds a star certificate today."""
        return self.paged(self._found(), DirectoryRowSerializer)

    @extend_schema(responses=PublicCommunitySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One community: 404 alike for one that does not exist and one of which nothing was published."""
        found = directory.community_at(int(pk), timezone.localdate())
        if found is None:
            raise Http404
        return Response(PublicCommunitySerializer(found).data)

    @extend_schema(parameters=ASKED, responses=DistrictCountSerializer(many=True))
    @action(detail=False)
    def districts(self, request: Request) -> Response:
        """How many communities of each district are certified: what the map shows."""
        found = self._found()
        counted, there = found.by_district(), directory.districts_on(found.day)
        rows = [
            {
                "district": code, "name": name, "count": sum(counted.get(code, {}).values()),
                "levels": dict(counted.get(code, {})),
            }
            for code, name in directory.district_names().items()
            if code in counted or code in there
        ]  # fmt: skip
        return self.paged(rows, DistrictCountSerializer)
