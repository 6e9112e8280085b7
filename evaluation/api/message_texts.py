"""Endpoints of the words of messages: versions of the authority's own texts, and the acts whose messages wait for a look."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import outbox, phrasing
from evaluation.models import HoldingRule
from evaluation.permissions import can_city
from portal.api import Endpoint
from portal.machine import NotAllowed
from portal.message_places import OF_KIND, SUBJECT_AT_MOST
from portal.message_texts import LANGUAGES, Wording
from portal.problems import Refused


class MessageTextSerializer(serializers.Serializer):
    """消息文本: one version. ``is_default``: from here the portal's own text again; subject and body are empty then."""

    kind = serializers.CharField()
    language = serializers.CharField()
    number = serializers.IntegerField()
    subject = serializers.CharField()
    body = serializers.CharField()
    is_default = serializers.BooleanField()
    basis = serializers.CharField()
    by = serializers.CharField(source="by.name", allow_null=True)
    at = serializers.DateTimeField()


class MessageTextData(serializers.Serializer):
    """A new version. seen: number of the version it was made from, 0 for the portal's own text."""

    subject = serializers.CharField(max_length=1000)
    body = serializers.CharField(max_length=20000, trim_whitespace=False)
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.IntegerField(min_value=0, max_value=10**6)


class BackData(serializers.Serializer):
    """Which version shall hold again, 0 for the portal's own text; seen as for a new one."""

    number = serializers.IntegerField(min_value=0, max_value=10**6)
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.IntegerField(min_value=0, max_value=10**6)


class PreviewData(serializers.Serializer):
    """A text that is not kept."""

    subject = serializers.CharField(max_length=SUBJECT_AT_MOST * 5, allow_blank=True)
    body = serializers.CharField(max_length=20000, allow_blank=True, trim_whitespace=False)


class PreviewSerializer(serializers.Serializer):
    """The text as its reader would find it in the sample case."""

    subject = serializers.CharField()
    body = serializers.CharField()


class MessageTextEndpoint(Endpoint):
    """消息文本 of one kind of message in one language."""

    serializer_class = MessageTextSerializer
    filter_backends: list[Any] = []
    scope = access.SESSION

    def _named(self, right: str, kind: str, language: str) -> None:
        if not can_city(self.request.user, right):
            raise NotAllowed(right)
        if kind not in OF_KIND or language not in LANGUAGES:
            raise Http404

    @extend_schema(responses=MessageTextSerializer(many=True))
    def list(self, request: Request, kind: str, language: str) -> Response:
        """Every version, newest first; an empty list where the portal's own text holds."""
        self._named("see_settings", kind, language)
        return self.paged(phrasing.versions(kind, language), MessageTextSerializer)

    @extend_schema(request=MessageTextData, responses={201: MessageTextSerializer})
    def create(self, request: Request, kind: str, language: str) -> Response:
        """Keep a new version, in force for messages written from now on. 409 where somebody wrote one meanwhile."""
        self._named("change_messages", kind, language)
        said = self.read(MessageTextData)
        words = Wording(said["subject"], said["body"])
        row = phrasing.write(request.user, kind, language, words, said["basis"], said["seen"])
        return Response(MessageTextSerializer(row).data, status=201)

    @extend_schema(request=BackData, responses={201: MessageTextSerializer})
    def go_back(self, request: Request, kind: str, language: str) -> Response:
        """Let an earlier version hold again, as a new one with its words."""
        self._named("change_messages", kind, language)
        row = phrasing.go_back(request.user, kind, language, **self.read(BackData))
        return Response(MessageTextSerializer(row).data, status=201)

    @extend_schema(request=PreviewData, responses=PreviewSerializer)
    def preview(self, request: Request, kind: str, language: str) -> Response:
        """A text in the sample case, or everything that is wrong with it. Nothing is kept."""
        self._named("see_settings", kind, language)
        words = Wording(**self.read(PreviewData))
        problems = list(phrasing.problems(kind, language, words, "-"))
        if problems:
            raise Refused(problems)
        return Response(PreviewSerializer(phrasing.sample(kind, language, words)).data)


class HoldingRuleSerializer(serializers.ModelSerializer):
    """待发规则: whether what an act tells waits for a look; ``programme`` "" for all without an own rule."""

    class Meta:
        model = HoldingRule
        fields = ("programme", "verb", "holds", "basis")
        read_only_fields = fields


class HoldingRuleData(serializers.Serializer):
    """A rule from now on. seen: what held when it was read, null where there was none."""

    programme = serializers.CharField(max_length=30, allow_blank=True)
    verb = serializers.CharField(max_length=60)
    holds = serializers.BooleanField()
    basis = serializers.CharField(max_length=1000, allow_blank=True)
    seen = serializers.BooleanField(allow_null=True)


class HoldingRuleEndpoint(Endpoint):
    """待发规则."""

    serializer_class = HoldingRuleSerializer
    filter_backends: list[Any] = []
    scope = access.SESSION

    @extend_schema(responses=HoldingRuleSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every rule, by act and programme."""
        if not can_city(request.user, "see_settings"):
            raise NotAllowed("see_settings")
        return self.paged(HoldingRule.objects.order_by("verb", "programme"), HoldingRuleSerializer)

    @extend_schema(request=HoldingRuleData, responses=HoldingRuleSerializer)
    def update(self, request: Request) -> Response:
        """Let the messages of one act wait, or no more. 409 where somebody changed the rule meanwhile."""
        row = outbox.change_rule(request.user, **self.read(HoldingRuleData))
        return Response(HoldingRuleSerializer(row).data)
