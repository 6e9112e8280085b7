"""Endpoints of the person who calls: who I am, what waits on me, my messages and settings, my calendar, my tokens."""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.contrib.auth import authenticate
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.models import AccessToken, Organisation
from communities.permissions import duties_of, memberships_of
from evaluation.api.within import NUMBER
from evaluation.permissions import as_expert
from evaluation.work import waiting_on
from experts.models import Expert
from portal import accounts, calendar_feed, preferences
from portal.api import Endpoint
from portal.message_kinds import DELIVERIES, KINDS
from portal.models import CalendarLink, Notification
from portal.problems import Problem, Refused, gettext_noop

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
    language = serializers.CharField()
    duties = DutySerializer(many=True)
    memberships = ActsForSerializer(many=True)
    expert = serializers.CharField(allow_null=True)


class MeData(serializers.Serializer):
    """What the caller says of themselves. password: the present one, wanted where the e-mail becomes another."""

    name = serializers.CharField(max_length=60)
    email = serializers.EmailField(max_length=254)
    phone = serializers.CharField(max_length=30, allow_blank=True)
    language = serializers.ChoiceField(choices=settings.LANGUAGES)
    password = serializers.CharField(write_only=True, required=False, trim_whitespace=False)


class MeEndpoint(Endpoint):
    """Who I am."""

    serializer_class = MeSerializer
    scope = access.SESSION
    scopes = {"retrieve": access.ANY}

    def retrieve(self, request: Request) -> Response:
        """The caller, with today's duties and organisations, and the number in the expert pool if there is one."""
        user: Any = request.user
        found = {
            "username": user.username,
            "name": user.name,
            "email": user.email,
            "language": user.language,
            "duties": [{"duty": duty, "district": code} for duty, code in sorted(duties_of(user), key=str)],
            "memberships": [{"organisation": pk, "role": role} for pk, role in sorted(memberships_of(user).items())],
            "expert": Expert.objects.filter(user__in=as_expert(user)).values_list("number", flat=True).first(),
        }
        return Response(MeSerializer(found).data)

    @extend_schema(request=MeData(partial=True), responses=MeSerializer)
    def partial_update(self, request: Request) -> Response:
        """Change what is named; the rest stays. Never by a token."""
        values = self.read_part(MeData)
        accounts.change_account(request.user, values, values.pop("password", ""))
        return self.retrieve(request)


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
    """通知: one message; ``kind`` is a key of the notification settings."""

    kind_name = serializers.CharField()

    class Meta:
        model = Notification
        fields = ("id", "kind", "kind_name", "subject", "body", "link", "created_at", "read_at")
        read_only_fields = fields


class NotificationFilter(django_filters.FilterSet):
    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    kind = django_filters.ChoiceFilter(choices=[(code, code) for code in KINDS])
    search = django_filters.CharFilter(field_name="subject", lookup_expr="icontains", label="part of the subject")


class NotificationEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """My messages, newest first. Reading them here does not mark them read."""

    queryset = Notification.objects.none()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    lookup_value_regex = NUMBER
    scope = access.READ
    personal = True

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        return Notification.objects.shown_to(self.request.user).order_by("-created_at", "-pk")

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="read")
    def mark_read(self, request: Request, pk: str) -> Response:
        """Mark one message read; it keeps the hour at which it was read first."""
        row = self.get_object()
        Notification.objects.unread_by(request.user).filter(pk=row.pk).update(read_at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="read-all", filterset_class=None)
    def read_all(self, request: Request) -> Response:
        """Mark every message of the caller read."""
        Notification.objects.unread_by(request.user).update(read_at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- notification settings ----------------------------------------------------------------------------------------


class DeliverySerializer(serializers.Serializer):
    """One kind of message: how its e-mail leaves (at_once, daily, none), and whether that may be changed."""

    kind = serializers.CharField()
    name = serializers.CharField()
    detail = serializers.CharField()
    email = serializers.ChoiceField(choices=list(DELIVERIES))
    required = serializers.BooleanField()


class DeliveryData(serializers.Serializer):
    """kind → at_once, daily or none, for the kinds that are to change."""

    emails = serializers.DictField(child=serializers.CharField(max_length=20), allow_empty=False)


class NotificationSettingsEndpoint(Endpoint):
    """Which messages the caller gets by e-mail, and when; in the portal every message is shown."""

    serializer_class = DeliverySerializer
    filter_backends: list[Any] = []
    scope = access.SESSION

    @extend_schema(responses=DeliverySerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every kind of message with the caller's choice."""
        chosen = preferences.chosen_by(request.user)
        rows = [
            {
                "kind": code,
                "name": gettext(kind.label),
                "detail": gettext(kind.detail),
                "email": chosen[code],
                "required": kind.required,
            }
            for code, kind in KINDS.items()
        ]
        return self.paged(rows, DeliverySerializer)

    @extend_schema(request=DeliveryData, responses={204: None})
    def partial_update(self, request: Request) -> Response:
        """Choose for some kinds; the others stay."""
        preferences.choose(request.user, self.read(DeliveryData)["emails"])
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- calendar -----------------------------------------------------------------------------------------------------


class CalendarLinkSerializer(serializers.Serializer):
    """The private address of the caller's calendar of deadlines: since when there is one. ``address`` is told once."""

    created_at = serializers.DateTimeField(allow_null=True)
    address = serializers.CharField(allow_null=True)


class CalendarLinkEndpoint(Endpoint):
    """The caller's calendar of deadlines."""

    serializer_class = CalendarLinkSerializer
    scope = access.SESSION

    def _told(self, address: str | None = None) -> dict[str, Any]:
        row = CalendarLink.objects.filter(user=self.request.user).first()
        return CalendarLinkSerializer({"created_at": row and row.created_at, "address": address}).data

    def retrieve(self, request: Request) -> Response:
        """Whether there is a private address, and since when; the address itself is never told again."""
        return Response(self._told())

    @extend_schema(request=None, responses={201: CalendarLinkSerializer})
    def create(self, request: Request) -> Response:
        """Make the private address, or a new one in place of the old, which ends."""
        secret = calendar_feed.open_link(request.user)
        address = settings.SITE_URL + reverse("calendar-feed", args=[secret])
        return Response(self._told(address), status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request) -> Response:
        """End the private address at once."""
        calendar_feed.close_link(request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- access tokens ------------------------------------------------------------------------------------------------


class AccessTokenSerializer(serializers.ModelSerializer):
    """接口令牌: one of the caller's tokens. ``prefix``: the first characters of the secret, to know it by."""

    class Meta:
        model = AccessToken
        fields = (
            "id", "name", "organisation", "scopes", "prefix", "by_password", "created_at", "expires_at", "last_used_at",
            "revoked_at",
        )  # fmt: skip
        read_only_fields = fields


class NewAccessTokenSerializer(AccessTokenSerializer):
    """The token with its secret, which is told now and never again."""

    token = serializers.SerializerMethodField()

    class Meta(AccessTokenSerializer.Meta):
        fields = (*AccessTokenSerializer.Meta.fields, "token")
        read_only_fields = fields

    def get_token(self, row: AccessToken) -> str:
        return str(self.context["secret"])


class AccessTokenData(serializers.Serializer):
    """A new token. days: for how long it holds, 1 to 366. organisation: only for its cases; null for all of one's own."""

    name = serializers.CharField(max_length=60)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(access.SCOPES)), allow_empty=False)
    days = serializers.IntegerField(min_value=1, max_value=access.LONGEST_DAYS)
    organisation = serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=1, max_value=2**63 - 1
    )


class AccessTokenEndpoint(mixins.ListModelMixin, Endpoint):
    """The caller's access tokens, newest first. For whoever is signed in: no token makes or ends another."""

    queryset = AccessToken.objects.none()
    serializer_class = AccessTokenSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER
    scope = access.SESSION

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return AccessToken.objects.none()
        return AccessToken.objects.filter(user=self.request.user).order_by("-created_at", "-pk")

    @extend_schema(request=AccessTokenData, responses={201: NewAccessTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token; the answer is the only place where its secret stands."""
        values = self.read(AccessTokenData)
        pk = values.pop("organisation")
        organisation = Organisation.objects.filter(pk=pk, pk__in=memberships_of(request.user)).first()
        if pk is not None and organisation is None:
            raise Refused([Problem("organisation", "organisation", gettext_noop("您不是该单位的成员。"))])
        token, secret = access.create(request.user, **values, organisation=organisation)
        shown = NewAccessTokenSerializer(token, context={"secret": secret})
        return Response(shown.data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End one of the caller's tokens at once; it stays in the list as revoked."""
        access.revoke(request.user, get_object_or_404(self.get_queryset(), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordSerializer(serializers.Serializer):
    """User name and password of an account."""

    username = serializers.CharField(write_only=True, max_length=150)
    password = serializers.CharField(write_only=True, trim_whitespace=False, max_length=1000)


class TokenSerializer(serializers.Serializer):
    """Sent as ``Authorization: Token <token>``. Keep it as you keep the password."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TokenEndpoint(Endpoint):
    """A token for user name and password, of every scope, for as long as a browser stays signed in."""

    serializer_class = TokenSerializer
    counted = ("create",)
    scopes = {"destroy": access.ANY}

    def get_authenticators(self) -> list[Any]:
        """A token is asked for by those who have none."""
        asks = self.request is not None and self.request.method == "POST"
        return [] if asks else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [permissions.AllowAny()] if self.action == "create" else super().get_permissions()

    @extend_schema(request=PasswordSerializer, responses={200: TokenSerializer})
    def create(self, request: Request) -> Response:
        """Get a token of an account by its user name and password; each time another one."""
        user = authenticate(request, **self.read(PasswordSerializer))
        if user is None:
            raise Refused([Problem("authorization", "", gettext_noop("用户名或密码不正确。"))])
        token, secret = access.create_for_password(user)
        return Response(TokenSerializer({"token": secret, "expires_at": token.expires_at}).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request) -> Response:
        """End the token that this request is sent with; of whoever is signed in without one, all got by password."""
        if isinstance(request.auth, AccessToken):
            access.revoke(request.user, request.auth)
        else:
            access.end_those_by_password(request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
