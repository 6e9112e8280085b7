"""Printing a certificate by the form of its stage: which facts it may name, what its words are filled in with, its picture.

Hides: typst's data, and that nobody can leave out of a form what a certificate must say: that a standard is not official and
that a design result is provisional stand in the template, not in the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.urls import reverse

from evaluation.models import Certificate, CertificateForm
from portal import typesetting
from portal.problems import gettext_noop

# code of a fact -> its place in the words, and how a line that states it is called unless the form says otherwise
FIELDS: Mapping[str, tuple[str, str]] = {
    "community": ("小区", gettext_noop("小区名称")),
    "district": ("区县", gettext_noop("所在区县")),
    "organisation": ("单位", gettext_noop("申报单位")),
    "stage": ("阶段", gettext_noop("评价阶段")),
    "standard": ("标准", gettext_noop("评价标准")),
    "level": ("等级", gettext_noop("评定等级")),
    "validity": ("有效期", gettext_noop("有效期")),
    "issued_on": ("发证日期", gettext_noop("发证日期")),
}
CODES = {place: code for code, (place, _label) in FIELDS.items()}
PLACE = re.compile(r"{([^{}]*)}")
DRAFT = "测试稿 作废"


def facts_of(certificate: Certificate) -> dict[str, str]:
    """What a certificate says, by the codes of ``FIELDS``."""
    return {
        "community": certificate.community_name,
        "district": certificate.district_name,
        "organisation": certificate.organisation_name,
        "stage": str(certificate.application.stage_name),
        "standard": certificate.standard_label,
        "level": certificate.level_name,
        "validity": f"{_day(certificate.issued_on)}至{_day(certificate.valid_until)}",
        "issued_on": _day(certificate.issued_on),
    }


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def pieces(body: str, facts: Mapping[str, str]) -> Iterator[list[str]]:
    """The words of a form with its places filled in: ["words", …] as they stand, ["filled", …] of this certificate."""
    for index, part in enumerate(PLACE.split(body)):
        if index % 2:
            yield ["filled", facts[CODES[part]]]
        elif part:
            yield ["words", part]


def check_url(certificate: Certificate) -> str:
    """The public page of this number, as it is printed."""
    return settings.SITE_URL + reverse("certificate", args=[certificate.number])


def check_code(certificate: Certificate) -> str:
    """What the QR code holds: the page of this number, and the seal in its fragment, which no browser sends."""
    return f"{check_url(certificate)}#{certificate.seal}" if certificate.seal else check_url(certificate)


def content_of(certificate: Certificate, form: CertificateForm, draft: str = "") -> dict[str, Any]:
    """What the template is given. draft: words across the page of what is no certificate."""
    facts = facts_of(certificate)
    return {
        "title": form.title,
        "number": certificate.number,
        "is_final": certificate.is_final,
        "level": certificate.level,
        "level_name": certificate.level_name,
        "award": certificate.application.standard.stage(certificate.application.stage).award,
        "body": list(pieces(form.body, facts)),
        "lines": [[label, facts[code]] for code, label in form.lines],
        "signatures": form.signatures,
        "issuer": form.issuer,
        "notice": certificate.standard_notice,
        "issued_on": certificate.issued_on.isoformat(),
        "check_url": check_url(certificate),
        "check_code": check_code(certificate),
        "seal_key": certificate.seal_key_id,
        "draft": draft,
    }


def assets_of(form: CertificateForm, seal: bytes | None = None) -> dict[str, bytes]:
    """The pictures of a form. seal: one that is not kept yet, b"" for none."""
    if seal is None and form.seal:
        with form.seal.open() as kept:
            seal = bytes(kept.read())
    return {"seal": seal} if seal else {}


def certificate_pdf(certificate: Certificate) -> bytes:
    """Typeset a certificate by the form that it keeps; the same row gives the same bytes."""
    return typesetting.render(
        "certificate", content_of(certificate, certificate.form), assets=assets_of(certificate.form)
    )
