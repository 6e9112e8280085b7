"""Endpoints of guidance during construction: the plan, visits, who comes along, opinions, proofs, the timeline."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import guidance, timeline
from evaluation.api.site import PhotoEndpoint
from evaluation.api.within import CODE, NUMBER
from evaluation.models import GuidanceOpinion, GuidanceVisit, Project
from evaluation.permissions import projects_visible_to
from evaluation.workflow import GUIDANCE_COMPANION, GUIDANCE_OPINION, GUIDANCE_VISIT
from experts.models import Expert
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    FileSerializer,
    LifeSerializer,
    NumberFilter,
    UploadSerializer,
    by_deadline,
    download,
    uploads,
)
from portal.templatetags.portal import role_name, sentence

# --- guidance visits ----------------------------------------------------------------------------------------------


class GuidanceProjectSerializer(serializers.Serializer):
    """The case that is guided."""

    id = serializers.IntegerField()
    number = serializers.CharField()
    community = serializers.CharField(source="community.name")
    district = serializers.CharField(source="community.district_id")


class GuidanceVisitSerializer(LifeSerializer):
    """过程指导: one visit at one node of the construction."""

    id = serializers.IntegerField()
    project = GuidanceProjectSerializer()
    node = serializers.CharField()
    node_name = serializers.CharField()
    planned_on = serializers.DateField()
    visited_on = serializers.DateField(allow_null=True)
    notes = serializers.CharField()


class GuidanceVisitData(serializers.Serializer):
    """A node of the programme and the day."""

    node = serializers.CharField(max_length=20)
    planned_on = serializers.DateField()


class GuidanceVisitFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(GUIDANCE_VISIT.states.items()))
    node = django_filters.CharFilter()
    project = NumberFilter(field_name="project")
    programme = django_filters.CharFilter(field_name="project__programme")
    district = django_filters.CharFilter(field_name="project__community__district")
    organisation = NumberFilter(field_name="project__organisation")
    search = django_filters.CharFilter(method="found", label="part of the number or of the community's name")
    ordering = DeadlineOrder(fields=["due_on", "planned_on"])

    def found(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(project__number__icontains=value) | Q(project__community__name__icontains=value))


class GuidanceVisitEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """过程指导 of the cases that the caller may see, most urgent first. Planned at projects/{id}/guidance-visits/."""

    machine = "guidance_visit"
    serializer_class = GuidanceVisitSerializer
    filterset_class = GuidanceVisitFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().select_related("project__programme", "project__community"))


class OfGuidanceVisit(Endpoint):
    """Rows of one guidance visit."""

    @cached_property
    def visit(self) -> GuidanceVisit:
        return get_object_or_404(GUIDANCE_VISIT.visible_to(self.request.user), pk=self.kwargs["visit"])


class GuidanceVisitPhotoEndpoint(PhotoEndpoint, OfGuidanceVisit):
    """Photos of one guidance visit."""

    scope = access.HANDLE

    @property
    def holder(self) -> Any:
        return self.visit

    def add(self, by: Any, upload: Any, caption: str) -> Any:
        return guidance.add_photo(by, self.visit, upload, caption)


# --- opinions -----------------------------------------------------------------------------------------------------


class GuidanceOpinionSerializer(LifeSerializer):
    """指导意见: what must be mended by when, and the reply. trouble: why the city must decide, line by line; ruling: what
    it said. ``due_on`` is of whoever must act now, ``mend_by`` the applicant's term.
    """

    id = serializers.IntegerField()
    visit = serializers.IntegerField(source="visit_id")
    item_code = serializers.CharField()
    text = serializers.CharField()
    severity = serializers.ChoiceField(GuidanceOpinion.Severity.choices, read_only=True)
    mend_by = serializers.DateField(allow_null=True)
    reply = serializers.CharField()
    trouble = serializers.CharField()
    ruling = serializers.CharField()


class GuidanceOpinionData(serializers.Serializer):
    """What must be mended by when, and for which item, if for one."""

    text = serializers.CharField(max_length=2000)
    due_on = serializers.DateField()
    item_code = serializers.CharField(max_length=20, allow_blank=True, default="")
    severity = serializers.ChoiceField(GuidanceOpinion.Severity.choices, default=GuidanceOpinion.Severity.MINOR)


class GuidanceOpinionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(GUIDANCE_OPINION.states.items()))
    visit = NumberFilter(field_name="visit")
    project = NumberFilter(field_name="visit__project")
    district = django_filters.CharFilter(field_name="visit__project__community__district")
    organisation = NumberFilter(field_name="visit__project__organisation")
    search = django_filters.CharFilter(field_name="text", lookup_expr="icontains", label="part of the text")
    ordering = DeadlineOrder(fields=["due_on", "state_since"])


class GuidanceOpinionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """指导意见 of the cases that the caller may see, most urgent first."""

    machine = "guidance_opinion"
    serializer_class = GuidanceOpinionSerializer
    filterset_class = GuidanceOpinionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().select_related("visit__project__community"))


class NewGuidanceOpinionEndpoint(OfGuidanceVisit):
    """指导意见 that one visit leaves."""

    scope = access.HANDLE
    serializer_class = GuidanceOpinionSerializer

    @extend_schema(request=GuidanceOpinionData, responses={201: GuidanceOpinionSerializer})
    def create(self, request: Request, visit: str) -> Response:
        """Say what must be mended by when."""
        row = guidance.add_opinion(request.user, self.visit, **self.read(GuidanceOpinionData))
        return Response(GuidanceOpinionSerializer(row).data, status=status.HTTP_201_CREATED)


class GuidanceOpinionPhotoEndpoint(PhotoEndpoint):
    """Photos that prove what was mended."""

    scope = access.FILE

    @cached_property
    def opinion(self) -> Any:
        rows = GUIDANCE_OPINION.visible_to(self.request.user)
        return get_object_or_404(rows.select_related("visit__project__community"), pk=self.kwargs["opinion"])

    @property
    def holder(self) -> Any:
        return self.opinion

    def add(self, by: Any, upload: Any, caption: str) -> Any:
        return guidance.add_photo(by, self.opinion, upload, caption)


class GuidanceOpinionFileEndpoint(Endpoint):
    """Documents that prove what was mended."""

    scope = access.FILE
    serializer_class = FileSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def opinion(self) -> Any:
        rows = GUIDANCE_OPINION.visible_to(self.request.user)
        return get_object_or_404(rows.select_related("visit__project__community"), pk=self.kwargs["opinion"])

    @extend_schema(responses=FileSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Documents in the order in which they came."""
        return self.paged(self.opinion.files.order_by("pk"), FileSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a document to the reply."""
        row = guidance.add_file(request.user, self.opinion, self.read(UploadSerializer)["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The document as it is kept."""
        return download(request, get_object_or_404(self.opinion.files, pk=pk))


# --- who comes along, and notes -----------------------------------------------------------------------------------


class GuidanceCompanionSerializer(LifeSerializer):
    """随行专家 of one visit. expert: number in the pool."""

    id = serializers.IntegerField()
    visit = serializers.IntegerField(source="visit_id")
    expert = serializers.CharField(source="expert.number")
    name = serializers.CharField(source="expert.user.name")


class GuidanceCompanionData(serializers.Serializer):
    """An expert, by number in the pool."""

    expert = serializers.CharField(max_length=20)


class GuidanceCompanionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(GUIDANCE_COMPANION.states.items()))
    visit = NumberFilter(field_name="visit")


class GuidanceCompanionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """随行专家 of the visits that the caller may see; an expert finds the own invitations here."""

    machine = "guidance_companion"
    serializer_class = GuidanceCompanionSerializer
    filterset_class = GuidanceCompanionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("expert__user", "visit__project__community")
        return rows.select_related("visit__project__programme").order_by("pk")


class NewGuidanceCompanionEndpoint(OfGuidanceVisit):
    """随行专家 of one visit."""

    scope = access.HANDLE
    serializer_class = GuidanceCompanionSerializer

    @extend_schema(request=GuidanceCompanionData, responses={201: GuidanceCompanionSerializer})
    def create(self, request: Request, visit: str) -> Response:
        """Ask an expert to come along; who comes never judges the case."""
        number = self.read(GuidanceCompanionData)["expert"]
        expert = get_object_or_404(Expert.objects.select_related("user"), number=number)
        row = guidance.ask_companion(request.user, self.visit, expert)
        return Response(GuidanceCompanionSerializer(row).data, status=status.HTTP_201_CREATED)


class GuidanceNoteSerializer(serializers.Serializer):
    """指导记要: added, never changed."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    by = serializers.CharField(source="by.name")
    at = serializers.DateTimeField()


class GuidanceNoteData(serializers.Serializer):
    """What was seen or said."""

    text = serializers.CharField(max_length=guidance.LONGEST)


class GuidanceNoteEndpoint(OfGuidanceVisit):
    """指导记要 of one visit."""

    scope = access.HANDLE
    serializer_class = GuidanceNoteSerializer
    filter_backends: list[Any] = []

    @extend_schema(responses=GuidanceNoteSerializer(many=True))
    def list(self, request: Request, visit: str) -> Response:
        """Notes in the order in which they were made."""
        return self.paged(self.visit.remarks.select_related("by"), GuidanceNoteSerializer)

    @extend_schema(request=GuidanceNoteData, responses={201: GuidanceNoteSerializer})
    def create(self, request: Request, visit: str) -> Response:
        """Note what was seen or said: the district, or an expert who comes along."""
        row = guidance.add_note(request.user, self.visit, self.read(GuidanceNoteData)["text"])
        return Response(GuidanceNoteSerializer(row).data, status=status.HTTP_201_CREATED)


# --- the plan and the timeline of a case --------------------------------------------------------------------------


class OfProject(Endpoint):
    """Rows of one case."""

    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def project(self) -> Project:
        rows = projects_visible_to(self.request.user)
        rows = rows.select_related("programme", "standard", "organisation", "community__district")
        return get_object_or_404(rows, pk=self.kwargs["project"])


class NodeSerializer(serializers.Serializer):
    """One node of the programme: the days of construction as the applicant gave them, the day proposed for a visit."""

    node = serializers.CharField()
    name = serializers.CharField()
    begins_on = serializers.DateField(allow_null=True, source="schedule.begins_on", default=None)
    ends_on = serializers.DateField(allow_null=True, source="schedule.ends_on", default=None)
    proposed_on = serializers.DateField(allow_null=True)


class ScheduleData(serializers.Serializer):
    """From when to when a node is built."""

    begins_on = serializers.DateField()
    ends_on = serializers.DateField()


class GuidancePlanEndpoint(OfProject):
    """The plan of one case, node by node."""

    scope = access.FILE
    serializer_class = NodeSerializer
    lookup_url_kwarg = "node"
    lookup_value_regex = CODE

    @extend_schema(responses=NodeSerializer(many=True))
    def list(self, request: Request, project: str) -> Response:
        """The programme's nodes in order."""
        return self.paged(guidance.plan_of(self.project, []), NodeSerializer)

    @extend_schema(request=ScheduleData, responses=NodeSerializer)
    def update(self, request: Request, project: str, node: str) -> Response:
        """The applicant says when a node is built."""
        guidance.give_schedule(request.user, self.project, node, **self.read(ScheduleData))
        plan = next(row for row in guidance.plan_of(self.project, []) if row.node == node)
        return Response(NodeSerializer(plan).data)


class WordsSerializer(serializers.Serializer):
    """What was said, and what it is."""

    label = serializers.CharField()
    text = serializers.CharField()


class TimelineSerializer(serializers.Serializer):
    """One thing that happened while the community was built. kind: plan, visit, opinion or change; photos, files: hashes."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    subject = serializers.CharField()
    actor = serializers.SerializerMethodField()
    words = serializers.SerializerMethodField()
    photos = serializers.SerializerMethodField()
    files = serializers.SerializerMethodField()

    def get_sentence(self, entry: timeline.Entry) -> str:
        return sentence(entry.event) if entry.event else ""

    def get_actor(self, entry: timeline.Entry) -> str:
        if entry.event is None:
            return ""
        return entry.event.actor_name if entry.named else role_name(entry.event.role)

    @extend_schema_field(WordsSerializer(many=True))
    def get_words(self, entry: timeline.Entry) -> Any:
        return [{"label": str(label), "text": str(text)} for label, text in entry.words if text]

    def get_photos(self, entry: timeline.Entry) -> list[str]:
        return [photo.sha256 for photo in entry.photos]

    def get_files(self, entry: timeline.Entry) -> list[str]:
        return [file.sha256 for file in entry.files]


class TimelineEndpoint(OfProject):
    """What happened while the community was built."""

    serializer_class = TimelineSerializer

    @extend_schema(responses=TimelineSerializer(many=True))
    def list(self, request: Request, project: str) -> Response:
        """Plans, visits, notes, opinions, replies and changes, the oldest first."""
        return self.paged(timeline.entries(request.user, self.project), TimelineSerializer)
