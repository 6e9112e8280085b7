"""Endpoints of life after award: yearly operating reports, inspections with photos and findings, and putting right."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import BooleanField, Case, When
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import inspecting, supervising
from evaluation.api.site import PhotoUpload
from evaluation.api.within import NUMBER
from evaluation.models import Inspection, OperatingReport, Rectification
from evaluation.permissions import own_rows, rectifications_visible_to
from evaluation.workflow import INSPECTION, OPERATING_REPORT, RECTIFICATION
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

CASE = "certificate__application__project"

# --- reports ------------------------------------------------------------------------------------------------------------


class OperatingReportSerializer(LifeSerializer):
    """年度运营报告 of one year after a certificate was issued. questions: pairs of code and words; answers: as the unit
    writes them, empty for everybody else; handed: pairs of question and answer as they were handed in last.
    """

    id = serializers.IntegerField()
    certificate = serializers.CharField(source="certificate.number")
    community = serializers.CharField(source="certificate.community_name")
    year = serializers.IntegerField()
    opened_on = serializers.DateField()
    questions = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    answers = serializers.SerializerMethodField()
    revision = serializers.IntegerField()
    handed = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    submitted_at = serializers.DateTimeField(allow_null=True)
    returned_for = serializers.CharField()
    returns = serializers.IntegerField()

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_answers(self, report: Any) -> Any:
        return report.answers if report.own else {}


class OperatingReportData(serializers.Serializer):
    """Answers by the codes of their questions; revision: what the writer last saw, else what somebody else wrote
    meanwhile is lost.
    """

    answers = serializers.DictField(
        child=serializers.CharField(max_length=supervising.LONGEST, allow_blank=True), allow_empty=True
    )
    revision = serializers.IntegerField(required=False, allow_null=True, default=None)


class OfCertificateFilter(django_filters.FilterSet):
    certificate = django_filters.CharFilter(field_name="certificate__number")
    programme = django_filters.CharFilter(field_name=f"{CASE}__programme")
    district = django_filters.CharFilter(field_name=f"{CASE}__community__district")


class OperatingReportFilter(OfCertificateFilter):
    state = django_filters.ChoiceFilter(choices=list(OPERATING_REPORT.states.items()))
    year = NumberFilter(field_name="year")
    ordering = DeadlineOrder(fields=["due_on", "opened_on"])


class OperatingReportEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """年度运营报告 of the communities whose life after award the caller may see, most urgent first."""

    machine = "operating_report"
    scopes = {"update": access.FILE}
    serializer_class = OperatingReportSerializer
    filterset_class = OperatingReportFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related(f"{CASE}__programme", f"{CASE}__community")
        own = Case(
            When(own_rows(self.request.user, f"{CASE}__"), then=True), default=False, output_field=BooleanField()
        )
        return by_deadline(rows.annotate(own=own))

    @extend_schema(request=OperatingReportData, responses=OperatingReportSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Write the report, as far as it is known; ``submit`` hands it in."""
        supervising.write(request.user, self.get_object(), **self.read(OperatingReportData))
        return Response(OperatingReportSerializer(self.get_object()).data)


class ReportProofEndpoint(Endpoint):
    """Proofs of one report: the unit's own as they stand, for officers those of what was handed in."""

    scope = access.FILE
    serializer_class = FileSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def report(self) -> OperatingReport:
        rows = OPERATING_REPORT.visible_to(self.request.user).select_related(f"{CASE}__community")
        found: OperatingReport = get_object_or_404(rows, pk=self.kwargs["report"])
        return found

    def _rows(self) -> Any:
        return supervising.proofs_for(self.request.user, self.report)

    @extend_schema(responses=FileSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Proofs in the order in which they came."""
        return self.paged(self._rows(), FileSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a proof while the report is being written."""
        row = supervising.add_proof(request.user, self.report, self.read(UploadSerializer)["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str, **kwargs: Any) -> Response:
        """Take a proof out again."""
        proof = get_object_or_404(self._rows(), pk=pk)
        proof.report = self.report
        supervising.remove_proof(request.user, proof)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The proof as it is kept."""
        return download(request, get_object_or_404(self._rows(), pk=pk))


# --- inspections --------------------------------------------------------------------------------------------------------


class InspectionSerializer(LifeSerializer):
    """抽查 of one community that was drawn. place: of its lot, 1 first; notes: what was seen on site."""

    id = serializers.IntegerField()
    draw = serializers.IntegerField(source="draw_id")
    year = serializers.IntegerField(source="draw.year")
    place = serializers.IntegerField()
    certificate = serializers.CharField(source="certificate.number")
    community = serializers.CharField(source="certificate.community_name")
    visited_on = serializers.DateField(allow_null=True)
    notes = serializers.CharField()


class InspectionFilter(OfCertificateFilter):
    state = django_filters.ChoiceFilter(choices=list(INSPECTION.states.items()))
    draw = NumberFilter(field_name="draw")
    year = NumberFilter(field_name="draw__year")
    ordering = DeadlineOrder(fields=["due_on"])


class InspectionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """抽查 of the communities whose life after award the caller may see, most urgent first."""

    machine = "inspection"
    serializer_class = InspectionSerializer
    filterset_class = InspectionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().select_related("draw", f"{CASE}__programme", f"{CASE}__community"))


class InspectionPhotoSerializer(FileSerializer):
    """A photo of an inspection: upright, without metadata; hour and place as read from it."""

    caption = serializers.CharField()
    taken_at = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)


class OfInspection(Endpoint):
    """What belongs to one inspection."""

    scope = access.HANDLE
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def inspection(self) -> Inspection:
        rows = INSPECTION.visible_to(self.request.user).select_related(
            "draw", f"{CASE}__programme", f"{CASE}__community"
        )
        found: Inspection = get_object_or_404(rows, pk=self.kwargs["inspection"])
        return found


class InspectionPhotoEndpoint(OfInspection):
    """Photos of one inspection; before it is recorded its officers' alone."""

    serializer_class = InspectionPhotoSerializer

    def _rows(self) -> Any:
        return inspecting.photos_for(self.request.user, self.inspection)

    @extend_schema(responses=InspectionPhotoSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Photos in the order in which they came."""
        return self.paged(self._rows(), InspectionPhotoSerializer)

    @extend_schema(request=uploads(PhotoUpload), responses={201: InspectionPhotoSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a photo before the visit is recorded."""
        values = self.read(PhotoUpload)
        row = inspecting.add_photo(request.user, self.inspection, values["file"], values["caption"])
        return Response(InspectionPhotoSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The photo as it is kept."""
        return download(request, get_object_or_404(self._rows(), pk=pk))

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def thumbnail(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The small picture of the photo."""
        return thumbnail(request, get_object_or_404(self._rows(), pk=pk))


# --- putting right ------------------------------------------------------------------------------------------------------


class RectificationSerializer(LifeSerializer):
    """整改 of one thing that an inspection found. mend_by: the unit's last day; answer: what the check said."""

    id = serializers.IntegerField()
    inspection = serializers.IntegerField(source="inspection_id")
    certificate = serializers.CharField(source="inspection.certificate.number")
    text = serializers.CharField()
    mend_by = serializers.DateField()
    reply = serializers.CharField()
    answer = serializers.CharField()


class RectificationData(serializers.Serializer):
    """What must be put right by when."""

    text = serializers.CharField(max_length=inspecting.LONGEST)
    mend_by = serializers.DateField()


class InspectionFindingEndpoint(OfInspection):
    """What one inspection found: noted before it is recorded, told with it."""

    serializer_class = RectificationSerializer

    def _rows(self) -> Any:
        rows = rectifications_visible_to(self.request.user).filter(inspection=self.inspection)
        return rows.select_related("inspection__certificate").order_by("pk")

    @extend_schema(responses=RectificationSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """In the order in which they were noted."""
        return self.paged(self._rows(), RectificationSerializer)

    @extend_schema(request=RectificationData, responses={201: RectificationSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Note one thing that must be put right; the unit learns it when the visit is recorded."""
        row = inspecting.add_finding(request.user, self.inspection, **self.read(RectificationData))
        return Response(RectificationSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str, **kwargs: Any) -> Response:
        """Take out what was noted and told nobody."""
        row = get_object_or_404(self._rows(), pk=pk)
        row.inspection = self.inspection
        inspecting.take_out_finding(request.user, row)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RectificationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(RECTIFICATION.states.items()))
    inspection = NumberFilter(field_name="inspection")
    certificate = django_filters.CharFilter(field_name="inspection__certificate__number")
    district = django_filters.CharFilter(field_name=f"inspection__{CASE}__community__district")
    ordering = DeadlineOrder(fields=["due_on"])


class RectificationEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """整改 that the caller may see, most urgent first."""

    machine = "rectification"
    serializer_class = RectificationSerializer
    filterset_class = RectificationFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        case = f"inspection__{CASE}"
        return by_deadline(super().get_queryset().select_related(f"{case}__programme", f"{case}__community"))


class RectificationProofEndpoint(Endpoint):
    """Proofs of what was put right."""

    scope = access.FILE
    serializer_class = FileSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def rectification(self) -> Rectification:
        rows = RECTIFICATION.visible_to(self.request.user).select_related(f"inspection__{CASE}__community")
        found: Rectification = get_object_or_404(rows, pk=self.kwargs["rectification"])
        return found

    @extend_schema(responses=FileSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Proofs in the order in which they came."""
        return self.paged(self.rectification.proofs.order_by("pk"), FileSerializer)

    @extend_schema(request=uploads(UploadSerializer), responses={201: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a proof while it is the unit's turn; ``reply`` hands it in."""
        upload = self.read(UploadSerializer)["file"]
        row = inspecting.add_rectification_proof(request.user, self.rectification, upload)
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, pk: str, **kwargs: Any) -> HttpResponseBase:
        """The proof as it is kept."""
        return download(request, get_object_or_404(self.rectification.proofs, pk=pk))
