"""Endpoints of ratings: the members of one panel with theirs, rating one, answering the own."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import rating
from evaluation.api.marks import OfAssignment
from evaluation.api.within import OfApplication
from evaluation.models import Assignment
from evaluation.permissions import can
from portal.machine import NotAllowed


class RatingSerializer(serializers.Serializer):
    """履职评价 of one member: points of each part and together, the remark, the expert's answer."""

    assignment = serializers.IntegerField(source="assignment_id")
    attendance = serializers.IntegerField()
    quality = serializers.IntegerField()
    timeliness = serializers.IntegerField()
    ethics = serializers.IntegerField()
    total = serializers.IntegerField()
    remark = serializers.CharField()
    at = serializers.DateTimeField()
    reply = serializers.CharField()
    replied_at = serializers.DateTimeField(allow_null=True)


class RatedSeatSerializer(serializers.Serializer):
    """One member of the panel; ``rating`` is null until the organiser has rated."""

    assignment = serializers.IntegerField(source="pk")
    seat = serializers.IntegerField()
    number = serializers.CharField(source="expert.number")
    name = serializers.CharField(source="expert.user.name")
    rating = serializers.SerializerMethodField()

    @extend_schema_field(RatingSerializer(allow_null=True))
    def get_rating(self, row: Assignment) -> Any:
        found = rating.rating_of(row)
        return RatingSerializer(found).data if found else None


class RatingData(serializers.Serializer):
    """Points of every part, from 0 to the maximum that the authority set; a remark where they come to little."""

    attendance = serializers.IntegerField(min_value=0, max_value=1000)
    quality = serializers.IntegerField(min_value=0, max_value=1000)
    timeliness = serializers.IntegerField(min_value=0, max_value=1000)
    ethics = serializers.IntegerField(min_value=0, max_value=1000)
    remark = serializers.CharField(max_length=rating.LONGEST, allow_blank=True, default="")


class RatingReplyData(serializers.Serializer):
    """What the expert answers."""

    reply = serializers.CharField(max_length=rating.LONGEST)


class RatedSeatEndpoint(OfApplication):
    """履职评价 of the panel whose review was closed."""

    serializer_class = RatedSeatSerializer

    def list(self, request: Request, application: int) -> Response:
        """The members in the order of their seats, for who runs or supervises the case."""
        return self.paged(rating.members(self.require("see_ratings")), RatedSeatSerializer)


class RatingEndpoint(OfAssignment):
    """履职评价 of one assignment."""

    scope = access.HANDLE
    serializer_class = RatingSerializer

    @extend_schema(responses=RatingSerializer)
    def retrieve(self, request: Request, assignment: int) -> Response:
        """The rating, for the expert and for who runs or supervises the case."""
        return Response(RatingSerializer(self._row()).data)

    @extend_schema(request=RatingData, responses={201: RatingSerializer})
    def create(self, request: Request, assignment: int) -> Response:
        """Rate the expert, once, as the organiser."""
        row = rating.rate(request.user, self.assignment, **self.read(RatingData))
        return Response(RatingSerializer(row).data, status=201)

    @extend_schema(request=RatingReplyData, responses=RatingSerializer)
    def reply(self, request: Request, assignment: int) -> Response:
        """Answer the own rating, once."""
        said: dict[str, Any] = self.read(RatingReplyData)
        row = self._row()
        rating.reply(request.user, row, said["reply"])
        row.refresh_from_db()
        return Response(RatingSerializer(row).data)

    def _row(self) -> Any:
        seat = self.assignment
        if not (self.is_mine or can(self.request.user, "see_ratings", seat.application)):
            raise NotAllowed("see_ratings")
        row = rating.rating_of(seat)
        if row is None:
            raise Http404
        return row
