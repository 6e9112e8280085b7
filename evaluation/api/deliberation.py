"""Endpoints of the panel's deliberation: marks amended with a reason, signatures under the opinion."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import deliberating, marking, meeting
from evaluation.api.marks import OfAssignment
from evaluation.api.within import OfApplication
from evaluation.models import Amendment
from evaluation.permissions import can_see_sheets
from portal.machine import NotAllowed


class AmendmentSerializer(serializers.Serializer):
    """改评: one changed mark of a sheet that was opened again. ``before``: what stood there."""

    item_code = serializers.CharField(source="mark.item_code")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class AmendmentData(serializers.Serializer):
    """Another mark for one item, and why."""

    item_code = serializers.CharField(max_length=20)
    value = serializers.JSONField(allow_null=True)
    reason = serializers.CharField(max_length=2000, allow_blank=True)


class AmendmentEndpoint(OfAssignment):
    """改评 of one assignment, while its sheet is open again in the deliberation (act ``amend``, then ``sign_again``)."""

    scope = access.HANDLE
    serializer_class = AmendmentSerializer

    def list(self, request: Request, assignment: str) -> Response:
        """Every changed mark, oldest first."""
        row = self.readable()
        return self.paged(Amendment.objects.filter(mark__assignment=row).select_related("mark"), AmendmentSerializer)

    @extend_schema(request=AmendmentData, responses={201: AmendmentSerializer})
    def create(self, request: Request, assignment: str) -> Response:
        """Change the mark of one item, with the reason."""
        said: dict[str, Any] = self.read(AmendmentData)
        mark = deliberating.amend_mark(request.user, self.assignment, said.pop("item_code"), **said)
        return Response(AmendmentSerializer(mark.amendments.last()).data, status=201)


class EndorsementSerializer(serializers.Serializer):
    """签字 under the panel's opinion. ``dissent`` stands where the member does not agree."""

    seat = serializers.IntegerField(source="assignment.seat")
    expert = serializers.CharField(source="assignment.expert.user.name")
    agrees = serializers.BooleanField()
    dissent = serializers.CharField()
    opinion_sha256 = serializers.CharField()
    at = serializers.DateTimeField()


class EndorsementEndpoint(OfApplication):
    """签字 of the members under the opinion as it stands; they sign with the act ``endorse`` of their assignment."""

    serializer_class = EndorsementSerializer

    def list(self, request: Request, application: str) -> Response:
        """Who has signed, for who may see the sheets."""
        case = self.application
        if not can_see_sheets(request.user, case):
            raise NotAllowed("see_sheets")
        result = marking.result_of(case)
        rows = result.endorsements.select_related("assignment__expert__user") if result else []
        found = sorted(rows, key=lambda row: row.assignment.seat)
        return self.paged(found, EndorsementSerializer)


class MeetingSerializer(serializers.Serializer):
    """合议会: which item the panel has come to ("" = the table of all), and how many steps the leader has made."""

    item_code = serializers.CharField()
    turn = serializers.IntegerField()
    is_open = serializers.BooleanField()


class MeetingStep(serializers.Serializer):
    """The item to go on to; "" for the table of all."""

    item_code = serializers.CharField(max_length=20, allow_blank=True)


class NoteData(serializers.Serializer):
    """What the panel agrees on an item on which the marks lie apart."""

    text = serializers.CharField(max_length=2000, allow_blank=True)


class MeetingEndpoint(OfApplication):
    """合议会 of the panel: members follow, the leader leads."""

    scope = access.HANDLE
    serializer_class = MeetingSerializer

    @extend_schema(responses=MeetingSerializer)
    def retrieve(self, request: Request, application: int) -> Response:
        """Where the panel is; a program that follows asks again."""
        case = self.application
        if not meeting.may_attend(request.user, case):
            raise NotAllowed("meeting")
        return self._told(meeting.meeting_of(case))

    @extend_schema(request=MeetingStep, responses=MeetingSerializer)
    def update(self, request: Request, application: int) -> Response:
        """Open the meeting or go on to an item."""
        said: dict[str, Any] = self.read(MeetingStep)
        return self._told(meeting.lead_to(request.user, self.application, said["item_code"]))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: int) -> Response:
        """End the meeting."""
        meeting.close(request.user, self.application)
        return Response(status=204)

    @extend_schema(request=NoteData, responses={204: None})
    def note(self, request: Request, application: int, item_code: str) -> Response:
        """Keep the note on an item, until the opinion is given with it."""
        said: dict[str, Any] = self.read(NoteData)
        meeting.keep_note(request.user, self.application, item_code, said["text"])
        return Response(status=204)

    def _told(self, held: Any) -> Response:
        told = {"item_code": "", "turn": 0, "is_open": False}
        if held is not None:
            told = {"item_code": held.item_code, "turn": held.turn, "is_open": held.closed_at is None}
        return Response(MeetingSerializer(told).data)
