"""Endpoints of districts, organisations with their licences and members, and communities.

Hides: that what the request says is only checked for its shape here; ``registration`` and the machine decide.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import django_filters
from django.db.models import Q
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import members, registration, sheets
from communities.forms import AccountForm, districts
from communities.models import Community, District, Licence, Membership, Organisation
from communities.permissions import communities_visible_to, visible_to
from communities.workflow import ORGANISATION
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    EventSerializer,
    FileSerializer,
    LifeSerializer,
    NumberFilter,
    UploadSerializer,
    by_deadline,
    download,
    problems_of_form,
    uploads,
)
from portal.models import Event
from portal.problems import Refused

NUMBER = r"\d+"
LARGEST = 2**31 - 1

# --- accounts -----------------------------------------------------------------------------------------------------


class AccountData(serializers.Serializer):
    """A new account. ``password`` is held against the same rules as on the page."""

    username = serializers.CharField(max_length=150)
    name = serializers.CharField(max_length=60)
    email = serializers.EmailField()
    password = serializers.CharField(max_length=128, write_only=True, trim_whitespace=False)


class AccountEndpoint(Endpoint):
    """Accounts: whoever acts for a unit begins with one."""

    permission_classes = [permissions.AllowAny]
    serializer_class = AccountData

    @extend_schema(responses={201: AccountData})
    def create(self, request: Request) -> Response:
        """Make an account that may sign in and nothing more."""
        values = self.read(AccountData)
        form = AccountForm({**values, "password1": values["password"], "password2": values["password"]})
        if not form.is_valid():
            raise Refused(
                replace(problem, place="password" if problem.place.startswith("password") else problem.place)
                for problem in problems_of_form(form)
            )
        user = registration.open_account(values["username"], values["name"], values["email"], values["password"])
        return Response(AccountData(user).data, status=status.HTTP_201_CREATED)


# --- districts ----------------------------------------------------------------------------------------------------


class DistrictSerializer(serializers.ModelSerializer):
    """区县, from when to when its code is in use."""

    class Meta:
        model = District
        fields = ("code", "name", "valid_from", "valid_until")
        read_only_fields = fields


class DistrictFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")


class DistrictEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """区县: every district there is or was, by its code. Public."""

    permission_classes = [permissions.AllowAny]
    queryset = District.objects.all()
    serializer_class = DistrictSerializer
    filterset_class = DistrictFilter
    lookup_value_regex = r"\d{6}"


# --- organisations ------------------------------------------------------------------------------------------------


class OrganisationSerializer(LifeSerializer):
    """单位, as it stands in the register. Telephone numbers are not told."""

    id = serializers.IntegerField()
    credit_code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    district = serializers.CharField(source="district_id", allow_null=True)
    address = serializers.CharField()
    contact = serializers.CharField()
    undertaking = serializers.BooleanField()
    banned_until = serializers.DateField(allow_null=True)


class OrganisationData(serializers.Serializer):
    """What a unit says of itself. ``credit_code``: GB 32100-2015, 18 characters; ``district``: its code."""

    credit_code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Organisation.Kind.choices)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all())
    address = serializers.CharField(max_length=200)
    contact = serializers.CharField(max_length=60)
    phone = serializers.CharField(max_length=30, write_only=True)
    undertaking = serializers.BooleanField(default=False)

    def validate_district(self, district: District) -> District:
        if not districts().filter(pk=district.pk).exists():
            self.fields["district"].fail("does_not_exist", pk_value=district.pk)
        return district


class OrganisationChange(OrganisationData):
    """Any of the data; what is left out stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "partial": True})


class OrganisationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(ORGANISATION.states.items()))
    kind = django_filters.ChoiceFilter(choices=Organisation.Kind.choices)
    district = django_filters.CharFilter(field_name="district")
    search = django_filters.CharFilter(method="found", label="part of the name or of the credit code")
    ordering = DeadlineOrder(fields=["due_on", "name"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(name__icontains=value) | Q(credit_code__icontains=value))


class OrganisationEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """单位: own ones, and all of them for city officers. Most urgent first."""

    machine = "organisation"
    serializer_class = OrganisationSerializer
    filterset_class = OrganisationFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset())

    @extend_schema(request=OrganisationData, responses={201: OrganisationSerializer})
    def create(self, request: Request) -> Response:
        """Begin the registration of a unit; the caller becomes its administrator."""
        row = registration.open_organisation(request.user, self.read(OrganisationData))
        return Response(OrganisationSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OrganisationChange, responses=OrganisationSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what a unit says of itself, before it is handed in."""
        row = self.get_object()
        kept = {name: getattr(row, name) for name in registration.ORGANISATION_FIELDS}
        registration.change_organisation(request.user, row, {**kept, **self.read(OrganisationChange)})
        return Response(OrganisationSerializer(row).data)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the unit, oldest first."""
        return self.paged(Event.objects.of(self.get_object()), EventSerializer)


class OfOrganisation(Endpoint):
    """Rows of one unit: fetched through it, so that what is invisible is unknown."""

    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def organisation(self) -> Organisation:
        return get_object_or_404(visible_to(self.request.user), pk=self.kwargs["organisation"])


class LicenceSerializer(FileSerializer):
    uploaded_at = serializers.DateTimeField()


class LicenceEndpoint(OfOrganisation):
    """营业执照 of one unit."""

    serializer_class = LicenceSerializer

    @extend_schema(responses=LicenceSerializer(many=True))
    def list(self, request: Request, organisation: str) -> Response:
        """Every licence that was handed in, newest first."""
        return self.paged(self.organisation.licences.order_by("-pk"), LicenceSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: LicenceSerializer})
    def create(self, request: Request, organisation: str) -> Response:
        """Hand in the licence: PDF or photo."""
        row = registration.add_licence(request.user, self.organisation, self.read(UploadSerializer)["file"])
        return Response(LicenceSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, organisation: str, pk: str) -> HttpResponseBase:
        """The file itself."""
        return download(request, get_object_or_404(Licence, organisation=self.organisation, pk=pk))


class MembershipSerializer(serializers.Serializer):
    """成员: who acts for the unit, from when to when."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True)


class MemberData(serializers.Serializer):
    """An existing account, by its user name."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(Membership.Role.choices)


class MembershipEndpoint(OfOrganisation):
    """成员 of one unit."""

    serializer_class = MembershipSerializer

    @extend_schema(responses=MembershipSerializer(many=True))
    def list(self, request: Request, organisation: str) -> Response:
        """Present members first, then those who left."""
        rows = self.organisation.memberships.select_related("user").order_by("until", "pk")
        return self.paged(rows, MembershipSerializer)

    @extend_schema(request=MemberData, responses={201: MembershipSerializer})
    def create(self, request: Request, organisation: str) -> Response:
        """Let an existing account act for the unit."""
        row = members.add_member(request.user, self.organisation, **self.read(MemberData))
        return Response(MembershipSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, organisation: str, pk: str) -> Response:
        """Somebody leaves the unit and loses access at once."""
        rows = self.organisation.memberships.select_related("organisation", "user")
        members.end_membership(request.user, get_object_or_404(rows, pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- communities --------------------------------------------------------------------------------------------------


class CommunitySerializer(serializers.ModelSerializer):
    """小区. Areas in square metres."""

    class Meta:
        model = Community
        fields = ("id", "organisation", *sheets.COMMUNITY_FIELDS)
        read_only_fields = fields


class CommunityData(serializers.Serializer):
    """What is registered of a community. ``is_another`` says that a namesake, once pointed out, is another one."""

    name = serializers.CharField(max_length=80)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all())
    address = serializers.CharField(max_length=200)
    floor_area = serializers.DecimalField(max_digits=12, decimal_places=2)
    households = serializers.IntegerField(min_value=0, max_value=LARGEST)
    buildings = serializers.IntegerField(min_value=0, max_value=LARGEST)
    planning_permit_on = serializers.DateField(required=False, allow_null=True)
    drawing_review_on = serializers.DateField(required=False, allow_null=True)
    construction_permit_on = serializers.DateField(required=False, allow_null=True)
    completed_on = serializers.DateField(required=False, allow_null=True)
    is_another = serializers.BooleanField(default=False)

    def validate_district(self, district: District) -> District:
        if not districts().filter(pk=district.pk).exists():
            self.fields["district"].fail("does_not_exist", pk_value=district.pk)
        return district


class NewCommunity(CommunityData):
    """A community and the unit that registers it."""

    organisation = serializers.IntegerField(min_value=1)


class CommunityChange(CommunityData):
    """Any of the data; what is left out stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "partial": True})


class CommunityFilter(django_filters.FilterSet):
    district = django_filters.CharFilter(field_name="district")
    organisation = NumberFilter(field_name="organisation")
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")
    ordering = django_filters.OrderingFilter(fields=["name", "pk"])


@extend_schema_view(list=extend_schema(description="小区 of the units that the caller may see, newest first."))
class CommunityEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """小区 of the units that the caller may see."""

    serializer_class = CommunitySerializer
    filterset_class = CommunityFilter
    lookup_value_regex = NUMBER
    queryset = Community.objects.none()

    def get_queryset(self) -> Any:
        return communities_visible_to(self.request.user).select_related("organisation", "district").order_by("-pk")

    @extend_schema(request=NewCommunity, responses={201: CommunitySerializer})
    def create(self, request: Request) -> Response:
        """Register a community of an active unit."""
        values = self.read(NewCommunity)
        organisation = get_object_or_404(visible_to(request.user), pk=values.pop("organisation"))
        row = sheets.register_community(request.user, organisation, values)
        return Response(CommunitySerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CommunityChange, responses=CommunitySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what no case leans on yet."""
        row = self.get_object()
        sheets.change_community(request.user, row, self.read(CommunityChange))
        return Response(CommunitySerializer(row).data)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the community, oldest first."""
        return self.paged(Event.objects.of(self.get_object()), EventSerializer)
