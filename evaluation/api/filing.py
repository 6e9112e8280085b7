"""Endpoints of what an applicant hands in: data, claims, statements, documents, evidence.

Hides: which version a reader gets (``papers``), and that every write is judged by ``filing``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from communities.sheets import PERMIT_DATES
from evaluation import checks, filing, marking, snapshot
from evaluation import standard as standards
from evaluation.api.within import CODE, OfApplication
from evaluation.models import Document, Evidence
from evaluation.papers import data_for, documents_for, evidence_for, may_read_file
from evaluation.permissions import can
from evaluation.progress import forecast, meters
from portal.api import BINARY, AnyAccept, FileSerializer, UploadSerializer, download, thumbnail, uploads
from portal.api_schema import ProblemSerializer
from portal.problems import Problem

LARGEST = 2**31 - 1


class SavedSerializer(serializers.Serializer):
    """The number of a save: what the next save of the same place sends as ``revision``."""

    revision = serializers.IntegerField()


# --- data ---------------------------------------------------------------------------------------------------------


class CaseDataSerializer(serializers.Serializer):
    """Who applies for what, as the reader's version of the application says it."""

    project = serializers.DictField()
    standard = serializers.DictField()
    organisation = serializers.DictField()
    consultant = serializers.DictField(allow_null=True)
    community = serializers.DictField()


class CaseDataChange(serializers.Serializer):
    """Target level and permit dates; what is left out stays."""

    target_level = serializers.IntegerField(required=False)
    planning_permit_on = serializers.DateField(required=False, allow_null=True)
    drawing_review_on = serializers.DateField(required=False, allow_null=True)
    construction_permit_on = serializers.DateField(required=False, allow_null=True)
    completed_on = serializers.DateField(required=False, allow_null=True)


class CaseDataEndpoint(OfApplication):
    """The data of the case that a correction may name."""

    serializer_class = CaseDataSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """Project, standard, parties and community: the present state for the parties, the sealed one for everybody else."""
        return Response(CaseDataSerializer(data_for(request.user, self.application)).data)

    @extend_schema(request=CaseDataChange, responses=CaseDataSerializer)
    def partial_update(self, request: Request, application: int) -> Response:
        """Change target level and permit dates."""
        values, row = self.read(CaseDataChange), self.application
        level = values.get("target_level", row.project.target_level)
        dates = {name: values[name] for name in PERMIT_DATES if name in values}
        filing.save_case_data(request.user, row, level, dates)
        self.__dict__.pop("application")  # read anew: what it says has changed
        return self.retrieve(request, application)


# --- claims -------------------------------------------------------------------------------------------------------


class ProofSerializer(serializers.Serializer):
    """Where an item is proved."""

    evidence = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)


class ClaimSerializer(serializers.Serializer):
    """自评 of one item. ``legal``: the marks that may be entered; ``revision``: null for readers, 0 before the first save."""

    item_code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    mode = serializers.CharField()
    points = serializers.CharField()
    legal = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    note = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    is_open = serializers.BooleanField()
    evidence = ProofSerializer(many=True)


class ClaimData(serializers.Serializer):
    """A mark: true, false, "na", a number, or null for none. ``revision``: what the writer last saw; null skips that."""

    value = serializers.JSONField(allow_null=True)
    note = serializers.CharField(max_length=5000, allow_blank=True, default="")
    revision = serializers.IntegerField(allow_null=True, default=None)


class ClaimEndpoint(OfApplication):
    """自评, item by item."""

    serializer_class = ClaimSerializer
    lookup_url_kwarg = "item_code"
    lookup_value_regex = CODE

    def list(self, request: Request, application: str) -> Response:
        """Every item of the stage in the order of the standard, with its claim and where it is proved."""
        return self.paged(list(self._rows()), ClaimSerializer)

    def retrieve(self, request: Request, application: str, item_code: str) -> Response:
        """One item with its claim."""
        found = next((row for row in self._rows() if row["item_code"] == item_code), None)
        if found is None:
            raise Http404
        return Response(ClaimSerializer(found).data)

    @extend_schema(request=ClaimData, responses=SavedSerializer)
    def update(self, request: Request, application: str, item_code: str) -> Response:
        """Keep the applicant's own mark of one item. 409 where somebody saved after ``revision``."""
        claim = filing.save_claim(request.user, self.application, item_code, **self.read(ClaimData))
        return Response({"revision": claim.revision})

    def _rows(self) -> Iterator[dict[str, Any]]:
        row, places = self.application, self.open_to_me()
        data = data_for(self.request.user, row)
        writes = places.everything or bool(places.places)
        revisions = dict(row.claims.values_list("item_code", "revision")) if writes else None
        for item in row.standard.items(row.stage):
            claim = data["claims"].get(item.code, {})
            yield {
                "item_code": item.code,
                "name": item.name,
                "kind": item.kind,
                "mode": item.mode,
                "points": standards.to_text(item.points),
                "legal": standards.legal_marks(item).text(),
                "value": claim.get("value"),
                "note": claim.get("note", ""),
                "revision": None if revisions is None else revisions.get(item.code, 0),
                "is_open": places.item(item.code),
                "evidence": [
                    {"evidence": proof["id"], "page": proof["page"]} for proof in snapshot.evidence_of(data, item.code)
                ],
            }


# --- statements and documents -------------------------------------------------------------------------------------


class DocumentSerializer(serializers.Serializer):
    """申报材料: one document of the stage's list, with the text or the files that were handed in for it."""

    code = serializers.CharField()
    name = serializers.CharField()
    required = serializers.BooleanField()
    forms = serializers.ListField(child=serializers.CharField())
    is_open = serializers.BooleanField()
    text = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    files = FileSerializer(many=True)


class StatementData(serializers.Serializer):
    """The text of a document that is filled in online."""

    text = serializers.CharField(allow_blank=True, max_length=50000)
    revision = serializers.IntegerField(allow_null=True, default=None)


class StatementEndpoint(OfApplication):
    """Texts typed in the portal."""

    serializer_class = SavedSerializer
    lookup_url_kwarg = "code"
    lookup_value_regex = CODE

    @extend_schema(request=StatementData, responses=SavedSerializer)
    def update(self, request: Request, application: str, code: str) -> Response:
        """Keep the text of one online document. 409 where somebody saved after ``revision``."""
        statement = filing.save_statement(request.user, self.application, code, **self.read(StatementData))
        return Response({"revision": statement.revision})


class DocumentUpload(UploadSerializer):
    """One file of one document of the stage."""

    code = serializers.CharField(max_length=10)


class DocumentEndpoint(OfApplication):
    """申报材料 of one application, by the stage's list."""

    serializer_class = DocumentSerializer

    def list(self, request: Request, application: str) -> Response:
        """Every document of the stage, with what was handed in for it."""
        return self.paged(list(self._rows()), DocumentSerializer)

    def _rows(self) -> Iterator[dict[str, Any]]:
        row, places = self.application, self.open_to_me()
        data = data_for(self.request.user, row)
        writes = places.everything or bool(places.places)
        revisions = dict(row.statements.values_list("code", "revision")) if writes else None
        for document in row.standard.stage(row.stage).documents:
            yield {
                "code": document.code,
                "name": document.name,
                "required": document.required,
                "forms": document.forms,
                "is_open": places.document(document.code),
                "text": data["statements"].get(document.code, ""),
                "revision": None if revisions is None else revisions.get(document.code, 0),
                "files": data["documents"].get(document.code, []),
            }

    @extend_schema(request=uploads(DocumentUpload), responses={201: FileSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Add one file to a document of the stage."""
        values = self.read(DocumentUpload)
        row = filing.add_document(request.user, self.application, values["code"], values["file"])
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    def _found(self, pk: str) -> Document:
        row: Document = get_object_or_404(documents_for(self.request.user), application=self.application, pk=pk)
        row.application = self.application
        return row

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, application: str, pk: str) -> Response:
        """Take one file out of the next version; versions that name it keep it."""
        filing.remove_document(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, application: str, pk: str) -> Response:
        """Take back a removal."""
        filing.restore_document(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The file itself: what is there now for the parties, what a sealed version names for everybody else."""
        row = self._found(pk)
        if not may_read_file(request.user, row):
            raise Http404
        return download(request, row)


# --- evidence -----------------------------------------------------------------------------------------------------


class EvidenceSerializer(FileSerializer):
    """佐证 with the items that it proves: item code -> page, or null."""

    evidence_kind = serializers.CharField()
    caption = serializers.CharField()
    items = serializers.DictField(child=serializers.IntegerField(allow_null=True))


class EvidenceUpload(UploadSerializer):
    """One proof. ``evidence_kind``: a word of the standard; ``items``: the items it proves, at ``page``."""

    evidence_kind = serializers.CharField(max_length=20)
    items = serializers.ListField(child=serializers.CharField(max_length=20), required=False)
    caption = serializers.CharField(max_length=120, allow_blank=True, default="")
    page = serializers.IntegerField(min_value=1, max_value=LARGEST, allow_null=True, default=None)


class LinkData(serializers.Serializer):
    """The page at which an item is proved."""

    page = serializers.IntegerField(min_value=1, max_value=LARGEST, allow_null=True, default=None)


class EvidenceEndpoint(OfApplication):
    """佐证 of one application."""

    serializer_class = EvidenceSerializer

    def list(self, request: Request, application: str) -> Response:
        """Every proof in the reader's version."""
        return self.paged(data_for(request.user, self.application)["evidence"], EvidenceSerializer)

    @extend_schema(request=uploads(EvidenceUpload), responses={201: EvidenceSerializer})
    def create(self, request: Request, application: str) -> Response:
        """Add a proof and attach it to items; photos lose their metadata, time and place are kept apart."""
        values = self.read(EvidenceUpload)
        row = filing.add_evidence(
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
        filing.remove_evidence(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, application: str, pk: str) -> Response:
        """Take back a removal."""
        filing.restore_evidence(request.user, self._found(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=LinkData, responses=EvidenceSerializer)
    @action(detail=True, methods=["put"], url_path=rf"links/(?P<item_code>{CODE})")
    def link(self, request: Request, application: str, pk: str, item_code: str) -> Response:
        """Attach a proof to one more item, or move its page there."""
        row = self._found(pk)
        filing.link_evidence(request.user, row, item_code, self.read(LinkData)["page"])
        return Response(EvidenceSerializer(_proof(row)).data)

    @extend_schema(responses={204: None})
    @link.mapping.delete
    def unlink(self, request: Request, application: str, pk: str, item_code: str) -> Response:
        """Detach a proof from one item."""
        filing.unlink_evidence(request.user, self._found(pk), item_code)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _readable(self, pk: str) -> Evidence:
        row = self._found(pk)
        if not may_read_file(self.request.user, row):
            raise Http404
        if can(self.request.user, "mark", self.application):
            marking.open_evidence(self.request.user, row.pk)
        return row

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def file(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The file itself. To an expert who is marking it counts as looked at from now on."""
        return download(request, self._readable(pk))

    @extend_schema(responses=BINARY)
    @action(detail=True, content_negotiation_class=AnyAccept)
    def thumbnail(self, request: Request, application: str, pk: str) -> HttpResponseBase:
        """The small picture of a photo."""
        row = self._found(pk)
        if not may_read_file(request.user, row):
            raise Http404
        return thumbnail(request, row)


def _proof(row: Evidence) -> Mapping[str, Any]:
    names = ("name", "kind", "size", "pages", "sha256", "evidence_kind", "caption")
    links = row.links.order_by("item_code").values_list("item_code", "page")
    return {"id": row.pk, **{name: getattr(row, name) for name in names}, "items": dict(links)}


# --- advice -------------------------------------------------------------------------------------------------------


class RuleSerializer(serializers.Serializer):
    """One rule of the form check that a machine can test, and what it found."""

    rule = serializers.CharField()
    label = serializers.CharField()
    problems = ProblemSerializer(many=True)


class MeterSerializer(serializers.Serializer):
    """One part of the form: how many of its pieces are there."""

    code = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class ForecastSerializer(serializers.Serializer):
    """What the own marks come to so far, and what the next level would need."""

    total = serializers.CharField()
    level = serializers.IntegerField()
    level_name = serializers.CharField()
    unmarked = serializers.IntegerField()
    next_name = serializers.CharField()
    missing = serializers.ListField(child=serializers.CharField())


class AdviceSerializer(serializers.Serializer):
    """What the automatic rules would find if the application were handed in now."""

    rules = RuleSerializer(many=True)
    meters = MeterSerializer(many=True)
    forecast = ForecastSerializer(allow_null=True)


def rules_in_words(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored or fresh results of the rules, in the reader's language."""
    return [
        {
            "rule": row["rule"],
            "label": gettext(row["label"]),
            "problems": [Problem.from_record(record).as_json(gettext) for record in row["problems"]],
        }
        for row in results
    ]


class AdviceEndpoint(OfApplication):
    """The rules of the form check, run live."""

    serializer_class = AdviceSerializer

    def retrieve(self, request: Request, application: int) -> Response:
        """What the rules find now, how complete each part is, and where the own marks lead; for those who may edit."""
        row = self.require("edit")
        data = snapshot.build(row)
        found = {
            "rules": rules_in_words(checks.run(row, data, files_too=False)),
            "meters": meters(checks.Look(row, data)).values(),
            "forecast": forecast(row, data["claims"]),
        }
        return Response(AdviceSerializer(found).data)
