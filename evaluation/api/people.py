"""Endpoints of officers and accounts: duties given and ended, accounts made, closed and opened. For people signed in alone."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.models import Officer
from evaluation import account_keeping, appointing
from evaluation.api.within import NUMBER
from evaluation.permissions import can_city
from portal import attempts, first_password
from portal.api import Endpoint
from portal.machine import NotAllowed
from portal.models import User


def require(user: User, right: str) -> None:
    if not can_city(user, right):
        raise NotAllowed(right)


class OfficerSerializer(serializers.ModelSerializer):
    """主管人员: a duty of a person, for a district officer of one district, from a day to a day."""

    username = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.name")

    class Meta:
        model = Officer
        fields = ("id", "username", "name", "duty", "district", "since", "until", "basis")
        read_only_fields = fields


class OfficerData(serializers.Serializer):
    """A duty to be given. districts: codes, for a district officer one or more, else none; until: last day."""

    username = serializers.CharField(max_length=150)
    duty = serializers.CharField(max_length=30)
    districts = serializers.ListField(child=serializers.CharField(max_length=6), default=list, max_length=100)
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True, default=None)
    basis = serializers.CharField(max_length=1000, allow_blank=True)


class OfficerEndData(serializers.Serializer):
    """The last day of a duty; yesterday ends it at once."""

    until = serializers.DateField()
    basis = serializers.CharField(max_length=1000, allow_blank=True)


class LeftBehindSerializer(serializers.Serializer):
    """An open case that would have nobody once the duty ends."""

    application = serializers.IntegerField(source="pk")
    project = serializers.CharField(source="project.number")
    state = serializers.CharField()
    due_on = serializers.DateField(allow_null=True)


class OfficerFilter(django_filters.FilterSet):
    duty = django_filters.ChoiceFilter(choices=Officer.Duty.choices)
    search = django_filters.CharFilter(method="found", label="part of the name or of the user name")
    today = django_filters.BooleanFilter(method="held", label="only duties held today")

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(user__name__icontains=value) | Q(user__username__icontains=value))

    def held(self, rows: Any, name: str, value: bool) -> Any:
        return rows.filter(pk__in=Officer.objects.on(timezone.localdate()).values("pk")) if value else rows


class OfficerEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """主管人员: every duty that is, was or will be held."""

    scope = access.SESSION
    serializer_class = OfficerSerializer
    filterset_class = OfficerFilter
    queryset = Officer.objects.select_related("user").order_by("user__name", "pk")
    lookup_value_regex = NUMBER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require(request.user, "see_settings")

    @extend_schema(request=OfficerData, responses={201: OfficerSerializer(many=True)}, filters=False)
    def create(self, request: Request) -> Response:
        """Give a duty: one row, for a district officer one for each district. Nobody gives one to themself."""
        require(request.user, "keep_duties")
        said = self.read(OfficerData)
        user = appointing.person_named(said["username"])
        rows = appointing.give(request.user, appointing.Appointment(
            user, said["duty"], said["since"], said["basis"], tuple(said["districts"]), said["until"]
        ))  # fmt: skip
        return Response(OfficerSerializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OfficerEndData, responses=OfficerSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Let a duty end. What was done in it stays, and so do the cases: see what would be left behind first."""
        require(request.user, "keep_duties")
        row = self.get_object()
        appointing.end(request.user, row, **self.read(OfficerEndData))
        return Response(OfficerSerializer(row).data)

    @extend_schema(responses=LeftBehindSerializer(many=True), filters=False)
    @action(detail=True)
    def left_behind(self, request: Request, pk: str) -> Response:
        """Open cases that would have nobody once the duty ends, most urgent first."""
        require(request.user, "keep_duties")
        rows = appointing.left_behind(self.get_object(), timezone.localdate() + appointing.DAY)
        return self.paged(rows.with_case().by_deadline(), LeftBehindSerializer)


class KeptAccountSerializer(serializers.ModelSerializer):
    """An account as the system administrator sees it. ``awaits_password``: its person has still to set one."""

    awaits_password = serializers.SerializerMethodField()
    is_locked = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "username", "name", "email", "is_active", "last_login", "awaits_password", "is_locked")
        read_only_fields = fields

    def get_awaits_password(self, user: User) -> bool:
        return first_password.is_awaited(user)

    def get_is_locked(self, user: User) -> bool:
        """Of one account; null in lists, where nobody asks that of hundreds."""
        return attempts.is_locked(user.username)


class ListedAccountSerializer(serializers.ModelSerializer):
    """An account in a list."""

    class Meta:
        model = User
        fields = ("id", "username", "name", "email", "is_active", "last_login")
        read_only_fields = fields


class KeptAccountData(serializers.Serializer):
    """A new account; its person sets the password by a link in the e-mail."""

    username = serializers.CharField(max_length=150, allow_blank=True)
    name = serializers.CharField(max_length=100, allow_blank=True)
    email = serializers.CharField(max_length=254, allow_blank=True)
    basis = serializers.CharField(max_length=1000, allow_blank=True)


class BasisData(serializers.Serializer):
    """Why it is done."""

    basis = serializers.CharField(max_length=1000, allow_blank=True)


class KeptAccountFilter(django_filters.FilterSet):
    is_active = django_filters.BooleanFilter()
    search = django_filters.CharFilter(method="found", label="part of the name, the user name or the e-mail address")

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(pk__in=account_keeping.accounts(value).values("pk"))


class KeptAccountEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Accounts, for the system administrator: no duty is given here, and no password is set or seen."""

    scope = access.SESSION
    serializer_class = KeptAccountSerializer
    filterset_class = KeptAccountFilter
    queryset = User.objects.order_by("username")
    lookup_value_regex = NUMBER
    counted = ("reset_password",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require(request.user, "keep_accounts")

    @extend_schema(responses=ListedAccountSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every account, by user name."""
        return self.paged(self.filter_queryset(self.get_queryset()), ListedAccountSerializer)

    @extend_schema(request=KeptAccountData, responses={201: KeptAccountSerializer})
    def create(self, request: Request) -> Response:
        """Make an account and send its person the link to set a password."""
        user = account_keeping.open_account(request.user, **self.read(KeptAccountData))
        return Response(KeptAccountSerializer(user).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=BasisData, responses=KeptAccountSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Close an account at once, in every browser and program. What its person did stays."""
        user = self.get_object()
        account_keeping.set_active(request.user, user, False, **self.read(BasisData))
        return Response(KeptAccountSerializer(user).data)

    @extend_schema(request=BasisData, responses=KeptAccountSerializer)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: str) -> Response:
        """Open a closed account again."""
        user = self.get_object()
        account_keeping.set_active(request.user, user, True, **self.read(BasisData))
        return Response(KeptAccountSerializer(user).data)

    @extend_schema(request=BasisData, responses=KeptAccountSerializer)
    @action(detail=True, methods=["post"])
    def unlock(self, request: Request, pk: str) -> Response:
        """Let a person try again who has typed a wrong password too often."""
        user = self.get_object()
        account_keeping.unlock(request.user, user, **self.read(BasisData))
        return Response(KeptAccountSerializer(user).data)

    @extend_schema(request=BasisData, responses=KeptAccountSerializer)
    @action(detail=True, methods=["post"])
    def reset_password(self, request: Request, pk: str) -> Response:
        """Take the password away and send its person a link by which they set another, once."""
        user = self.get_object()
        account_keeping.reset_password(request.user, user, **self.read(BasisData))
        return Response(KeptAccountSerializer(user).data)
