"""How marks, items and changes between two versions read in words, on every page alike.

Hides: the modes of the standard behind choices with their meaning, and the shape of a snapshot behind sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communities.models import Community
from evaluation import standard
from evaluation.models import Application
from evaluation.snapshot import Change, differences
from evaluation.standard.numbers import from_text


@dataclass(frozen=True, slots=True)
class Choice:
    """One legal mark as a button. value: what is sent; label: what it says; when: for what it is given."""

    value: str
    label: str
    when: str = ""


def points_words(points: Fraction) -> str:
    """6 分"""
    return ngettext("%(points)s 分", "%(points)s 分", 1 if points == 1 else 2) % {"points": standard.to_text(points)}


def choices(item: standard.Item) -> list[Choice]:
    """The legal marks of an item that can be drawn as buttons, "na" last; none but "na" where a number is typed."""
    legal = standard.legal_marks(item)
    found = [Choice("true", _("满足")), Choice("false", _("不满足"))] if legal.passes else []
    when = {tier.points: tier.when for tier in item.tiers}
    found += [Choice(standard.to_text(points), points_words(points), when.get(points, "")) for points in legal.choices]
    if legal.not_applicable:
        found.append(Choice(standard.NOT_APPLICABLE, _("不适用"), item.not_applicable))
    return found


def buttons(item: standard.Item) -> list[Choice]:
    """What a form offers beside "not applicable"; nothing where a number is typed."""
    return [choice for choice in choices(item) if choice.value != standard.NOT_APPLICABLE]


def sent_mark(said: Mapping[str, Any]) -> Any:
    """The mark of a form: its ``value``, or "na" where that was ticked."""
    return mark_value(standard.NOT_APPLICABLE if said.get("na") else said.get("value") or "")


def mark_value(text: str) -> Any:
    """What a page sent as a mark: True, False, "na", a number, None for nothing; other text stays as it is (illegal)."""
    text = text.strip()
    known: dict[str, Any] = {"": None, "true": True, "false": False, standard.NOT_APPLICABLE: standard.NOT_APPLICABLE}
    if text in known:
        return known[text]
    number = from_text(text)
    return text if number is None else number


def mark_text(value: Any) -> str:
    """A stored mark as the text its button sends; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = standard.exact(value)
    return str(value) if number is None else standard.to_text(number)


def mark_words(item: standard.Item, value: Any, options: Iterable[Choice] | None = None) -> str:
    """A stored mark in words: 满足, 不适用, 未评, or points with what they were given for.

    options: ``choices(item)``, where a page has them at hand.
    """
    if value is None:
        return _("未评")
    text = mark_text(value)
    for choice in choices(item) if options is None else options:
        if choice.value == text:
            explained = choice.when and text != standard.NOT_APPLICABLE
            values = {"label": choice.label, "when": choice.when}
            return _("%(label)s（%(when)s）") % values if explained else choice.label
    if item.mode == "linear":
        return _("实测 %(value)s") % {"value": text}
    number = standard.exact(value)
    return text if number is None else points_words(number)


def level_name(form: standard.Standard, level: int) -> str:
    """A level in the standard's own word; 未达标 for none."""
    names = {entry.level: entry.name for entry in form.levels}
    return names.get(level, _("未达标"))


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One difference between two versions. place: code; before, after: lines of words, empty for nothing."""

    section: str
    place: str
    title: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The differences of one section."""

    section: str
    label: str
    lines: tuple[ChangeLine, ...]


def changes_in_words(
    application: Application, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[ChangeGroup]:
    """What changed from one snapshot to another, section by section, in the words of the standard and of the forms."""
    labels = {
        "project": _("案卷"),
        "community": _("小区基本信息"),
        "statements": _("在线填写的材料"),
        "documents": _("上传的材料"),
        "claims": _("自评"),
        "evidence": _("佐证"),
    }
    found: dict[str, list[ChangeLine]] = {}
    for change in differences(before, after):
        found.setdefault(change.section, []).append(_line(application, change))
    return [ChangeGroup(section, label, tuple(found[section])) for section, label in labels.items() if section in found]


def _line(application: Application, change: Change) -> ChangeLine:
    words = {
        "project": _project_words,
        "community": _plain_words,
        "statements": _text_words,
        "documents": _file_words,
        "claims": _claim_words,
        "evidence": _file_words,
    }[change.section]
    title = _title(application, change.section, change.place)
    before, after = words(application, change.place, change.before), words(application, change.place, change.after)
    return ChangeLine(change.section, change.place, title, tuple(before), tuple(after))


def _title(application: Application, section: str, place: str) -> str:
    form = application.standard
    if section in ("claims", "evidence"):
        return item_title(form, place)
    if section in ("statements", "documents"):
        return document_title(form, application.stage, place)
    if section == "project":
        return {"target_level": _("目标等级"), "number": _("案卷编号"), "stage": _("阶段")}.get(place, place)
    return _("区县") if place == "district" else str(Community._meta.get_field(place).verbose_name)


def item_title(form: standard.Standard, code: str) -> str:
    """4.2.1 千兆接入能力"""
    return f"{code} {form.item(code).name}" if form.has_item(code) else code


def document_title(form: standard.Standard, stage: str, code: str) -> str:
    """D04 建设工程规划许可证"""
    names = {document.code: document.name for document in form.stage(stage).documents}
    return f"{code} {names[code]}" if code in names else code


def _project_words(application: Application, place: str, value: Any) -> Iterable[str]:
    if place == "target_level" and value:
        return [level_name(application.standard, value)]
    return _plain_words(application, place, value)


def _plain_words(application: Application, place: str, value: Any) -> Iterable[str]:
    return [] if value in (None, "") else [str(value)]


def _text_words(application: Application, place: str, value: Any) -> Iterable[str]:
    return (value or "").splitlines()


def _file_words(application: Application, place: str, value: Any) -> Iterator[str]:
    for row in value or ():
        page = row.get("page")
        where = _("（第 %(page)s 页）") % {"page": page} if page else ""
        yield f"{row['name']}{where} · SHA-256 {row['sha256'][:12]}"


def _claim_words(application: Application, place: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    yield mark_words(application.standard.item(place), value["value"])
    if value["note"]:
        yield _("说明：%(note)s") % {"note": value["note"]}
