"""证书式样: versions of what certificates of each stage say and look like, each tried before it is kept.

Hides: that a version never changes and a certificate keeps the one it was printed from; that a version is kept only after the
longest certificate that could be printed by it was, on one page; and that of two who write at once one is told of the other.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image
from pypdf import PdfReader

from evaluation.basis import unstated
from evaluation.certificate_numbers import number_of, pattern_problems
from evaluation.models import Application, Certificate, CertificateForm, Project, StageRule
from evaluation.permissions import can_city
from evaluation.printing import CODES, DRAFT, FIELDS, PLACE, assets_of, content_of
from portal import audit, contents, files, typesetting
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop
from portal.workdays import last_day

RIGHT, ROLE = "change_policies", "security_administrator"
PROVISIONAL = "预评"
NEEDED = ("community", "organisation", "standard", "validity")
LONGEST = {"title": 30, "body": 300, "issuer": 30, "pattern": 60}
MOST_LINES, MOST_SIGNATURES = 8, 3
LABEL, NAME = 8, 20  # characters
LARGEST = 300_000  # bytes of a certificate
# of the picture of a seal: bytes and pixels as it comes, pixels of a side as it is kept and at least
SEAL_BYTES, SEAL_PIXELS, SEAL_SIDE, SEAL_LEAST = 2 * 1024 * 1024, 4_000_000, 600, 120
SAMPLE_SEAL = "v1." + "0" * 330  # as long as a real one, and none


@dataclass(frozen=True, slots=True)
class Words:
    """What a form says. lines: (code of a field, label) in their order; signatures: (label, name or "")."""

    title: str
    body: str
    lines: tuple[tuple[str, str], ...]
    issuer: str
    signatures: tuple[tuple[str, str], ...]
    pattern: str


def words_of(form: CertificateForm) -> Words:
    """What a version says."""
    pairs = [tuple((str(one), str(two)) for one, two in rows) for rows in (form.lines, form.signatures)]
    return Words(form.title, form.body, pairs[0], form.issuer, pairs[1], form.pattern)


# --- versions -----------------------------------------------------------------------------------------------------


def stages() -> list[StageRule]:
    """Every stage that has certificates, by programme."""
    return list(StageRule.objects.select_related("programme__standard").order_by("programme", "position"))


def rule_of(programme: str, stage: str) -> StageRule:
    """The stage of a programme. Raises LookupError where there is none."""
    found = StageRule.objects.select_related("programme__standard").filter(programme=programme, stage=stage).first()
    if found is None:
        raise LookupError(f"{programme} {stage}")
    return found


def versions(programme: str, stage: str) -> list[CertificateForm]:
    """Every version of one form, newest first."""
    rows = CertificateForm.objects.filter(programme=programme, stage=stage).select_related("by", "programme")
    return list(rows.order_by("-number"))


def in_force(programme: str, stage: str) -> CertificateForm:
    """The form by which certificates of a stage are printed now. Raises Refused where there is none."""
    rows = CertificateForm.objects.filter(programme=programme, stage=stage).select_related("programme")
    found: CertificateForm | None = rows.order_by("-number").first()
    if found is None:
        message = gettext_noop("该阶段还没有证书式样：请系统管理员运行 manage.py configure，然后重试。")
        raise Refused([Problem("no_certificate_form", "", message)])
    return found


def write(
    by: User, programme: str, stage: str, words: Words, basis: str, seen: int, *, seal: Any = None, sample_seal: bool = False
) -> CertificateForm:  # fmt: skip
    """Keep a new version, by which certificates are printed from now on.

    seen: number of the version it was made from, 0 for none; seal: a picture (file) in place of the one before;
    sample_seal: the portal's sample again. Raises LookupError, NotAllowed, Refused with every problem at its field, Changed
    where somebody else wrote a version meanwhile.
    """
    if not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)
    rule = rule_of(programme, stage)
    picture = _seal_read(seal, words, rule)
    rows = versions(programme, stage)
    form = _draft(rule, words, rows[0] if rows and not sample_seal else None)
    found = [*problems(rule, form, picture), *unstated(basis)]
    if found:
        raise Refused(found)
    newest = rows[0] if rows else None
    if (newest.number if newest else 0) != seen:
        raise _overtaken(newest)
    form.basis, form.by, form.number = basis.strip(), by, seen + 1
    if picture is None:
        return _keep(form, newest)
    form.seal_sha256 = files.sha256_of(picture)
    form.seal = default_storage.save(f"certificate-seal-{form.seal_sha256}.png", ContentFile(picture))
    try:
        return _keep(form, newest)
    except BaseException:
        default_storage.delete(form.seal.name)
        raise


def _seal_read(seal: Any, words: Words, rule: StageRule) -> bytes | None:
    """The picture as it is kept; what else is wrong is told with what is wrong with it."""
    if seal is None:
        return None
    try:
        return seal_picture(seal)
    except Refused as refused:
        more = problems(rule, _draft(rule, words, None), None)
        raise Refused([*(Problem(p.code, "seal", p.message, p.params) for p in refused.problems), *more]) from refused


def _keep(form: CertificateForm, newest: CertificateForm | None) -> CertificateForm:
    """The next version and its event; the unique number decides between two."""
    try:
        with transaction.atomic():
            form.save(force_insert=True)
            audit.record(
                form, "certificate_form.write", by=form.by, role=ROLE, programme=form.programme_id, stage=form.stage,
                number=form.number, basis=form.basis, before=_told(newest) if newest else None, after=_told(form),
            )  # fmt: skip
    except IntegrityError as error:
        raise _overtaken(versions(form.programme_id, form.stage)[0]) from error
    return form


def _told(form: CertificateForm) -> dict[str, Any]:
    """What a version says, for the trail."""
    names = ("title", "body", "lines", "issuer", "signatures", "pattern", "seal_sha256")
    return {name: getattr(form, name) for name in names}


def _overtaken(newest: CertificateForm | None) -> Changed:
    message = gettext_noop("%(who)s刚刚保存了第 %(number)s 版，请看过后再改。")
    told = {"who": str(newest.by or "") if newest else "", "number": newest.number if newest else 0}
    now = {"number": newest.number, **_told(newest)} if newest else {}
    return Changed([Problem("changed", "", message, told)], {"current": now})


def _draft(rule: StageRule, words: Words, before: CertificateForm | None) -> CertificateForm:
    """A form that is not kept, with the seal of the version before."""
    form = CertificateForm(
        programme=rule.programme,
        stage=rule.stage,
        number=0,
        title=words.title.strip(),
        body=" ".join(words.body.split()),
        lines=[[code, label.strip()] for code, label in words.lines],
        issuer=words.issuer.strip(),
        signatures=[[label.strip(), name.strip()] for label, name in words.signatures],
        pattern=words.pattern.strip(),
    )
    if before is not None:
        form.seal, form.seal_sha256 = before.seal, before.seal_sha256
    return form


# --- what is legal ------------------------------------------------------------------------------------------------


def problems(rule: StageRule, form: CertificateForm, picture: bytes | None) -> list[Problem]:
    """Everything that keeps a form from being used, but for its basis. picture: a seal that is not kept yet."""
    found = [*_text_problems(form), *_title_problems(rule, form), *_place_problems(form), *_line_problems(form)]
    found += pattern_problems(form) if not any(problem.place == "pattern" for problem in found) else []
    return found or list(_page_problems(rule, form, picture))


def _text_problems(form: CertificateForm) -> Iterator[Problem]:
    for name, most in LONGEST.items():
        yield from _one_text(getattr(form, name), name, most)
    for _code, label in form.lines:
        yield from _one_text(label, "lines", LABEL)
    for label, name in form.signatures:
        yield from _one_text(label, "signatures", LABEL)
        yield from _one_text(name, "signatures", NAME) if name else ()


def _one_text(text: str, place: str, most: int) -> Iterator[Problem]:
    if not text:
        yield Problem("required", place, gettext_noop("这一项不能为空。"))
    elif not text.isprintable():
        yield Problem("text", place, gettext_noop("写在一行内，不含控制字符和不可见的字符。"))
    elif len(text) > most:
        yield Problem("too_long", place, gettext_noop("最长 %(most)s 个字。"), {"most": most})
    else:
        missing = typesetting.problem_of_characters(text, place)
        yield from [missing] if missing else []


def _title_problems(rule: StageRule, form: CertificateForm) -> Iterator[Problem]:
    """A provisional result says so in its title, and a star never does."""
    if rule.is_final and PROVISIONAL in form.title:
        yield Problem("not_provisional", "title", gettext_noop("星级证书的标题不能含“预评”。"))
    if not rule.is_final and PROVISIONAL not in form.title:
        yield Problem("provisional", "title", gettext_noop("预评证书的标题须写明“预评”。"))


def _place_problems(form: CertificateForm) -> Iterator[Problem]:
    used = PLACE.findall(form.body)
    unknown = [place for place in used if place not in CODES]
    if unknown:
        message = gettext_noop("没有占位符 %(unknown)s；可用：%(known)s。")
        words = {
            "unknown": "、".join(f"{{{place}}}" for place in unknown),
            "known": " ".join(f"{{{p}}}" for p in CODES),
        }
        yield Problem("placeholder_unknown", "body", message, words)
    if "{" in PLACE.sub("", form.body) or "}" in PLACE.sub("", form.body):
        yield Problem("place_unclosed", "body", gettext_noop("花括号没有成对。"))
    said = {CODES[place] for place in used if place in CODES} | {code for code, _label in form.lines}
    missing = [FIELDS[code][0] for code in NEEDED if code not in said]
    if missing:
        message = gettext_noop("正文或所列事项须写明：%(missing)s。")
        yield Problem("facts_missing", "body", message, {"missing": "、".join(missing)})


def _line_problems(form: CertificateForm) -> Iterator[Problem]:
    codes = [code for code, _label in form.lines]
    if any(code not in FIELDS for code in codes):
        yield Problem("field_unknown", "lines", gettext_noop("没有这一事项。"))
    if len(set(codes)) != len(codes):
        yield Problem("double", "lines", gettext_noop("同一事项只列一次。"))
    if len(codes) > MOST_LINES:
        yield Problem("too_many", "lines", gettext_noop("最多 %(most)s 行。"), {"most": MOST_LINES})
    if len(form.signatures) > MOST_SIGNATURES:
        yield Problem("too_many", "signatures", gettext_noop("最多 %(most)s 行。"), {"most": MOST_SIGNATURES})


def _page_problems(rule: StageRule, form: CertificateForm, picture: bytes | None) -> Iterator[Problem]:
    """Print the longest certificate that there could be: it must fit."""
    longest = sample(rule, form, longest=True)
    content = typesetting.render("certificate", content_of(longest, form, DRAFT), assets=assets_of(form, picture))
    if len(PdfReader(io.BytesIO(content)).pages) != 1:
        message = gettext_noop("名称最长的证书会超出一页，请缩短正文，或减少事项和签字栏。")
        yield Problem("overflow", "", message)
    if len(content) > LARGEST:
        message = gettext_noop("印出的证书超过 %(most)s KB，请换用颜色和细节较少的印章图样。")
        yield Problem("too_large", "seal", message, {"most": LARGEST // 1000})


def seal_picture(upload: Any) -> bytes:
    """A picture of a seal as it is kept: PNG without metadata, few colours. Raises Refused for what is none."""
    if upload.size > SEAL_BYTES:
        message = gettext_noop("印章图样最大 %(most)s MB。")
        raise Refused([Problem("too_large", "seal", message, {"most": SEAL_BYTES // 1024 // 1024})])
    image = contents.open_image(upload, contents.Limits(pixels=SEAL_PIXELS))
    with contents.reading_image():
        solid = image.convert("RGBA")
    width, height = solid.size
    if min(width, height) < SEAL_LEAST or max(width, height) > 2 * min(width, height):
        message = gettext_noop("印章图样每边至少 %(least)s 像素，长边不超过短边的两倍。")
        raise Refused([Problem("shape", "seal", message, {"least": SEAL_LEAST})])
    solid.thumbnail((SEAL_SIDE, SEAL_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    solid.quantize(64, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


# --- looking ------------------------------------------------------------------------------------------------------


def sample(rule: StageRule, form: CertificateForm, *, longest: bool = False) -> Certificate:
    """A certificate that was never issued, to look at a form by. longest: with names as long as rows can hold."""
    programme, day = rule.programme, timezone.localdate()
    standard, names = programme.standard, {level.level: level.name for level in programme.standard.parsed.levels}
    best = max(names, default=1)
    project = Project(programme=programme, standard=standard)
    fill = _fill if longest else lambda text, _most: text
    return Certificate(
        application=Application(project=project, stage=rule.stage),
        number=number_of(form, day.year, "00000"),  # a number that is never given
        is_final=rule.is_final,
        level=best,
        level_name=names.get(best, ""),
        community_name=fill("示例云栖里小区", 80),
        organisation_name=fill("示例置业有限公司", 120),
        district_name=fill("示例区", 12),
        standard_label=fill(f"{standard} {standard.name}", 80),
        standard_notice="" if standard.is_official else programme.sample_notice,
        issued_on=day,
        valid_until=_last(day, rule),
        seal=SAMPLE_SEAL,
        seal_key_id="0" * 16,
    )


def _fill(text: str, most: int) -> str:
    return text + "长" * (most - len(text))


def _last(day: date, rule: StageRule) -> date:
    return last_day(day, rule.certificate_years) if rule.certificate_years else day + timedelta(days=1)


def previewed(by: User, programme: str, stage: str, words: Words, seal: Any = None, sample_seal: bool = False) -> Any:
    """What ``write`` would keep, to be looked at: (rule, form, picture). Raises as ``write`` does, but for a missing basis."""
    if not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)
    rule = rule_of(programme, stage)
    picture = _seal_read(seal, words, rule)
    rows = versions(programme, stage)
    form = _draft(rule, words, rows[0] if rows and not sample_seal else None)
    found = problems(rule, form, picture)
    if found:
        raise Refused(found)
    return rule, form, picture


def picture_of(rule: StageRule, form: CertificateForm, picture: bytes | None = None) -> bytes:
    """The first page of a sample by this form, as a picture (PNG), marked as a draft."""
    content = content_of(sample(rule, form), form, DRAFT)
    return typesetting.pictures("certificate", content, assets=assets_of(form, picture))[0]


def paper_of(rule: StageRule, form: CertificateForm, picture: bytes | None = None) -> bytes:
    """A sample by this form as it would be printed (PDF), marked as a draft."""
    content = content_of(sample(rule, form), form, DRAFT)
    return typesetting.render("certificate", content, assets=assets_of(form, picture))
