"""Endpoints of the form check: overrides, ready phrases, numbered notices, late findings, officers who stand back."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import conflicts, issuing, late_defects, phrases, ruling
from evaluation.api.within import NUMBER, OfApplication
from evaluation.models import Finding, FormRule, IssuedNotice, LateCode, OfficerConflict, Phrase, RuleOverride
from evaluation.permissions import can_city, projects_visible_to
from portal import files
from portal.api import BINARY, AnyAccept, Endpoint, NumberFilter
from portal.machine import NotAllowed
from portal.models import User

# --- overrides --------------------------------------------------------------------------------------------------------


class OverrideSerializer(serializers.Serializer):
    """放行: one version passes although a soft rule found something."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    by = serializers.CharField(source="by.name")
    at = serializers.DateTimeField()


class OverrideData(serializers.Serializer):
    """The rule that is overridden and why."""

    rule = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=ruling.LONGEST)


class OverrideEndpoint(OfApplication):
    """放行 of one application, for officers."""

    scope = access.HANDLE
    serializer_class = OverrideSerializer
    queryset = RuleOverride.objects.none()

    def list(self, request: Request, application: str) -> Response:
        """Every override with its version, the oldest first."""
        rows = self.require("see_findings").overrides.select_related("by")
        return self.paged(rows, OverrideSerializer)

    @extend_schema(request=OverrideData, responses={201: OverrideSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Override a soft rule that found something in the newest version. A hard rule is never overridden."""
        row = ruling.override(request.user, self.require("see_findings"), **self.read(OverrideData))
        return Response(OverrideSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Undo an override of the newest version."""
        row = get_object_or_404(self.require("see_findings").overrides, pk=pk)
        row.application = self.application
        ruling.take_back(request.user, row)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FormRuleSerializer(serializers.ModelSerializer):
    """Whether a failed rule may be overridden; ``programme`` "" for all without an own row."""

    class Meta:
        model = FormRule
        fields = ("programme", "rule", "is_hard", "basis")
        read_only_fields = fields


class FormRuleEndpoint(mixins.ListModelMixin, Endpoint):
    """形式审查规则: hard and soft."""

    scope = access.HANDLE
    serializer_class = FormRuleSerializer
    queryset = FormRule.objects.order_by("rule", "programme")
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not can_city(request.user, "see_settings"):
            raise NotAllowed("see_settings")


# --- notices ----------------------------------------------------------------------------------------------------------


class IssuedNoticeSerializer(serializers.Serializer):
    """文书: a numbered document. ``sha256`` "" while its file is being made."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    round = serializers.IntegerField()
    number = serializers.CharField()
    issued_at = serializers.DateTimeField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class IssuedNoticeEndpoint(OfApplication):
    """文书 of one application: correction, acceptance and refusal notices."""

    serializer_class = IssuedNoticeSerializer
    queryset = IssuedNotice.objects.none()

    def list(self, request: Request, application: str) -> Response:
        """Documents that were issued, for the parties and officers of the case."""
        self.require("see_history")
        return self.paged(issuing.notices_of(request.user, self.application), IssuedNoticeSerializer)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """One document as PDF."""
        get_object_or_404(self.require("see_history").issued_notices, pk=pk)
        row = issuing.notice_for(request.user, int(pk))
        name, kind = issuing.file_name(row), "application/pdf"
        return files.send(row.file, name=name, content_type=kind, inline=False, request=request, sha256=row.sha256)


# --- phrases ----------------------------------------------------------------------------------------------------------


class PhraseSerializer(serializers.Serializer):
    """常用语. ``kind``: of the places it fits, "" for any; ``shared``: all who check use and may change it."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    text = serializers.CharField()
    basis = serializers.CharField()
    shared = serializers.SerializerMethodField()
    revision = serializers.IntegerField()

    def get_shared(self, row: Phrase) -> bool:
        return row.owner_id is None


class PhraseData(serializers.Serializer):
    """A phrase; ``revision``, where it is changed: as it was read."""

    kind = serializers.ChoiceField(Finding.Kind.choices, allow_blank=True, default="")
    text = serializers.CharField(max_length=phrases.LONGEST)
    basis = serializers.CharField(max_length=phrases.LONGEST_BASIS, allow_blank=True, default="")
    shared = serializers.BooleanField(default=False)
    revision = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class PhraseEndpoint(Endpoint):
    """常用语 that the caller may insert: shared ones and the own."""

    scope = access.HANDLE
    personal = True
    serializer_class = PhraseSerializer
    queryset = Phrase.objects.none()
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not can_city(request.user, "keep_phrases"):
            raise NotAllowed("keep_phrases")

    def list(self, request: Request) -> Response:
        """Shared phrases first."""
        return self.paged(phrases.phrases_of(request.user), PhraseSerializer)

    @extend_schema(request=PhraseData, responses={201: PhraseSerializer})
    def create(self, request: Request) -> Response:
        """Keep a phrase, for oneself or shared."""
        row = phrases.write(request.user, **self.read(PhraseData))
        return Response(PhraseSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=PhraseData, responses=PhraseSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Change a phrase; findings that used it keep their words."""
        row = phrases.write(request.user, **self.read(PhraseData), phrase=phrases.phrase_for(request.user, int(pk)))
        return Response(PhraseSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Offer a phrase no more."""
        phrases.remove(request.user, phrases.phrase_for(request.user, int(pk)))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- late findings ----------------------------------------------------------------------------------------------------


class LateCodeSerializer(serializers.ModelSerializer):
    """A reason for a finding that comes only after the first notice; none can be chosen after ``valid_until``."""

    class Meta:
        model = LateCode
        fields = ("code", "label", "needs_words", "valid_until", "basis")
        read_only_fields = fields


class LateFindingSerializer(serializers.Serializer):
    """One late finding."""

    id = serializers.IntegerField()
    application = serializers.IntegerField(source="application_id")
    kind = serializers.CharField()
    place = serializers.CharField()
    text = serializers.CharField()
    late_code = serializers.CharField()
    late_reason = serializers.CharField()
    by = serializers.CharField(source="by.name")
    at = serializers.DateTimeField()
    is_released = serializers.SerializerMethodField()

    def get_is_released(self, row: Finding) -> bool:
        return row.released_by_id is not None


class LateCountSerializer(serializers.Serializer):
    """How many one officer noted in one month for one reason; ``month``: its first day."""

    officer = serializers.IntegerField()
    name = serializers.CharField()
    code = serializers.CharField()
    month = serializers.DateField()
    count = serializers.IntegerField()


class LateFindingFilter(django_filters.FilterSet):
    officer = NumberFilter(field_name="by")
    code = django_filters.CharFilter(field_name="late_code")
    since = django_filters.DateFilter(field_name="at", lookup_expr="date__gte")
    until = django_filters.DateFilter(field_name="at", lookup_expr="date__lte")


class LateFindingEndpoint(mixins.ListModelMixin, Endpoint):
    """新增问题: everybody's for the supervisor, an officer's own."""

    scope = access.HANDLE
    serializer_class = LateFindingSerializer
    filterset_class = LateFindingFilter
    queryset = Finding.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Finding.objects.none()
        return late_defects.late_findings(self.request.user)

    @extend_schema(responses=LateCountSerializer(many=True), filters=False)
    @action(detail=False, filterset_class=None)
    def counts(self, request: Request) -> Response:
        """Counted by officer, reason and month, the newest month first."""
        return self.paged(late_defects.counted(request.user), LateCountSerializer)

    @extend_schema(responses=LateCodeSerializer(many=True), filters=False)
    @action(detail=False, filterset_class=None)
    def codes(self, request: Request) -> Response:
        """The reasons there are, those included that are not chosen any more."""
        late_defects.late_findings(request.user)
        return self.paged(LateCode.objects.all(), LateCodeSerializer)


# --- officers who stand back ------------------------------------------------------------------------------------------


class OfficerConflictSerializer(serializers.Serializer):
    """经办人员回避. Released by two people; until then the officer sees nothing of the case or of the unit's cases."""

    id = serializers.IntegerField()
    officer = serializers.IntegerField(source="officer_id")
    officer_name = serializers.CharField(source="officer.name")
    credit_code = serializers.CharField()
    project = serializers.SerializerMethodField()
    relation = serializers.CharField()
    declared_at = serializers.DateTimeField()
    release_reason = serializers.CharField()
    release_asked_at = serializers.DateTimeField(allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True)

    def get_project(self, row: OfficerConflict) -> str | None:
        return row.project.number if row.project else None


class OfficerConflictData(serializers.Serializer):
    """Who stands back from one case (``project``, its id) or from every case of a unit; nobody named: the caller."""

    officer = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    credit_code = serializers.CharField(max_length=30, allow_blank=True, default="")
    project = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    relation = serializers.CharField(max_length=conflicts.LONGEST)


class ConflictReleaseData(serializers.Serializer):
    """Why the officer may be let back."""

    reason = serializers.CharField(max_length=conflicts.LONGEST)


class OfficerConflictEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """经办人员回避: one's own; everybody's for who enters them or agrees to a release."""

    scope = access.HANDLE
    personal = True
    serializer_class = OfficerConflictSerializer
    queryset = OfficerConflict.objects.none()
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return OfficerConflict.objects.none()
        if not can_city(self.request.user, "declare_conflict"):
            raise NotAllowed("declare_conflict")
        return conflicts.conflicts_for(self.request.user)

    @extend_schema(request=OfficerConflictData, responses={201: OfficerConflictSerializer})
    def create(self, request: Request) -> Response:
        """Declare that one stands back; a supervisor enters it for anybody. It holds at once."""
        said = self.read(OfficerConflictData)
        officer = get_object_or_404(User, pk=said["officer"]) if "officer" in said else request.user
        project = None
        if "project" in said:
            project = get_object_or_404(projects_visible_to(request.user), pk=said["project"])
        row = conflicts.declare(request.user, officer, said["relation"], code=said["credit_code"], project=project)
        return Response(OfficerConflictSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ConflictReleaseData, responses=OfficerConflictSerializer)
    @action(detail=True, methods=["post"], url_path="ask-release")
    def ask_release(self, request: Request, pk: str) -> Response:
        """A supervisor wants the officer let back; another has to agree."""
        conflicts.ask_release(request.user, self.get_object(), self.read(ConflictReleaseData)["reason"])
        return Response(OfficerConflictSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=OfficerConflictSerializer)
    @action(detail=True, methods=["post"], url_path="agree-release")
    def agree_release(self, request: Request, pk: str) -> Response:
        """The second person agrees; from now on the officer may handle the case again."""
        conflicts.agree_release(request.user, self.get_object())
        return Response(OfficerConflictSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=OfficerConflictSerializer)
    @action(detail=True, methods=["post"], url_path="decline-release")
    def decline_release(self, request: Request, pk: str) -> Response:
        """The second person does not agree; it stands as before."""
        conflicts.decline_release(request.user, self.get_object())
        return Response(OfficerConflictSerializer(self.get_object()).data)
