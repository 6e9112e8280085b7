"""Two people write in the same place: what a page shows to have seen, what it is told, the page on which one decides.

Hides: how a choice between two versions travels in a form, so that the views read it as if it had been typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_noop

from evaluation.merging import Taken, read_seen
from evaluation.models import Application
from evaluation.views.framing import frame
from portal.problems import Changed

# Parts belong to the mark that they make: who chooses a mark chooses its parts.
FOLLOWERS: Mapping[str, tuple[str, ...]] = {"value": ("parts",)}
LEADERS = {follower: leader for leader, followers in FOLLOWERS.items() for follower in followers}
LABELS: Mapping[str, str] = {
    "value": gettext_noop("自评"),
    "note": gettext_noop("说明"),
    "text": gettext_noop("内容"),
    "reply": gettext_noop("如何改正"),
    "target_level": gettext_noop("目标等级"),
}
TEXTS = frozenset({"note", "text", "reply"})
SOURCES = {"theirs": "theirs-", "merge": "merged-"}


def seen_in(typed: QueryDict) -> dict[str, str] | None:
    """What the page that was sent had shown, field by field; None where it does not say."""
    return read_seen(" ".join(typed.getlist("seen"))) if "seen" in typed else None


def typed_in(request: HttpRequest) -> QueryDict:
    """What was typed, or chosen instead of it on the page of two versions."""
    typed = request.POST.copy()
    for key in request.POST:
        if key.startswith("choice-"):
            name = key.removeprefix("choice-")
            prefix = SOURCES.get(request.POST[key], "")
            for one in (name, *FOLLOWERS.get(name, ())):
                typed.setlist(one, request.POST.getlist(f"{prefix}{one}"))
    return typed


def taken_json(taken: Taken | None, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What a script is told about fields that were taken over from somebody else."""
    if taken is None:
        return {}
    return {
        "taken": {name: kept[name] for name in taken.fields},
        "by": taken.by,
        "at": taken.at and taken.at.isoformat(timespec="minutes"),
    }


@dataclass(frozen=True, slots=True)
class Side:
    """One field in two versions. theirs, mine: [(name of the input, value)] as a form sends them; words: for people."""

    name: str
    label: str
    is_text: bool
    theirs: list[tuple[str, str]]
    theirs_words: str
    mine: list[tuple[str, str]]
    mine_words: str

    @property
    def both(self) -> str:
        return f"{self.theirs_words}\n{self.mine_words}".strip()


Words = Callable[[str, str], str]  # (field, value as a form sends it) -> what people read


def decide(
    request: HttpRequest, row: Application, title: str, address: str, error: Changed, words: Words, current: str
) -> HttpResponse:
    """The page that shows both versions of every field that two people changed; nothing typed is lost.

    title: what the place is called; address: where the form goes again; current: the tab.
    """
    now = error.now
    clashing = list(dict.fromkeys(LEADERS.get(name, name) for name in now["clashing"]))
    disputed = {*clashing, *(one for name in clashing for one in FOLLOWERS.get(name, ()))}
    typed = typed_in(request)
    passed = [(name, value) for name, values in typed.lists() for value in values if name in now["current"]]
    context = {
        **frame(request, row, current),
        "title": title,
        "address": address,
        "by": now["by"],
        "at": datetime.fromisoformat(now["at"]) if now["at"] else None,
        "seen": now["seen"],
        "passed": [pair for pair in passed if pair[0] not in disputed.union(now["taken"])],
        "marker": "ticks" in typed,
        "taken": [(name, value) for name in now["taken"] if name not in disputed
                  for value in as_sent(now["current"][name])],
        "sides": [_side(name, typed, now["current"], words) for name in clashing],
    }  # fmt: skip
    return render(request, "evaluation/overtaken.html", context, status=409)


def _side(name: str, typed: QueryDict, current: Mapping[str, Any], words: Words) -> Side:
    names = [one for one in (name, *FOLLOWERS.get(name, ())) if one in current]
    theirs = [(one, value) for one in names for value in as_sent(current[one])]
    mine = [(one, value) for one in names for value in typed.getlist(one)]
    told = [_in_words(side, words) for side in (theirs, mine)]
    return Side(name, LABELS.get(name, name), name in TEXTS, theirs, told[0], mine, told[1])


def _in_words(sent: list[tuple[str, str]], words: Words) -> str:
    return "\n".join(found for found in (words(name, value) for name, value in sent) if found)


def as_sent(value: Any) -> list[str]:
    """A kept value as a form sends it: nothing at all for none, one text for each member of a list."""
    if value is None:
        return [""]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
