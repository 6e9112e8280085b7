"""Who calls the API by a token, and which operations a token opens: decided here, from what each endpoint declares."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext, gettext_lazy
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from communities import access
from communities.models import AccessToken


class AccessTokenAuthentication(TokenAuthentication):
    """``Authorization: Token <secret>``."""

    def authenticate_credentials(self, key: str) -> tuple[Any, AccessToken]:
        token = access.authenticated(key)
        if token is None:
            raise AuthenticationFailed(gettext("令牌无效、已过期或已撤销。"))
        return token.user, token


def scope_of(endpoint: Any, method: str, action: str, act: str = "") -> str:
    """The scope that a token needs for one operation of an endpoint; "" where nobody declared any.

    endpoint: the class or a view of it. act: the machine's act, for the operation that does acts.
    """
    if action in endpoint.scopes:
        return str(endpoint.scopes[action])
    if endpoint.scope == access.SESSION:
        return access.SESSION
    if method in SAFE_METHODS:
        return access.READ
    if action == "act":
        return access.scope_of_act(endpoint.machine, act)
    return str(endpoint.scope)


class WithinScope(BasePermission):
    """A token opens what its scopes say; whoever is signed in is not asked."""

    message = gettext_lazy("该接口令牌的范围不含这一操作。")
    code = "scope_missing"

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        action = getattr(view, "action", None)
        if not isinstance(token, AccessToken) or action is None:  # None: no such method, which the view answers itself
            return True
        if view.personal and token.organisation_id is not None:
            return False
        scope = scope_of(view, str(request.method), action, view.kwargs.get("action", ""))
        if not scope:
            raise ImproperlyConfigured(f"{type(view).__name__} declares no scope for its writes (see portal.api).")
        return scope == access.ANY or scope in token.scopes
