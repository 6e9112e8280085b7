"""Endpoints of the draw of a case: who was excluded, what both sides bound themselves to, the receipt."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation import drawing, substituting, suspecting
from evaluation.api.within import OfApplication
from evaluation.models import Application, Draw
from experts import draw as lots
from portal.api_schema import ProblemSerializer


class ExcludedSerializer(serializers.Serializer):
    """An expert who cannot be drawn, and why."""

    number = serializers.CharField()
    reason = serializers.CharField()
    reason_name = serializers.CharField()


class SuggestionSerializer(serializers.Serializer):
    """A possible conflict that only a name suggests, to be decided before the draw. ``said``: what the expert named."""

    expert = serializers.CharField(source="expert.number")
    party_code = serializers.CharField(source="party.code")
    party_name = serializers.CharField(source="party.name")
    said = serializers.CharField()
    why = serializers.SerializerMethodField()

    def get_why(self, row: suspecting.Suspicion) -> str:
        return gettext(row.why)


class EarlierDrawSerializer(serializers.Serializer):
    """A draw of the same application before this one. ``drawn_at`` is null where it was given up before it was held."""

    review_round = serializers.IntegerField()
    commitment = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)


class DrawSerializer(serializers.Serializer):
    """抽取: what is frozen, or what would be. ``seats``: field -> seats at least; ``drawable``: field -> experts.

    ``organiser_hash``, ``supervisor_hash``: by which the parties are bound; ``missing``: what the draw still waits for, of
    organiser, supervisor (their secrets) and public_value; ``obstacles``: why no panel can be drawn now, with the cure.
    ``suggestions``: possible conflicts to be decided before the draw is proposed.
    """

    review_round = serializers.IntegerField()
    commitment = serializers.CharField(allow_null=True)
    organiser_hash = serializers.CharField(allow_null=True)
    supervisor_hash = serializers.CharField(allow_null=True)
    public_source = serializers.CharField(allow_null=True)
    missing = serializers.ListField(child=serializers.CharField())
    obstacles = ProblemSerializer(many=True)
    suggestions = SuggestionSerializer(many=True)
    earlier = EarlierDrawSerializer(many=True)
    proposed_at = serializers.DateTimeField(allow_null=True)
    drawn_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField()
    seats = serializers.DictField(child=serializers.IntegerField())
    pool_size = serializers.IntegerField()
    drawable = serializers.DictField(child=serializers.IntegerField())
    excluded = ExcludedSerializer(many=True)
    given_up = serializers.IntegerField()
    waiting = serializers.IntegerField()
    shortage = ProblemSerializer(many=True)


class DrawEndpoint(OfApplication):
    """The draw of the present review round, for those who run it."""

    serializer_class = DrawSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Fields and seats, who is excluded and why: as frozen with the draw, or as it would be frozen now."""
        case = self.require("see_draw")
        row = drawing.draw_of(case)
        return Response(DrawSerializer({**_frozen(case, row), **_bound(case, row)}).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("review_round", int, description="of an earlier draw; the present one without it")
        ],
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
    )
    def receipt(self, request: Request, application: int) -> HttpResponse:
        """The receipt, byte for byte as it is verified; people stand in it under salted hashes."""
        case = self.require("see_draw")
        asked = request.query_params.get("review_round", "")
        row = drawing.held(case, int(asked) if asked.isdecimal() and len(asked) < 5 else None)
        if row is None:
            raise Http404
        return receipt_file(row.receipt, f"receipt-{case.project.number}-{case.stage}-{row.review_round}.json")


def _frozen(case: Application, row: Draw | None) -> dict[str, Any]:
    """Seats and people of the draw: as frozen with it, or as they would be frozen now."""
    rules = row.frozen["rules"] if row else drawing.rules(case).document()
    standings = drawing.standings(case, row)
    return {
        "size": rules["size"],
        "seats": rules["seats"],
        "public_source": rules["public_source"],
        "pool_size": len(standings),
        "drawable": Counter(code for one in standings if not one.excluded for code in one.fields),
        "excluded": [
            {"number": one.number, "reason": one.excluded, "reason_name": gettext(lots.EXCLUSIONS[one.excluded])}
            for one in standings
            if one.excluded
        ],
    }


def _bound(case: Application, row: Draw | None) -> dict[str, Any]:
    """How far the draw has come, and what both parties are bound by; never a secret, which only the receipt tells."""
    obstacles = drawing.obstacles(case) if case.state == "drawing" else []
    return {
        "review_round": row.review_round if row else case.review_round,
        "commitment": row.commitment if row else None,
        "organiser_hash": row.organiser_hash if row else None,
        "supervisor_hash": (row.supervisor_hash or None) if row else None,
        "missing": drawing.missing(row) if row else (),
        "obstacles": [
            {"code": problem.code, "place": problem.place, "message": problem.text(gettext)} for problem in obstacles
        ],
        "suggestions": suspecting.undecided(case, drawing.standings(case, None), timezone.localdate())
        if case.state == "drawing"
        else [],
        "earlier": drawing.earlier(case, row),
        "proposed_at": row.proposed_at if row else None,
        "drawn_at": row.drawn_at if row else None,
        "given_up": len(row.declines) if row else 0,
        "waiting": substituting.of_round(case).filter(state="waiting").count(),
        "shortage": [problem.as_json(gettext) for problem in substituting.shortage(case)],
    }


def receipt_file(receipt: dict[str, Any], name: str) -> HttpResponse:
    """A receipt as the one file that can be verified."""
    response = HttpResponse(lots.canonical_bytes(receipt), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response
