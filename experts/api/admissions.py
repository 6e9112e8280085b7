"""Endpoints of admissions: filling in and handing in one's own, deciding on what was handed in."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from communities.api.within import NUMBER, InDistrict
from communities.models import District
from experts import admitting
from experts.models import Admission, AdmissionProof, Field
from experts.permissions import admissions_visible_to
from experts.workflow import ADMISSION
from portal.api import (
    BINARY,
    Acts,
    AnyAccept,
    DeadlineOrder,
    Endpoint,
    EventSerializer,
    FileSerializer,
    LifeSerializer,
    by_deadline,
    download,
    uploads,
)
from portal.models import Event


class FieldSerializer(serializers.Serializer):
    """专业."""

    code = serializers.CharField()
    name = serializers.CharField()


class AdmissionSerializer(LifeSerializer):
    """入库申请 or 续聘 (``kind``). ``call``: number of the call; ``expert``: number of who came of it."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    call = serializers.CharField(source="call.number", allow_null=True, default=None)
    name = serializers.CharField(source="user.name")
    education = serializers.CharField()
    title = serializers.CharField()
    experience_years = serializers.IntegerField(allow_null=True)
    fields = FieldSerializer(many=True)
    employer = serializers.CharField()
    employer_code = serializers.CharField()
    district = serializers.CharField(source="district_id", allow_null=True)
    statement = serializers.CharField()
    handed_in_at = serializers.DateTimeField(allow_null=True)
    expert = serializers.CharField(source="expert.number", allow_null=True, default=None)


class AdmissionData(InDistrict, serializers.Serializer):
    """What a person says of themself; what is left out stays. For a renewal only ``statement`` counts."""

    education = serializers.CharField(max_length=40, required=False, allow_blank=True)
    title = serializers.CharField(max_length=40, required=False, allow_blank=True)
    experience_years = serializers.IntegerField(required=False, allow_null=True)
    employer = serializers.CharField(max_length=120, required=False, allow_blank=True)
    employer_code = serializers.CharField(max_length=40, required=False, allow_blank=True)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all(), required=False)
    statement = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    fields = serializers.PrimaryKeyRelatedField(queryset=Field.objects.all(), many=True, required=False)


class AdmissionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(ADMISSION.states.items()))
    kind = django_filters.ChoiceFilter(choices=Admission.Kind.choices)
    call = django_filters.CharFilter(field_name="call__number")
    ordering = DeadlineOrder(fields=["due_on", "handed_in_at"])


class AdmissionEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """入库申请: the own ones; for those who decide all that were handed in. Most urgent first."""

    scope = access.FILE
    personal = True
    machine = "admission"
    serializer_class = AdmissionSerializer
    filterset_class = AdmissionFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().prefetch_related("fields"))

    @extend_schema(request=AdmissionData, responses=AdmissionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what one says of oneself, before it is handed in."""
        row, values = self.get_object(), self.read_part(AdmissionData)
        kept = {name: getattr(row, name) for name in admitting.ADMISSION_FIELDS if name != "fields"}
        fields = values.pop("fields", None)
        kept |= values | {"fields": row.fields.all() if fields is None else fields}
        admitting.change_admission(request.user, row, kept)
        return Response(AdmissionSerializer(self.get_object()).data)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of an admission, oldest first."""
        return self.paged(Event.objects.of(self.get_object()), EventSerializer)


# --- proofs -----------------------------------------------------------------------------------------------------------


class AdmissionProofSerializer(FileSerializer):
    """One paper and what it proves."""

    proves = serializers.CharField()
    uploaded_at = serializers.DateTimeField()


class AdmissionProofData(serializers.Serializer):
    """A paper: PDF or photo."""

    proves = serializers.ChoiceField(AdmissionProof.Proves.choices)
    file = serializers.FileField()


class AdmissionProofEndpoint(Endpoint):
    """证明材料 of one admission."""

    scope = access.FILE
    personal = True
    serializer_class = AdmissionProofSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def admission(self) -> Admission:
        return get_object_or_404(admissions_visible_to(self.request.user), pk=self.kwargs["admission"])

    @extend_schema(responses=AdmissionProofSerializer(many=True))
    def list(self, request: Request, admission: str) -> Response:
        """Every paper that was handed in."""
        return self.paged(self.admission.proofs.all(), AdmissionProofSerializer)

    @extend_schema(request=uploads(AdmissionProofData), responses={201: AdmissionProofSerializer})
    def create(self, request: Request, admission: str) -> Response:
        """Hand in one paper."""
        values = self.read(AdmissionProofData)
        row = admitting.add_proof(request.user, self.admission, values["proves"], values["file"])
        return Response(AdmissionProofSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, admission: str, pk: str) -> Response:
        """Take a paper back while the admission is with the person."""
        rows = AdmissionProof.objects.select_related("admission").filter(admission=self.admission)
        admitting.remove_proof(request.user, get_object_or_404(rows, pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, admission: str, pk: str) -> HttpResponseBase:
        """The file itself."""
        return download(request, get_object_or_404(AdmissionProof, admission=self.admission, pk=pk))
