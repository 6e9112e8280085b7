"""What every page's frame needs: who is signed in, in which duties, how many messages wait."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from communities.permissions import duties_of
from portal.models import Notification


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazily count unread messages; a page that does not show the count does not ask."""
    user = getattr(request, "user", None)
    care = {"care": request.COOKIES.get("care") == "1"}
    if user is None or not user.is_authenticated:
        return care
    duties = {"is_officer": bool(duties_of(user))}
    return {**care, **duties, "unread_count": SimpleLazyObject(lambda: Notification.objects.unread_by(user).count())}
