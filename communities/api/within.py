"""What the endpoints of units and communities share: rows below one unit, districts that are in use.

Hides: where the unit of a nested address comes from, so that what is invisible is unknown.
"""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from communities.forms import districts
from communities.models import District, Organisation
from communities.permissions import visible_to
from portal.api import Endpoint

NUMBER = r"\d+"
LARGEST = 2**31 - 1


class InDistrict:
    """Data that name a district: one whose code is in use today."""

    fields: Any

    def validate_district(self, district: District) -> District:
        if not districts().filter(pk=district.pk).exists():
            self.fields["district"].fail("does_not_exist", pk_value=district.pk)
        return district


class OfOrganisation(Endpoint):
    """Rows of one unit: fetched through it, so that what is invisible is unknown."""

    filter_backends: list[Any] = []
    lookup_value_regex = NUMBER

    @cached_property
    def organisation(self) -> Organisation:
        return get_object_or_404(visible_to(self.request.user), pk=self.kwargs["organisation"])
