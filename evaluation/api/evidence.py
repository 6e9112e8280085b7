"""Endpoints of evidence: proofs, the places in them that prove items, pictures of their pages, coverage, what is on its way.

Hides: which version a reader gets (``papers``), and that every write is judged by ``proofs``. Large files come by
``/api/v1/uploads/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities import access
from evaluation import marking, proofs, receiving
from evaluation.api.within import CODE, OfApplication
from evaluation.coverage import coverage
from evaluation.models import Evidence
from evaluation.papers import data_for, evidence_for, may_read_file, send_page, send_thumbnail
from evaluation.permissions import can
from portal import previews, uploads
from portal.api import BINARY, AnyAccept, FileSerializer, UploadSerializer, download
from portal.api import uploads as multipart
from portal.models import Upload
from portal.problems import Problem

LARGEST = 2**31 - 1


class EvidenceSerializer(FileSerializer):
    """佐证 with the items that it proves: item code -> page, or null; ``regions``: item code -> where on that page."""

    evidence_kind = serializers.CharField()
    caption = serializers.CharField()
    items = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    regions = serializers.SerializerMethodField()

    def get_regions(self, proof: Mapping[str, Any]) -> dict[str, list[float]]:
        """left, top, width, height as fractions of the page"""
        return dict(proof.get("regions", {}))


class EvidenceUpload(UploadSerializer):
    """One proof. ``evidence_kind``: a word of the standard; ``items``: the items it proves, at ``page``."""

    evidence_kind = serializers.CharField(max_length=20)
    items = serializers.ListField(child=serializers.CharField(max_length=20), required=False)
    caption = serializers.CharField(max_length=120, allow_blank=True, default="")
    page = serializers.IntegerField(min_value=1, max_value=LARGEST, allow_null=True, default=None)


class LinkData(serializers.Serializer):
    """Where an item is proved: the page, and left, top, width, height on it as fractions from 0 to 1."""

    page = serializers.IntegerField(min_value=1, max_value=LARGEST, allow_null=True, default=None)
    region = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1),
        min_length=4,
        max_length=4,
        allow_null=True,
        default=None,
    )


class ProvedItems(serializers.Serializer):
    """The items that a proof is for; what stays keeps its page and region, ``page`` is where the new ones are proved."""

    items = serializers.ListField(child=serializers.CharField(max_length=20), max_length=2000)
    page = serializers.IntegerField(min_value=1, max_value=LARGEST, allow_null=True, default=None)


class ReplacementSerializer(serializers.Serializer):
    """The proof in another's place, and what of the old one's anchors must be set again."""

    evidence = EvidenceSerializer()
    remarks = serializers.ListField(child=serializers.CharField())


class PictureSize(serializers.Serializer):
    """width: pixels."""

    width = serializers.ChoiceField(choices=previews.WIDTHS, default=960)


class EvidenceEndpoint(OfApplication):
    """佐证 of one application."""

    scope = access.FILE
    serializer_class = EvidenceSerializer

    def list(self, request: Request, application: str) -> Response:
        """Every proof in the reader's version."""
        return self.paged(data_for(request.user, self.application)["evidence"], EvidenceSerializer)

    @extend_schema(request=multipart(EvidenceUpload), responses={201: EvidenceSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Add a proof and attach it to items; photos lose their metadata, time and place are kept apart."""
        values = self.read(EvidenceUpload)
        row = proofs.add_evidence(
            request.user,
            self.application,
            values["evidence_kind"],
            values["file"],
            values.get("items", []),
            values["caption"],
            values["page"],
        )
        return Response(EvidenceSerializer(_proof(row)).data, status=status.HTTP_201_CREATED)

    def _found(self, pk: str) -> Evidence:
        row: Evidence = get_object_or_404(evidence_for(self.request.user), application=self.application, pk=pk)
        row.application = self.application
        return row

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Take a proof out of the next version; every item it proves must be open."""
        proofs.remove_evidence(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, application: str, pk: str) -> Response:
        """Take back a removal."""
        proofs.restore_evidence(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=multipart(UploadSerializer), responses={201: ReplacementSerializer})
    @action(detail=True, methods=["post"])
    def replace(self, request: Request, application: str, pk: str) -> Response:
        """Put a new file in the place of this one: caption and links go over, the old file stays for earlier versions."""
        done = proofs.replace_evidence(request.user, self._found(pk), self.read(UploadSerializer)["file"])
        told = {"evidence": _proof(done.evidence), "remarks": [row.text(gettext) for row in done.remarks()]}
        return Response(ReplacementSerializer(told).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ProvedItems, responses=EvidenceSerializer)
    @action(detail=True, methods=["put"])
    def items(self, request: Request, application: str, pk: str) -> Response:
        """Say in one call which items the proof is for: those that are left out are detached."""
        row, said = self._found(pk), self.read(ProvedItems)
        proofs.prove_items(request.user, row, said["items"], page=said["page"])
        return Response(EvidenceSerializer(_proof(row)).data)

    @extend_schema(request=LinkData, responses=EvidenceSerializer)
    @action(detail=True, methods=["put"], url_path=rf"links/(?P<item_code>{CODE})")
    def link(self, request: Request, application: str, pk: str, item_code: str) -> Response:
        """Attach a proof to one more item, or move its page and region there."""
        row, said = self._found(pk), self.read(LinkData)
        region = tuple(said["region"]) if said["region"] else None
        proofs.link_evidence(request.user, row, item_code, said["page"], region)
        return Response(EvidenceSerializer(_proof(row)).data)

    @extend_schema(responses={204: None})
    @link.mapping.delete
    def unlink(self, request: Request, application: str, pk: str, item_code: str) -> Response:
        """Detach a proof from one item."""
        proofs.unlink_evidence(request.user, self._found(pk), item_code)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _readable(self, pk: str) -> Evidence:
        row = self._found(pk)
        if not may_read_file(self.request.user, row):
            raise Http404
        return row

    def _looked_at(self, pk: str) -> Evidence:
        """To an expert who is marking, the file counts as looked at from now on."""
        row = self._readable(pk)
        if can(self.request.user, "mark", self.application):
            marking.open_evidence(self.request.user, row.pk)
        return row

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The file itself. To an expert who is marking it counts as looked at from now on."""
        return download(request, self._looked_at(pk))

    @extend_schema(responses=BINARY | {202: OpenApiResponse(description="正在绘制，请稍后再取 / still being drawn")})
    @action(detail=True, content_negotiation_class=AnyAccept)
    def thumbnail(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The small picture of a photo or of a PDF's first page."""
        return send_thumbnail(request, self._readable(pk)) or HttpResponse(status=202, headers={"Retry-After": "5"})

    @extend_schema(
        responses=BINARY,
        parameters=[PictureSize, OpenApiParameter("page", int, OpenApiParameter.PATH)],
    )
    @action(detail=True, url_path=r"pages/(?P<page>\d{1,9})", url_name="page", content_negotiation_class=AnyAccept)
    def page(self, request: Request, application: str, pk: str, page: str) -> HttpResponseBase:
        """The picture (JPEG) of one page of a PDF or photo."""
        row, width = self._looked_at(pk), self.asked(PictureSize)["width"]
        return send_page(request, row, int(page), width)


def _proof(row: Evidence) -> Mapping[str, Any]:
    names = ("name", "kind", "size", "pages", "sha256", "evidence_kind", "caption")
    links = list(row.links.order_by("item_code"))
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in names},
        "items": {link.item_code: link.page for link in links},
        "regions": {link.item_code: list(link.region) for link in links if link.region is not None},
    }


# --- coverage -----------------------------------------------------------------------------------------------------


class CoveredItem(serializers.Serializer):
    """An item and how many proofs it has. lacking: it is won and no suitable proof is there."""

    code = serializers.CharField()
    name = serializers.CharField()
    evidence = serializers.ListField(child=serializers.IntegerField())
    lacking = serializers.BooleanField()


class CoveringProof(serializers.Serializer):
    """A proof and its items. busy: it stands for five items or more."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    items = serializers.ListField(child=serializers.CharField())
    busy = serializers.BooleanField()


class CoverageSerializer(serializers.Serializer):
    """Which items are proved by what."""

    items = CoveredItem(many=True)
    evidence = CoveringProof(many=True)


class CoverageEndpoint(OfApplication):
    """佐证覆盖情况."""

    scope = access.FILE
    serializer_class = CoverageSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Which items are proved by what in the reader's version; every item of the stage, every proof."""
        table = coverage(self.application, data_for(request.user, self.application))
        told = {
            "items": [
                {
                    "code": row.code,
                    "name": row.name,
                    "evidence": [proof["id"] for proof in row.proofs],
                    "lacking": row.lacking,
                }
                for row in table.items
            ],
            "evidence": [
                {"id": row.proof["id"], "name": row.proof["name"], "items": row.items, "busy": row.busy}
                for row in table.proofs
            ],
        }
        return Response(CoverageSerializer(told).data)


# --- on their way -------------------------------------------------------------------------------------------------


class ComingFileSerializer(serializers.Serializer):
    """上传: one file on its way. state: uploading, checking, taken (``made`` is the row's number) or refused."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    code = serializers.SerializerMethodField()
    state = serializers.CharField()
    offset = serializers.SerializerMethodField()
    length = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    made = serializers.IntegerField(allow_null=True)
    problems = serializers.SerializerMethodField()
    remarks = serializers.SerializerMethodField()

    def get_code(self, upload: Upload) -> str:
        return str(upload.details.get("code", ""))

    def get_offset(self, upload: Upload) -> int:
        return uploads.position(upload)

    def get_problems(self, upload: Upload) -> list[str]:
        return _sentences(upload.problems)

    def get_remarks(self, upload: Upload) -> list[str]:
        return _sentences(upload.remarks)


def _sentences(records: list[dict[str, Any]]) -> list[str]:
    return [Problem.from_record(record).text(gettext) for record in records]


class ComingFileEndpoint(OfApplication):
    """Files on their way into one application."""

    scope = access.FILE
    serializer_class = ComingFileSerializer

    def list(self, request: Request, application: int) -> Response:
        """Uploads into this application: how far they have come, what became of them; for those who may edit it."""
        return self.paged(receiving.of_application(self.require("edit")), ComingFileSerializer)
