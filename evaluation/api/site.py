"""Endpoints of what happens on site: guidance visits, opinions, the panel's visit, and the photos of all three."""

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
from evaluation import site
from evaluation.api.within import CODE, NUMBER, OfApplication
from evaluation.models import GuidanceVisit, SiteVisit
from evaluation.workflow import GUIDANCE_OPINION, GUIDANCE_VISIT
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
    thumbnail,
    uploads,
)

# --- photos -------------------------------------------------------------------------------------------------------


class PhotoSerializer(FileSerializer):
    """A photo, kept without metadata; time and place of taking stand beside it."""

    caption = serializers.CharField()
    taken_at = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    received_at = serializers.DateTimeField()


class PhotoUpload(UploadSerializer):
    """One picture and what it shows."""

    caption = serializers.CharField(max_length=120, allow_blank=True, default="")


class PhotoEndpoint(Endpoint):
    """Photos of one thing: of which one, its subclasses say."""

    serializer_class = PhotoSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @property
    def subject(self) -> Any:
        """What ``site.add_photo`` adds to."""
        raise NotImplementedError

    @property
    def holder(self) -> Any:
        """The row that has the photos."""
        return self.subject

    @extend_schema(responses=PhotoSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Photos in the order in which they came."""
        return self.paged(self.holder.photos.order_by("pk"), PhotoSerializer)

    @extend_schema(request=uploads(PhotoUpload), responses={201: PhotoSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a photo."""
        values = self.read(PhotoUpload)
        row = site.add_photo(request.user, self.subject, values["file"], values["caption"])
        return Response(PhotoSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The photo as it is kept."""
        return download(request, get_object_or_404(self.holder.photos, pk=pk))

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def thumbnail(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The small picture of the photo."""
        return thumbnail(request, get_object_or_404(self.holder.photos, pk=pk))


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
    def subject(self) -> Any:
        return self.visit


# --- opinions -----------------------------------------------------------------------------------------------------


class GuidanceOpinionSerializer(LifeSerializer):
    """指导意见: what must be mended by when, and the reply."""

    id = serializers.IntegerField()
    visit = serializers.IntegerField(source="visit_id")
    item_code = serializers.CharField()
    text = serializers.CharField()
    reply = serializers.CharField()


class GuidanceOpinionData(serializers.Serializer):
    """What must be mended by when, and for which item, if for one."""

    text = serializers.CharField(max_length=2000)
    due_on = serializers.DateField()
    item_code = serializers.CharField(max_length=20, allow_blank=True, default="")


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
        row = site.add_opinion(request.user, self.visit, **self.read(GuidanceOpinionData))
        return Response(GuidanceOpinionSerializer(row).data, status=status.HTTP_201_CREATED)


class GuidanceOpinionPhotoEndpoint(PhotoEndpoint):
    """Photos that prove what was mended."""

    scope = access.FILE

    @cached_property
    def opinion(self) -> Any:
        rows = GUIDANCE_OPINION.visible_to(self.request.user)
        return get_object_or_404(rows.select_related("visit__project__community"), pk=self.kwargs["opinion"])

    @property
    def subject(self) -> Any:
        return self.opinion


# --- the panel's visit --------------------------------------------------------------------------------------------


class SiteFindingSerializer(serializers.Serializer):
    """What was seen for one item."""

    item_code = serializers.CharField()
    agrees = serializers.BooleanField()
    text = serializers.CharField()


class SiteFindingData(serializers.Serializer):
    """Whether it agrees with the application, and what was seen."""

    agrees = serializers.BooleanField()
    text = serializers.CharField(max_length=2000)


class SiteVisitSerializer(serializers.Serializer):
    """现场核查 of the present review round, with the hours of both signatures."""

    review_round = serializers.IntegerField()
    visited_on = serializers.DateField(allow_null=True)
    summary = serializers.CharField()
    findings = serializers.SerializerMethodField()
    expert_signed_at = serializers.DateTimeField(allow_null=True)
    applicant_signed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(SiteFindingSerializer(many=True))
    def get_findings(self, row: SiteVisit) -> Any:
        return SiteFindingSerializer(row.findings.order_by("pk"), many=True).data


class SiteVisitData(serializers.Serializer):
    """What the visit was."""

    visited_on = serializers.DateField()
    summary = serializers.CharField(max_length=5000)


class OfSiteVisit(OfApplication):
    """Parts of the panel's visit."""

    @property
    def visit(self) -> SiteVisit:
        round_ = self.application.review_round
        return get_object_or_404(SiteVisit, application=self.application, review_round=round_)

    def shown(self) -> Response:
        """The record as it stands now."""
        return Response(SiteVisitSerializer(self.visit).data)


class SiteVisitEndpoint(OfSiteVisit):
    """The record of the panel's visit."""

    scope = access.HANDLE
    scopes = {"sign": access.SUBMIT}
    serializer_class = SiteVisitSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """The record of the present review round."""
        return self.shown()

    @extend_schema(request=SiteVisitData, responses=SiteVisitSerializer)
    def update(self, request: Request, application: int) -> Response:
        """Write what the visit was; both signatures fall away, since they were given to another text."""
        site.record_site_visit(request.user, self.application, **self.read(SiteVisitData))
        return self.shown()

    @extend_schema(request=None, responses=SiteVisitSerializer)
    def sign(self, request: Request, application: int) -> Response:
        """Sign the record for one's side."""
        site.sign_site_visit(request.user, self.application)
        return self.shown()


class SiteFindingEndpoint(OfSiteVisit):
    """What the panel saw on site, item by item."""

    scope = access.HANDLE
    serializer_class = SiteFindingSerializer
    lookup_url_kwarg = "item_code"
    lookup_value_regex = CODE

    @extend_schema(request=SiteFindingData, responses=SiteFindingSerializer)
    def update(self, request: Request, application: str, item_code: str) -> Response:
        """Write what was seen for one item; both signatures fall away."""
        row = site.record_site_finding(request.user, self.application, item_code, **self.read(SiteFindingData))
        return Response(SiteFindingSerializer(row).data)


class SiteVisitPhotoEndpoint(PhotoEndpoint, OfSiteVisit):
    """Photos of the panel's visit."""

    scope = access.HANDLE

    @property
    def subject(self) -> Any:
        return self.application

    @property
    def holder(self) -> Any:
        return self.visit
