"""Versions of a public notice: what was published cannot be changed unseen.

Every version holds all that the notice says and the hash of the version before, so that they are one chain. Hides: how a
hash is computed, which facts a correction may touch, and the triggers by which the database refuses anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.db import connections
from django.utils import timezone

from communities.models import Community, Organisation
from evaluation.models import NoticeVersion, PublicNotice
from evaluation.notifications import tell_correction
from evaluation.permissions import can, has_run, writing
from portal import audit
from portal.accounts import Confirmed
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop

RIGHT = "correct_notice"
# Facts of the community that may be mistyped. Never what was decided, by whom, against what, or for how long.
CORRECTABLE = ("community", "address", "organisation", "floor_area", "households", "buildings")
WIDTHS = {
    "community": Community._meta.get_field("name").max_length, "address": Community._meta.get_field("address").max_length,
    "organisation": Organisation._meta.get_field("name").max_length,
}  # fmt: skip
WHOLE = ("households", "buildings")
LARGEST = Decimal("9999999999.99")
MOST_DIGITS = 7  # of households and buildings
LONGEST_REASON = 1000
SHORTEST = 16  # characters of a hash that somebody types from paper


def moment_of(version: NoticeVersion) -> str:
    """When a version was published, as it is hashed: UTC, ISO 8601."""
    return version.published_at.astimezone(UTC).isoformat()


def hash_of(version: NoticeVersion) -> str:
    """SHA-256 over everything a version says, as canonical JSON (sorted keys, no spaces, UTF-8)."""
    said = {
        "figures": version.figures, "notice": version.notice.number, "previous": version.previous,
        "published_at": moment_of(version), "reason": version.reason, "version": version.version,
    }  # fmt: skip
    content = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(content.encode()).hexdigest()


def publish_first(notice: PublicNotice, at: datetime | None = None, by: User | None = None) -> NoticeVersion:
    """Write down what a notice says as its first version. at: when it was published, now unless told."""
    version = first_of(notice, at or timezone.now(), by)
    version.save()
    return version


def first_of(notice: PublicNotice, at: datetime, by: User | None = None) -> NoticeVersion:
    """The first version of a notice, not saved."""
    version = NoticeVersion(notice=notice, version=1, published_at=at, figures=notice.figures, by=by)
    version.sha256 = hash_of(version)
    return version


def may_correct(user: User | None, notice: PublicNotice) -> bool:
    """An approver who has not run the panel, once the result was published."""
    return user is not None and can(user, RIGHT, notice.application) and not has_run(user, notice.application)


def correct(
    by: User, notice: PublicNotice, values: Mapping[str, Any], reason: str, confirmed: Confirmed | None, read: str
) -> NoticeVersion:
    """Publish another version with these facts (keys of CORRECTABLE) and a public reason; what is not named stays.

    read: the hash of the version that the person has before them. The period stays as it was announced.
    Raises NotAllowed, Stale, Changed where somebody was faster, Refused with every problem at once.
    """
    if not may_correct(by, notice):
        raise NotAllowed(RIGHT)
    with writing(by, RIGHT, notice.application):
        last = newest(notice)
        if read != last.sha256:
            words = gettext_noop("您看过之后该公示已另行更正，没有办理；请看过现在的内容再办。")
            raise Changed([Problem("changed", "", words)], {})
        facts = {name: _as_kept(values[name]) for name in CORRECTABLE if name in values}
        problems = [*_problems(facts, last.figures, reason, confirmed, by)]
        if problems:
            raise Refused(problems)
        told = {name: _figure(name, text) for name, text in facts.items() if not _says(last.figures, name, text)}
        figures = {**last.figures, **told}
        version = NoticeVersion(
            notice=notice, version=last.version + 1, published_at=timezone.now(), figures=figures, previous=last.sha256,
            reason=reason.strip(), by=by,
        )  # fmt: skip
        version.sha256 = hash_of(version)
        version.save()
        notice.figures = figures
        notice.save(update_fields=["figures"])
        event = audit.record(
            notice.application, "notice.correct", by=by, role="approver", notice=notice.number, version=version.version,
            reason=version.reason, sha256=version.sha256,
            changed=[{"fact": row.name, "before": row.before, "after": row.after} for row in changes(last, version)],
        )  # fmt: skip
        tell_correction(notice, event)
    return version


def _as_kept(value: Any) -> str:
    return " ".join(str(value).split())


def _figure(name: str, text: str) -> Any:
    if name in WHOLE:
        return int(text.lstrip("0"))
    return f"{Decimal(text):.2f}" if name == "floor_area" else text


def _says(figures: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether a notice says a legal fact already, however many zeros somebody writes."""
    before = figures.get(name)
    return str(before or "") == text or before == _figure(name, text)


def _problems(
    facts: Mapping[str, str], figures: Mapping[str, Any], reason: str, confirmed: Confirmed | None, by: User
) -> Iterator[Problem]:
    wrong = [problem for name, text in facts.items() for problem in _fact_problems(name, text)]
    yield from wrong
    if not reason.strip():
        yield Problem("required", "reason", gettext_noop("请写明更正理由，它随更正一并公开。"))
    elif len(reason) > LONGEST_REASON:
        yield Problem("too_long", "reason", gettext_noop("最多 %(most)s 个字。"), {"most": LONGEST_REASON})
    if not wrong and all(_says(figures, name, text) for name, text in facts.items()):
        yield Problem("unchanged", "", gettext_noop("没有任何改动。"))
    if confirmed != Confirmed(by.pk):
        yield Problem("password", "password", gettext_noop("请重新输入当前密码。"))


def _fact_problems(name: str, text: str) -> Iterator[Problem]:
    if not text or "\0" in text:
        yield Problem("required", name, gettext_noop("请填写该项。"))
    elif name in WIDTHS:
        most = WIDTHS[name] or 0
        if len(text) > most:
            yield Problem("too_long", name, gettext_noop("最多 %(most)s 个字。"), {"most": most})
    elif name in WHOLE:
        if not (text.isascii() and text.isdecimal() and 0 < len(text.lstrip("0")) <= MOST_DIGITS):
            yield Problem("number", name, gettext_noop("请填写大于 0 的整数。"))
    elif not _is_area(text):
        yield Problem("number", name, gettext_noop("请填写大于 0 的数，最多两位小数。"))


def _is_area(text: str) -> bool:
    whole, _point, rest = text.partition(".")
    plain = (
        text.isascii() and whole.isdecimal() and (rest.isdecimal() or not rest) and len(rest) <= 2 and len(whole) <= 10
    )
    return plain and Decimal(0) < Decimal(text) <= LARGEST


# --- reading ------------------------------------------------------------------------------------------------------


def newest(notice: PublicNotice) -> NoticeVersion:
    """What holds today."""
    row: NoticeVersion = notice.versions.order_by("-version")[0]
    return row


def chain(notice: PublicNotice) -> list[NoticeVersion]:
    """Every version, the newest first."""
    rows = list(notice.versions.order_by("-version"))
    for row in rows:
        row.notice = notice
    return rows


def is_whole(versions: list[NoticeVersion]) -> bool:
    """Whether every version is as it was published and follows the one before. versions: newest first, all of them."""
    before = ""
    for number, row in enumerate(reversed(versions), 1):
        if (row.version, row.previous, row.sha256) != (number, before, hash_of(row)):
            return False
        before = row.sha256
    return bool(versions)


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that a correction changed. name: its key."""

    name: str
    before: Any
    after: Any


def changes(old: NoticeVersion, new: NoticeVersion) -> list[Change]:
    """What another version says otherwise."""
    return [
        Change(name, old.figures.get(name), new.figures.get(name))
        for name in CORRECTABLE
        if old.figures.get(name) != new.figures.get(name)
    ]


def version_of_paper(versions: list[NoticeVersion], typed: str) -> NoticeVersion | None:
    """The version whose hash, or at least its first characters, stand on a printed copy; None for none of them."""
    wanted = "".join(typed.split()).lower()
    if not SHORTEST <= len(wanted) <= 64:
        return None
    return next((row for row in versions if row.sha256.startswith(wanted)), None)


# --- the database itself refuses ----------------------------------------------------------------------------------


def install(using: str = "default", **more: Any) -> None:
    """Have the database refuse to change a version, or a notice against its newest version; a receiver of ``post_migrate``.

    Not a migration: the embedded database loses the triggers of a table whenever a migration gives it another column.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
        if {NoticeVersion._meta.db_table, PublicNotice._meta.db_table} <= present:
            for statement in TRIGGERS[connection.vendor]:
                cursor.execute(statement)


NEWEST = "(SELECT figures FROM evaluation_noticeversion WHERE notice_id = NEW.id ORDER BY version DESC LIMIT 1)"
TRIGGERS = {
    "sqlite": [
        *(
            f"CREATE TRIGGER IF NOT EXISTS notice_version_no_{verb.lower()} BEFORE {verb} ON evaluation_noticeversion "
            "BEGIN SELECT RAISE(ABORT, 'a version of a notice is written once'); END"
            for verb in ("UPDATE", "DELETE")
        ),
        "CREATE TRIGGER IF NOT EXISTS notice_says_its_version BEFORE UPDATE OF figures ON evaluation_publicnotice "
        f"WHEN NEW.figures IS NOT OLD.figures AND NEW.figures IS NOT {NEWEST} "
        "BEGIN SELECT RAISE(ABORT, 'a notice says what its newest version says'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION refuse_notice_version_change() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'a version of a notice is written once'; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE FUNCTION refuse_unversioned_notice() RETURNS trigger AS $$ BEGIN "
        f"IF NEW.figures IS DISTINCT FROM OLD.figures AND NEW.figures IS DISTINCT FROM {NEWEST} "
        "THEN RAISE EXCEPTION 'a notice says what its newest version says'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER notice_version_written_once BEFORE UPDATE OR DELETE ON evaluation_noticeversion "
        "FOR EACH ROW EXECUTE FUNCTION refuse_notice_version_change()",
        "CREATE OR REPLACE TRIGGER notice_says_its_version BEFORE UPDATE ON evaluation_publicnotice "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unversioned_notice()",
    ],
}
