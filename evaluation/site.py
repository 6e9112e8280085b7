"""The panel's visit on site: what was seen line by line, in versions that are only ever added, and the photos.

Hides: that a save sent twice is one save, that a version builds on the one its writer has seen, how what a telephone says
of a photo is read, and that every change voids the signatures that stood under the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from evaluation.models import Application, Photo, SiteFinding, SiteVisit
from evaluation.permissions import roles_of, writing
from portal import audit
from portal.attachments import as_photo, attachment_values
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop

RECORD = "record"
UUID_TEXT = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KEY = re.compile(UUID_TEXT)
LINE = re.compile(
    rf"record|(?:item|difference):[0-9A-Za-z._-]{{1,20}}|question:[0-9]{{1,12}}|(?:doubt|own):{UUID_TEXT}"
)
LONGEST = {RECORD: 5000}  # characters of a line's text
LONGEST_FINDING = 2000
# What a telephone says of a photo: name -> how it is written. no_place: why it gives no position.
SAID = {
    "at": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"),
    "latitude": re.compile(r"-?\d{1,2}\.\d{6}"),
    "longitude": re.compile(r"-?\d{1,3}\.\d{6}"),
    "accuracy": re.compile(r"\d{1,7}"),
    "no_place": re.compile(r"denied|unavailable|timeout|unsupported"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One version of one line, as it was written. after: save_key of the version that the writer saw ("" for none, None
    skips that); key: names this save; at: by the writer's clock."""

    line: str
    text: str
    seen: str = ""
    item_code: str = ""
    visited_on: date | None = None
    after: str | None = None
    key: str = ""
    at: datetime | None = None


def new_key() -> str:
    return str(uuid4())


def site_visit_of(application: Application) -> SiteVisit:
    """The site visit of the present review round (made when the panel is convened)."""
    return SiteVisit.objects.get(application=application, review_round=application.review_round)


def latest(visit: SiteVisit) -> dict[str, SiteFinding]:
    """Line -> its last version, in the order in which the lines were begun. One query."""
    found: dict[str, SiteFinding] = {}
    for row in visit.findings.order_by("pk"):
        found[row.line] = row
    return found


def believed(application: Application, at: datetime | None) -> datetime | None:
    """The hour that a telephone says it was, if the visit was open then; None where its clock is wrong or it says nothing."""
    return at if at is not None and application.state_since <= at <= timezone.now() else None


# --- lines --------------------------------------------------------------------------------------------------------


def record_site_visit(by: User, application: Application, visited_on: date, summary: str) -> SiteVisit:
    """Write what the visit was. Raises as ``say``."""
    say(by, application, Said(RECORD, summary, visited_on=visited_on))
    return site_visit_of(application)


def record_site_finding(by: User, application: Application, item_code: str, agrees: bool, text: str) -> SiteFinding:
    """Write what was seen for one item. Raises as ``say``."""
    seen = SiteFinding.Seen.AGREES if agrees else SiteFinding.Seen.DIFFERS
    return say(by, application, Said(f"item:{item_code}", text, seen, item_code))


def say(by: User, application: Application, said: Said) -> SiteFinding:
    """Add one version of one line; both signatures fall away, since they were given to another text.

    A save that comes twice is one save, though the review may have begun meanwhile. Raises NotAllowed, Stale, Refused with
    every problem, Changed with what stands there for a version that builds on another than the last one.
    """
    known = _saved_as(by, application, said.key)
    if known is not None:
        return known
    said = _tidied(said)
    problems = list(_wrong(application, said))
    if problems:
        raise Refused(problems)
    with writing(by, "record_site_visit", application):
        visit = site_visit_of(application)
        twin = visit.findings.filter(save_key=said.key).first() if said.key else None
        if twin is not None:
            return twin
        last = visit.findings.filter(line=said.line).order_by("-number").first()
        if said.after is not None and said.after != (last.save_key if last else ""):
            raise _changed(said, last)
        row = SiteFinding.objects.create(
            site_visit=visit, line=said.line, number=last.number + 1 if last else 1, item_code=said.item_code,
            seen=said.seen, text=said.text, visited_on=said.visited_on, by=by,
            said_at=believed(application, said.at),
            save_key=said.key or new_key(),
        )  # fmt: skip
        if said.line == RECORD:
            SiteVisit.objects.filter(pk=visit.pk).update(visited_on=said.visited_on, summary=said.text)
        told(by, application, RECORD if said.line == RECORD else "find", line=said.line, **_before_after(last, row))
        unsign(by, application, visit)
    return row


def _saved_as(by: User, application: Application, key: str) -> SiteFinding | None:
    """The version that this very save left."""
    rows = SiteFinding.objects.filter(site_visit__application=application, by=by)
    return rows.filter(save_key=key, site_visit__review_round=application.review_round).first() if key else None


def _tidied(said: Said) -> Said:
    kind, _colon, code = said.line.partition(":")
    item_code = code if kind in ("item", "difference") else said.item_code
    text = said.text.replace("\r\n", "\n").strip()
    return replace(said, text=text, item_code=item_code)


def _wrong(application: Application, said: Said) -> Iterator[Problem]:
    if not LINE.fullmatch(said.line):
        yield Problem("line_unknown", "line", gettext_noop("没有这一核查项。"))
    if said.key and not KEY.fullmatch(said.key):
        yield Problem("key_wrong", "save_key", gettext_noop("保存的编号不合规则。"))
    if len(said.text) > LONGEST.get(said.line, LONGEST_FINDING):
        most = LONGEST.get(said.line, LONGEST_FINDING)
        yield Problem("too_long", "text", gettext_noop("最多 %(most)s 字。"), {"most": most})
    yield from _wrong_record(said) if said.line == RECORD else _wrong_finding(application, said)


def _wrong_record(said: Said) -> Iterator[Problem]:
    if said.visited_on is None:
        yield Problem("required", "visited_on", gettext_noop("请填写核查日期。"))
    elif said.visited_on > timezone.localdate():
        yield Problem("date_future", "visited_on", gettext_noop("核查日期不能晚于今天。"))
    if not said.text:
        yield Problem("required", "summary", gettext_noop("请填写核查情况。"))


def _wrong_finding(application: Application, said: Said) -> Iterator[Problem]:
    kind, _colon, code = said.line.partition(":")
    if said.item_code and said.item_code not in {item.code for item in application.standard.items(application.stage)}:
        yield Problem("item_unknown", "item_code", gettext_noop("本阶段没有该条目。"))
    if kind == "question" and not application.questions.filter(pk=int(code)).exists():
        yield Problem("line_unknown", "line", gettext_noop("没有这一核查项。"))
    if said.seen not in SiteFinding.Seen.values and not (kind == "doubt" and said.seen == "" and not said.after):
        yield Problem("required", "seen", gettext_noop("请选择与申报是否一致。"))
    if not said.text:
        yield Problem("required", "text", gettext_noop("请写明所见。"))


def _changed(said: Said, last: SiteFinding | None) -> Changed:
    current = {
        "save_key": last.save_key if last else "",
        "seen": last.seen if last else "",
        "text": last.text if last else "",
        "visited_on": last.visited_on.isoformat() if last and last.visited_on else "",
    }
    message = gettext_noop("这一项已由他人先记录，请比较后选择。")
    return Changed([Problem("changed", said.line, message)], {"current": current})


def _before_after(last: SiteFinding | None, row: SiteFinding) -> dict[str, Any]:
    day = {"visited_on": row.visited_on.isoformat()} if row.visited_on else {}
    return {"before": f"{last.seen} {last.text}" if last else "", "after": f"{row.seen} {row.text}", **day}


def told(by: User, application: Application, verb: str, **data: Any) -> None:
    """One event of the visit, in the role in which it was written."""
    role = "expert" if "expert" in roles_of(by, application) else "district_officer"
    audit.record(application, f"site_visit.{verb}", by=by, role=role, **data)


def unsign(by: User, application: Application, visit: SiteVisit) -> None:
    """Void both signatures: what they were given to has changed. They stay to be read."""
    names = ("expert_signed_by", "expert_signed_at", "applicant_signed_by", "applicant_signed_at")
    signed = visit.signatures.filter(voided_at=None)
    if count := signed.update(voided_at=timezone.now()):
        told(by, application, "void", signatures=count)
    SiteVisit.objects.filter(pk=visit.pk).update(**dict.fromkeys(names))


# --- photos -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """What is said of a photo. key: names it however often it is sent; sha256: of the bytes as they left the telephone;
    said: as ``SAID``."""

    caption: str = ""
    line: str = ""
    key: str = ""
    sha256: str = ""
    said: Mapping[str, str] = field(default_factory=dict)


def add_photo(by: User, application: Application, upload: Any, caption: str = "") -> Photo:
    """Add a photo that came through a form. Upright, without metadata; time and place of taking are kept beside it.

    Raises NotAllowed, Stale, Refused.
    """
    taken = Taken(caption)
    return keep_photo(by, application, prepared_photo(by, upload, taken), taken)


def prepared_photo(by: User, upload: Any, taken: Taken) -> dict[str, Any]:
    """Look into the picture: all the slow work, outside any transaction. Raises Refused, also where bytes came damaged."""
    problems = list(wrong_photo(taken))
    if problems:
        raise Refused(problems)
    values = attachment_values(upload, ["jpg"], by)
    if taken.sha256 not in ("", values["sha256"]):
        raise Refused([Problem("hash_wrong", "file", gettext_noop("照片传输中有损坏，请重新发送。"))])
    return {**as_photo(values, upload), "sent_sha256": values["sha256"]}


def keep_photo(by: User, application: Application, values: Mapping[str, Any], taken: Taken) -> Photo:
    """Keep a photo that was looked into; one that is there under its key stays the one. Raises NotAllowed, Stale."""
    with writing(by, "record_site_visit", application):
        visit = site_visit_of(application)
        there = visit.photos.filter(key=taken.key).first() if taken.key else None
        if there is not None:
            return there
        row: Photo = Photo.objects.create(
            site_visit=visit, caption=taken.caption.strip(), line=taken.line, key=taken.key or new_key(),
            said={name: text for name, text in taken.said.items() if text}, **{**values, **_told_columns(taken.said)},
        )  # fmt: skip
        told(by, application, "photo", photo=row.pk, key=row.key, sha256=row.sent_sha256, line=row.line)
        unsign(by, application, visit)
    return row


def wrong_photo(taken: Taken) -> Iterator[Problem]:
    """What of the words about a photo cannot be kept."""
    if taken.key and not KEY.fullmatch(taken.key):
        yield Problem("key_wrong", "key", gettext_noop("照片的编号不合规则。"))
    if taken.line and not LINE.fullmatch(taken.line):
        yield Problem("line_unknown", "line", gettext_noop("没有这一核查项。"))
    if len(taken.caption) > 120:
        yield Problem("too_long", "caption", gettext_noop("最多 %(most)s 字。"), {"most": 120})
    for name, text in taken.said.items():
        if text and (name not in SAID or not SAID[name].fullmatch(text) or not _is_real(name, text)):
            yield Problem("said_wrong", name, gettext_noop("照片的拍摄时间或位置不可读。"))


def _is_real(name: str, text: str) -> bool:
    if name == "at":
        try:
            return datetime.fromisoformat(text).year > 2000
        except ValueError:
            return False
    limits = {"latitude": 90, "longitude": 180}
    return name not in limits or abs(float(text)) <= limits[name]


def _told_columns(said: Mapping[str, str]) -> dict[str, Any]:
    """The columns that the telephone tells; what it does not tell stays as the picture itself says."""
    found: dict[str, Any] = {}
    if said.get("at") and (at := datetime.fromisoformat(said["at"])) <= timezone.now():
        found["taken_at"] = at
    if said.get("latitude") and said.get("longitude"):
        found["latitude"], found["longitude"] = float(said["latitude"]), float(said["longitude"])
        found["accuracy"] = float(said["accuracy"]) if said.get("accuracy") else None
    return found


def withdraw_photo(by: User, application: Application, photo: Photo, reason: str) -> None:
    """Mark a photo as withdrawn; it stays to be read. Withdrawn twice is once. Raises NotAllowed, Stale, Refused."""
    reason = reason.strip()
    if not reason or len(reason) > 200:
        raise Refused([Problem("required", "reason", gettext_noop("请写明撤下照片的理由（最多 200 字）。"))])
    with writing(by, "record_site_visit", application):
        rows = Photo.objects.filter(pk=photo.pk, site_visit__application=application, withdrawn_at=None)
        values = {"withdrawn_at": timezone.now(), "withdrawn_by": by, "withdrawn_reason": reason}
        if rows.update(**values):
            told(by, application, "withdraw_photo", photo=photo.pk, key=photo.key, reason=reason)
            unsign(by, application, site_visit_of(application))


# --- whether it is ready ------------------------------------------------------------------------------------------


def unwritten(visit: SiteVisit) -> Iterator[Problem]:
    """What the record still lacks before anyone can sign it."""
    if visit.visited_on is None or not visit.summary:
        yield Problem("record_missing", "summary", gettext_noop("请先填写核查日期与核查情况。"))
    if not visit.photos.filter(withdrawn_at=None).exists():
        yield Problem("photo_missing", "photo", gettext_noop("请至少上传一张现场照片。"))


def unsigned(visit: SiteVisit) -> Iterator[Problem]:
    """What the record still lacks before the panel can mark."""
    yield from unwritten(visit)
    if visit.expert_signed_at is None:
        yield Problem("expert_unsigned", "signature", gettext_noop("专家尚未签字。"))
    if visit.applicant_signed_at is None:
        yield Problem("applicant_unsigned", "signature", gettext_noop("申报单位尚未签字。"))
