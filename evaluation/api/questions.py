"""Endpoints of questions: asking as a member of the panel, reading, passing on and answering by acts."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import asking
from evaluation.api.marks import OfAssignment
from evaluation.api.within import NUMBER
from evaluation.models import Question
from evaluation.permissions import as_expert
from evaluation.workflow import QUESTION
from portal.api import Acts, Endpoint, LifeSerializer, NumberFilter


class QuestionSerializer(LifeSerializer):
    """质询. ``is_mine``: the caller asked it; nobody else is told who did."""

    id = serializers.IntegerField()
    application = serializers.IntegerField(source="application_id")
    review_round = serializers.IntegerField()
    item_code = serializers.CharField()
    text = serializers.CharField()
    answer = serializers.CharField()
    is_mine = serializers.SerializerMethodField()

    def get_is_mine(self, row: Question) -> bool:
        return row.assignment.expert.user_id in as_expert(self.context["request"].user)


class QuestionData(serializers.Serializer):
    """What the panel wants to know about one item."""

    item_code = serializers.CharField(max_length=20)
    text = serializers.CharField(max_length=asking.LONGEST)


class QuestionFilter(django_filters.FilterSet):
    application = NumberFilter(field_name="application")
    state = django_filters.ChoiceFilter(choices=list(QUESTION.states.items()))


class QuestionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """质询 that the caller may read: one's own, those passed on, and all of a case for who runs or supervises it."""

    machine = "question"
    serializer_class = QuestionSerializer
    filterset_class = QuestionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return super().get_queryset().defer("application__project__standard__document").order_by("pk")


class NewQuestionEndpoint(OfAssignment):
    """质询 of one assignment."""

    scope = access.HANDLE
    serializer_class = QuestionData

    @extend_schema(request=QuestionData, responses={201: QuestionSerializer})
    def create(self, request: Request, assignment: str) -> Response:
        """Ask the applicant about an item, through the organiser, who asks on without saying for whom."""
        said: dict[str, Any] = self.read(QuestionData)
        row = asking.ask(request.user, self.assignment, said["item_code"], said["text"])
        return Response(QuestionSerializer(row, context=self.get_serializer_context()).data, status=201)
