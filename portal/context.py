"""What every page's frame needs: who is signed in, in which duties, how many messages wait."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from communities.permissions import stood_in
from evaluation.permissions import can_city, may_see_queue
from experts.permissions import may_see_pool
from portal.models import Notification


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazily count unread messages; a page that does not show the count does not ask."""
    user = getattr(request, "user", None)
    care = {"care": request.COOKIES.get("care") == "1", "site_url": settings.SITE_URL}
    if user is None or not user.is_authenticated:
        return care
    duties = {
        "sees_queue": may_see_queue(user),
        "sees_pool": may_see_pool(user),
        "sees_settings": can_city(user, "see_settings"),
        "stood_in": stood_in(user),
    }
    return {**care, **duties, "unread_count": SimpleLazyObject(lambda: Notification.objects.unread_by(user).count())}
