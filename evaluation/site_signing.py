"""The two signatures under the record of the panel's visit, drawn on the glass or typed with a password.

Hides: what exactly is signed (the canonical JSON that a telephone computes as well), that a signature to another text is
refused, and that somebody of the applicant's may sign on the expert's telephone, in front of the expert.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from evaluation.models import Application, SiteSignature, SiteVisit
from evaluation.permissions import roles_of, writing
from evaluation.site import KEY, SAID, believed, latest, new_key, site_visit_of, unwritten
from portal import audit
from portal.accounts import Confirmed
from portal.files import sha256_of
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop

WIDTH, HEIGHT = 1000, 400  # of the pane on which one signs
MOST_STROKES, MOST_POINTS, FEWEST_POINTS = 100, 6000, 12
LONGEST = 60  # characters of a name and of a title
Strokes = Sequence[Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Signing:
    """What somebody does to sign. side: "applicant" for somebody of the applicant's on an expert's telephone, else "".

    strokes: as ``SiteSignature.strokes``; confirmed: the proof of a password in their place. content_sha256: of the record
    as the signer saw it, "" for as it stands. key: names this signature however often it is sent; at: by the own clock,
    which counts where the visit was open at that hour.
    """

    name: str
    title: str = ""
    side: str = ""
    strokes: Strokes = ()
    confirmed: Confirmed | None = None
    consents: bool = False
    content_sha256: str = ""
    key: str = ""
    at: datetime | None = None


def content_of(visit: SiteVisit) -> dict[str, Any]:
    """What a signature is given to: the last version of every line, and every photo that is not withdrawn."""
    entries = [
        [row.line, row.item_code, row.seen, row.text, ""]
        for line, row in latest(visit).items()
        if line != "record" and row.seen
    ]
    if visit.visited_on and visit.summary:
        entries.append(["record", "", "", visit.summary, visit.visited_on.isoformat()])
    photos = [
        [row.key, row.sent_sha256, row.line, row.caption, *(row.said.get(name, "") for name in SAID)]
        for row in visit.photos.filter(withdrawn_at=None)
    ]
    return {"application": visit.application_id, "entries": sorted(entries), "photos": sorted(photos)}


def sha256_of_content(visit: SiteVisit) -> str:
    """The hash that a signature names: of the canonical JSON of ``content_of`` (as ``JSON.stringify`` writes it)."""
    text = json.dumps(content_of(visit), ensure_ascii=False, separators=(",", ":"))
    return sha256_of(text.encode("utf-8", "surrogatepass"))


def sign(by: User, application: Application, signing: Signing) -> SiteSignature:
    """Sign the record. A signature that comes twice is one. Raises NotAllowed, Stale, Refused with every problem, Changed
    where the record is another by now than the signer saw."""
    known = SiteSignature.objects.filter(
        site_visit__application=application, save_key=signing.key, signed_by__in=[by]
    ) | SiteSignature.objects.filter(site_visit__application=application, save_key=signing.key, witness=by)
    if signing.key and (twin := known.first()):
        return twin
    with writing(by, "sign_site_visit", application):
        visit = site_visit_of(application)
        side, on_glass = _side(by, application, signing)
        problems = [*unwritten(visit), *_wrong(by, signing, on_glass)]
        if problems:
            raise Refused(problems)
        digest = sha256_of_content(visit)
        if signing.content_sha256 not in ("", digest):
            message = gettext_noop("签字之后（或同时）记录又有改动，这次签字没有生效；请核对后重新签字。")
            raise Changed([Problem("changed", "signature", message)], {"current": {"content_sha256": digest}})
        return _signed(by, application, visit, signing, digest, side, on_glass)


def _signed(
    by: User, application: Application, visit: SiteVisit, signing: Signing, digest: str, side: str, on_glass: bool
) -> SiteSignature:
    now = timezone.now()
    visit.signatures.filter(side=side, voided_at=None).update(voided_at=now)  # signed anew
    strokes = [[list(point) for point in stroke] for stroke in signing.strokes]
    drawn = sha256_of(json.dumps(strokes, separators=(",", ":")).encode()) if strokes else ""
    row: SiteSignature = SiteSignature.objects.create(
        site_visit=visit, side=side, name=signing.name.strip(), title=signing.title.strip(), strokes=strokes,
        strokes_sha256=drawn, content_sha256=digest, consent=application.rule.site_consent if on_glass else "",
        signed_by=None if on_glass else by, witness=by if on_glass else None, signed_at=believed(application, signing.at) or now,
        save_key=signing.key or new_key(),
    )  # fmt: skip
    signer = {f"{side}_signed_by": None if on_glass else by, f"{side}_signed_at": row.signed_at}
    SiteVisit.objects.filter(pk=visit.pk).update(**signer)
    data = {"content_sha256": digest, "strokes_sha256": drawn, "side": side}
    audit.record(application, "site_visit.sign", by=by, role="expert" if on_glass else side, **data)
    return row


def _side(by: User, application: Application, signing: Signing) -> tuple[str, bool]:
    """For which side, and whether on somebody else's telephone."""
    if "applicant" in roles_of(by, application):
        return "applicant", False
    return ("applicant", True) if signing.side == "applicant" else ("expert", False)


def _wrong(by: User, signing: Signing, on_glass: bool) -> Iterator[Problem]:
    name = signing.name.strip()
    if signing.key and not KEY.fullmatch(signing.key):
        yield Problem("key_wrong", "save_key", gettext_noop("保存的编号不合规则。"))
    if not name or len(name) > LONGEST:
        yield Problem("required", "name", gettext_noop("请键入签字人姓名（最多 60 字）。"))
    elif not on_glass and name != by.name.strip():
        message = gettext_noop("键入的姓名与您的姓名“%(name)s”不一致。")
        yield Problem("signed_name", "name", message, {"name": by.name})
    if len(signing.title.strip()) > LONGEST or (on_glass and not signing.title.strip()):
        yield Problem("required", "title", gettext_noop("请填写签字人职务（最多 60 字）。"))
    if on_glass and not signing.consents:
        yield Problem("consent_missing", "consents", gettext_noop("请签字人先阅读并同意签字说明。"))
    if signing.confirmed is not None and signing.confirmed != Confirmed(by.pk):
        yield Problem("password", "password", gettext_noop("请重新输入当前密码。"))
    yield from _wrong_strokes(signing, on_glass)


def _wrong_strokes(signing: Signing, on_glass: bool) -> Iterator[Problem]:
    if not signing.strokes:
        if on_glass or signing.confirmed is None:
            yield Problem("required", "strokes", gettext_noop("请在签字框内手写签名，或输入密码代替手写。"))
        return
    if not is_drawing(signing.strokes):
        yield Problem("strokes_wrong", "strokes", gettext_noop("手写笔迹不完整，请清除后重新签名。"))


def is_drawing(strokes: Any) -> bool:
    """Whether these are strokes that can be drawn: lists of whole numbers within the pane, neither a dot nor a flood."""
    if not isinstance(strokes, list | tuple) or not 0 < len(strokes) <= MOST_STROKES:
        return False
    if not all(isinstance(stroke, list | tuple) and stroke for stroke in strokes):
        return False
    points = [point for stroke in strokes for point in stroke]
    return FEWEST_POINTS <= len(points) <= MOST_POINTS and all(_is_point(point) for point in points)


def _is_point(point: Any) -> bool:
    if not isinstance(point, list | tuple) or len(point) != 2 or not all(type(part) is int for part in point):
        return False
    return 0 <= point[0] <= WIDTH and 0 <= point[1] <= HEIGHT


def as_svg(strokes: Strokes) -> str:
    """A drawing as SVG, from whole numbers alone; "" for none."""
    if not strokes:
        return ""
    paths = [
        f'<path d="M{" L".join(f"{x} {y}" for x, y in stroke)}"/>' if len(stroke) > 1
        else f'<circle cx="{stroke[0][0]}" cy="{stroke[0][1]}" r="4"/>'
        for stroke in strokes
    ]  # fmt: skip
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    drawn = 'fill="none" stroke="#1a1a1a" stroke-width="8" stroke-linecap="round" stroke-linejoin="round"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><g {drawn}>{"".join(paths)}</g></svg>'
