"""Endpoint of open data: the sets that there are, with the address and the hash of every file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, permissions, serializers

from evaluation import open_data
from evaluation.models import OpenDataFile, OpenDataSet
from portal.api import Endpoint


class OpenDataFileSerializer(serializers.Serializer):
    """One file: of which dataset, in which format, how large, and what its bytes must hash to."""

    name = serializers.CharField()
    dataset = serializers.CharField()
    kind = serializers.ChoiceField(sorted(open_data.KINDS))
    rows = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    address = serializers.SerializerMethodField()

    def get_address(self, row: OpenDataFile) -> str:
        day = self.context["days"][row.whole_id]
        return str(settings.SITE_URL + reverse("open-data-file", args=[day.isoformat(), row.name]))


class OpenDataSetSerializer(serializers.Serializer):
    """开放数据 of one day: what was public, when it was written down, under which terms it may be used."""

    day = serializers.DateField()
    made_at = serializers.DateTimeField()
    licence = serializers.CharField()
    files = serializers.SerializerMethodField()

    @extend_schema_field(OpenDataFileSerializer(many=True))
    def get_files(self, row: OpenDataSet) -> list[dict[str, Any]]:
        context = {"days": {row.pk: row.day}}
        return list(OpenDataFileSerializer(row.files.all(), many=True, context=context).data)


class OpenDataEndpoint(mixins.ListModelMixin, Endpoint):
    """开放数据, newest day first. Public."""

    permission_classes = [permissions.AllowAny]
    serializer_class = OpenDataSetSerializer
    filter_backends: list[Any] = []

    def get_queryset(self) -> Any:
        return open_data.sets()
