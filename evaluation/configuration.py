"""First configuration of an empty portal: districts, sample standards, fields, programmes, limits. Run twice, it adds nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from communities.models import District, Parameter
from communities.permissions import duty_among
from evaluation import standard as standards
from evaluation.models import (
    CertificateForm,
    FormRule,
    HoldingRule,
    IncentivePolicy,
    LateCode,
    NoticeForm,
    Phrase,
    Programme,
    PublicText,
    StageRule,
    Standard,
)
from evaluation.permissions import CITY_RIGHTS, can_city
from experts.models import Field
from portal import audit
from portal.machine import NotAllowed
from portal.models import Limit, User
from portal.problems import Problem, Refused, gettext_noop

SAMPLES = Path(settings.BASE_DIR) / "evaluation" / "standards"
DEFAULTS = Path(settings.BASE_DIR) / "evaluation" / "defaults.yaml"
DISTRICTS = Path(settings.BASE_DIR) / "communities" / "districts.csv"


def load() -> None:
    """Bring in what an empty portal lacks. What somebody has changed since stays as it is."""
    with transaction.atomic():
        with DISTRICTS.open(encoding="utf-8-sig", newline="") as file:
            rows = [District(code=row["code"], name=row["name"]) for row in csv.DictReader(file)]
        District.objects.bulk_create(rows, ignore_conflicts=True)
        defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
        Limit.objects.bulk_create((Limit(**row) for row in defaults["limits"]), ignore_conflicts=True)
        HoldingRule.objects.bulk_create((HoldingRule(**row) for row in defaults["holding"]), ignore_conflicts=True)
        Parameter.objects.bulk_create((Parameter(**row) for row in defaults["parameters"]), ignore_conflicts=True)
        PublicText.objects.bulk_create((PublicText(**row) for row in defaults["public_texts"]), ignore_conflicts=True)
        FormRule.objects.bulk_create((FormRule(**row) for row in defaults["form_rules"]), ignore_conflicts=True)
        LateCode.objects.bulk_create((LateCode(**row) for row in defaults["late_codes"]), ignore_conflicts=True)
        NoticeForm.objects.bulk_create((NoticeForm(**row) for row in defaults["notice_forms"]), ignore_conflicts=True)
        if not Phrase.objects.filter(owner=None).exists():
            Phrase.objects.bulk_create(Phrase(**row) for row in defaults["phrases"])
        for values in defaults["programmes"]:
            _programme(dict(values))
        policies = (
            IncentivePolicy(programme_id=row.pop("programme"), **row)
            for row in map(dict, defaults["incentive_policies"])
        )
        IncentivePolicy.objects.bulk_create(policies, ignore_conflicts=True)
        first = [
            CertificateForm(number=1, **defaults["certificate_form"], **row) for row in defaults["certificate_forms"]
        ]
        CertificateForm.objects.bulk_create(first, ignore_conflicts=True)


def _programme(values: dict[str, Any]) -> None:
    stages, sample = values.pop("stages"), SAMPLES / values.pop("standard")
    if Programme.objects.filter(pk=values["code"]).exists():
        return
    programme = Programme.objects.create(**values, standard=import_standard(sample.read_bytes(), sample.name, by=None))
    StageRule.objects.bulk_create(StageRule(programme=programme, **row) for row in stages)


def import_standard(source: bytes, name: str, *, by: User | None) -> Standard:
    """Store one version of a standard whole, or nothing. The same document twice is one row. ``by`` None: the system.

    Raises NotAllowed, and Refused with every problem and its place in the file; also where this code and version exist
    with another text: a version that is in use never changes, a correction is a new version.
    """
    if by is not None and not can_city(by, "import_standard"):
        raise NotAllowed("import_standard")
    parsed = standards.parse(source, name)
    try:
        return _keep(parsed, by)
    except IntegrityError:
        # Somebody imported this version at the same moment: now their row is there to be compared with.
        return _keep(parsed, by)


def _keep(parsed: standards.Standard, by: User | None) -> Standard:
    digest = standards.sha256_of(parsed.document)
    with transaction.atomic():
        # In one question: between two of them somebody's import of the same text could come in and look like another text.
        known = Q(sha256=digest) | Q(code=parsed.code, version=parsed.version)
        found = {row.sha256: row for row in Standard.objects.filter(known)}
        if digest in found:
            return found[digest]
        if found:
            message = gettext_noop("%(code)s %(version)s已存在且内容不同：已导入的版本不可更改，请改用新的版本号。")
            problem = Problem(
                "version_taken", "standard.version", message, {"code": parsed.code, "version": parsed.version}
            )
            raise Refused([problem])
        row = Standard.objects.create(
            code=parsed.code,
            version=parsed.version,
            name=parsed.name,
            kind=parsed.kind,
            is_official=parsed.is_official,
            notice=parsed.notice,
            document=parsed.document,
            sha256=digest,
            imported_by=by,
        )
        fields = [Field(code=code, name=label) for code, label in parsed.domains.items()]
        Field.objects.bulk_create(fields, ignore_conflicts=True)
        role = duty_among(by, CITY_RIGHTS["import_standard"]) if by else ""
        audit.record(row, "standard.import", by=by, role=role, sha256=digest)
    return row
