"""The API's shared parts."""

from __future__ import annotations

from typing import Any

from rest_framework.views import exception_handler


def refusal(error: Exception, context: dict[str, Any]) -> Any:
    return exception_handler(error, context)
