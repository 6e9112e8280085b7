"""Resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload): pages and programs alike.

Hides: the protocol's headers and status codes. Core, creation, termination and expiration are spoken; whatever a file is
for, and how its bytes are kept, is ``portal.uploads``. A body is read block by block and never held whole.
"""

from __future__ import annotations

import base64
import binascii
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from communities.permissions import is_limited
from evaluation import receiving
from evaluation.api.evidence import ComingFileSerializer
from portal import uploads
from portal.api import Endpoint, answer
from portal.contents import MEGABYTE
from portal.models import Upload
from portal.problems import Problem, Refused, gettext_noop

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"
BODY = "application/offset+octet-stream"
SILENCE = 60  # seconds that a sender may say nothing before the connection counts as broken
LARGEST_NUMBER = 2**53 - 1
OVERRIDABLE = ("PATCH", "DELETE", "HEAD")
LARGEST_PAGE = 2**31 - 1
TURNS = BoundedSemaphore(settings.UPLOADS_AT_ONCE)  # of this process
RETRY_AFTER = 5  # seconds
RESUMABLE = OpenApiParameter("Tus-Resumable", str, OpenApiParameter.HEADER, required=True, enum=[VERSION])


class MetadataSerializer(serializers.Serializer):
    """What ``Upload-Metadata`` says of a file. ``items``: codes of items, separated by spaces."""

    filename = serializers.CharField(max_length=1000)
    purpose = serializers.CharField(max_length=20)
    application = serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER)
    evidence_kind = serializers.CharField(max_length=20, required=False)
    caption = serializers.CharField(max_length=120, allow_blank=True, required=False)
    items = serializers.CharField(max_length=3000, allow_blank=True, required=False)
    page = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, required=False)
    code = serializers.CharField(max_length=10, required=False)
    replaces = serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER, required=False)
    # of a photo of the site visit: its one-use key, the line it shows, the SHA-256 of its bytes, when and where it was taken
    key = serializers.CharField(max_length=36, required=False)
    line = serializers.CharField(max_length=60, allow_blank=True, required=False)
    sha256 = serializers.CharField(max_length=64, required=False)
    at = serializers.CharField(max_length=30, required=False)
    latitude = serializers.CharField(max_length=12, required=False)
    longitude = serializers.CharField(max_length=12, required=False)
    accuracy = serializers.CharField(max_length=12, required=False)
    no_place = serializers.CharField(max_length=12, required=False)
    person = serializers.CharField(max_length=12, required=False)


class Unspeakable(Refused):
    """The request does not keep to the protocol. status: what it answers."""

    def __init__(self, code: str, message: str, number: int = status.HTTP_400_BAD_REQUEST, **headers: str) -> None:
        super().__init__([Problem(code, "", message)])
        self.status = number
        self.headers = headers


def metadata_of(header: str) -> dict[str, str]:
    """The pairs of an ``Upload-Metadata`` header: keys, and values in Base64. Raises Unspeakable."""
    found: dict[str, str] = {}
    for pair in filter(None, header.split(",")):
        key, _space, value = pair.strip().partition(" ")
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise Unspeakable("metadata", gettext_noop("Upload-Metadata 不可读。")) from error
        if not key or not key.isascii() or key in found or "\x00" in text:
            raise Unspeakable("metadata", gettext_noop("Upload-Metadata 不可读。"))
        found[key] = text
    return found


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isdecimal() or not text.isascii() or len(text) > 16 or int(text) > LARGEST_NUMBER:
        raise Unspeakable("header", gettext_noop("缺少必需的请求头，或其值不是非负整数。"))
    return int(text)


class UploadEndpoint(Endpoint):
    """断点续传 by tus 1.0.0: any tus client can send files here."""

    serializer_class = ComingFileSerializer
    scope = "file"
    scopes = {"position": "file"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and override in OVERRIDABLE:
            request.method = override
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        plain = request.method in ("OPTIONS", "GET")
        if not plain and request.headers.get("Tus-Resumable") != VERSION:
            message = gettext_noop("请使用 tus 1.0.0 协议上传。")
            raise Unspeakable("version", message, status.HTTP_412_PRECONDITION_FAILED, **{"Tus-Version": VERSION})

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Unspeakable):
            response = answer(exc.status, *exc.problems)
            for name, value in exc.headers.items():
                response[name] = value
            response.exception = True
            return response
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = VERSION
        return response

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What this server speaks."""
        largest = max(settings.MAX_DRAWING_MEGABYTES, settings.MAX_UPLOAD_MEGABYTES) * MEGABYTE
        headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(largest)}
        return Response(status=status.HTTP_204_NO_CONTENT, headers=headers)

    @extend_schema(
        request=None,
        responses={201: None},
        parameters=[
            RESUMABLE,
            OpenApiParameter("Upload-Length", int, OpenApiParameter.HEADER, required=True),
            OpenApiParameter(
                "Upload-Metadata",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="filename, purpose (evidence/document/site_photo), application, evidence_kind, caption, "
                "items, page, code, replaces; of a photo of the site visit key, line, sha256, at, latitude, longitude, "
                "accuracy, no_place, person: key and Base64 value, separated by commas",
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        """Open an upload; its address is in ``Location``. The file is sent there by PATCH, in one piece or many."""
        length = _number(request, "Upload-Length")
        said = self._checked(MetadataSerializer, metadata_of(request.headers.get("Upload-Metadata", "")))
        name, purpose, place = said.pop("filename"), said.pop("purpose"), said.pop("application")
        if "items" in said:
            said["items"] = said["items"].split()
        upload = uploads.begin(request.user, purpose, place, name, length, said)
        address = reverse("api-upload", args=[upload.pk])
        headers = {"Location": address, "Upload-Offset": "0", **_expires(upload)}
        return Response(status=status.HTTP_201_CREATED, headers=headers)

    def _found(self, pk: UUID) -> Upload:
        upload: Upload | None = Upload.objects.filter(pk=pk).first()
        user: Any = self.request.user
        if upload is None or not uploads.may_manage(user, upload):
            raise Http404
        if is_limited(user) and not receiving.reaches(user, upload.place):
            raise Http404
        return upload

    def _own(self, pk: UUID) -> Upload:
        """The caller's own upload, while there is still time to send it."""
        upload = self._found(pk)
        if upload.user_id != self.request.user.pk:
            raise Http404
        if upload.expires_at < timezone.now() and not upload.finished_at:
            raise Unspeakable("expired", gettext_noop("上传已过期，请重新上传。"), status.HTTP_410_GONE)
        return upload

    def retrieve(self, request: Request, upload: UUID) -> Response:
        """How far a file has come and what became of it, for its sender and whoever may edit where it goes."""
        return Response(ComingFileSerializer(self._found(upload)).data)

    def position(self, request: Request, upload: UUID) -> Response:
        """HEAD: where to go on."""
        row = self._own(upload)
        headers = {
            "Upload-Offset": str(uploads.position(row)),
            "Upload-Length": str(row.length),
            "Cache-Control": "no-store",
        }
        return Response(headers={**headers, **_expires(row)})

    @extend_schema(
        request={BODY: OpenApiTypes.BINARY},
        responses={204: None},
        parameters=[RESUMABLE, OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, required=True)],
    )
    def receive(self, request: Request, upload: UUID) -> Response:
        """Send the bytes from ``Upload-Offset`` on. 409 with the right offset where it is another; 423 while another sends;
        503 while as many others send as there is room for.
        """
        row = self._own(upload)
        if request.headers.get("Content-Type", "").partition(";")[0].strip() != BODY:
            message = gettext_noop("请以 application/offset+octet-stream 发送文件内容。")
            raise Unspeakable("media_type", message, status.HTTP_415_UNSUPPORTED_MEDIA_TYPE)
        offset, length = _number(request, "Upload-Offset"), _number(request, "Content-Length")
        if offset + length > row.length and offset == uploads.position(row):
            message = gettext_noop("发送的内容超出文件的长度。")
            raise Unspeakable("too_long", message, status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
        if not TURNS.acquire(blocking=False):
            message = gettext_noop("正在接收的文件较多，请稍后续传。")
            headers = {"Retry-After": str(RETRY_AFTER)}
            raise Unspeakable("no_turn", message, status.HTTP_503_SERVICE_UNAVAILABLE, **headers)
        try:
            return self._received(request, row, offset)
        finally:
            TURNS.release()

    def _received(self, request: Request, row: Upload, offset: int) -> Response:
        line = request.META.get("gunicorn.socket")
        if line is not None:  # a telephone that left the network never says goodbye
            line.settimeout(SILENCE)
        try:
            at = uploads.receive(row, offset, request.read)
        except uploads.Busy as busy:
            message = gettext_noop("这个文件正由另一个连接发送，请稍候。")
            raise Unspeakable("busy", message, status.HTTP_423_LOCKED) from busy
        except uploads.OtherOffset as other:
            message = gettext_noop("续传的位置不对，请从 Upload-Offset 继续。")
            headers = {"Upload-Offset": str(other.at)}
            raise Unspeakable("offset", message, status.HTTP_409_CONFLICT, **headers) from other
        except Upload.DoesNotExist as gone:
            raise Http404 from gone
        return Response(status=status.HTTP_204_NO_CONTENT, headers={"Upload-Offset": str(at), **_expires(row)})

    @extend_schema(request=None, responses={204: None}, parameters=[RESUMABLE])
    def destroy(self, request: Request, upload: UUID) -> Response:
        """Give an upload up, or dismiss why it was refused."""
        uploads.give_up(request.user, self._found(upload))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _expires(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": http_date(upload.expires_at.timestamp())}
