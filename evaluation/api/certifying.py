"""Endpoint of how far the worker has come with the certificates of a day."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import certifying
from evaluation.permissions import may_see_queue
from portal.api import Endpoint
from portal.machine import NotAllowed


class CertifyingSerializer(serializers.Serializer):
    """制证进度 of today, of the cases that the caller sees. ``failed``: cases that wait for an officer to retry them."""

    waiting = serializers.IntegerField()
    failed = serializers.IntegerField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class CertifyingEndpoint(Endpoint):
    """制证进度."""

    serializer_class = CertifyingSerializer
    filter_backends: list[Any] = []
    scope = access.HANDLE

    @extend_schema(responses=CertifyingSerializer)
    def retrieve(self, request: Request) -> Response:
        """How many certificates wait, could not be made, and were made today."""
        if not may_see_queue(request.user):
            raise NotAllowed("certificates.progress")
        found = certifying.progress(request.user, timezone.localdate())
        return Response(CertifyingSerializer(found).data)
