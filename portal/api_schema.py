"""The description of the API: every operation names, besides its own answer, each way in which it can be refused.

Hides: which refusals belong to which kind of operation, so that no endpoint has to list them and none forgets one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.utils import OpenApiResponse
from rest_framework import permissions, serializers

from portal.api_access import scope_of


class ProblemSerializer(serializers.Serializer):
    """One thing that is wrong: a stable code, the place, and the sentence that the page shows."""

    code = serializers.CharField()
    place = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ProblemsSerializer(serializers.Serializer):
    """Why a request was refused: everything at once."""

    problems = ProblemSerializer(many=True)


class ChangedSerializer(ProblemsSerializer):
    """Somebody was faster. Where both wrote in the same fields, the answer also tells what is kept now, whose it is and
    since when; whoever then sends its ``revision`` (of a claim or a statement) or ``seen`` (of data) saves over it."""

    current = serializers.DictField(required=False)
    clashing = serializers.ListField(child=serializers.CharField(), required=False)
    taken = serializers.ListField(child=serializers.CharField(), required=False)
    by = serializers.CharField(required=False, allow_blank=True)
    at = serializers.DateTimeField(required=False, allow_null=True)
    revision = serializers.IntegerField(required=False)
    seen = serializers.CharField(required=False)


REFUSALS: dict[int, OpenApiResponse] = {
    400: OpenApiResponse(ProblemsSerializer, description="请求体不可读 / unreadable body"),
    401: OpenApiResponse(ProblemsSerializer, description="未登录或令牌无效 / not signed in, or a wrong token"),
    403: OpenApiResponse(ProblemsSerializer, description="不允许 / not allowed"),
    404: OpenApiResponse(ProblemsSerializer, description="不存在或不可见 / unknown or invisible"),
    409: OpenApiResponse(ChangedSerializer, description="他人已先行办理或保存 / somebody was faster"),
    422: OpenApiResponse(ProblemsSerializer, description="有问题待改正 / problems to mend"),
    429: OpenApiResponse(ProblemsSerializer, description="过于频繁 / too many attempts"),
}


class Schema(AutoSchema):  # type: ignore[no-untyped-call]
    """AutoSchema with the refusals that an operation of this kind can answer."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code in self._refusals():
            bodies.setdefault(str(code), self._get_response_for_code(REFUSALS[code], str(code), direction=direction))
        return dict(sorted(bodies.items()))

    def _refusals(self) -> Iterator[int]:
        writes = self.method not in permissions.SAFE_METHODS
        public = any(isinstance(row, permissions.AllowAny) for row in self.view.get_permissions())
        yield 401
        if writes:
            yield from (400, 409, 422)
        elif self._filters() or self.get_override_parameters():
            yield 422
        if writes or not public:
            yield 403
        # What a body names may be unknown, and so is a page beyond the last one.
        if writes or "{" in self.path or self._is_list_view():
            yield 404
        if self.view.action in getattr(self.view, "counted", ()):
            yield 429

    def get_extensions(self) -> dict[str, Any]:
        """``x-scope``: what an access token needs for this operation; of acts, the machine's table says it act by act."""
        if any(isinstance(row, permissions.AllowAny) for row in self.view.get_permissions()):
            return {}
        action = self.view.action
        told = "submit | handle" if action == "act" else scope_of(type(self.view), str(self.method), action)
        return {"x-scope": told}

    def _filters(self) -> bool:
        return bool(getattr(self.view, "filterset_class", None)) and not self.view.detail and self._is_list_view()

    def get_description(self) -> Any:
        """The method's own words; of the framework's ``retrieve`` those of what it answers with."""
        if getattr(self.view, "action", "") == "retrieve" and not get_doc(self.view.retrieve):
            return get_doc(self.view.get_serializer_class())
        return super().get_description()
