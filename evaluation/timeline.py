"""One timeline of what happened while a community was built: plans, visits, notes, opinions, replies, changes, photos.

Hides: which events belong to it, that a photo stands with the act that it proves, what an act said, and whose name a
reader may know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation import history
from evaluation.models import (
    ChangeProof,
    GuidanceCompanion,
    GuidanceNote,
    GuidanceOpinion,
    GuidanceVisit,
    MajorChange,
    OpinionFile,
    Photo,
    Project,
)
from evaluation.permissions import changes_visible_to, visible_to
from portal.models import Event, User

KINDS = {GuidanceVisit: "visit", GuidanceCompanion: "visit", GuidanceOpinion: "opinion", MajorChange: "change"}
# name in an event's data -> what stands before its words
SAID: Mapping[str, str] = {
    "notes": gettext_noop("现场情况："),
    "reply": gettext_noop("整改情况："),
    "reason": gettext_noop("理由："),
    "grounds": gettext_noop("审查意见："),
    "statement": gettext_noop("陈述意见："),
    "ruling": gettext_noop("决定理由："),
}
WITH_PHOTOS = ("guidance_visit.record", "guidance_opinion.reply")


@dataclass(slots=True)
class Entry:
    """One thing that happened. kind: visit | opinion | change | plan; words: (what it is, what was said); subject: of what.

    named: whether the reader may know who did it. state: as it stands now, for an opinion or a change.
    """

    at: datetime
    kind: str
    event: Event | None
    named: bool
    subject: str
    link: str
    words: list[tuple[str, str]] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)
    files: list[Any] = field(default_factory=list)
    row: Any = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Everything that events of the timeline speak of, read at once."""

    visits: dict[int, GuidanceVisit]
    opinions: dict[int, GuidanceOpinion]
    changes: dict[int, MajorChange]
    companions: dict[int, GuidanceCompanion]
    notes: dict[int, GuidanceNote]


def entries(user: User, project: Project) -> list[Entry]:
    """What ``user``, who sees the case, reads of it: the oldest first. A constant number of queries."""
    rows = _read(user, project)
    applications = list(visible_to(user).filter(project=project).with_case())
    reader = history.reader_of(user, project, applications)
    labels = {model._meta.label_lower: model for model in KINDS}
    kinds = Q(subject_type__in=labels) | Q(verb="project.schedule")
    events = Event.objects.in_thread(project.thread).filter(kinds).exclude(verb__in=history.DRAFTING)
    found = [entry for event in events if (entry := _entry(event, rows, labels, reader)) is not None]
    _place_photos(found, project, rows)
    _place_files(found, project, rows)
    return sorted(found, key=lambda entry: entry.at)


def _read(user: User, project: Project) -> _Rows:
    visits = {row.pk: row for row in GuidanceVisit.objects.filter(project=project)}
    opinions = {row.pk: row for row in GuidanceOpinion.objects.filter(visit__project=project)}
    companions = GuidanceCompanion.objects.filter(visit__project=project).select_related("expert__user")
    changes = {row.pk: row for row in changes_visible_to(user).filter(project=project)}
    for visit in visits.values():
        visit.project = project
    for opinion in opinions.values():
        opinion.visit = visits[opinion.visit_id]
    for change in changes.values():
        change.project = project
    notes = {row.pk: row for row in GuidanceNote.objects.filter(visit__project=project)}
    return _Rows(visits, opinions, changes, {row.pk: row for row in companions}, notes)


def _entry(event: Event, rows: _Rows, labels: Mapping[str, Any], reader: history.Reader) -> Entry | None:
    named = reader.may_name(event)
    said = ((SAID[name], str(event.data[name])) for name in SAID if event.data.get(name))
    words = [(_(before), _(text) if event.actor_id is None else text) for before, text in said]
    if event.verb == "project.schedule":
        span = f"{event.data.get('begins_on')} – {event.data.get('ends_on')}"
        return Entry(event.at, "plan", event, named, str(event.data.get("place", "")), "", [("", span)])
    model = labels[event.subject_type]
    row = _row(model, event.subject_id, rows)
    if row is None:
        return None
    subject, link = _subject(row), row.get_absolute_url()
    entry = Entry(event.at, KINDS[model], event, named, subject, link, words, row=row)
    entry.words += _more(event, row, rows)
    return entry


def _row(model: Any, pk: int, rows: _Rows) -> Any:
    found: Mapping[Any, Mapping[int, Any]] = {
        GuidanceVisit: rows.visits, GuidanceOpinion: rows.opinions, MajorChange: rows.changes,
        GuidanceCompanion: rows.companions,
    }  # fmt: skip
    return found[model].get(pk)


def _subject(row: Any) -> str:
    if isinstance(row, GuidanceVisit):
        return row.node_name
    if isinstance(row, GuidanceCompanion):
        return f"{row.visit.node_name} · {row.expert}"
    if isinstance(row, GuidanceOpinion):
        return f"{row.visit.node_name} · {row.item_code}".removesuffix(" · ")
    return str(row._meta.verbose_name)


def _more(event: Event, row: Any, rows: _Rows) -> Iterator[tuple[str, str]]:
    """Words that stand in the row and not in the event, and days that the act set."""
    if event.verb == "guidance_visit.note" and (note := rows.notes.get(event.data.get("note", 0))):
        yield "", note.text
    if event.verb == "guidance_opinion.open":
        yield f"{row.get_severity_display()} · ", row.text
    if event.verb == "major_change.declare":
        yield _("变更内容："), row.summary
        yield _("变更原因："), row.reason
        yield _("涉及的条目和材料："), _("、").join([*row.items, *row.documents])
    if event.data.get("planned_on"):
        yield _("计划日期："), str(event.data["planned_on"])
    if isinstance(row, GuidanceOpinion) and event.data.get("to") in (None, "open") and event.data.get("due_on"):
        yield _("整改期限："), str(event.data["due_on"])


def _place_photos(found: list[Entry], project: Project, rows: _Rows) -> None:
    """With the first record or reply that came after it; a photo that no act followed stands by itself."""
    acts = _acts(found)
    photos = Photo.objects.filter(Q(guidance_visit__project=project) | Q(opinion__visit__project=project))
    alone: dict[tuple[str, int], Entry] = {}
    for photo in photos.order_by("received_at", "pk"):
        row = rows.visits.get(photo.guidance_visit_id or 0) or rows.opinions[photo.opinion_id or 0]
        key = (row._meta.label_lower, row.pk)
        entry = next((act for act in acts[key] if act.at >= photo.received_at), None)
        if entry is None:
            kind = "visit" if photo.guidance_visit_id else "opinion"
            new = Entry(photo.received_at, kind, None, True, _subject(row), row.get_absolute_url(), row=row)
            entry = alone.setdefault(key, new)
        entry.photos.append(photo)
    found += alone.values()


def _acts(found: Iterable[Entry]) -> Mapping[tuple[str, int], list[Entry]]:
    acts: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in found:
        if entry.event is not None and entry.event.verb in WITH_PHOTOS:
            acts[entry.event.subject_type, entry.event.subject_id].append(entry)
    return acts


def _place_files(found: list[Entry], project: Project, rows: _Rows) -> None:
    """Documents with the reply, proofs of a change with its declaration."""
    acts = _acts(found)
    label = GuidanceOpinion._meta.label_lower
    for file in OpinionFile.objects.filter(opinion__visit__project=project).order_by("pk"):
        entry = next((act for act in acts[label, file.opinion_id] if act.at >= file.uploaded_at), None)
        if entry is not None:
            entry.files.append(file)
    declared = {entry.row.pk: entry for entry in found if entry.event and entry.event.verb == "major_change.declare"}
    for proof in ChangeProof.objects.filter(change__in=rows.changes, removed_at=None).order_by("pk"):
        if proof.change_id in declared:
            declared[proof.change_id].files.append(proof)
