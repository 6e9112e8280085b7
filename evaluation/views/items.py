"""Self-assessment: the standard as a tree, one card an item, each saved by itself with or without a script.

Hides: what each filter of the tree means, and that all cards are always sent (those filtered out are only not shown), so
that a script filters at once and nothing typed hides from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import checks, filing, snapshot, standard
from evaluation.merging import seen_text
from evaluation.models import Application, Claim
from evaluation.papers import data_for
from evaluation.progress import forecast, meters
from evaluation.views.framing import fetch, frame, places_open, refused_json, saved_json, wants_json, whole
from evaluation.views.overtaken import Words, decide, seen_in, taken_json, typed_in
from evaluation.wording import Choice, choices, item_title, level_name, mark_text, mark_value, mark_words, points_words
from portal.machine import NotAllowed
from portal.problems import Changed, Problem, Refused

FILTERS: Mapping[str, str] = {
    "unmarked": gettext_noop("尚未自评"),
    "unproved": gettext_noop("得分而缺佐证"),
    "unexplained": gettext_noop("缺理由或说明"),
    "loses": gettext_noop("失分"),
    "open": gettext_noop("本轮可修改"),
    "carried": gettext_noop("沿用设计评价"),
    "changed": gettext_noop("与设计评价不同"),
}
# A filter that says that something is still owed -> what, told after a save.
OWED: Mapping[str, str] = {
    "unexplained": gettext_noop("还须写明理由。"),
    "unproved": gettext_noop("还须附上佐证。"),
}
NOT_SAVED_YET = seen_text(filing.kept_values(None, Claim))
LONGEST_SEARCH = 80


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says of its item whatever was claimed. marks: the legal marks, drawn, none chosen; accepted: kinds of
    proof, in words; binding: what hangs on it, in words; binds: the lowest level that cannot be reached without it, 0 for
    none."""

    choices: list[Choice]
    marks: str
    accepted: str
    binding: str
    binds: int


# (hash of the standard, stage, language) -> facts by item: a hash never changes its meaning, and there are few of them.
_FACTS: dict[tuple[str, str, str], dict[str, Facts]] = {}


def facts_of(row: Application) -> dict[str, Facts]:
    """The facts of every item of the stage in the reader's language; worked out once a process."""
    form, key = row.standard, (row.project.standard.sha256, row.stage, get_language() or "")
    if key not in _FACTS:
        kinds = form.enums["evidence"]
        _FACTS[key] = {
            item.code: Facts(
                choices=choices(item),
                marks=_marks(item),
                accepted=_("；").join(kinds[kind] for kind in item.evidence.get(row.stage, ())),
                binding=_binding(form, item),
                binds=binds(form, item),
            )
            for item in form.items(row.stage)
        }
    return _FACTS[key]


def _marks(item: standard.Item) -> str:
    linear = item.linear
    context = {
        "item": item,
        "choices": choices(item),
        "parts": [(standard.to_text(part.points), part.when) for part in item.parts],
        "typed": item.mode in ("range", "linear"),
        "top": standard.to_text(item.points),
        "zero": standard.to_text(linear.zero_at) if linear else "",
        "full": standard.to_text(linear.full_at) if linear else "",
    }
    return render_to_string("evaluation/_item_marks.html", context)


@dataclass(slots=True)
class Card:
    """One item as it is drawn. value: the mark as text; words: the same in words; proofs: as ``proofs_by_item``.

    parts: numbers of the ticked parts; shows: the filters that it passes; hidden: whether those of this page leave it out.
    """

    item: standard.Item
    value: str
    words: str
    note: str
    facts: Facts
    parts: list[int]
    proofs: list[dict[str, str]]
    earlier: str
    shows: frozenset[str]
    seen: str = NOT_SAVED_YET
    open: bool = False
    hidden: bool = False
    concealed: bool = False
    carried: bool = False
    noted: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    now: str = ""

    @property
    def marks(self) -> SafeString:
        """The legal marks with the claimed one chosen: drawing each button anew for each look took half the page's time."""
        drawn = self.facts.marks
        if self.item.mode in ("range", "linear") and self.value != standard.NOT_APPLICABLE:
            drawn = drawn.replace(' name="value" value="">', f' name="value" value="{escape(self.value)}">', 1)
        elif self.value:
            drawn = _ticked(drawn, "value", self.value)
        for place in self.parts:
            drawn = _ticked(drawn, "parts", str(place))
        return mark_safe(drawn)  # noqa: S308  what a template drew, with an escaped number and the word "checked" put in

    @property
    def unproved(self) -> bool:
        return "unproved" in self.shows

    @property
    def unexplained(self) -> bool:
        return "unexplained" in self.shows

    @property
    def needs_words(self) -> bool:
        """Whether the place for words stands open: there are some, or the mark asks for some."""
        return bool(self.note or self.value == standard.NOT_APPLICABLE or "changed" in self.shows)


def _ticked(drawn: str, name: str, value: str) -> str:
    found = f' name="{name}" value="{escape(value)}"'
    return drawn.replace(found, f"{found} checked", 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody typed for one item and could not save."""

    code: str
    value: str
    note: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items are asked for: words that all occur in code, name or requirement; filters that all hold; a level."""

    words: str
    filters: tuple[str, ...]
    level: int

    @classmethod
    def of(cls, asked: QueryDict) -> Wanted:
        filters = tuple(name for name in FILTERS if name in asked.getlist("show"))
        return cls(asked.get("q", "")[:LONGEST_SEARCH].strip(), filters, whole(asked.get("level")) or 0)

    @property
    def query(self) -> str:
        """The same as the end of an address."""
        pairs = [("q", self.words)] if self.words else []
        pairs += [("show", name) for name in self.filters] + ([("level", str(self.level))] if self.level else [])
        return urlencode(pairs)

    def takes(self, card: Card) -> bool:
        text = f"{card.item.code} {card.item.name} {card.item.requirement}".casefold()
        found = all(word in text for word in self.words.casefold().split())
        return found and card.shows.issuperset(self.filters) and (not self.level or 0 < card.facts.binds <= self.level)


@login_required
def application_items(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole sheet; ``?q=``, ``?show=`` (several) and ``?level=`` narrow it."""
    return _page(request, fetch(request, pk))


def _page(request: HttpRequest, row: Application, attempt: Attempt | None = None) -> HttpResponse:
    data = data_for(request.user, row)
    cards = _cards(request, row, data, attempt)
    wanted = Wanted.of(request.GET)
    for card in cards.values():
        card.hidden = not wanted.takes(card) and not (attempt and attempt.code == card.item.code)
    context = {
        **frame(request, row, "application-items"),
        "chapters": _tree(row, cards),
        "wanted": wanted,
        "any_shown": any(not card.hidden for card in cards.values()),
        # How many claims pass a filter tells what is claimed.
        "filters": []
        if data.get("concealed")
        else _filters(row, cards, wanted, row.state in ("correction", "revision")),
        "concealed": len(data.get("concealed", ())),
        "levels": [(level.level, level.name, level.level == wanted.level) for level in row.standard.levels],
        "meter": meters(checks.Look(row, data))["items"],
        "attempt": attempt,
    }
    return render(request, "evaluation/application_items.html", context, status=422 if attempt else 200)


def _filters(
    row: Application, cards: Mapping[str, Card], wanted: Wanted, corrects: bool
) -> list[tuple[str, str, int, bool]]:
    """(name, in words, how many items pass it, whether it is asked for) of each filter that means something here."""
    compares = any(card.earlier for card in cards.values())
    left_out = {*(() if corrects else ("open",)), *(() if compares else ("carried", "changed"))}
    return [
        (name, _(label), sum(name in card.shows for card in cards.values()), name in wanted.filters)
        for name, label in FILTERS.items()
        if name not in left_out
    ]


def _tree(row: Application, cards: Mapping[str, Card]) -> list[dict[str, Any]]:
    """Chapters with their sections with their cards, only those of this stage."""
    tree = []
    for chapter in row.standard.chapters:
        sections = [
            (section, [cards[item.code] for item in section.items if item.code in cards])
            for section in chapter.sections
        ]
        kept = [card for _section, found in sections for card in found]
        if kept:
            tree.append({
                "chapter": chapter,
                "sections": [(section, found, all(card.hidden for card in found)) for section, found in sections if found],
                "hidden": all(card.hidden for card in kept),
                "done": sum(bool(card.value) for card in kept),
                "total": len(kept),
            })  # fmt: skip
    return tree


def _cards(request: HttpRequest, row: Application, data: Mapping[str, Any], attempt: Attempt | None) -> dict[str, Card]:
    """Every item of the stage as a card: eight queries at most, however many items and proofs there are."""
    places = places_open(request, row)
    writes = places.everything or bool(places.places)
    claims = {claim.item_code: claim for claim in row.claims.all()} if writes else {}
    earlier = checks.earlier_claims(row)
    noted: dict[str, list[str]] = {}
    if places.places:
        for finding in filing.open_findings(row).filter(kind="item"):
            noted.setdefault(finding.place, []).append(finding.text)
    proofs, facts = proofs_by_item(data), facts_of(row)
    unproved = {item.code for item in checks.unproved_items(checks.Look(row, data))}
    cards = {}
    for item in row.standard.items(row.stage):
        code = item.code
        card = _card(facts[code], item, data["claims"].get(code, {}), claims.get(code), proofs.get(code, []), earlier,
                     code in unproved, places.item(code))  # fmt: skip
        card.noted, card.carried = noted.get(code, []), bool(data["claims"].get(code, {}).get("carried"))
        if code in data.get("concealed", ()):
            card.concealed, card.words, card.earlier, card.shows = True, _("评分后显示"), "", frozenset()
        cards[code] = card
    if attempt and attempt.code in cards:
        card = cards[attempt.code]
        card.now, card.value, card.note = card.words, attempt.value, attempt.note
        card.problems = list(attempt.problems)
    return cards


def proofs_by_item(data: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The proofs of a snapshot as cards list them: item code -> title, what is said of it, address."""
    proofs: dict[str, list[dict[str, str]]] = {}
    where, carried = _("第 %(n)s 页"), _("沿用设计评价")
    pattern = reverse("evidence-file", args=[0])  # once: hundreds of look-ups took a quarter of the page's time
    for proof in data["evidence"]:
        address = pattern.replace("/0/", f"/{proof['id']}/")
        for code, page in proof["items"].items():
            words = [proof["name"], page and where % {"n": page}, proof.get("carried") and carried]
            proofs.setdefault(code, []).append({
                "title": proof["caption"] or proof["name"],
                "said": " · ".join(filter(None, words)),
                "address": f"{address}#page={page}" if page else address,
            })  # fmt: skip
    return proofs


def _card(
    facts: Facts,
    item: standard.Item,
    claim: Mapping[str, Any],
    kept: Claim | None,
    proofs: list[dict[str, Any]],
    earlier: Mapping[str, Any],
    unproved: bool,
    is_open: bool,
) -> Card:
    value, options = claim.get("value"), facts.choices
    return Card(
        item=item,
        value=mark_text(value),
        words=mark_words(item, value, options),
        note=claim.get("note", ""),
        facts=facts,
        parts=kept.parts if kept else [],
        proofs=proofs,
        earlier=mark_words(item, earlier[item.code], options) if item.code in earlier else "",
        shows=_shows(item, claim, unproved, earlier, is_open),
        seen=seen_text(filing.kept_values(kept, Claim)) if kept else NOT_SAVED_YET,
        open=is_open,
    )


def binds(form: standard.Standard, item: standard.Item) -> int:
    """The lowest level that cannot be reached without this item; 0 where none hangs on it."""
    if item.from_level is not None:
        return item.from_level
    return min(level.level for level in form.levels) if item.kind == "control" else 0


def _shows(
    item: standard.Item, claim: Mapping[str, Any], unproved: bool, earlier: Mapping[str, Any], is_open: bool
) -> frozenset[str]:
    """The filters that an item passes with this claim, which is as in a snapshot: value, note, carried."""
    value, note = claim.get("value"), claim.get("note", "")
    differs = value is not None and checks.difference_is_unanswered(earlier, item.code, value, note)
    found = {
        "unmarked": value is None,
        "unproved": unproved,
        "unexplained": differs or checks.reason_is_missing(value, note),
        "loses": loses(item, value),
        "open": is_open,
        "carried": bool(claim.get("carried")),
        "changed": item.code in earlier and value is not None and value != earlier[item.code],
    }
    return frozenset(name for name, passes in found.items() if passes)


def loses(item: standard.Item, value: Any) -> bool:
    """Whether a mark claims less than everything; a bonus that is not claimed loses nothing, nor does "not applicable"."""
    if value is None or value == standard.NOT_APPLICABLE or item.kind == "bonus":
        return False
    if isinstance(value, bool):
        return not value
    number = standard.exact(value)
    return number is not None and standard.points_of(item, number) < item.points


def _binding(form: standard.Standard, item: standard.Item) -> str:
    """What an item decides about the level, in words."""
    if item.kind == "control":
        if item.from_level is None:
            return _("控制项，任何星级都须满足")
        return _("控制项，%(level)s及以上须满足") % {"level": level_name(form, item.from_level)}
    words = _("加分项，最高 %(points)s") if item.kind == "bonus" else _("满分 %(points)s")
    words = words % {"points": points_words(item.points)}
    if item.from_level is None:
        return words
    return words + _("；%(level)s及以上须得分大于零") % {"level": level_name(form, item.from_level)}


# --- saving -------------------------------------------------------------------------------------------------------


@login_required
@require_POST
def claim_save(request: HttpRequest, pk: int, code: str) -> HttpResponse:
    """Keep the mark and note of one item: by a script as one chooses, or by the item's own form."""
    row, typed = fetch(request, pk), typed_in(request)
    text, note = _typed(typed), typed.get("note", "")
    parts = [whole(one) or 0 for one in typed.getlist("parts")] if "ticks" in typed and "clear" not in typed else None
    try:
        claim = filing.save_claim(
            request.user,
            row,
            code,
            mark_value(text),
            note,
            whole(typed.get("revision")),
            parts=parts,
            seen=seen_in(typed),
        )
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems, **refused.now)
        if isinstance(refused, Changed):
            title, address = item_title(row.standard, code), reverse("claim-save", args=[pk, code])
            return decide(request, row, title, address, refused, _words(row.standard.item(code)), "application-items")
        return _page(request, row, Attempt(code, text, note, refused.problems))
    if wants_json(request):
        return saved_json(claim.revision, **_told(row, claim))
    messages.success(request, _("条目%(code)s已保存。") % {"code": code})
    for words in _told(row, claim)["owed"]:
        messages.warning(request, f"{code} {words}")
    if claim.taken:
        messages.info(request, _("%(who)s同时改过这一条，只有对方改过的内容已按对方的采用。") % {"who": claim.taken.by})
    query = Wanted.of(QueryDict(typed.get("back", ""))).query
    return redirect(f"{reverse('application-items', args=[row.pk])}{query and '?'}{query}#item-{code}")


def _words(item: standard.Item) -> Words:
    """How the fields of a claim read on the page of two versions."""

    def words(name: str, value: str) -> str:
        if name == "parts":
            place = whole(value)
            return item.parts[place].when if place is not None and place < len(item.parts) else ""
        return mark_words(item, mark_value(value)) if name == "value" and value else value

    return words


def _typed(typed: QueryDict) -> str:
    """The mark that was sent. "不适用" beside a number wins; the clear button sends nothing."""
    if "clear" in typed:
        return ""
    values = [value for value in typed.getlist("value") if value.strip()]
    return standard.NOT_APPLICABLE if standard.NOT_APPLICABLE in values else (values or [""])[-1]


def _told(row: Application, claim: Claim) -> dict[str, Any]:
    """What the page shows after a save without loading again: this item's words and the filters that it passes now."""
    item = row.standard.item(claim.item_code)
    kept = filing.kept_values(claim, Claim)
    accepted = item.evidence.get(row.stage, ())
    if row.rule.needs_certificate_of:  # whether a proof counts depends on the design
        unproved = item in checks.unproved_items(checks.Look(row, snapshot.build(row)))
    else:
        proofs = row.evidence.filter(removed_at=None, links__item_code=item.code, evidence_kind__in=accepted)
        unproved = checks.is_won(claim.value) and not proofs.exists()
    said = {"value": claim.value, "note": claim.note, "carried": claim.carried}
    shows = _shows(item, said, unproved, checks.earlier_claims(row), True)
    return {
        "words": mark_words(item, claim.value),
        "marked": claim.value is not None,
        "chapter": row.standard.chapter_of(item.code).code,
        "shows": sorted(shows),
        "owed": [_(words) for name, words in OWED.items() if name in shows],
        "seen": seen_text(kept),
        **taken_json(claim.taken, kept),
    }


@login_required
def application_forecast(request: HttpRequest, pk: int) -> HttpResponse:
    """The forecast as it is drawn: the self-assessment asks for it once it stands, and when the typing pauses after a save;
    it takes as long as a third of that page."""
    row = fetch(request, pk)
    data = data_for(request.user, row)
    if data.get("concealed"):
        raise NotAllowed("forecast")
    context = {
        "forecast": forecast(row, data["claims"], data["project"]["target_level"]),
        "target_name": level_name(row.standard, data["project"]["target_level"]),
        "application": row,
    }
    return JsonResponse({"forecast": render_to_string("evaluation/_forecast.html", context, request)})
