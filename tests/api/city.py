"""What the journey over HTTP finds in the portal, called in a process of the portal; takes and gives what JSON can hold."""

from __future__ import annotations

from django.db import transaction

from tests.world import make_world


def build() -> dict[str, str]:
    """Officers, a pool, one consulting unit; return the codes that a firm's own program knows."""
    with transaction.atomic():
        world = make_world()
    return {"district": world.district.pk, "consulting": world.consulting.credit_code}
