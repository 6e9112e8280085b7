"""Endpoints of the person who calls: who I am, what waits on me, my messages, my token."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from communities.permissions import duties_of, memberships_of
from evaluation.work import waiting_on
from experts.models import Expert
from portal.api import Endpoint
from portal.models import Notification

# --- me -----------------------------------------------------------------------------------------------------------


class DutySerializer(serializers.Serializer):
    """A duty held today; ``district`` for district officers only."""

    duty = serializers.CharField()
    district = serializers.CharField(allow_null=True)


class ActsForSerializer(serializers.Serializer):
    """An organisation that the caller acts for today."""

    organisation = serializers.IntegerField()
    role = serializers.CharField()


class MeSerializer(serializers.Serializer):
    """Who the caller is: the facts from which every role is read."""

    username = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    duties = DutySerializer(many=True)
    memberships = ActsForSerializer(many=True)
    expert = serializers.CharField(allow_null=True)


class MeEndpoint(Endpoint):
    """Who I am."""

    serializer_class = MeSerializer

    def retrieve(self, request: Request) -> Response:
        """The caller, with today's duties and organisations, and the number in the expert pool if there is one."""
        user: Any = request.user
        found = {
            "username": user.username,
            "name": user.name,
            "email": user.email,
            "duties": [{"duty": duty, "district": code} for duty, code in sorted(duties_of(user), key=str)],
            "memberships": [{"organisation": pk, "role": role} for pk, role in sorted(memberships_of(user).items())],
            "expert": Expert.objects.filter(user=user).values_list("number", flat=True).first(),
        }
        return Response(MeSerializer(found).data)


# --- work ---------------------------------------------------------------------------------------------------------


class WorkSerializer(serializers.Serializer):
    """One thing that waits on the caller; ``link``: the page where it is done."""

    subject = serializers.CharField()
    detail = serializers.CharField()
    sentence = serializers.CharField()
    due_on = serializers.DateField(allow_null=True)
    link = serializers.CharField()


class WorkEndpoint(Endpoint):
    """What waits on me."""

    serializer_class = WorkSerializer
    filter_backends: list[Any] = []

    @extend_schema(responses=WorkSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Everything that waits on the caller, most urgent first; without a deadline last."""
        return self.paged(waiting_on(request.user), WorkSerializer)


# --- notifications ------------------------------------------------------------------------------------------------


class NotificationSerializer(serializers.ModelSerializer):
    """通知: one message."""

    class Meta:
        model = Notification
        fields = ("id", "subject", "body", "link", "created_at", "read_at")
        read_only_fields = fields


class NotificationFilter(django_filters.FilterSet):
    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    search = django_filters.CharFilter(field_name="subject", lookup_expr="icontains", label="part of the subject")


class NotificationEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """My messages, newest first. Reading them here does not mark them read."""

    queryset = Notification.objects.none()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        return Notification.objects.filter(user=self.request.user).order_by("-created_at", "-pk")

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="read-all", filterset_class=None)
    def read_all(self, request: Request) -> Response:
        """Mark every message of the caller read."""
        Notification.objects.unread_by(request.user).update(read_at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- token --------------------------------------------------------------------------------------------------------


class TokenSerializer(serializers.Serializer):
    """Sent as ``Authorization: Token <token>``. Keep it as you keep the password."""

    token = serializers.CharField()


class Guesses(SimpleRateThrottle):
    """Ten attempts a minute for one user name, wherever they come from."""

    scope = "token"
    rate = "10/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        name = request.data.get("username") if hasattr(request.data, "get") else None
        if request.method != "POST" or not isinstance(name, str):
            return None
        ident = name.strip().casefold().encode().hex()[:150]
        return self.cache_format % {"scope": self.scope, "ident": ident}


class TokenEndpoint(Endpoint):
    """The caller's token."""

    serializer_class = TokenSerializer
    throttle_classes = [Guesses]

    def get_authenticators(self) -> list[Any]:
        """A token is asked for by those who have none."""
        asks = self.request is not None and self.request.method == "POST"
        return [] if asks else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [permissions.AllowAny()] if self.action == "create" else super().get_permissions()

    @extend_schema(request=AuthTokenSerializer, responses={200: TokenSerializer})
    def create(self, request: Request) -> Response:
        """Get the token of an account by its user name and password; the same until it is revoked."""
        token, _created = Token.objects.get_or_create(user=self.read(AuthTokenSerializer)["user"])
        return Response({"token": token.key})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request) -> Response:
        """Revoke the caller's token at once."""
        Token.objects.filter(user=request.user).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
