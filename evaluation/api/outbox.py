"""Endpoints of messages on their way: those that wait for a look, a case's, and e-mails that came back."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import delivery, outbox
from evaluation.api.within import NUMBER, OfApplication
from evaluation.models import HeldMessage
from evaluation.permissions import can_city, may_see_queue
from evaluation.workflow import HELD_MESSAGE
from portal.api import Acts, Endpoint, LifeSerializer, NumberFilter
from portal.machine import NotAllowed
from portal.message_texts import LANGUAGES
from portal.models import Notification


class LetterSerializer(serializers.Serializer):
    """A message in one language, as it would leave today."""

    language = serializers.ChoiceField(choices=LANGUAGES)
    subject = serializers.CharField()
    body = serializers.CharField()


class HeldMessageSerializer(LifeSerializer):
    """待发消息. ``words``: language → subject and body with their places; ``revision``: what ``reword`` must show to have seen."""

    id = serializers.IntegerField()
    application = serializers.IntegerField(source="application_id")
    kind = serializers.CharField()
    kind_name = serializers.CharField()
    is_required = serializers.BooleanField()
    duty = serializers.CharField()
    title = serializers.CharField()
    revision = serializers.IntegerField()
    starts = serializers.CharField()
    words = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    letters = serializers.SerializerMethodField()

    def get_letters(self, row: HeldMessage) -> list[dict[str, str]]:
        texts = [(code, outbox.previewed(row, code)) for code in LANGUAGES]
        return [{"language": code, "subject": text.subject, "body": text.body} for code, text in texts]


class HeldMessageFilter(django_filters.FilterSet):
    application = NumberFilter(field_name="application")
    state = django_filters.ChoiceFilter(choices=list(HELD_MESSAGE.states.items()))
    kind = django_filters.CharFilter()


class ReleaseData(serializers.Serializer):
    """Which messages to let go. ``revisions``: id → the revision that was read; one that was reworded since is left."""

    messages = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), allow_empty=False, max_length=500
    )
    revisions = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), required=False)


class LeftSerializer(serializers.Serializer):
    """A message that was not released, and why."""

    message = serializers.IntegerField()
    why = serializers.CharField()


class ReleasedSerializer(serializers.Serializer):
    """What came of releasing several: each for itself."""

    released = serializers.ListField(child=serializers.IntegerField())
    left = LeftSerializer(many=True)


class HeldMessageEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """待发消息 of the duties that the caller holds, and what became of them; acts: release, reword, cancel."""

    machine = "held_message"
    serializer_class = HeldMessageSerializer
    filterset_class = HeldMessageFilter
    lookup_value_regex = NUMBER
    scope = access.HANDLE

    def get_queryset(self) -> Any:
        return super().get_queryset().defer("application__project__standard__document").order_by("pk")

    @extend_schema(request=ReleaseData, responses=ReleasedSerializer)
    @action(detail=False, methods=["post"], url_path="release", filterset_class=None)
    def release(self, request: Request) -> Response:
        """Release several; each for itself, so that one somebody else has dealt with stops no other."""
        if not may_see_queue(request.user):
            raise NotAllowed("release")
        said = self.read(ReleaseData)
        revisions = said.get("revisions", {})
        read = {pk: str(revisions[str(pk)]) for pk in said["messages"] if str(pk) in revisions}
        done, left = outbox.release_each(request.user, said["messages"], read)
        rows = [{"message": message.pk, "why": why} for message, why in left]
        return Response(ReleasedSerializer({"released": [row.pk for row in done], "left": rows}).data)


# --- how far messages have come ---------------------------------------------------------------------------------------


class StandingSerializer(serializers.Serializer):
    """How far one message has come. ``standing``: a key of the list in the description; ``trouble``: the last one in words."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    receiver = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    standing = serializers.SerializerMethodField()
    sent_at = serializers.DateTimeField(allow_null=True)
    sent_to = serializers.CharField()
    failed_at = serializers.DateTimeField(allow_null=True)
    bounced_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    read_at = serializers.DateTimeField(allow_null=True)
    trouble = serializers.SerializerMethodField()

    def get_receiver(self, row: Notification) -> str:
        return str(row.user) if row.user else row.address

    def get_standing(self, row: Notification) -> str:
        return delivery.standing_of(row)

    def get_trouble(self, row: Notification) -> str:
        return delivery.trouble_of(row, gettext)


class CaseMessageSerializer(StandingSerializer):
    """The same, with what the message is called."""

    subject = serializers.CharField()


class CaseMessageEndpoint(OfApplication):
    """What the applicant was told in one case."""

    serializer_class = CaseMessageSerializer

    def list(self, request: Request, application: str) -> Response:
        """Newest first, for the officers of the case: whether the e-mail was taken, and when it was read in the portal."""
        return self.paged(delivery.to_applicant(self.require("see_deliveries")), CaseMessageSerializer)


class UndeliveredEndpoint(mixins.ListModelMixin, Endpoint):
    """E-mails that were given up or came back, for the system administrator; their texts are not told."""

    queryset = Notification.objects.none()
    serializer_class = StandingSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    scope = access.SESSION

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        if not can_city(self.request.user, "see_undelivered"):
            raise NotAllowed("see_undelivered")
        return delivery.undelivered()

    @extend_schema(request=None, responses=StandingSerializer)
    @action(detail=True, methods=["post"], url_path="resend")
    def resend(self, request: Request, pk: str) -> Response:
        """Send it again, once for each failure, to the address as it is now."""
        row = self.get_object()
        delivery.resend(request.user, row)
        row.refresh_from_db()
        return Response(StandingSerializer(row).data)


class DayCountSerializer(serializers.Serializer):
    """E-mails of one day: written, taken by the server, given up, returned, read in the portal."""

    day = serializers.DateField()
    written = serializers.IntegerField()
    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    bounced = serializers.IntegerField()
    read = serializers.IntegerField()


class DayCountEndpoint(Endpoint):
    """E-mails by day."""

    serializer_class = DayCountSerializer
    filter_backends: list[Any] = []
    scope = access.SESSION

    @extend_schema(responses=DayCountSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The last two weeks, newest first, for the system administrator."""
        if not can_city(request.user, "see_undelivered"):
            raise NotAllowed("see_undelivered")
        return self.paged(delivery.counts_by_day(), DayCountSerializer)
