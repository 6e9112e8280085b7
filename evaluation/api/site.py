"""Endpoints of what happens on site: the panel's visit, and the photos of any visit."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import site, site_checklist, site_paper, site_signing
from evaluation.api.within import CODE, NUMBER, OfApplication
from evaluation.models import SiteFinding, SiteVisit
from portal import files
from portal.accounts import confirm
from portal.api import (
    BINARY,
    AnyAccept,
    Endpoint,
    FileSerializer,
    UploadSerializer,
    download,
    thumbnail,
    uploads,
)
from portal.machine import NotAllowed

# --- photos -------------------------------------------------------------------------------------------------------


class PhotoSerializer(FileSerializer):
    """A photo, kept without metadata; time and place of taking stand beside it."""

    caption = serializers.CharField()
    taken_at = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    received_at = serializers.DateTimeField()
    accuracy = serializers.FloatField(allow_null=True)  # metres
    key = serializers.CharField()
    line = serializers.CharField()
    sent_sha256 = serializers.CharField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_reason = serializers.CharField()


class PhotoUpload(UploadSerializer):
    """One picture and what it shows."""

    caption = serializers.CharField(max_length=120, allow_blank=True, default="")


class PhotoEndpoint(Endpoint):
    """Photos of one thing: of which one, its subclasses say."""

    serializer_class = PhotoSerializer
    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @property
    def holder(self) -> Any:
        """The row that has the photos."""
        raise NotImplementedError

    def add(self, by: Any, upload: Any, caption: str) -> Any:
        """Keep one more photo of the holder; raises as its domain does."""
        raise NotImplementedError

    @extend_schema(responses=PhotoSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """Photos in the order in which they came."""
        return self.paged(self.holder.photos.order_by("pk"), PhotoSerializer)

    @extend_schema(request=uploads(PhotoUpload), responses={201: PhotoSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a photo."""
        values = self.read(PhotoUpload)
        row = self.add(request.user, values["file"], values["caption"])
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


# --- the panel's visit --------------------------------------------------------------------------------------------


class SiteFindingSerializer(serializers.Serializer):
    """One version of what was seen of one line of the checklist; the last one of a line holds."""

    line = serializers.CharField()
    number = serializers.IntegerField()
    item_code = serializers.CharField()
    seen = serializers.CharField()
    text = serializers.CharField()
    at = serializers.DateTimeField()
    save_key = serializers.CharField()


class SeenSerializer(serializers.Serializer):
    """Whether it agrees with the application, and what was seen. after: ``save_key`` of the version that was seen there,
    "" for none; left out nothing is compared. save_key: a UUID that makes a second sending the same save."""

    seen = serializers.ChoiceField(choices=SiteFinding.Seen.choices)
    text = serializers.CharField(max_length=2000)
    after = serializers.CharField(max_length=36, allow_blank=True, required=False)
    save_key = serializers.CharField(max_length=36, allow_blank=True, default="")


class SiteFindingData(SeenSerializer):
    """A version of any line: as it is named in the checklist, "own:" or "doubt:" with a UUID for a new one. A doubt that is
    only put on the list has no ``seen``."""

    line = serializers.CharField(max_length=60)
    item_code = serializers.CharField(max_length=20, allow_blank=True, default="")
    seen = serializers.ChoiceField(choices=SiteFinding.Seen.choices, allow_blank=True)


class ChecklistSerializer(serializers.Serializer):
    """One line of the checklist: what to look at and why, and what was said of it last."""

    line = serializers.CharField(source="key")
    title = serializers.CharField()
    look = serializers.CharField()
    why = serializers.CharField()
    item_code = serializers.CharField()
    last = SiteFindingSerializer(allow_null=True)


class SiteSignatureSerializer(serializers.Serializer):
    """A signature and the content to which it was given; void from the moment the record changed."""

    side = serializers.CharField()
    signed_at = serializers.DateTimeField()
    content_sha256 = serializers.CharField()
    strokes_sha256 = serializers.CharField()
    voided_at = serializers.DateTimeField(allow_null=True)


class SiteVisitSerializer(serializers.Serializer):
    """现场核查 of the present review round, with the hours of both signatures. content_sha256: what is signed now."""

    review_round = serializers.IntegerField()
    visited_on = serializers.DateField(allow_null=True)
    summary = serializers.CharField()
    findings = SiteFindingSerializer(many=True)
    expert_signed_at = serializers.DateTimeField(allow_null=True)
    applicant_signed_at = serializers.DateTimeField(allow_null=True)
    signatures = SiteSignatureSerializer(many=True)
    content_sha256 = serializers.SerializerMethodField()

    def get_content_sha256(self, row: SiteVisit) -> str:
        return site_signing.sha256_of_content(row)


class SiteVisitData(serializers.Serializer):
    """What the visit was."""

    visited_on = serializers.DateField()
    summary = serializers.CharField(max_length=5000)


class SignData(serializers.Serializer):
    """A signature. strokes: lists of [x, y], x 0..1000, y 0..400; without them the password. side: "applicant" for somebody
    of the applicant's who signs on an expert's telephone, with title and consent."""

    name = serializers.CharField(max_length=60)
    title = serializers.CharField(max_length=60, allow_blank=True, default="")
    side = serializers.ChoiceField(choices=["", "applicant"], default="")
    strokes = serializers.JSONField(default=list)
    password = serializers.CharField(max_length=128, required=False, trim_whitespace=False, write_only=True)
    consents = serializers.BooleanField(default=False)
    content_sha256 = serializers.CharField(max_length=64, allow_blank=True, default="")
    save_key = serializers.CharField(max_length=36, allow_blank=True, default="")


class WithdrawData(serializers.Serializer):
    """Why a photo no longer counts."""

    reason = serializers.CharField(max_length=200)


class OfSiteVisit(OfApplication):
    """Parts of the panel's visit."""

    @property
    def visit(self) -> SiteVisit:
        round_ = self.application.review_round
        visit = get_object_or_404(SiteVisit, application=self.application, review_round=round_)
        visit.application = self.application
        return visit

    def shown(self) -> Response:
        """The record as it stands now."""
        visit = self.visit
        prefetch_related_objects([visit], "findings", "signatures")
        return Response(SiteVisitSerializer(visit).data)


class SiteVisitEndpoint(OfSiteVisit):
    """The record of the panel's visit."""

    scope = access.HANDLE
    scopes = {"sign": access.SUBMIT}
    counted = ("sign",)
    serializer_class = SiteVisitSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """The record of the present review round."""
        return self.shown()

    @extend_schema(request=SiteVisitData, responses=SiteVisitSerializer)
    def update(self, request: Request, application: int) -> Response:
        """Write what the visit was; both signatures fall away, since they were given to another text."""
        site.record_site_visit(request.user, self.application, **self.read(SiteVisitData))
        return self.shown()

    @extend_schema(request=SignData, responses=SiteVisitSerializer)
    def sign(self, request: Request, application: int) -> Response:
        """Sign the record for one's side, or let somebody of the applicant's sign on an expert's telephone."""
        told = self.read(SignData)
        password, key = told.pop("password", ""), told.pop("save_key")
        confirmed = confirm(request.user, password) if password and not told["strokes"] else None
        site_signing.sign(request.user, self.application, site_signing.Signing(**told, confirmed=confirmed, key=key))
        return self.shown()

    @extend_schema(responses=BINARY)
    def paper(self, request: Request, application: int) -> HttpResponseBase:
        """The record as a PDF, for whoever may know the panel."""
        visit = self.visit
        if not site_paper.may_read(request.user, self.application) or not visit.summary:
            raise NotAllowed("site_visit_paper")
        visit = site_paper.paper_of(site_paper.visits().get(pk=visit.pk))
        sha256, name = visit.paper_sha256, site_paper.file_name(visit)
        return files.send(visit.paper, name=name, content_type="application/pdf", request=request, sha256=sha256)


class SiteFindingEndpoint(OfSiteVisit):
    """What the panel looks at on site and what it saw, line by line, in versions that are only added."""

    scope = access.HANDLE
    serializer_class = SiteFindingSerializer
    lookup_url_kwarg = "item_code"
    lookup_value_regex = CODE

    @extend_schema(responses=ChecklistSerializer(many=True))
    def list(self, request: Request, application: str) -> Response:
        """The checklist with the last word on every line."""
        return Response(ChecklistSerializer(site_checklist.checklist(self.application, self.visit), many=True).data)

    @extend_schema(request=SiteFindingData, responses={201: SiteFindingSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Add a version of one line; both signatures fall away. 409 with what stands there where another was faster."""
        return self._say(self.read(SiteFindingData), status.HTTP_201_CREATED)

    @extend_schema(request=SeenSerializer, responses=SiteFindingSerializer)
    def update(self, request: Request, application: str, item_code: str) -> Response:
        """Write what was seen for one item; both signatures fall away."""
        return self._say({**self.read(SeenSerializer), "line": f"item:{item_code}", "item_code": item_code})

    def _say(self, told: Any, answer: int = status.HTTP_200_OK) -> Response:
        key = told.pop("save_key")
        row = site.say(self.request.user, self.application, site.Said(**told, key=key))
        return Response(SiteFindingSerializer(row).data, status=answer)


class SiteVisitPhotoEndpoint(PhotoEndpoint, OfSiteVisit):
    """Photos of the panel's visit."""

    scope = access.HANDLE

    @property
    def holder(self) -> Any:
        return self.visit

    def add(self, by: Any, upload: Any, caption: str) -> Any:
        return site.add_photo(by, self.application, upload, caption)

    @extend_schema(request=WithdrawData, responses=PhotoSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str, **kwargs: Any) -> Response:
        """Mark a photo as withdrawn; it stays to be read."""
        row = get_object_or_404(self.holder.photos, pk=pk)
        site.withdraw_photo(request.user, self.application, row, **self.read(WithdrawData))
        row.refresh_from_db()
        return Response(PhotoSerializer(row).data)
