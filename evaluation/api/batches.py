"""Endpoints of the officers' desk for many cases: bulk acts with their trial, exports, handing over, standing in."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access, standing_in
from communities.models import Officer, StandIn
from evaluation import batching, exporting
from evaluation.api.within import NUMBER
from evaluation.models import Batch, BatchRow, Export
from evaluation.permissions import may_see_queue
from portal.api import BINARY, Acts, AnyAccept, Endpoint, LifeSerializer, download
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem

LARGEST_ID = 2**63 - 1


def _id() -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=LARGEST_ID)


# --- bulk acts --------------------------------------------------------------------------------------------------------


class BatchSerializer(LifeSerializer):
    """批量办理: one act for many cases. ``possible``: cases that the trial found it can be done to; ``query``: the words by
    which they were found, as in the address of the queue; ``handed_by``: whose cases they were, of a handing over.
    """

    id = serializers.IntegerField()
    act = serializers.CharField()
    data = serializers.DictField(child=serializers.CharField())
    query = serializers.CharField()
    owner = serializers.CharField(source="owner.name")
    handed_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    counts = serializers.SerializerMethodField()

    def get_handed_by(self, row: Batch) -> str:
        return str(row.handed_by) if row.handed_by else ""

    def get_counts(self, row: Batch) -> dict[str, int]:
        return row.counts()


class BatchData(serializers.Serializer):
    """What shall be done to which cases: ``cases`` by id, or all that a ``query`` of the queue finds."""

    act = serializers.CharField(max_length=30)
    cases = serializers.ListField(child=_id(), max_length=batching.MOST, required=False)
    query = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    data = serializers.DictField(child=serializers.CharField(max_length=5000, allow_blank=True), default=dict)


class ProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    place = serializers.CharField()
    message = serializers.CharField()


class BatchRowSerializer(serializers.Serializer):
    """One case of a batch. ``foreseen``: possible, refused, "" before the trial; ``outcome``: waiting, done, refused;
    ``told``: kinds of messages with whom they would reach, of the trial. ``facts``: of an approval, what the trial found
    of the result; ``cautions``: why a case is ``left_out`` unless it is chosen.
    """

    application = serializers.IntegerField(source="application_id")
    foreseen = serializers.CharField()
    outcome = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    problems = serializers.SerializerMethodField()
    told = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    facts = serializers.SerializerMethodField()
    cautions = serializers.SerializerMethodField()
    left_out = serializers.BooleanField(source="is_left_out")

    def get_facts(self, row: BatchRow) -> dict[str, Any]:
        return {name: value for name, value in row.facts.items() if name != "cautions"}

    def get_cautions(self, row: BatchRow) -> list[dict[str, str]]:
        return [Problem.from_record(record).as_json(gettext) for record in row.facts.get("cautions", ())]

    def get_problems(self, row: BatchRow) -> list[dict[str, str]]:
        return [Problem.from_record(record).as_json(gettext) for record in row.problems]


class HandOverData(serializers.Serializer):
    """Whose cases (``officer``: id of a duty of theirs) go to whom (``successor``: id of a person); no ``cases``: all."""

    officer = _id()
    successor = _id()
    reason = serializers.CharField(max_length=500)
    cases = serializers.ListField(child=_id(), max_length=batching.MOST, required=False, allow_empty=False)


class ChooseData(serializers.Serializer):
    """Of the cases ``shown`` those that are ``taken`` in; the others are left out. Ids of applications."""

    shown = serializers.ListField(child=_id(), max_length=batching.MOST)
    taken = serializers.ListField(child=_id(), max_length=batching.MOST)


class BatchEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """批量办理 that concerns the caller. It is tried first; the act ``run`` has it done, ``stop`` ends it."""

    machine = "batch"
    serializer_class = BatchSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    scope = access.HANDLE

    def get_queryset(self) -> Any:
        return super().get_queryset().order_by("-pk")

    @extend_schema(request=BatchData, responses={201: BatchSerializer})
    def create(self, request: Request) -> Response:
        """Prepare it; a worker tries it on each case, and nothing is changed before ``run``."""
        if not may_see_queue(request.user):
            raise NotAllowed("batch")
        said = self.read(BatchData)
        if "cases" in said:
            cases, query = batching.ticked_by(request.user, said["cases"]), ""
        else:
            query = said.get("query", "")
            cases = batching.found_by(request.user, QueryDict(query))
        row = batching.prepare(request.user, said["act"], cases, said["data"], query)
        return Response(BatchSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=HandOverData, responses={201: BatchSerializer})
    @action(detail=False, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request) -> Response:
        """移交: prepare that cases of one officer go to another of the same duty. By the officer, or a supervisor."""
        said = self.read(HandOverData)
        held = standing_in.replaceable(request.user, timezone.localdate())
        officer = get_object_or_404(held, pk=said["officer"])
        successor = get_object_or_404(User, pk=said["successor"])
        chosen, reason = said.get("cases"), said["reason"]
        row = batching.hand_over(request.user, officer.user, officer.duty, successor, reason, chosen)
        return Response(BatchSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BatchRowSerializer(many=True))
    @action(detail=True, methods=["get"], url_path="rows")
    def rows(self, request: Request, pk: str) -> Response:
        """Its cases that the caller may see, with what the trial found or what came of it."""
        return self.paged(batching.result_rows(request.user, self.get_object()), BatchRowSerializer)

    @extend_schema(request=ChooseData, responses=BatchSerializer)
    @action(detail=True, methods=["post"], url_path="choose")
    def choose(self, request: Request, pk: str) -> Response:
        """Take cases in, or leave them out, before it is run. 409 once it runs."""
        row, said = self.get_object(), self.read(ChooseData)
        batching.choose(request.user, row, said["shown"], said["taken"])
        return Response(BatchSerializer(row).data)


# --- exports ----------------------------------------------------------------------------------------------------------


class ExportSerializer(LifeSerializer):
    """导出: a list of cases in a workbook. ``written`` of ``total`` rows; ``due_on``: the last day on which it is kept."""

    id = serializers.IntegerField()
    query = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    total = serializers.IntegerField()
    written = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class ExportData(serializers.Serializer):
    """The query of the queue, as in its address; ``columns=`` in it chooses the columns."""

    query = serializers.CharField(max_length=1000, allow_blank=True)


class ExportEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """导出 of the caller, and nobody else's."""

    machine = "export"
    serializer_class = ExportSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    scope = access.HANDLE

    def get_queryset(self) -> Any:
        return super().get_queryset().order_by("-pk")

    @extend_schema(request=ExportData, responses={201: ExportSerializer})
    def create(self, request: Request) -> Response:
        """Have the list written that the queue shows for a query. A worker does it."""
        row: Export = exporting.ask(request.user, QueryDict(self.read(ExportData)["query"]))
        return Response(ExportSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, methods=["get"], url_path="file", content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        """The workbook, while it is kept."""
        return download(request, get_object_or_404(self.get_queryset().filter(state="ready"), pk=pk))


# --- standing in ------------------------------------------------------------------------------------------------------


class StandInSerializer(LifeSerializer):
    """代理: ``person`` acts in a duty of ``absent`` from ``since`` to ``until``, both included, once it is agreed."""

    id = serializers.IntegerField()
    officer = serializers.IntegerField(source="officer_id")
    absent = serializers.CharField(source="officer.user.name")
    duty = serializers.CharField(source="officer.duty")
    district = serializers.CharField(source="officer.district_id", allow_null=True)
    person = serializers.CharField(source="person.name")
    since = serializers.DateField()
    until = serializers.DateField()
    reason = serializers.CharField()


class StandInData(serializers.Serializer):
    """``officer``: id of the duty that is stood in for; ``colleague``: id of who stands in."""

    officer = _id()
    colleague = _id()
    since = serializers.DateField()
    until = serializers.DateField()
    reason = serializers.CharField(max_length=500)


class HeldDutySerializer(serializers.Serializer):
    """A duty for which the caller may ask a stand-in, or hand cases over. ``id`` is the ``officer`` of both."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="user.name")
    duty = serializers.CharField()
    district = serializers.CharField(source="district_id", allow_null=True)


class ColleagueSerializer(serializers.Serializer):
    """Somebody who could stand in."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class StandInEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """代理 that concern the caller, all for a supervisor; acts: agree, decline, arrange, end."""

    machine = "stand_in"
    serializer_class = StandInSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    scope = access.HANDLE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not may_see_queue(request.user):
            raise NotAllowed("stand_in")

    def get_queryset(self) -> Any:
        return super().get_queryset().order_by("-until", "-pk")

    @extend_schema(request=StandInData, responses={201: StandInSerializer})
    def create(self, request: Request) -> Response:
        """Ask somebody to stand in; of a supervisor who is none of the two it holds at once."""
        said = self.read(StandInData)
        held = standing_in.replaceable(request.user, timezone.localdate())
        officer: Officer = get_object_or_404(held, pk=said["officer"])
        person = get_object_or_404(User, pk=said["colleague"])
        row: StandIn = standing_in.ask(request.user, officer, person, said["since"], said["until"], said["reason"])
        return Response(StandInSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=HeldDutySerializer(many=True))
    @action(detail=False, methods=["get"], url_path="duties")
    def duties(self, request: Request) -> Response:
        """Duties for which the caller may ask somebody, or of which they may hand cases over."""
        return self.paged(standing_in.replaceable(request.user, timezone.localdate()), HeldDutySerializer)

    @extend_schema(responses=ColleagueSerializer(many=True))
    @action(detail=False, methods=["get"], url_path="colleagues")
    def colleagues(self, request: Request) -> Response:
        """Officers who could stand in or take over, by name."""
        return self.paged(standing_in.colleagues(timezone.localdate()), ColleagueSerializer)
