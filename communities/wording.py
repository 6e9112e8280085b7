"""How a data sheet and its changes read in words.

Hides: the shape of the event of a change, the present one and the one that only named the columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from communities.models import Community
from communities.sheets import COMMUNITY_FIELDS, COORDINATES, PERMIT_FIELDS, SIZES
from portal.models import Event

# part of the sheet, its title, its columns
SECTIONS = (
    ("names", gettext_lazy("名称与地址"), ("name", "district", "address")),
    ("place", gettext_lazy("位置"), COORDINATES),
    ("sizes", gettext_lazy("规模指标"), SIZES),
    ("permits", gettext_lazy("证照"), PERMIT_FIELDS),
)


def label(name: str) -> str:
    """A column as the form calls it, with its unit."""
    return str(Community._meta.get_field(name).verbose_name)


def value(community: Community, name: str) -> str:
    """What a column says, without zeros that say nothing; "" for nothing."""
    found: Any = getattr(community, name)
    if found in (None, ""):
        return ""
    if isinstance(found, date):
        return found.isoformat()
    return shortened(f"{found:f}") if isinstance(found, Decimal) else str(found)


def shortened(digits: str) -> str:
    """86500.00 as 86500, 35.50 as 35.5."""
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def sheet(community: Community) -> list[tuple[str, Any, list[tuple[str, str]]]]:
    """The whole sheet to be read: each part and its title, with label and value of its columns."""
    return [(part, title, [(label(name), value(community, name)) for name in names]) for part, title, names in SECTIONS]


def unsaid(community: Community) -> list[str]:
    """What the sheet does not say yet, in the words of the form."""
    return [label(name) for name in COMMUNITY_FIELDS if not value(community, name)]


def told(events: Iterable[Event]) -> list[tuple[Event, list[str]]]:
    """Each event with what it changed, sentence by sentence."""
    return [(event, list(sentences(event).values())) for event in events]


def sentences(event: Event) -> dict[str, str]:
    """What one event of a community changed: column -> sentence, in the order of the form; {} for any other event."""
    if event.verb != "community.change":
        return {}
    names = [name for name in COMMUNITY_FIELDS if name in event.data["fields"]]
    if "after" not in event.data:
        return {name: label(name) for name in names}
    before, after = event.data["before"], event.data["after"]
    return {name: _sentence(name, before.get(name), after.get(name)) for name in names}


def _sentence(name: str, before: Any, after: Any) -> str:
    values = {"label": label(name), "before": _short(name, before), "after": _short(name, after)}
    if before is None:
        return _("%(label)s填写为“%(after)s”") % values
    if after is None:
        return _("%(label)s“%(before)s”已删去") % values
    return _("%(label)s由“%(before)s”改为“%(after)s”") % values


def _short(name: str, kept: Any) -> Any:
    decimal = Community._meta.get_field(name).get_internal_type() == "DecimalField"
    return shortened(kept) if decimal and isinstance(kept, str) else kept
