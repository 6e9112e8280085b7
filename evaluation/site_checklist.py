"""What a panel looks at on site: made from the standard, from what differs from the design, and from the panel's doubts.

Hides: which items of a standard want a look (the kinds of proof that the rule of the stage names), that a line stays on the
list for as long as something was said of it, and that nothing here tells what the applicant claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from evaluation import carrying, snapshot, wording
from evaluation.models import Application, Photo, Question, SiteFinding, SiteVisit
from evaluation.permissions import PASSED_ON

MOST_PROOFS = 4  # named beside a line: one looks around on a telephone
GROUPS = ("item", "difference", "question", "doubt", "own")


@dataclass(slots=True)
class Line:
    """One line: what to look at, why, where it is proved (id, name, page), what was said of it (last first), its photos."""

    key: str
    title: str
    look: str
    why: str
    item_code: str = ""
    proofs: list[tuple[int, str, int | None]] = field(default_factory=list)
    versions: list[SiteFinding] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Its name on the page."""
        return self.key.replace(":", "-")

    @property
    def last(self) -> SiteFinding | None:
        """What holds: the last version that says what was seen."""
        return next((row for row in self.versions if row.seen), None)

    @property
    def save_key(self) -> str:
        """Of the last version, on which the next one builds."""
        return self.versions[0].save_key if self.versions else ""


def checklist(application: Application, visit: SiteVisit) -> list[Line]:
    """Every line of one visit, in the order of its groups. A constant number of queries."""
    sealed = snapshot.latest(application)
    data: Mapping[str, Any] = sealed.data if sealed else snapshot.build(application)
    versions: dict[str, list[SiteFinding]] = {}
    for row in visit.findings.select_related("by").order_by("-pk"):
        versions.setdefault(row.line, []).append(row)
    lines = {line.key: line for line in _asked(application, data)}
    for key, rows in reversed(versions.items()):
        if key != "record" and key not in lines:
            lines[key] = _added(application, key, rows[-1], data)
    photos = [row for row in visit.photos.order_by("pk") if row.line]
    for key, line in lines.items():
        line.versions = versions.get(key, [])
        line.photos = [row for row in photos if row.line == key]
    return sorted(lines.values(), key=lambda line: GROUPS.index(line.key.partition(":")[0]))


def _asked(application: Application, data: Mapping[str, Any]) -> Iterator[Line]:
    standard, stage = application.standard, application.stage
    wanted = set(application.rule.site_evidence)
    for item in standard.items(stage):
        if wanted & set(item.evidence.get(stage, ())):
            title = f"{item.code} {item.name}"
            yield Line(
                f"item:{item.code}", title, item.requirement, _("标准要求现场查看"), item.code, _proofs(data, item.code)
            )
    for compared in carrying.comparison(application, data, changed=True):
        item = compared.item
        why = _("竣工自评与已获证书的设计评价不同")
        title = f"{item.code} {item.name}"
        yield Line(f"difference:{item.code}", title, item.requirement, why, item.code, _proofs(data, item.code))
    for question in Question.objects.filter(application=application, state__in=PASSED_ON).order_by("pk"):
        title = wording.item_title(standard, question.item_code)
        proofs = _proofs(data, question.item_code)
        yield Line(f"question:{question.pk}", title, question.text, _("专家组质询"), question.item_code, proofs)


def _added(application: Application, key: str, first: SiteFinding, data: Mapping[str, Any]) -> Line:
    """A line that somebody added: a doubt, an own finding, or an item that was not on the list."""
    code = first.item_code
    title = wording.item_title(application.standard, code) if code else ""
    proofs = _proofs(data, code) if code else []
    if key.startswith("doubt:"):
        return Line(key, title or _("专家组疑问"), first.text, _("专家组要求到现场查看"), code, proofs)
    return Line(key, title or _("清单外的所见"), "", _("清单外的所见"), code, proofs)


def _proofs(data: Mapping[str, Any], code: str) -> list[tuple[int, str, int | None]]:
    found = [(row["id"], row["caption"] or row["name"], row["page"]) for row in snapshot.evidence_of(data, code)]
    return found[:MOST_PROOFS]
