"""The words of messages: the portal's own, from templates/emails, or what the authority wrote in their place.

Hides: that a text of the authority is filled in by ``message_places`` and never rendered as a template, which of its
versions is in force, and how a template becomes a text with places from which somebody can go on writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import Max, OuterRef, Subquery
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from portal.message_places import PLACES, SUBJECT_AT_MOST, fill, places_of
from portal.models import MessageText
from portal.problems import Problem, gettext_noop

LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class Wording:
    """Subject and body of a message, with places or filled in."""

    subject: str
    body: str

    def filled(self, values: Mapping[str, str]) -> Wording:
        """As its reader gets it: the subject in one line."""
        subject = " ".join(fill(self.subject, values).split())[:SUBJECT_AT_MOST]
        return Wording(subject, fill(self.body, values) + "\n")


def in_force(kind: str) -> dict[str, MessageText]:
    """language -> the authority's text of this kind, where it has one. One query."""
    rows = MessageText.objects.filter(kind=kind)
    newest = rows.filter(language=OuterRef("language")).order_by().values("language").annotate(most=Max("number"))
    found = rows.filter(number=Subquery(newest.values("most")[:1]), is_default=False)
    return {row.language: row for row in found}


def wording_of(kind: str, language: str, own: MessageText | None) -> Wording:
    """The text in force with its places: the authority's, else the portal's own."""
    return Wording(own.subject, own.body) if own else default_of(kind, language)


def default_of(kind: str, language: str) -> Wording:
    """The portal's own text, with places where a message fills something in."""
    context: dict[str, Any] = {}
    stand_ins: dict[str, str] = {}
    for place, _required in places_of(kind):
        stand_in = place.token if place.stand_in is None else place.stand_in
        stand_ins[stand_in.isoformat() if isinstance(stand_in, date) else str(stand_in)] = place.token
        *above, last = place.source.split(".")
        inner = context
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = stand_in
    subject, body = _from_template(kind, language, context)
    for stand_in, token in stand_ins.items():
        subject, body = subject.replace(stand_in, token), body.replace(stand_in, token)
    return Wording(subject, body.strip("\n"))


def rendered(kind: str, link: str, language: str, context: Mapping[str, Any], own: MessageText | None) -> Wording:
    """A message as its reader gets it, in ``language``. link: beginning with "/".

    The sentence of an act comes as its Chinese original or lazily translated.
    """
    if own is not None:
        return Wording(own.subject, own.body).filled(values_of(kind, link, language, context))
    words = {**context, "link": settings.SITE_URL + link}
    if "sentence" in words:
        with translation.override(language):
            words["sentence"] = gettext(str(words["sentence"]))
    return Wording(*_from_template(kind, language, words))


def _from_template(kind: str, language: str, context: Mapping[str, Any]) -> tuple[str, str]:
    with translation.override(language):
        subject = " ".join(render_to_string(f"emails/{kind}.subject", {**context}).split())[:SUBJECT_AT_MOST]
        return subject, render_to_string(f"emails/{kind}.txt", {**context})


# --- what a message fills in ------------------------------------------------------------------------------------------


def values_of(kind: str, link: str, language: str, context: Mapping[str, Any]) -> dict[str, str]:
    """name of a place -> what stands there, in ``language``; "" where this message has nothing for it."""
    said = {**context, "link": settings.SITE_URL + link}
    with translation.override(language):
        return {place.name: COMPUTED.get(place.source, _plain)(place.source, said) for place, _ in places_of(kind)}


def _plain(source: str, context: Mapping[str, Any]) -> str:
    """What the dotted path leads to, as text."""
    value: Any = context
    for name in source.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def _sentence(source: str, context: Mapping[str, Any]) -> str:
    return gettext(_plain(source, context)) if context.get(source) else ""


def _details(source: str, context: Mapping[str, Any]) -> str:
    problems: Iterable[Problem] = context.get(source) or ()
    return "\n".join(f"- {problem.text(gettext)}" for problem in problems)


def _occasion(source: str, context: Mapping[str, Any]) -> str:
    if context.get("overseen"):
        return gettext("逾期未办，请督办")
    return gettext("已逾期") if context.get("late") else gettext("即将到期")


def _advice(source: str, context: Mapping[str, Any]) -> str:
    if context.get("overseen"):
        return gettext("经办人已收到提醒，仍未办理；请督促，或安排他人办理。")
    return gettext("请尽快办理；如需延长，请联系上级按规定处理。")


def _note(source: str, context: Mapping[str, Any]) -> str:
    if context.get("by_link"):
        return gettext("不用登录即可答复，链接只对您有效，请勿转发。")
    notes = {
        "expert.propose_removal": gettext("您可以在期限内陈述申辩；期限见您的专家页。"),
        "admission.return": gettext("请在期限内补充后重新提交；逾期作废。"),
        "expert.lapse": gettext("补办年度确认后即恢复。"),
    }
    return notes.get(_plain("event.verb", context), "")


COMPUTED: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "sentence": _sentence, "details": _details, "occasion": _occasion, "advice": _advice, "note": _note,
}  # fmt: skip


# What would have happened in the sample case, where that is not its acceptance.
SAMPLE_SENTENCES: Mapping[str, str] = {
    "correction": gettext_noop("发出了一次性补正告知"),
    "decision": gettext_noop("作出不予受理决定"),
    "security": gettext_noop("账号的电子邮箱已改为另一个地址，今后的通知不再发到本邮箱。"),
    "guidance": gettext_noop("计划了过程指导"),
    "supervision": gettext_noop("要求提交年度运营报告"),
    "organisation": gettext_noop("修改了单位信息"),
    "pool": gettext_noop("进入专家库"),
}


def samples_of(kind: str, language: str) -> dict[str, str]:
    """name of a place -> what it is in the sample case."""
    which = 1 if language == "en" else 0
    found = {place.name: PLACES[place.name].samples[which] for place, _required in places_of(kind)}
    if kind in SAMPLE_SENTENCES:
        with translation.override(language):
            found["事项"] = gettext(SAMPLE_SENTENCES[kind])
    return found
