"""Endpoints of who acts for a unit: its members, those it invites, and the answers of whoever is invited.

Hides: which invitations a caller may know of, and that the secret of a link is told to nobody.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access, inviting, members
from communities.api.within import OfOrganisation
from communities.models import Invitation, Membership
from communities.permissions import invitations_managed_by
from portal.api import Endpoint

# --- members ------------------------------------------------------------------------------------------------------


class MembershipSerializer(serializers.Serializer):
    """成员: who acts for the unit, from when to when."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True)


class RoleData(serializers.Serializer):
    """What part a member has."""

    role = serializers.ChoiceField(Membership.Role.choices)


class MembershipEndpoint(OfOrganisation):
    """成员 of one unit."""

    scope = access.SESSION
    serializer_class = MembershipSerializer

    @extend_schema(responses=MembershipSerializer(many=True))
    def list(self, request: Request, organisation: str) -> Response:
        """Present members first, then those who left."""
        rows = self.organisation.memberships.select_related("user").order_by("until", "pk")
        return self.paged(rows, MembershipSerializer)

    @extend_schema(request=RoleData, responses=MembershipSerializer)
    def partial_update(self, request: Request, organisation: str, pk: str) -> Response:
        """Make a member an administrator or the other way round."""
        row = self._row(pk)
        members.change_role(request.user, row, self.read(RoleData)["role"])
        return Response(MembershipSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, organisation: str, pk: str) -> Response:
        """Somebody leaves the unit and loses access at once."""
        members.end_membership(request.user, self._row(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _row(self, pk: str) -> Membership:
        return get_object_or_404(self.organisation.memberships.select_related("organisation", "user"), pk=pk)


# --- invitations --------------------------------------------------------------------------------------------------


class InvitationSerializer(serializers.Serializer):
    """邀请 to act for a unit, as the unit sees it. The secret of its link is told to nobody but whoever gets the e-mail."""

    id = serializers.IntegerField()
    whom = serializers.CharField()
    role = serializers.CharField()
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    declined_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class InvitationData(serializers.Serializer):
    """Whom to invite: an e-mail address, or the user name of an account."""

    whom = serializers.CharField(max_length=254)
    role = serializers.ChoiceField(Membership.Role.choices)


class InvitationEndpoint(OfOrganisation):
    """邀请 of one unit, for its administrators."""

    scope = access.SESSION
    serializer_class = InvitationSerializer

    def rows(self) -> Any:
        mine = invitations_managed_by(self.request.user).filter(organisation=self.organisation)
        return mine.select_related("organisation", "invitee", "invited_by").order_by("-pk")

    @extend_schema(responses=InvitationSerializer(many=True))
    def list(self, request: Request, organisation: str) -> Response:
        """Every invitation, newest first; answered and withdrawn ones too."""
        return self.paged(self.rows(), InvitationSerializer)

    @extend_schema(request=InvitationData, responses={201: InvitationSerializer})
    def create(self, request: Request, organisation: str) -> Response:
        """Ask somebody to act for the unit."""
        row = inviting.invite(request.user, self.organisation, **self.read(InvitationData))
        return Response(InvitationSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, organisation: str, pk: str) -> Response:
        """Send an unanswered invitation again; the old link ends."""
        row = get_object_or_404(self.rows(), pk=pk)
        inviting.resend(request.user, row)
        return Response(InvitationSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, organisation: str, pk: str) -> Response:
        """Withdraw an unanswered invitation; its link opens nothing any more."""
        inviting.withdraw(request.user, get_object_or_404(self.rows(), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitedSerializer(serializers.Serializer):
    """邀请, as whoever is invited sees it. ``key``: its number, or the secret of the link from the e-mail."""

    organisation_name = serializers.CharField(source="organisation.name")
    invited_by = serializers.CharField()
    role = serializers.CharField()
    expires_at = serializers.DateTimeField()


class MineSerializer(InvitedSerializer):
    """One's own invitation with its number."""

    id = serializers.IntegerField()


class MyInvitationEndpoint(Endpoint):
    """邀请 to the caller: by number one's own, by the secret of the link whatever was sent to the caller's address."""

    scope = access.SESSION
    serializer_class = InvitedSerializer
    filter_backends: list[Any] = []
    lookup_field = "key"
    lookup_value_regex = r"[\w-]{1,64}"

    @extend_schema(responses=MineSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Invitations to the caller's account that wait for an answer, newest first."""
        return self.paged(inviting.waiting_for(request.user), MineSerializer)

    @extend_schema(responses=InvitedSerializer)
    def retrieve(self, request: Request, key: str) -> Response:
        """Who invites to what."""
        return Response(InvitedSerializer(self._row(key)).data)

    @extend_schema(request=None, responses={201: MembershipSerializer})
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, key: str) -> Response:
        """Become a member of the unit."""
        row = inviting.accept(request.user, self._row(key))
        return Response(MembershipSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, key: str) -> Response:
        """Say no."""
        inviting.decline(request.user, self._row(key))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _row(self, key: str) -> Invitation:
        row = inviting.invitation_at(self.request.user, key)
        if row is None:
            raise Http404
        return row
