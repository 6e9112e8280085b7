"""What a draw says of itself, in words: its rules, who was left out and why, how it came about, who was who.

Hides: where a receipt keeps what, and that nobody's name leaves this module before the panel's result is announced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from communities.models import District
from evaluation.models import Draw, Result
from experts import draw as lots
from experts.models import Expert


def drawn_for(result: Result, *columns: str) -> Draw | None:
    """The draw from which the panel of a result came (a revised version keeps its panel); of it these columns, or all.

    What was frozen is as large as the pool: a page that shows none of it says so.
    """
    seats = {"assignments__application": result.application_id, "assignments__review_round": result.review_round}
    rows = Draw.objects.filter(receipt__isnull=False, **seats)
    return (rows.only(*columns) if columns else rows).first()


def rules_in_words(rules: Mapping[str, Any]) -> list[str]:
    """The frozen rules as sentences: size, seats, employers, the year's load, the leader, the load bands, the source."""
    names = rules["field_names"]
    seats = [
        _("%(field)s %(n)s 席") % {"field": names.get(code, code), "n": number}
        for code, number in sorted(rules["seats"].items())
    ]
    said = [
        _("专家组 %(size)s 人，其中至少：%(seats)s；其余席位不限专业。")
        % {"size": rules["size"], "seats": "，".join(seats)}
        if seats
        else _("专家组 %(size)s 人，不限专业。") % {"size": rules["size"]},
        _("同一单位至多 %(n)s 人；本年度已参加 %(load)s 次评审的不再抽取。")
        % {"n": rules["max_per_employer"], "load": rules["max_load"]},
        _leader_in_words(rules["leader_not_from_district"]),
        load_in_words(rules["load_band"]),
    ]
    if rules["public_source"]:
        said.append(_("须等待公开数值：%(source)s。") % {"source": rules["public_source"]})
    return said


def _leader_in_words(code: str | None) -> str:
    if code is None:
        return _("组长可来自任何区县。")
    district = District.objects.filter(pk=code).first()
    return _("组长不来自小区所在区县（%(district)s）。") % {"district": district or code}


def load_in_words(width: int) -> str:
    """The load rule: who has sat on fewer panels this year comes first, by bands of ``width`` panels."""
    if not width:
        return _("负荷规则：不考虑本年度已参加的次数，只按签序。")
    return _("负荷规则：本年度已参加的评审次数每 %(n)s 次为一档，档低者在前，同档按签序。") % {"n": width}


def exclusions_in_words(draw: Draw) -> list[tuple[str, int]]:
    """Why people of the pool could not be drawn, and how many each reason kept off; nobody is named."""
    counted = Counter(row["excluded"] for row in draw.frozen["candidates"] if row["excluded"])
    return [(_(sentence), counted[code]) for code, sentence in lots.EXCLUSIONS.items() if counted[code]]


@dataclass(frozen=True, slots=True)
class Turn:
    """The draw itself (number 0) or one substitution after it. seats: (number, field in words, id, leads, is new)."""

    number: int
    declined: tuple[str, ...]
    seats: tuple[tuple[int, str, str, bool, bool], ...]


def turns(draw: Draw) -> Iterator[Turn]:
    """How the panel came about: the draw, then every substitution; people stand under their salted hashes."""
    names, before = draw.frozen["rules"]["field_names"], set()
    for number, row in enumerate(draw.receipt["rounds"]):
        seats = [
            (seat, field_in_words(one["field"], names), one["id"], one["leader"], one["id"] not in before)
            for seat, one in enumerate(row["seats"], 1)
        ]
        before = {one["id"] for one in row["seats"]}
        yield Turn(number, tuple(row["declined"]), tuple(seats))


def field_in_words(code: str, names: Mapping[str, str]) -> str:
    """The field that a seat covers."""
    return _("不限专业") if code == lots.OPEN else names.get(code, code)


def opened(result: Result) -> list[dict[str, Any]]:
    """The panel of a result as it sat in the end: names, and the salts that open the hashes of the receipt.

    For the notice that announces the result, and kept with it; nobody asks before.
    """
    draw = drawn_for(result)
    if draw is None:
        return []
    seats = draw.receipt["rounds"][-1]["seats"]
    numbers = [draw.identities[seat["id"]]["expert_id"] for seat in seats]
    names = dict(Expert.objects.filter(number__in=numbers).values_list("number", "user__name"))
    fields = draw.frozen["rules"]["field_names"]
    return [
        {
            "name": names.get(number, number),
            "number": number,
            "salt": draw.identities[seat["id"]]["salt"],
            "id": seat["id"],
            "field": field_in_words(seat["field"], fields),
            "leader": seat["leader"],
        }
        for seat, number in zip(seats, numbers, strict=True)
    ]
