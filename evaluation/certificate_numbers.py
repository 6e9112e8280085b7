"""Numbers of certificates: what the pattern of a form may hold, and the next number by it.

Hides: that two patterns whose numbers could ever read the same share one counter or are refused. Digits that stand in a
pattern are at most three together, a year has four, a running number five or more, and none of them touch: so a number is
read in one way only, and two patterns make the same number only where they are the same but for year and running number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from evaluation.models import Certificate, CertificateForm, NoticeForm, Programme
from portal.models import Sequence
from portal.problems import Problem, gettext_noop

PLACES = re.compile(r"{(?:prefix|stage|year|number)}")
LETTERS = re.compile(r"[A-Za-z0-9-]*")  # a number stands in the address of its page, and in the QR code
TOGETHER = re.compile(r"[0-9]{4}|[0-9]{(?:year|number)}|{(?:year|number)}(?:[0-9]|{(?:year|number)})")
LONGEST = 40  # characters of a number, a running number of six digits among them
# numbers of notices and objections, which no officer sets
FIXED = {"GS-{year}-{number}": gettext_noop("公示"), "YY-{year}-{number}": gettext_noop("异议")}


def with_case(form: CertificateForm) -> str:
    """The pattern with everything filled in but year and running number."""
    return form.pattern.replace("{prefix}", form.programme.number_prefix).replace("{stage}", form.stage)


def number_of(form: CertificateForm, year: int, number: str) -> str:
    """A number by the pattern of a form."""
    return with_case(form).replace("{year}", str(year)).replace("{number}", number)


def next_number(form: CertificateForm, day: date) -> str:
    """The next number by this form. Inside the act that issues it: unique also where two issue at the same moment."""
    counter = number_of(form, day.year, "").rstrip("-")
    while True:
        number = number_of(form, day.year, f"{Sequence.take(counter):05d}")
        # A prefix of a programme may have changed to what another once was: what was issued is passed over.
        if not Certificate.objects.filter(number=number).exists():
            return number


def pattern_problems(form: CertificateForm) -> Iterator[Problem]:
    """What keeps the pattern of a form from being used."""
    pattern = form.pattern
    left = PLACES.sub("", pattern)
    if "{" in left or "}" in left:
        message = gettext_noop("花括号内只能是 {prefix}、{stage}、{year}、{number}。")
        yield Problem("placeholder_unknown", "pattern", message)
        return
    if pattern.count("{number}") != 1 or any(pattern.count(place) > 1 for place in ("{prefix}", "{stage}", "{year}")):
        message = gettext_noop("须有一个流水号 {number}；{prefix}、{stage}、{year} 最多各一个。")
        yield Problem("number_missing", "pattern", message)
        return
    whole = with_case(form)
    if not LETTERS.fullmatch(PLACES.sub("", whole).replace("_", "")):
        message = gettext_noop("证书编号印在网址和二维码里，只能用英文字母、数字和“-”。")
        yield Problem("letters", "pattern", message)
    if TOGETHER.search(whole):
        message = gettext_noop("{year}、{number} 前后不能紧接数字，固定的数字最多连续三位，请用“-”隔开。")
        yield Problem("run_together", "pattern", message)
    if len(number_of(form, 2000, "000000")) > LONGEST:
        message = gettext_noop("编号最长 %(most)s 个字符。")
        yield Problem("too_long", "pattern", message, {"most": LONGEST})
    yield from _taken(form, whole)


def _taken(form: CertificateForm, whole: str) -> Iterator[Problem]:
    """The problem of a pattern by which something else is or was numbered."""
    others = CertificateForm.objects.exclude(programme=form.programme_id, stage=form.stage).select_related("programme")
    for other in others:
        if with_case(other) == whole:
            message = gettext_noop("“%(other)s”的证书已用同样的编号样式，两种证书的编号须能区分。")
            yield Problem("pattern_taken", "pattern", message, {"other": f"{other.programme} {other.stage}"})
            return
    kinds = {row.pattern: str(row) for row in NoticeForm.objects.all()}
    prefixes = Programme.objects.values_list("number_prefix", flat=True)
    papers = {pattern.replace("{prefix}", prefix): kind for pattern, kind in kinds.items() for prefix in prefixes}
    found = {**papers, **FIXED}.get(whole)
    if found:
        message = gettext_noop("“%(kind)s”已用同样的编号样式，两种文书的编号须能区分。")
        yield Problem("pattern_taken", "pattern", message, {"kind": found})


def numbered_certificates(pattern: str) -> Iterator[Problem]:
    """The problem of a pattern for another kind of document by which certificates are or were numbered."""
    prefixes = set(Programme.objects.values_list("number_prefix", flat=True))
    wanted = {pattern.replace("{prefix}", prefix) for prefix in prefixes}
    for form in CertificateForm.objects.select_related("programme").order_by("programme", "stage", "number"):
        if with_case(form) in wanted:
            message = gettext_noop("“%(kind)s”已用同样的编号样式，两种文书的编号须能区分。")
            yield Problem("pattern_taken", "pattern", message, {"kind": f"{form.title}"})
            return
