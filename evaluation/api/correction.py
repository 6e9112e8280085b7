"""Endpoints of the form check's talk with the applicant: findings, the correction notice, sealed versions, differences."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import archive, findings, snapshot
from evaluation.api.filing import RuleSerializer, rules_in_words
from evaluation.api.within import OfApplication
from evaluation.models import Finding, Submission
from evaluation.papers import concealed_from, without_claims
from evaluation.permissions import can
from portal.api import BINARY, AnyAccept, NumberFilter
from portal.machine import NotAllowed

MOST = 2**15 - 1

# --- findings -----------------------------------------------------------------------------------------------------


class FindingSerializer(serializers.Serializer):
    """问题. ``sent_at`` null: not told yet. ``is_released``: the supervisor let a late one into the notice."""

    id = serializers.IntegerField()
    phase = serializers.CharField()
    round = serializers.IntegerField()
    kind = serializers.CharField()
    place = serializers.CharField()
    place_name = serializers.SerializerMethodField()
    text = serializers.CharField()
    rule = serializers.CharField()
    late_code = serializers.CharField()
    late_reason = serializers.CharField()
    is_released = serializers.SerializerMethodField()
    sent_at = serializers.DateTimeField(allow_null=True)
    reply = serializers.CharField()
    replied_at = serializers.DateTimeField(allow_null=True)

    def get_place_name(self, row: Finding) -> str:
        return gettext(self.context["places"].get((row.kind, row.place), row.place))

    def get_is_released(self, row: Finding) -> bool:
        return row.released_by_id is not None


class LateData(serializers.Serializer):
    """Why a finding comes only after the first notice: a code of ``late-findings/codes/``, and words where it needs them."""

    late_code = serializers.CharField(max_length=30, allow_blank=True, default="")
    late_reason = serializers.CharField(max_length=500, allow_blank=True, default="")


def late_of(said: dict[str, Any]) -> findings.Late:
    """Takes the reason out of what was said."""
    return findings.Late(said.pop("late_code"), said.pop("late_reason"))


class FindingData(LateData):
    """Where, what, and after the first notice why only now."""

    kind = serializers.ChoiceField(Finding.Kind.choices)
    place = serializers.CharField(max_length=40)
    text = serializers.CharField(max_length=2000)
    rule = serializers.CharField(max_length=40, allow_blank=True, default="")


class TakeUpData(LateData):
    """The ``number``-th problem, from 0, that an automatic rule found in the sealed version."""

    rule = serializers.CharField(max_length=40)
    number = serializers.IntegerField(min_value=0)


class ReplyData(serializers.Serializer):
    """How a finding was mended."""

    reply = serializers.CharField(max_length=5000)


class FindingFilter(django_filters.FilterSet):
    phase = django_filters.ChoiceFilter(choices=Finding.Phase.choices)
    kind = django_filters.ChoiceFilter(choices=Finding.Kind.choices)
    round = NumberFilter()
    sent = django_filters.BooleanFilter(field_name="sent_at", lookup_expr="isnull", exclude=True)
    search = django_filters.CharFilter(field_name="text", lookup_expr="icontains", label="part of the text")


class FindingEndpoint(OfApplication):
    """问题 of one application: what intake found and what the panel wants revised."""

    scope = access.HANDLE
    scopes = {"reply": access.FILE}
    serializer_class = FindingSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = FindingFilter
    queryset = Finding.objects.none()

    def get_queryset(self) -> Any:
        """All for those who make them; for the parties what they were told."""
        if getattr(self, "swagger_fake_view", False):
            return Finding.objects.none()
        rows = self.require("read_correction").findings.all()
        return rows if can(self.request.user, "see_findings", self.application) else rows.exclude(sent_at=None)

    def _found(self, pk: str) -> Finding:
        row: Finding = get_object_or_404(self.get_queryset(), pk=pk)
        row.application = self.application
        return row

    def _shown(self, rows: Any, **kwargs: Any) -> Any:
        return FindingSerializer(rows, context={"places": findings.places(self.application)}, **kwargs).data

    def list(self, request: Request, application: str) -> Response:
        """Findings, round by round; what has not been told is for officers only."""
        rows = self.filter_queryset(self.get_queryset())
        return self.paged(rows, FindingSerializer, places=findings.places(self.application))

    @extend_schema(request=FindingData, responses={201: FindingSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Note one finding for the next correction notice."""
        said = self.read(FindingData)
        row = findings.add_finding(request.user, self.application, late=late_of(said), **said)
        return Response(self._shown(row), status=status.HTTP_201_CREATED)

    @extend_schema(request=TakeUpData, responses={201: FindingSerializer(many=True)})
    @action(detail=False, methods=["post"], url_path="take-up", pagination_class=None, filterset_class=None)
    def take_up(self, request: Request, application: str) -> Response:
        """Make findings of what an automatic rule found, in the rule's own words: one at each place it touches."""
        said = self.read(TakeUpData)
        rows = findings.take_up(request.user, self.application, late=late_of(said), **said)
        return Response(self._shown(rows, many=True), status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Take back a finding that has not been told."""
        findings.remove_finding(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=FindingSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, application: str, pk: str) -> Response:
        """The supervisor lets a late finding into the notice."""
        findings.release_finding(request.user, self._found(pk))
        return Response(self._shown(self._found(pk)))

    @extend_schema(request=ReplyData, responses=FindingSerializer)
    @action(detail=True, methods=["post"])
    def reply(self, request: Request, application: str, pk: str) -> Response:
        """The applicant answers one point of the notice."""
        findings.reply(request.user, self._found(pk), self.read(ReplyData)["reply"])
        return Response(self._shown(self._found(pk)))


class RoundQuery(serializers.Serializer):
    round = serializers.IntegerField(min_value=1, max_value=MOST, required=False)


class CorrectionNoticeEndpoint(OfApplication):
    """一次性补正告知书 as a PDF."""

    serializer_class = FindingSerializer
    content_negotiation_class = AnyAccept

    @extend_schema(responses=BINARY, parameters=[RoundQuery])
    def retrieve(self, request: Request, application: int) -> HttpResponse:
        """The notice of one round as it was sent; for officers without ``round`` the next one as it would be sent."""
        row = self.application
        number = self.asked(RoundQuery).get("round", row.correction_round + 1)
        right = "see_history" if number <= row.correction_round else "see_findings"
        if not can(request.user, right, row):
            raise NotAllowed(right)
        if number > row.correction_round and not (number == row.correction_round + 1 and findings.unsent(row).exists()):
            raise Http404
        content = findings.correction_notice(row, number, timezone.localdate())
        response = HttpResponse(content, content_type="application/pdf")
        name = f"{row.project.number}-BZ-{number}.pdf"
        response["Content-Disposition"] = content_disposition_header(True, name) or ""
        return response


# --- versions -----------------------------------------------------------------------------------------------------


class SubmissionSerializer(serializers.Serializer):
    """One sealed version."""

    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    at = serializers.DateTimeField()


class SubmissionDetail(SubmissionSerializer):
    """A sealed version with its data; ``checks``: what the rules found in it, null for who does not see findings."""

    data = serializers.DictField()
    checks = serializers.SerializerMethodField()

    @extend_schema_field(RuleSerializer(many=True, allow_null=True))
    def get_checks(self, row: Submission) -> list[dict[str, Any]] | None:
        return rules_in_words(row.checks) if self.context["sees_findings"] and row.checks is not None else None


class SubmissionEndpoint(OfApplication):
    """Sealed versions of one application."""

    serializer_class = SubmissionSerializer
    lookup_url_kwarg = "version"

    def list(self, request: Request, application: str) -> Response:
        """Every sealed version, newest first."""
        rows = self.application.submissions.defer("data", "checks").order_by("-version")
        return self.paged(rows, SubmissionSerializer)

    @extend_schema(responses=SubmissionDetail)
    def retrieve(self, request: Request, application: str, version: str) -> Response:
        """One sealed version with its data."""
        row = get_object_or_404(self.application.submissions, version=version)
        row.data = without_claims(row.data, concealed_from(request.user, self.application))
        context = {"sees_findings": can(request.user, "see_findings", self.application)}
        return Response(SubmissionDetail(row, context=context).data)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def snapshot(self, request: Request, application: str, version: str) -> HttpResponse:
        """The canonical bytes of one sealed version: their SHA-256 is the one that was kept."""
        row = get_object_or_404(self.application.submissions, version=version)
        if concealed_from(request.user, self.application):
            raise NotAllowed("download_snapshot")
        response = HttpResponse(snapshot.canonical(row.data), content_type="application/json")
        case = self.application
        name = f"{case.project.number}-{case.stage}-v{row.version}.json"
        response["Content-Disposition"] = content_disposition_header(True, name) or ""
        return response

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def archive(self, request: Request, application: str, version: str) -> StreamingHttpResponse:
        """One sealed version with all its files as one ZIP, for the applicant and officers; see docs/snapshot.md."""
        row = get_object_or_404(self.application.submissions.select_related("by"), version=version)
        self.require("download_snapshot")
        row.application = self.application
        return archive.response(row)


class ChangeSerializer(serializers.Serializer):
    """One difference. ``section``: a part of the application; ``place``: a code within it."""

    section = serializers.CharField()
    place = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DifferencesSerializer(serializers.Serializer):
    """What changed from one version to another."""

    before = serializers.IntegerField()
    after = serializers.IntegerField()
    changes = ChangeSerializer(many=True)


class VersionsQuery(serializers.Serializer):
    before = serializers.IntegerField(min_value=1, max_value=MOST, required=False)
    after = serializers.IntegerField(min_value=1, max_value=MOST, required=False)


class DifferencesEndpoint(OfApplication):
    """Differences between two sealed versions."""

    serializer_class = DifferencesSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("before", int, description="version; the one before ``after`` where it is left out"),
            OpenApiParameter("after", int, description="version; the newest where it is left out"),
        ]
    )
    def retrieve(self, request: Request, application: int) -> Response:
        """What changed from ``before`` to ``after``."""
        asked, row = self.asked(VersionsQuery), self.application
        after = asked.get("after", row.version)
        before = asked.get("before", after - 1)
        sealed = dict(row.submissions.filter(version__in=[before, after]).values_list("version", "data"))
        if {before, after} - sealed.keys():
            raise Http404
        concealed = concealed_from(request.user, row)
        told = {version: without_claims(data, concealed) for version, data in sealed.items()}
        changes = list(snapshot.differences(told[before], told[after]))
        return Response(DifferencesSerializer({"before": before, "after": after, "changes": changes}).data)
