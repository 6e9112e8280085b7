"""Self-assessment: the standard as a tree, one card an item, each saved by itself with or without a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import checks, filing, standard
from evaluation.models import Application
from evaluation.papers import data_for
from evaluation.progress import forecast, is_won, meters
from evaluation.views.framing import fetch, frame, places_open, refused_json, saved_json, wants_json, whole
from evaluation.wording import Choice, choices, level_name, mark_text, mark_value, mark_words, points_words
from portal.problems import Problem, Refused

FILTERS = ("unmarked", "unproved", "open")


@dataclass(slots=True)
class Card:
    """One item as it is drawn. value: the mark as text; words: the same in words; proofs: evidence of a snapshot."""

    item: standard.Item
    value: str
    words: str
    note: str
    revision: int
    choices: list[Choice]
    parts: list[tuple[str, str]]
    proofs: list[dict[str, Any]]
    accepted: list[str]
    unproved: bool
    open: bool
    noted: list[str]
    earlier: str
    binding: str
    problems: list[Problem] = field(default_factory=list)
    now: str = ""

    @property
    def typed(self) -> bool:
        """Whether the mark is a number that is typed, not one of a few buttons."""
        return self.item.mode in ("range", "linear")

    @property
    def number(self) -> str:
        return "" if self.value == standard.NOT_APPLICABLE else self.value

    @property
    def needs_words(self) -> bool:
        """Whether the place for words stands open: there are some, or the mark asks for some."""
        return bool(self.note or self.value == standard.NOT_APPLICABLE or (self.earlier and self.earlier != self.words))

    @property
    def top(self) -> str:
        return standard.to_text(self.item.points)

    @property
    def zero(self) -> str:
        return standard.to_text(self.item.linear.zero_at) if self.item.linear else ""

    @property
    def full(self) -> str:
        return standard.to_text(self.item.linear.full_at) if self.item.linear else ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody typed for one item and could not save."""

    code: str
    value: str
    note: str
    problems: tuple[Problem, ...]


@login_required
def application_items(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole sheet; ``?show=`` narrows it to what is unmarked, unproved or open in a correction."""
    return _page(request, fetch(request, pk))


def _page(request: HttpRequest, row: Application, attempt: Attempt | None = None) -> HttpResponse:
    data = data_for(request.user, row)
    cards = _cards(request, row, data, attempt)
    shown = request.GET.get("show", "")
    context = {
        **frame(request, row, "application-items"),
        "chapters": _tree(row, cards, shown),
        "shown": shown if shown in FILTERS else "",
        "any_shown": any(_is_shown(card, shown) for card in cards.values()),
        "counts": _counts(cards),
        "meter": meters(checks.Look(row, data))["items"],
        "forecast": forecast(row, data["claims"]),
        "target_name": level_name(row.standard, data["project"]["target_level"]),
        "attempt": attempt,
    }
    return render(request, "evaluation/application_items.html", context, status=422 if attempt else 200)


def _counts(cards: Mapping[str, Card]) -> dict[str, int]:
    return {name: sum(_is_shown(card, name) for card in cards.values()) for name in FILTERS}


def _is_shown(card: Card, shown: str) -> bool:
    if shown == "unmarked":
        return not card.value
    if shown == "unproved":
        return card.unproved
    return card.open if shown == "open" else True


def _tree(row: Application, cards: Mapping[str, Card], shown: str) -> list[dict[str, Any]]:
    """Chapters with their sections with their cards, only those of this stage and filter; counts are of the whole."""
    tree = []
    for chapter in row.standard.chapters:
        whole = [cards[item.code] for item in chapter.items(row.stage)]
        sections = [
            (section, [cards[item.code] for item in section.items
                       if item.code in cards and _is_shown(cards[item.code], shown)])
            for section in chapter.sections
        ]  # fmt: skip
        if whole:
            tree.append({
                "chapter": chapter,
                "sections": [(section, rows) for section, rows in sections if rows],
                "done": sum(bool(card.value) for card in whole),
                "total": len(whole),
            })  # fmt: skip
    return tree


def _cards(request: HttpRequest, row: Application, data: Mapping[str, Any], attempt: Attempt | None) -> dict[str, Card]:
    """Every item of the stage as a card: eight queries at most, however many items there are."""
    places = places_open(request, row)
    revisions = dict(row.claims.values_list("item_code", "revision")) if places.everything or places.places else {}
    earlier = checks.earlier_claims(row)
    noted: dict[str, list[str]] = {}
    if places.places:
        for finding in filing.open_findings(row).filter(kind="item"):
            noted.setdefault(finding.place, []).append(finding.text)
    proofs: dict[str, list[dict[str, Any]]] = {}
    for proof in data["evidence"]:
        for code, page in proof["items"].items():
            proofs.setdefault(code, []).append({**proof, "page": page})
    cards = {
        item.code: _card(row, item, data["claims"].get(item.code, {}), proofs.get(item.code, []), earlier)
        for item in row.standard.items(row.stage)
    }
    for code, card in cards.items():
        card.open, card.revision, card.noted = places.item(code), revisions.get(code, 0), noted.get(code, [])
    if attempt and attempt.code in cards:
        card = cards[attempt.code]
        card.now, card.value, card.note = card.words, attempt.value, attempt.note
        card.problems = list(attempt.problems)
    return cards


def _card(
    row: Application,
    item: standard.Item,
    claim: Mapping[str, Any],
    proofs: list[dict[str, Any]],
    earlier: Mapping[str, Any],
) -> Card:
    form = row.standard
    accepted = item.evidence.get(row.stage, ())
    value = claim.get("value")
    return Card(
        item=item,
        value=mark_text(value),
        words=mark_words(item, value),
        note=claim.get("note", ""),
        revision=0,
        choices=choices(item),
        parts=[(standard.to_text(part.points), part.when) for part in item.parts],
        proofs=proofs,
        accepted=[form.enums["evidence"][kind] for kind in accepted],
        unproved=is_won(value) and not {proof["evidence_kind"] for proof in proofs} & set(accepted),
        open=False,
        noted=[],
        earlier=mark_words(item, earlier[item.code]) if item.code in earlier else "",
        binding=_binding(form, item),
    )


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


@login_required
@require_POST
def claim_save(request: HttpRequest, pk: int, code: str) -> HttpResponse:
    """Keep the mark and note of one item: by a script as one chooses, or by the item's own form."""
    row = fetch(request, pk)
    text, note = _typed(request), request.POST.get("note", "")
    revision = whole(request.POST.get("revision"))
    try:
        claim = filing.save_claim(request.user, row, code, mark_value(text), note, revision)
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems, **_current(row, code))
        return _page(request, row, Attempt(code, text, note, refused.problems))
    if wants_json(request):
        return saved_json(claim.revision, **_told(row, code, claim.value))
    messages.success(request, _("条目%(code)s已保存。") % {"code": code})
    shown = request.POST.get("show", "")
    query = f"?show={shown}" if shown in FILTERS else ""
    return redirect(f"{reverse('application-items', args=[row.pk])}{query}#item-{code}")


def _typed(request: HttpRequest) -> str:
    """The mark that was sent. "不适用" beside a number wins; the clear button sends nothing."""
    if "clear" in request.POST:
        return ""
    values = [value for value in request.POST.getlist("value") if value.strip()]
    return standard.NOT_APPLICABLE if standard.NOT_APPLICABLE in values else (values or [""])[-1]


def _current(row: Application, code: str) -> dict[str, Any]:
    """What is saved now, for a writer whose own save came second."""
    claim = row.claims.filter(item_code=code).first()
    if claim is None:
        return {}
    words = mark_words(row.standard.item(code), claim.value)
    return {"revision": claim.revision, "current": f"{words} {claim.note}".strip()}


def _told(row: Application, code: str, value: Any) -> dict[str, Any]:
    """What the page shows after a save without loading again: this item's words and the sheet's totals."""
    claims = {claim.item_code: {"value": claim.value, "note": claim.note} for claim in row.claims.all()}
    look = forecast(row, claims)
    return {
        "words": mark_words(row.standard.item(code), value),
        "marked": value is not None,
        "total": look.total if look else "",
        "level": look.level_name if look else "",
        "unmarked": look.unmarked if look else len(row.standard.items(row.stage)),
        "next": look.next_name if look else "",
        "missing": list(look.missing) if look else [],
        "chapter": row.standard.chapter_of(code).code,
    }
