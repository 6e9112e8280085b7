"""What every endpoint shares: refusals as machines read them, and the acts of any machine.

Hides: how the domain's refusals become 403, 409 and 422 with the very sentences that the pages show.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.decorators import action
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from portal.forms import ActForm
from portal.machine import MACHINES, Machine, NotAllowed, Stale
from portal.problems import Problem, Refused, gettext_noop
from portal.templatetags.portal import sentence

NOT_ALLOWED = gettext_noop("您没有办理这件事的权限，或当前环节不由您办理。")
NOT_FOUND = gettext_noop("该对象不存在，或您无权查看。")


class Pages(PageNumberPagination):
    """50 rows a page, up to 200 on request: ?page=2&page_size=100."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class ProblemSerializer(serializers.Serializer):
    """One thing that is wrong: a stable code, the place, and the sentence that the page shows."""

    code = serializers.CharField()
    place = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ProblemsSerializer(serializers.Serializer):
    """Why a request was refused: everything at once."""

    problems = ProblemSerializer(many=True)


# What any endpoint may answer besides its own; spread into ``extend_schema(responses=…)``.
REFUSALS = {
    403: OpenApiResponse(ProblemsSerializer, description="不允许 / not allowed"),
    404: OpenApiResponse(ProblemsSerializer, description="不存在或不可见 / unknown or invisible"),
    409: OpenApiResponse(ProblemsSerializer, description="他人已先行办理 / somebody was faster"),
    422: OpenApiResponse(ProblemsSerializer, description="有问题待改正 / problems to mend"),
}


def answer(code: int, *problems: Problem) -> Response:
    """The one shape of every refusal."""
    return Response({"problems": [problem.as_json(gettext) for problem in problems]}, status=code)


def refusal(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler: the domain's exceptions and its own, in one shape."""
    if isinstance(error, Refused):
        return answer(422, *error.problems)
    if isinstance(error, NotAllowed):
        return answer(403, Problem("not_allowed", "", NOT_ALLOWED))
    if isinstance(error, Stale):
        return answer(409, stale(error))
    if isinstance(error, Http404 | exceptions.NotFound):
        return answer(404, Problem("not_found", "", NOT_FOUND))
    if isinstance(error, exceptions.ValidationError):
        return answer(422, *_validation(error.get_full_details(), ""))
    response = exception_handler(error, context)
    if response is not None and isinstance(error, exceptions.APIException):
        response.data = {"problems": list(_details(error.get_full_details()))}
    return response


def stale(error: Stale) -> Problem:
    """Who did what first."""
    if error.last is None:
        return Problem("stale", "", gettext_noop("案件已进入其他环节，您的操作没有生效。"))
    message = gettext_noop("%(who)s已先行%(what)s，您的操作没有生效。")
    return Problem("stale", "", message, {"who": error.last.actor_name, "what": sentence(error.last)})


def _details(details: Any) -> Any:
    if isinstance(details, dict) and "message" in details:
        yield {"code": str(details["code"]), "place": "", "message": str(details["message"])}
    else:
        yield from (problem.as_json() for problem in _validation(details, ""))


def _validation(details: Any, place: str) -> Any:
    """Flatten what a serializer found into problems with dotted places."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield Problem(str(details["code"]), place, str(details["message"]))
    elif isinstance(details, dict):
        for name, inner in details.items():
            where = "" if name == "non_field_errors" else str(name)
            yield from _validation(inner, f"{place}.{where}".strip("."))
    elif isinstance(details, list):
        for inner in details:
            yield from _validation(inner, place)


class ActSerializer(serializers.Serializer):
    """One act that is open to the caller now, with what it asks."""

    action = serializers.CharField()
    label = serializers.CharField()
    asks = serializers.ListField(child=serializers.DictField())


class EventSerializer(serializers.Serializer):
    """留痕: what was done."""

    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_name")
    role = serializers.CharField()
    verb = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    data = serializers.JSONField()

    def get_sentence(self, event: Any) -> str:
        return sentence(event)


class Acts:
    """Mixin of viewsets whose objects have a life: ``acts/`` lists what the caller may do, ``acts/<action>/`` does it."""

    machine: str

    def get_machine(self) -> Machine:
        return MACHINES[self.machine]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.get_machine().model.objects.none()
        return self.get_machine().visible_to(self.request.user)

    @extend_schema(responses={200: ActSerializer(many=True), **REFUSALS}, filters=False)
    @action(detail=True, methods=["get"], url_path="acts", pagination_class=None)
    def acts(self, request: Request, **kwargs: Any) -> Response:
        """What the caller may do to this object now."""
        obj = self.get_object()
        rows = self.get_machine().available(obj, request.user)
        asks = ("name", "kind", "required")
        return Response(
            [
                {
                    "action": row.action,
                    "label": str(row.label),
                    "asks": [{**{key: getattr(ask, key) for key in asks}, "label": str(ask.label)} for ask in row.asks],
                }
                for row in rows
            ]
        )

    @extend_schema(
        request={"application/json": {"type": "object", "additionalProperties": True}},
        responses={200: EventSerializer, **REFUSALS},
        parameters=[OpenApiParameter("action", str, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"acts/(?P<action>[a-z_]+)", url_name="act")
    def act(self, request: Request, action: str, **kwargs: Any) -> Response:
        """Do one act; the same function as the page's button, the same refusals."""
        obj, machine = self.get_object(), self.get_machine()
        found = machine.find(obj, action, machine.roles_of(request.user, obj))
        data: dict[str, Any] = {}
        if found is not None:
            data = said(found[0], obj, request.data)
        event = machine.perform(obj, action, by=request.user, **data)
        return Response(EventSerializer(event).data, status=status.HTTP_200_OK)


def said(transition: Any, obj: Any, data: Any) -> dict[str, Any]:
    """Read what an act asks with the page's own form, so that both take and refuse the same."""
    if not isinstance(data, dict) and not hasattr(data, "getlist"):
        raise Refused([Problem("object_expected", "", gettext_noop("请求体应为 JSON 对象。"))])
    structured = {name: value for name, value in data.items() if isinstance(value, dict)}
    form = ActForm(transition, obj, {name: value for name, value in data.items() if name not in structured})
    if not form.is_valid():
        errors = form.errors.get_json_data()
        raise Refused(
            Problem(row["code"] or "invalid", "" if place == "__all__" else place, row["message"])
            for place, rows in errors.items()
            for row in rows
            if not (place in structured and row["code"] == "required")
        )
    asked = {ask.name for ask in transition.asks}
    return {**form.cleaned_data, **{name: value for name, value in structured.items() if name in asked}}
