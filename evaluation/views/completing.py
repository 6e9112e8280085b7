"""How complete the form is and what to do next, in words with addresses: for the overview and the page of handing in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from evaluation import checks, progress
from evaluation.findings import places
from evaluation.models import Application
from evaluation.progress import Meter
from evaluation.views.framing import address_of

# part -> (its page, its name, what is missing there, where all of it is seen)
PARTS: Mapping[str, tuple[str, str, str]] = {
    "data": ("application-data", gettext_noop("基本信息"), ""),
    "documents": ("application-documents", gettext_noop("申报材料"), ""),
    "items": ("application-items", gettext_noop("自评"), "?show=unmarked"),
    "evidence": ("evidence", gettext_noop("佐证"), ""),
}
SHOWN = 8  # missing pieces that are named; the others are one link


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the form. missing: (name, address) of the first pieces that are not there; rest: how many more."""

    label: str
    address: str
    all_missing: str
    meter: Meter
    missing: list[tuple[str, str]]
    rest: int


def parts_of(row: Application, data: Mapping[str, Any]) -> tuple[list[Part], Meter]:
    """Every part of the form, and all of them together."""
    meters = progress.meters(checks.Look(row, data))
    if data.get("concealed"):  # how many claims there are, and which ask for a proof, tells what is claimed
        meters = {code: meter for code, meter in meters.items() if code not in ("items", "evidence")}
    names = {place: name for (_kind, place), name in places(row).items()}
    return [_part(row, meters[code], names) for code in PARTS if code in meters], progress.whole_meter(meters)


def _part(row: Application, meter: Meter, names: Mapping[str, str]) -> Part:
    page, label, query = PARTS[meter.code]
    address = reverse(page, args=[row.pk])
    unproved = f"{reverse('application-items', args=[row.pk])}?show=unproved"
    where = proof_address if meter.code == "evidence" else address_of
    return Part(
        label=_(label),
        address=address,
        all_missing=unproved if meter.code == "evidence" else f"{address}{query}",
        meter=meter,
        missing=[(_(names.get(place, place)), where(row, place)) for place in meter.missing[:SHOWN]],
        rest=max(len(meter.missing) - SHOWN, 0),
    )


def proof_address(row: Application, item: str) -> str:
    """Where a proof of one item is chosen or uploaded."""
    return f"{reverse('evidence', args=[row.pk])}?item={item}"


def next_step(row: Application, parts: list[Part]) -> tuple[str, str, str]:
    """What whoever fills in the form does next: (sentence, words of the button, address)."""
    if row.state != "draft":
        words = _("按告知书逐条改正并答复，全部答复后提交。")
        return words, _("逐条办理"), reverse("application-correction", args=[row.pk])
    part = next((part for part in parts if not part.meter.whole), None)
    if part is None:
        words = _("各部分都已填好。看一遍自动检查的结果，然后提交。")
        return words, _("检查与提交"), reverse("application-submit", args=[row.pk])
    count = len(part.meter.missing)
    words = ngettext("完成“%(part)s”，还差 %(n)s 项。", "完成“%(part)s”，还差 %(n)s 项。", count)
    return words % {"part": part.label, "n": count}, _("去填写：%(part)s") % {"part": part.label}, part.address
