"""Endpoint of a panel's discussion, for its members who have signed, and for who runs or supervises the case later."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import discussing
from evaluation.api.within import OfApplication
from portal.api import answer


class PanelMessageSerializer(serializers.Serializer):
    """One message of the discussion; ``item_code`` is empty where it is about the whole case."""

    id = serializers.IntegerField()
    seat = serializers.IntegerField(source="author.seat")
    author = serializers.CharField(source="author.expert.user.name")
    item_code = serializers.CharField()
    text = serializers.CharField()
    at = serializers.DateTimeField()


class PanelMessageData(serializers.Serializer):
    """What a member says, about the whole case or about one item."""

    text = serializers.CharField(max_length=discussing.LONGEST)
    item_code = serializers.CharField(max_length=20, allow_blank=True, default="")


class PanelMessageEndpoint(OfApplication):
    """专家组讨论 of the present review round."""

    scope = access.HANDLE
    serializer_class = PanelMessageSerializer

    def list(self, request: Request, application: str) -> Response:
        """What was said, oldest first. 403 says why: the own sheet is not signed, there is no result, the review is over."""
        problem = discussing.obstacle(request.user, self.application)
        if problem is not None:
            return answer(403, problem)
        return self.paged(discussing.messages_of(request.user, self.application), PanelMessageSerializer)

    @extend_schema(request=PanelMessageData, responses={201: PanelMessageSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Say something; nobody is told of it by a message."""
        said: dict[str, Any] = self.read(PanelMessageData)
        problem = discussing.obstacle(request.user, self.application)
        if problem is not None:
            return answer(403, problem)
        row = discussing.post(request.user, self.application, **said)
        return Response(PanelMessageSerializer(row).data, status=201)
