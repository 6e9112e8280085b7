"""Endpoints below one application: fetched through it, so that what is invisible is unknown; then its rights.

Hides: where the application of a nested address comes from.
"""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from evaluation.filing import Open, open_places
from evaluation.models import Application
from evaluation.permissions import can, visible_to
from portal.api import Endpoint
from portal.machine import NotAllowed

NUMBER = r"\d+"
CODE = r"[0-9A-Za-z._-]+"


class OfApplication(Endpoint):
    """Rows and documents of one application."""

    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def application(self) -> Application:
        rows = visible_to(self.request.user).with_case()
        return get_object_or_404(rows, pk=self.kwargs["application"])

    def require(self, right: str) -> Application:
        """The application, if the caller may do ``right`` to it now; raises NotAllowed."""
        if not can(self.request.user, right, self.application):
            raise NotAllowed(right)
        return self.application

    def open_to_me(self) -> Open:
        """What the caller may edit now; nothing where they may not edit at all."""
        mine = can(self.request.user, "edit", self.application)
        return open_places(self.application) if mine else Open(everything=False)
