"""What every page's frame needs: who is signed in, in which duties, how many messages wait."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.models import Notification


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazily count unread messages; a page that does not show the count does not ask."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "unread_count": SimpleLazyObject(lambda: Notification.objects.unread_by(user).count()),
        "care": request.COOKIES.get("care") == "1",
    }
