"""What every endpoint shares: refusals as machines read them, the acts of any machine, pages of rows, files up and down.

Hides: how the domain's refusals become 403, 409 and 422 with the very sentences that the pages show, and which parts of
an event may be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db.models import F, QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from portal import files
from portal.api_reading import PlainJSON, TooLarge
from portal.attempts import TooMany
from portal.forms import ActForm
from portal.machine import MACHINES, Ask, Machine, NotAllowed, Stale, Transition, digest_of
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop
from portal.templatetags.portal import doer, instead_of, role_name, sentence, state_name

NOT_ALLOWED = gettext_noop("您没有办理这件事的权限，或当前环节不由您办理。")
NOT_FOUND = gettext_noop("该对象不存在，或您无权查看。")
UNREADABLE = gettext_noop("请求不可读。")

# --- refusals -----------------------------------------------------------------------------------------------------


def answer(code: int, *problems: Problem, **more: Any) -> Response:
    """The one shape of every refusal."""
    return Response({"problems": [problem.as_json(gettext) for problem in problems], **more}, status=code)


def refusal(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler: the domain's exceptions and its own, in one shape."""
    return _of_the_domain(error) or _of_the_framework(error, context)


def _of_the_domain(error: Exception) -> Response | None:
    if isinstance(error, Refused):
        overtaken = any(problem.code == "changed" for problem in error.problems)
        return answer(409 if overtaken else 422, *error.problems, **error.now)
    if isinstance(error, NotAllowed | PermissionDenied):
        return answer(403, Problem("not_allowed", "", NOT_ALLOWED))
    if isinstance(error, Stale):
        return answer(409, stale(error))
    if isinstance(error, TooMany):
        response = answer(429, error.problem)
        response["Retry-After"] = str(error.seconds)
        return response
    if isinstance(error, Http404 | exceptions.NotFound):
        return answer(404, Problem("not_found", "", NOT_FOUND))
    return None


def _of_the_framework(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, SuspiciousOperation):  # a form with too many fields
        return answer(400, Problem("unreadable", "", UNREADABLE))
    if isinstance(error, exceptions.ValidationError):
        return answer(422, *problems_of(error.get_full_details()))
    response = exception_handler(error, context)
    if response is not None and isinstance(error, exceptions.APIException):
        response.data = {"problems": [problem.as_json(gettext) for problem in problems_of(error.get_full_details())]}
    return response


def stale(error: Stale) -> Problem:
    """Who did what first; of a member of the panel only the role is told."""
    if error.last is None:
        return Problem("stale", "", gettext_noop("案件已进入其他环节，您的操作没有生效。"))
    message = gettext_noop("%(who)s已先行%(what)s，您的操作没有生效。")
    return Problem("stale", "", message, {"who": doer(error.last), "what": sentence(error.last)})


def problems_of(details: Any, place: str = "") -> list[Problem]:
    """Flatten what the framework found into problems with dotted places."""
    if isinstance(details, list):
        return [problem for inner in details for problem in problems_of(inner, place)]
    if set(details) == {"message", "code"}:
        return [Problem(str(details["code"]), place, "%(sentence)s", {"sentence": str(details["message"])})]
    found = []
    for name, inner in details.items():
        where = "" if name == "non_field_errors" else str(name)
        found += problems_of(inner, f"{place}.{where}".strip("."))
    return found


def problems_of_form(form: forms.BaseForm) -> list[Problem]:
    """What a form of the pages found, as problems at its fields."""
    return [
        Problem(row["code"] or "invalid", place, "%(sentence)s", {"sentence": row["message"]})
        for place, rows in form.errors.get_json_data().items()
        for row in rows
    ]


# --- rows and pages -----------------------------------------------------------------------------------------------


class Pages(PageNumberPagination):
    """50 rows a page, up to 200 on request: ?page=2&page_size=100."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class Endpoint(viewsets.GenericViewSet):
    """Base of every endpoint. JSON in and out; files come as multipart/form-data."""

    parser_classes = [PlainJSON, MultiPartParser]
    pagination_class: Any = Pages
    counted: tuple[str, ...] = ()  # actions that answer 429 to whoever tries them too often
    # What an access token needs: a key of ``access.SCOPES`` for writes (reading needs "read"), or ``access.SESSION``
    # where no token opens anything. ``scopes``: actions that need another. Acts say it by their machine's table.
    scope: str = ""
    scopes: Mapping[str, str] = {}
    personal: bool = False  # about the person rather than one organisation: closed to a token limited to one

    def filter_queryset(self, rows: Any) -> Any:
        """Filters narrow lists; one row is found by its address alone."""
        return rows if self.detail else super().filter_queryset(rows)

    def read(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """What the request says, checked for its shape; raises ValidationError."""
        return self._checked(serializer, self.request.data)

    def read_part(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """What the request says of a thing whose other parts stay; raises ValidationError."""
        return self._checked(serializer, self.request.data, partial=True)

    def asked(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """What the address asks after its question mark, checked for its shape; raises ValidationError."""
        return self._checked(serializer, self.request.query_params)

    def _checked(self, serializer: type[serializers.Serializer], data: Any, *, partial: bool = False) -> dict[str, Any]:
        form = serializer(data=data, context=self.get_serializer_context(), partial=partial)
        form.is_valid(raise_exception=True)
        return form.validated_data

    def paged(self, rows: Any, serializer: type[serializers.Serializer], **context: Any) -> Response:
        """One page of ``rows``, a queryset or a list."""
        page = self.paginate_queryset(rows)
        shown = serializer(page, many=True, context={**self.get_serializer_context(), **context})
        return self.get_paginated_response(shown.data)


class NumberFilter(django_filters.NumberFilter):
    """A number that every database holds; whatever lies beyond is refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"min_value": 0, "max_value": 2**63 - 1, **kwargs})


class DeadlineOrder(django_filters.OrderingFilter):
    """``?ordering=due_on`` puts the most urgent first; rows without a deadline are last either way."""

    def filter(self, qs: Any, value: Any) -> Any:
        if not value:
            return qs
        columns = [str(self.get_ordering_value(name)) for name in value]
        ordered = [
            F(name[1:]).desc(nulls_last=True) if name.startswith("-") else F(name).asc(nulls_last=True)
            for name in columns
        ]
        return qs.order_by(*ordered, "pk")


def by_deadline(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Most urgent first; without a deadline last."""
    return rows.order_by(F("due_on").asc(nulls_last=True), "pk")


class LifeSerializer(serializers.Serializer):
    """What everything with a life says of it: the state by code and in words, since when, until when."""

    state = serializers.CharField()
    state_name = serializers.SerializerMethodField()
    state_since = serializers.DateTimeField()
    due_on = serializers.DateField(allow_null=True)

    def get_state_name(self, row: Any) -> str:
        return str(state_name(row))


# --- files --------------------------------------------------------------------------------------------------------


class AnyAccept(BaseContentNegotiation):
    """A file is sent as what it is, whatever the client said it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((row for row in parsers if row.media_type in (request.content_type or "")), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


BINARY = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


def uploads(serializer: type[serializers.Serializer]) -> dict[str, type[serializers.Serializer]]:
    """The request of an operation that takes files."""
    return {"multipart/form-data": serializer}


class FileSerializer(serializers.Serializer):
    """A kept file, as it was when we looked inside. size: bytes."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    size = serializers.IntegerField()
    pages = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField()


class UploadSerializer(serializers.Serializer):
    """One file."""

    file = serializers.FileField()


def download(request: Request, row: Any) -> HttpResponseBase:
    """Send a kept file that the endpoint has authorised."""
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=False, request=request, sha256=row.sha256
    )


def thumbnail(request: Request, row: Any) -> HttpResponseBase:
    """Send the small picture of a photo; other files have none."""
    if not row.thumbnail:
        raise Http404
    digest = f"{row.sha256}-thumbnail"
    return files.send(
        row.thumbnail, name=f"{row.pk}.jpg", content_type="image/jpeg", inline=True, request=request, sha256=digest
    )


# --- events -------------------------------------------------------------------------------------------------------

# What of an event's data everybody who reads the event may know; marks, opinions, names of experts are not among it.
TOLD = frozenset({
    "from", "to", "reason", "until", "member", "unit", "scope", "file", "fields", "credit_code", "number", "stage",
    "version", "sha256", "round", "findings", "place", "notice", "closes_on", "certificate", "level", "commitment", "target_level",
    "planned_on", "visited_on", "due_on", "planning_permit_on", "drawing_review_on", "construction_permit_on",
    "completed_on", "organiser_secret_hash", "supervisor_secret_hash", "source", "public_value", "receipt_sha256",
})  # fmt: skip
# From the hash of a sheet whoever guesses its marks finds them out; the sheet itself tells it to whoever may read it.
UNTOLD = {"assignment.sign": frozenset({"sha256"}), "assignment.sign_again": frozenset({"sha256"})}


class EventSerializer(serializers.Serializer):
    """留痕: what was done. ``actor`` is a role in words where the reader may not know the person; ``token``: name of the
    access token by which a program acted for them, "" where none did or the reader may not know. ``id`` stays the same
    and is no number: gaps between numbers would tell how much is done that the reader may not see.
    """

    id = serializers.SerializerMethodField()
    at = serializers.DateTimeField()
    actor = serializers.SerializerMethodField()
    token = serializers.SerializerMethodField()
    role = serializers.CharField()
    verb = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()

    def get_id(self, event: Event) -> str:
        told = f"{event.subject_type}:{event.subject_id}:{event.verb}:{event.actor_id}:{event.at.isoformat()}"
        return salted_hmac("portal.api.event", told, algorithm="sha256").hexdigest()[:16]

    def get_actor(self, event: Event) -> str:
        return event.actor_name + instead_of(event) if self._may_name(event) else role_name(event.role)

    def get_token(self, event: Event) -> str:
        return event.token if self._may_name(event) else ""

    def _may_name(self, event: Event) -> bool:
        may_name = self.context.get("may_name")
        return may_name is None or bool(may_name(event))

    def get_sentence(self, event: Event) -> str:
        return sentence(event)

    def get_data(self, event: Event) -> dict[str, Any]:
        told = TOLD - UNTOLD.get(event.verb, frozenset())
        return {name: value for name, value in event.data.items() if name in told}


# --- acts ---------------------------------------------------------------------------------------------------------


class ChoiceSerializer(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()


class AskSerializer(serializers.Serializer):
    """One thing that an act asks. kind: text, line, date, choice, yes, number, notes (an object code -> text), or
    secret (told to the act alone, on no record).
    """

    name = serializers.CharField()
    label = serializers.CharField()
    kind = serializers.CharField()
    required = serializers.BooleanField()
    choices = ChoiceSerializer(many=True)


class ReadSerializer(serializers.Serializer):
    """What one reads before an act, such as the words that are signed."""

    heading = serializers.CharField()
    words = serializers.CharField()


class ActSerializer(serializers.Serializer):
    """One act that is open to the caller now, with what it asks.

    reads: what one reads before it; sent back as ``read``, its digest keeps the act from reaching words changed since.
    """

    action = serializers.CharField()
    label = serializers.CharField()
    asks = AskSerializer(many=True)
    reads = ReadSerializer(many=True)
    read = serializers.CharField()


def act_row(transition: Transition, obj: Any) -> dict[str, Any]:
    """One act as data."""
    return {
        "action": transition.action,
        "label": str(transition.label),
        "asks": [
            {
                "name": ask.name,
                "label": str(ask.label),
                "kind": ask.kind,
                "required": ask.required,
                "choices": [{"value": value, "label": str(label)} for value, label in _choices(ask, obj)],
            }
            for ask in transition.asks
        ],
        "reads": [
            {"heading": str(heading), "words": words}
            for heading, words in (transition.reads(obj) if transition.reads else ())
        ],
        "read": digest_of(transition, obj),
    }


def _choices(ask: Ask, obj: Any) -> Iterable[tuple[str, str]]:
    return ask.choices(obj) if ask.choices else ()


class Acts:
    """Mixin of viewsets whose objects have a life: ``acts/`` lists what the caller may do, ``acts/<action>/`` does it."""

    machine: str
    request: Any

    def get_machine(self) -> Machine:
        return MACHINES[self.machine]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.get_machine().model._default_manager.none()
        return self.get_machine().visible_to(self.request.user)

    @extend_schema(responses=ActSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], url_path="acts", pagination_class=None)
    def acts(self, request: Request, **kwargs: Any) -> Response:
        """What the caller may do to this object now, and what each act asks."""
        obj = self.get_object()  # type: ignore[attr-defined]
        return Response([act_row(row, obj) for row in self.get_machine().available(obj, request.user)])

    @extend_schema(
        request={"application/json": {"type": "object", "additionalProperties": True}},
        responses={200: EventSerializer},
        parameters=[OpenApiParameter("action", str, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"acts/(?P<action>[a-z_]+)", url_name="act")
    def act(self, request: Request, action: str, **kwargs: Any) -> Response:
        """Do one act; the same function as the page's button, the same refusals. The body holds what the act asks."""
        obj, machine = self.get_object(), self.get_machine()  # type: ignore[attr-defined]
        found = machine.find(obj, action, machine.roles_of(request.user, obj))
        data = said(found[0], obj, request.user, request.data) if found else {}
        event = machine.perform(obj, action, by=request.user, **data)
        return Response(EventSerializer(event).data, status=status.HTTP_200_OK)


def said(transition: Transition, obj: Any, by: User, data: Any) -> dict[str, Any]:
    """Read what an act asks with the page's own form, so that both take and refuse the same.

    An answer of kind "notes" is an object: one text for each item.
    """
    if not hasattr(data, "items"):
        raise Refused([Problem("object_expected", "", gettext_noop("请求体应为 JSON 对象。"))])
    kinds = {ask.name: ask.kind for ask in transition.asks}
    given = {name: value for name, value in data.items() if name in kinds and value is not None}
    notes = {name: value for name, value in given.items() if kinds[name] == "notes"}
    plain = {name: value for name, value in given.items() if name not in notes}
    problems = [_not_text(name) for name, value in plain.items() if isinstance(value, list | dict)]
    members = {name: _members(name, value, problems) for name, value in notes.items()}
    if problems:
        raise Refused(problems)
    # Fields read text, as a browser sends it; a bare number is none.
    typed = {name: value if kinds[name] == "yes" else str(value) for name, value in plain.items()}
    form = ActForm(transition, obj, by, typed)
    if not form.is_valid():
        raise Refused(
            Problem(row["code"] or "invalid", place, "%(sentence)s", {"sentence": row["message"]})
            for place, rows in form.errors.get_json_data().items()
            for row in rows
        )
    return {**form.cleaned_data, **members, "read": str(data.get("read") or "")}


MEMBER = forms.CharField(max_length=2000, required=False)


def _members(place: str, value: Any, problems: list[Problem]) -> dict[str, str]:
    """The texts of an answer of kind "notes", name -> text; what is not one is added to ``problems``."""
    if not isinstance(value, dict):
        problems.append(Problem("object_expected", place, gettext_noop("应为 JSON 对象：编号 → 文字。")))
        return {}
    found = {}
    for name, text in value.items():
        if not isinstance(text, str):
            problems.append(_not_text(f"{place}.{name}"))
            continue
        try:
            found[name] = MEMBER.clean(text)
        except ValidationError as error:
            where = f"{place}.{name}"
            problems += [Problem("invalid", where, "%(sentence)s", {"sentence": row}) for row in error.messages]
    return found


def _not_text(place: str) -> Problem:
    return Problem("not_text", place, gettext_noop("应为一个值，不是列表或对象。"))
