"""Endpoints of the case: projects, their applications with their acts, and the history of both."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.permissions import communities_visible_to
from evaluation import filing, guidance, history, journey, work
from evaluation.api.guidance import GuidanceVisitData, GuidanceVisitSerializer
from evaluation.api.within import NUMBER
from evaluation.clocks import with_shortage
from evaluation.forms import ProjectForm
from evaluation.models import Application, Engagement, Project
from evaluation.permissions import projects_visible_to, visible_to
from evaluation.workflow import APPLICATION
from portal.api import Acts, DeadlineOrder, Endpoint, EventSerializer, LifeSerializer, NumberFilter, problems_of_form
from portal.problems import Refused

PARTS = ("programme", "standard", "organisation", "community__district")

# --- what is told -----------------------------------------------------------------------------------------------------


class NamedSerializer(serializers.Serializer):
    """A thing by its number and name."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class CodedSerializer(serializers.Serializer):
    """A thing by its code and name."""

    code = serializers.CharField()
    name = serializers.CharField()


class JudgedBySerializer(serializers.Serializer):
    """The version of the standard that holds for a case."""

    id = serializers.IntegerField()
    code = serializers.CharField()
    version = serializers.CharField()
    is_official = serializers.BooleanField()


class ConsultantSerializer(serializers.Serializer):
    """A consulting unit that is engaged today."""

    id = serializers.IntegerField(source="organisation_id")
    name = serializers.CharField(source="organisation.name")


class ProjectSerializer(serializers.Serializer):
    """项目(案卷): one community's case under one programme and one frozen version of a standard."""

    id = serializers.IntegerField()
    number = serializers.CharField()
    programme = CodedSerializer()
    standard = JudgedBySerializer()
    community = NamedSerializer()
    district = CodedSerializer(source="community.district")
    organisation = NamedSerializer()
    consultants = ConsultantSerializer(many=True)
    target_level = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class ApplicationSerializer(LifeSerializer):
    """申报. ``holder``: the role that must act now; "system" for an automatic step, "public" during the notice."""

    id = serializers.IntegerField()
    project = ProjectSerializer()
    stage = serializers.CharField()
    stage_name = serializers.CharField()
    holder = serializers.SerializerMethodField()
    has_failed = serializers.SerializerMethodField()
    version = serializers.IntegerField()
    correction_round = serializers.IntegerField()
    review_round = serializers.IntegerField()
    certificate = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_holder(self, row: Application) -> str:
        return journey.holder_role(row)

    def get_has_failed(self, row: Application) -> bool:
        """An automatic step failed for good; an officer lets it run again."""
        return bool(row.fault)

    def get_certificate(self, row: Application) -> str | None:
        return row.certificate.number if row.certificate else None


# --- projects -----------------------------------------------------------------------------------------------------


class ProjectData(serializers.Serializer):
    """What a case is opened with. Consulting units are engaged afterwards, under ``engagements/``."""

    community = serializers.IntegerField(min_value=1)
    programme = serializers.CharField(max_length=30)
    target_level = serializers.IntegerField()


class StageData(serializers.Serializer):
    """The stage that is applied for."""

    stage = serializers.CharField(max_length=20)


class ProjectFilter(django_filters.FilterSet):
    programme = django_filters.CharFilter(field_name="programme")
    district = django_filters.CharFilter(field_name="community__district")
    community = NumberFilter(field_name="community")
    organisation = NumberFilter(field_name="organisation")
    target_level = NumberFilter()
    search = django_filters.CharFilter(method="found", label="part of the number, the community's or the unit's name")
    ordering = django_filters.OrderingFilter(fields=["number", "created_at"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        named = Q(community__name__icontains=value) | Q(organisation__name__icontains=value)
        return rows.filter(Q(number__icontains=value) | named)


class ProjectEndpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """案卷 that the caller may see, newest first."""

    scope = access.FILE
    scopes = {"guidance_visits": access.HANDLE}
    queryset = Project.objects.none()
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = projects_visible_to(self.request.user).select_related(*PARTS)
        return rows.prefetch_related(Engagement.objects.prefetch_at("")).defer("standard__document").order_by("-pk")

    @extend_schema(request=ProjectData, responses={201: ProjectSerializer})
    def create(self, request: Request) -> Response:
        """Open a case for a community under the programme's standard in force, which is frozen from now on."""
        values = self.read(ProjectData)
        rows = communities_visible_to(request.user).select_related("organisation", "district")
        community = get_object_or_404(rows, pk=values["community"])
        chosen = f"{values['programme']}:{values['target_level']}"
        form = ProjectForm({"target_level": chosen})
        if not form.is_valid():
            raise Refused(problems_of_form(form))
        programme, level = form.chosen
        project = filing.open_project(request.user, community, programme, level)
        return Response(ProjectSerializer(project).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the whole case as far as the caller may read it, oldest first."""
        project = self.get_object()
        reader = _reader(request, project)
        return self.paged(history.events_for(reader, project), EventSerializer, may_name=reader.may_name)

    @extend_schema(request=StageData, responses={201: ApplicationSerializer})
    @action(detail=True, methods=["post"])
    def applications(self, request: Request, pk: str) -> Response:
        """Open the draft of an application for one stage."""
        row = filing.open_application(request.user, self.get_object(), self.read(StageData)["stage"])
        return Response(ApplicationSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=GuidanceVisitData, responses={201: GuidanceVisitSerializer})
    @action(detail=True, methods=["post"], url_path="guidance-visits")
    def guidance_visits(self, request: Request, pk: str) -> Response:
        """Plan a guidance visit at one of the programme's nodes."""
        values = self.read(GuidanceVisitData)
        visit = guidance.plan_visit(request.user, self.get_object(), values["node"], values["planned_on"])
        return Response(GuidanceVisitSerializer(visit).data, status=status.HTTP_201_CREATED)


def _reader(request: Request, project: Project) -> history.Reader:
    applications = list(visible_to(request.user).filter(project=project).with_case())
    return history.reader_of(request.user, project, applications)


# --- applications -------------------------------------------------------------------------------------------------


class ApplicationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(APPLICATION.states.items()))
    stage = django_filters.CharFilter()
    programme = django_filters.CharFilter(field_name="project__programme")
    district = django_filters.CharFilter(field_name="project__community__district")
    organisation = NumberFilter(field_name="project__organisation")
    community = NumberFilter(field_name="project__community")
    project = NumberFilter(field_name="project")
    due_before = django_filters.DateFilter(field_name="due_on", lookup_expr="lte", label="last day on or before")
    open = django_filters.BooleanFilter(method="is_open", label="neither certified nor ended otherwise")
    mine = django_filters.BooleanFilter(method="waits_on_me", label="waits on the caller's duty or unit")
    search = django_filters.CharFilter(method="found", label="part of the number, the community's or the unit's name")
    ordering = DeadlineOrder(fields=["due_on", "state_since", "created_at"])

    def is_open(self, rows: Any, name: str, value: bool) -> Any:
        return rows.open() if value else rows.done()

    def waits_on_me(self, rows: Any, name: str, value: bool) -> Any:
        mine = work.to_act(self.request.user).values("pk")
        return rows.filter(pk__in=mine) if value else rows.exclude(pk__in=mine)

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.search(value)


class ApplicationEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """申报 that the caller may see, most urgent first."""

    machine = "application"
    serializer_class = ApplicationSerializer
    filterset_class = ApplicationFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        rows = rows.with_case() if self.detail else with_shortage(rows.for_lists())
        engaged = Engagement.objects.prefetch_at("project__")
        return rows.prefetch_related("certificates", "project__programme", engaged).by_deadline()

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """What was done with this application, as far as the caller may read it, oldest first."""
        row = self.get_object()
        reader = _reader(request, row.project)
        events = history.events_for(reader, row.project)
        mine = events.filter(subject_type=Application._meta.label_lower, subject_id=row.pk)
        return self.paged(mine, EventSerializer, may_name=reader.may_name)
