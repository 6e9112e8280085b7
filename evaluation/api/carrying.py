"""Endpoints between the certified design and completion: taking over, and the comparison item by item."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import carrying
from evaluation.api.within import OfApplication
from evaluation.papers import data_for


class CarryAnswer(serializers.Serializer):
    """Whether to take over marks, notes and proofs of the certified design; documents never are."""

    carry = serializers.BooleanField()


class CarriedSerializer(serializers.Serializer):
    """How much was taken over; 0 where it had been before, or was declined."""

    claims = serializers.IntegerField()
    proofs = serializers.IntegerField()


class ComparedProof(serializers.Serializer):
    """A proof at one stage. ``counts`` (now only): false where it proved another mark at the design."""

    name = serializers.CharField()
    sha256 = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    carried = serializers.BooleanField(default=False)
    counts = serializers.BooleanField(default=True)


class SideSerializer(serializers.Serializer):
    """One item at one stage."""

    words = serializers.CharField()
    note = serializers.CharField()
    proofs = ComparedProof(many=True)


class ComparedSerializer(serializers.Serializer):
    """One item against the design. ``before`` null: the design said nothing of it; ``differs``: what is another now."""

    item = serializers.CharField(source="item.code")
    before = SideSerializer(allow_null=True)
    now = SideSerializer()
    changed = serializers.BooleanField()
    differs = serializers.ListField(child=serializers.ChoiceField(["mark", "note", "proofs"]))
    carried = serializers.BooleanField()
    proved_anew = serializers.BooleanField()


class CarryingEndpoint(OfApplication):
    """沿用设计评价."""

    scope = access.FILE
    serializer_class = CarriedSerializer

    @extend_schema(request=CarryAnswer, responses=CarriedSerializer)
    def create(self, request: Request, application: str) -> Response:
        """Answer the one question; asked again it changes nothing."""
        done = carrying.Carried(0, 0)
        if self.read(CarryAnswer)["carry"]:
            done = carrying.carry(request.user, self.application)
        else:
            carrying.decline(request.user, self.application)
        return Response(CarriedSerializer(done).data)


class ComparisonEndpoint(OfApplication):
    """与设计评价对照."""

    scope = access.FILE
    serializer_class = ComparedSerializer

    @extend_schema(responses=ComparedSerializer(many=True))
    def list(self, request: Request, application: str) -> Response:
        """Every item of the stage against the certified design, in the reader's version; empty without a design."""
        rows: list[Any] = carrying.comparison(self.application, data_for(request.user, self.application))
        return self.paged(rows, ComparedSerializer)
