"""Endpoints of whoever wants to apply: an account, the districts there are, the unit and its licences.

Hides: that what the request says is only checked for its shape here; ``registration`` and the machine decide.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import django_filters
from django.db.models import Q
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access, changes, registration
from communities.api.changes import OrganisationChangeData, OrganisationChangeSerializer, OrganisationContactData
from communities.api.within import NUMBER, InDistrict, OfOrganisation
from communities.forms import AccountForm
from communities.models import District, Licence, Organisation
from communities.workflow import ORGANISATION
from portal import attempts
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    EventSerializer,
    FileSerializer,
    LifeSerializer,
    UploadSerializer,
    by_deadline,
    download,
    problems_of_form,
    uploads,
)
from portal.models import Event
from portal.problems import Refused

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
    counted = ("create",)

    @extend_schema(responses={201: AccountData})
    def create(self, request: Request) -> Response:
        """Make an account that may sign in and nothing more."""
        attempts.take(attempts.registrations(), attempts.address_of(request))
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


class OrganisationData(InDistrict, serializers.Serializer):
    """What a unit says of itself. ``credit_code``: GB 32100-2015, 18 characters; ``district``: its code."""

    credit_code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Organisation.Kind.choices)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all())
    address = serializers.CharField(max_length=200)
    contact = serializers.CharField(max_length=60)
    phone = serializers.CharField(max_length=30, write_only=True)
    undertaking = serializers.BooleanField(default=False)


class OrganisationDataChange(OrganisationData):
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

    scope = access.FILE
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

    @extend_schema(request=OrganisationDataChange, responses=OrganisationSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what a unit says of itself, before it is handed in."""
        row = self.get_object()
        kept = {name: getattr(row, name) for name in registration.ORGANISATION_FIELDS}
        registration.change_organisation(request.user, row, {**kept, **self.read(OrganisationDataChange)})
        return Response(OrganisationSerializer(row).data)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the unit, oldest first."""
        return self.paged(Event.objects.in_thread(self.get_object().thread), EventSerializer)

    @extend_schema(request=OrganisationContactData, responses=OrganisationSerializer)
    @action(detail=True, methods=["patch"])
    def contact(self, request: Request, pk: str) -> Response:
        """Say anew how a verified unit is reached; holds at once."""
        row = self.get_object()
        kept = {name: getattr(row, name) for name in registration.CONTACT_FIELDS}
        changes.change_contact(request.user, row, {**kept, **self.read(OrganisationContactData)})
        return Response(OrganisationSerializer(row).data)

    @extend_schema(request=uploads(OrganisationChangeData), responses={201: OrganisationChangeSerializer})
    @action(detail=True, methods=["post"], url_path="changes")
    def propose(self, request: Request, pk: str) -> Response:
        """Ask that other identity facts of a verified unit be approved; until then the old ones hold."""
        row = self.get_object()
        kept = {name: getattr(row, name) for name in registration.IDENTITY_FIELDS}
        values = self.read(OrganisationChangeData)
        change = changes.propose_change(request.user, row, {**kept, **values}, values.pop("licence"))
        return Response(OrganisationChangeSerializer(change).data, status=status.HTTP_201_CREATED)


# --- licences -----------------------------------------------------------------------------------------------------


class LicenceSerializer(FileSerializer):
    uploaded_at = serializers.DateTimeField()


class LicenceEndpoint(OfOrganisation):
    """营业执照 of one unit."""

    scope = access.FILE
    serializer_class = LicenceSerializer

    @extend_schema(responses=LicenceSerializer(many=True))
    def list(self, request: Request, organisation: str) -> Response:
        """Every licence that was handed in and holds or held, newest first; one of a change comes with the change."""
        return self.paged(self.organisation.licences.in_force(), LicenceSerializer)

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
