"""Endpoints of vacancies: seats of a panel that were given up, and who follows in the drawn order."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers

from communities import access
from evaluation.api.within import NUMBER
from evaluation.models import Vacancy
from evaluation.workflow import VACANCY
from portal.api import Acts, Endpoint, LifeSerializer, NumberFilter
from portal.api_schema import ProblemSerializer
from portal.problems import Problem


class VacancySerializer(LifeSerializer):
    """空席. ``successor``: the seat that followed; ``problems``: of a dry field who is lacking, and what would cure it."""

    id = serializers.IntegerField()
    application = serializers.IntegerField(source="assignment.application_id")
    assignment = serializers.IntegerField(source="assignment_id")
    successor = serializers.IntegerField(source="successor_id", allow_null=True)
    problems = serializers.SerializerMethodField()
    has_failed = serializers.SerializerMethodField()

    @extend_schema_field(ProblemSerializer(many=True))
    def get_problems(self, row: Vacancy) -> list[dict[str, str]]:
        return [Problem.from_record(record).as_json(gettext) for record in row.problems]

    def get_has_failed(self, row: Vacancy) -> bool:
        """The worker's step failed for good; the organiser lets it run again."""
        return bool(row.fault)


class VacancyFilter(django_filters.FilterSet):
    application = NumberFilter(field_name="assignment__application")
    state = django_filters.ChoiceFilter(choices=list(VACANCY.states.items()))


class VacancyEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """空席 of the draws that the caller runs or oversees. Workers fill them; a step that failed for good is retried."""

    scope = access.HANDLE
    machine = "vacancy"
    serializer_class = VacancySerializer
    filterset_class = VacancyFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return super().get_queryset().defer("assignment__application__project__standard__document").order_by("pk")
