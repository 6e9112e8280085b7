"""Endpoints of the draws of inspections: started by two persons; the receipt of a held one is for everybody."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.models import District
from evaluation import inspecting
from evaluation.api.draw import receipt_file
from evaluation.api.within import NUMBER
from evaluation.models import InspectionDraw, Programme
from evaluation.workflow import INSPECTION_DRAW
from portal.api import Acts, AnyAccept, DeadlineOrder, Endpoint, LifeSerializer, NumberFilter


class InspectionDrawSerializer(LifeSerializer):
    """抽查抽取 of one year. commitment: SHA-256 of the frozen list; missing: what the draw still waits for. A secret
    stands in the receipt, once it is held, and nowhere before.
    """

    id = serializers.IntegerField()
    programme = serializers.CharField(source="programme_id")
    year = serializers.IntegerField()
    district = serializers.CharField(source="scope")
    commitment = serializers.CharField()
    organiser_hash = serializers.CharField()
    supervisor_hash = serializers.CharField()
    share = serializers.IntegerField(source="frozen.rules.share")
    listed = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField()
    proposed_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)

    def get_listed(self, draw: InspectionDraw) -> int:
        return len(draw.frozen["numbers"])

    def get_size(self, draw: InspectionDraw) -> int:
        return inspecting.size_of(draw)

    def get_missing(self, draw: InspectionDraw) -> list[str]:
        return list(inspecting.missing(draw)) if draw.state in ("cosigning", "revealing") else []


class InspectionDrawData(serializers.Serializer):
    """Of which programme and year, and of which district ("" for the city). secret: entrusted to the portal;
    secret_hash: alone, where the organiser keeps the secret; neither: the portal makes one.
    """

    programme = serializers.PrimaryKeyRelatedField(queryset=Programme.objects.all())
    year = serializers.IntegerField(min_value=2000, max_value=2100)
    district = serializers.PrimaryKeyRelatedField(
        queryset=District.objects.all(), required=False, allow_null=True, default=None
    )
    secret = serializers.CharField(max_length=200, required=False, allow_blank=True, default="", write_only=True)
    secret_hash = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class InspectionDrawFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(INSPECTION_DRAW.states.items()))
    programme = django_filters.CharFilter(field_name="programme")
    year = NumberFilter(field_name="year")
    district = django_filters.CharFilter(field_name="scope")
    ordering = DeadlineOrder(fields=["due_on", "proposed_at"])


class InspectionDrawEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """抽查抽取 for the city's officers, the newest first."""

    machine = "inspection_draw"
    scopes = {"create": access.HANDLE}
    serializer_class = InspectionDrawSerializer
    filterset_class = InspectionDrawFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("programme", "district").defer("receipt").order_by("-year", "-pk")

    @extend_schema(request=InspectionDrawData, responses={201: InspectionDrawSerializer})
    def create(self, request: Request) -> Response:
        """Freeze the list of this year and bind the organiser."""
        said = self.read(InspectionDrawData)
        binding = {name: said[name].strip() for name in ("secret", "secret_hash")}
        draw = inspecting.propose(request.user, said["programme"], said["year"], said["district"], **binding)
        return Response(InspectionDrawSerializer(draw).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    @action(detail=True, content_negotiation_class=AnyAccept, permission_classes=[AllowAny])
    def receipt(self, request: Request, pk: str) -> HttpResponse:
        """The receipt of a held draw, byte for byte as it is verified, for everybody."""
        draw = get_object_or_404(InspectionDraw, pk=pk, state="drawn")
        return receipt_file(draw.receipt, f"inspection-receipt-{draw.pk}.json")
