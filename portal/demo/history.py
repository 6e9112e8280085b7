"""The years before: communities certified in 2019 and 2020 in the published numbers, some evaluated anew since.

Hides how their rows are made in bulk, since nobody could act in the past. Everything a page reads of a finished case is
there: sealed version, result with its trace, closed notice, certificate with its PDF, events. Panels are not: who sat on
them is no longer asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from random import Random
from typing import Any

from django.utils import timezone

from communities.models import Community, District, Membership, Organisation
from evaluation import notice_versions, outcome, scoring, sealing, snapshot
from evaluation.models import (
    Application,
    Certificate,
    NoticeVersion,
    Programme,
    Project,
    PublicNotice,
    Result,
    Submission,
)
from evaluation.workflow import CERTIFICATE
from portal.demo import days, marks, names, people, places
from portal.models import Event, User
from portal.models import Sequence as Counting

STAGE = "completion"
# Published figures: 93 communities in 2019 (45, 41 and 7 by star), 244 by the end of 2020. How the 151 of 2020 fall on
# the stars was not published; that division is invented.
AWARDED: Mapping[int, Mapping[int, int]] = {2019: {1: 45, 2: 41, 3: 7}, 2020: {1: 66, 2: 67, 3: 18}}
RENEWED_SHARE = 0.6  # invented: how many were evaluated anew within the last three years
DEVELOPERS = 40
SHEETS = 5
# the acts of a finished case: days before the certificate, verb, state before, state after, role
ACTS = (
    (66, "submit", "draft", "checking", "applicant"),
    (66, "checked", "checking", "form_check", "system"),
    (60, "accept", "form_check", "drawing", "intake"),
    (57, "propose_draw", "drawing", "cosigning", "organiser"),
    (56, "cosign_draw", "cosigning", "revealing", "supervisor"),
    (56, "hold_draw", "revealing", "inviting", "system"),
    (54, "convene", "inviting", "site_visit", "system"),
    (47, "finish_site_visit", "site_visit", "review", "leader"),
    (36, "complete_sheets", "review", "tallying", "system"),
    (36, "tallied", "tallying", "deliberation", "system"),
    (33, "close_review", "deliberation", "approval", "organiser"),
    (23, "approve", "approval", "notice", "approver"),
    (2, "close_notice", "notice", "certifying", "system"),
    (0, "certify", "certifying", "certified", "system"),
)
NOTICE_DAYS = 21


@dataclass(frozen=True)
class Award:
    """One certificate of the past: whose, which level, on which day."""

    community: Community
    level: int
    day: date


# claims, sheets and trace of one judgement
Judged = tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]


def at_noon(day: date, minutes: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(12))) + timedelta(minutes=minutes)


def make(districts: Sequence[District], random: Random, share: float = 1.0) -> int:
    """Write the history and return how many certificates it has; ``share`` below 1 makes a small one."""
    sealing.first_key()
    programme = Programme.objects.select_related("standard").get(pk="smart_community")
    units = make_units(districts)
    awards = list(first_awards(units, districts, random, share))
    Community.objects.bulk_create(award.community for award in awards)
    awards += [renewal for award in awards if (renewal := renewed(award, random))]
    awards.sort(key=lambda award: award.day)
    acting = dict(User.objects.filter(username__in=people.OFFICERS).values_list("username", "pk"))
    Past(programme, awards, random, acting).write()
    let_expire()
    return len(awards)


def let_expire() -> None:
    """What the sweep would have done on the day after each certificate's last."""
    for certificate in Certificate.objects.overdue(timezone.localdate()).filter(state="valid").order_by("due_on"):
        with days.as_of(at_noon(certificate.due_on + timedelta(days=1))):
            CERTIFICATE.perform(certificate, "expire", by=None)


def make_units(districts: Sequence[District]) -> list[Organisation]:
    """The developers of the past, verified long ago, each with one person."""
    users = User.objects.bulk_create(
        people.user(f"developer-{number:02d}", f"示例经办人{number}") for number in range(1, DEVELOPERS + 1)
    )
    units = Organisation.objects.bulk_create(
        Organisation(
            credit_code=names.code(districts[number % len(districts)].pk, "H", number),
            name=names.developer(100 + number),
            kind="developer",
            district=districts[number % len(districts)],
            address=f"示例路{100 + number}号",
            contact=str(users[number - 1]),
            phone="000-00000000",
            state="active",
            undertaking=True,
        )
        for number in range(1, DEVELOPERS + 1)
    )
    Membership.objects.bulk_create(
        Membership(user=user, organisation=unit, role="administrator", since=date(2018, 1, 1))
        for user, unit in zip(users, units, strict=True)
    )
    return units


def first_awards(
    units: Sequence[Organisation], districts: Sequence[District], random: Random, share: float
) -> Iterator[Award]:
    """Communities (not yet saved) with level and day, in the numbers of AWARDED."""
    # the first districts of the list are the dense centre
    weights = [5 if place < 9 else 3 if place < 21 else 1 for place in range(len(districts))]
    number = 1000
    for year, levels in AWARDED.items():
        for level, count in levels.items():
            for _ in range(round(count * share)):
                number += 1
                day = date(year, 3, 1) + timedelta(days=random.randrange(300))
                unit, district = random.choice(units), random.choices(districts, weights)[0]
                yield Award(past_community(number, unit, district, day, random), level, day)


def past_community(number: int, unit: Organisation, district: District, day: date, random: Random) -> Community:
    buildings = random.randint(3, 26)
    return Community(
        organisation=unit,
        name=names.community(number),
        district=district,
        address=f"示例大道{number}号",
        floor_area=buildings * random.randint(6000, 14000),
        households=buildings * random.randint(40, 130),
        buildings=buildings,
        **places.data_sheet(number, district, buildings),
        completion_number=f"示例备字第{number}号",
        planning_permit_on=day - timedelta(days=1400),
        drawing_review_on=day - timedelta(days=1200),
        construction_permit_on=day - timedelta(days=1000),
        completed_on=day - timedelta(days=200),
    )


def renewed(award: Award, random: Random) -> Award | None:
    """The same community evaluated anew within the validity that ends after today, or not."""
    if random.random() >= RENEWED_SHARE:
        return None
    day = timezone.localdate() - timedelta(days=random.randrange(20, 3 * 365 - 30))
    level = min(3, award.level + (random.random() < 0.2))
    return Award(award.community, level, day)


class Past:
    """Writes the rows of finished cases, table by table, in one order: the n-th row of each belongs to the n-th award."""

    def __init__(
        self, programme: Programme, awards: Sequence[Award], random: Random, acting: Mapping[str, int]
    ) -> None:
        self.programme, self.awards, self.random, self.acting = programme, awards, random, acting
        self.standard = programme.standard.parsed
        self.numbers: Counter[str] = Counter()
        self.bank = {level: [self._judged(level) for _ in range(6)] for level in (1, 2, 3)}

    def write(self) -> None:
        applicants = dict(Membership.objects.values_list("organisation", "user"))
        projects = Project.objects.bulk_create(self._project(award, applicants) for award in self.awards)
        applications = Application.objects.bulk_create(map(self._application, projects, self.awards))
        judged = [self.random.choice(self.bank[award.level]) for award in self.awards]
        submissions = Submission.objects.bulk_create(map(self._submission, applications, self.awards, judged))
        results = Result.objects.bulk_create(map(self._result, submissions, self.awards, judged))
        notices = PublicNotice.objects.bulk_create(map(self._notice, results, self.awards))
        NoticeVersion.objects.bulk_create(
            notice_versions.first_of(notice, at_noon(notice.opened_on)) for notice in notices
        )
        Certificate.objects.bulk_create(map(self._certificate, results, self.awards))
        Event.objects.bulk_create(
            event for application, award in zip(applications, self.awards, strict=True)
            for event in self._events(application, award)
        )  # fmt: skip
        for name, value in self.numbers.items():
            Counting.objects.update_or_create(name=name, defaults={"value": value})

    def _take(self, name: str) -> int:
        self.numbers[name] += 1
        return self.numbers[name]

    def _judged(self, level: int) -> Judged:
        """Claims, sheets and trace of one invented judgement that comes to ``level``."""
        claimed = marks.self_marks(self.standard, STAGE, level, self.random)
        while True:
            sheets = [self._sheet(number, claimed) for number in range(1, SHEETS + 1)]
            read = [scoring.Sheet(sheet["scorer"], sheet["leader"], sheet["marks"]) for sheet in sheets]
            result = scoring.evaluate(self.standard, STAGE, read)
            if result.level == level:
                return claimed, sheets, result.as_trace()

    def _sheet(self, number: int, claimed: Mapping[str, Any]) -> dict[str, Any]:
        items = self.standard.items(STAGE)
        given = {item.code: marks.expert_mark(item, claimed[item.code], self.random, 0.05) for item in items}
        reasons = {item.code: words for item in items if (words := marks.reason(item, given[item.code]))}
        return {"scorer": f"示例专家{number}", "leader": number == 1, "marks": given, "reasons": reasons}

    def _project(self, award: Award, applicants: Mapping[int, int]) -> Project:
        opened = award.day - timedelta(days=96)
        name = f"{self.programme.number_prefix}-{opened.year}-{award.community.district_id}"
        return Project(
            number=f"{name}-{self._take(name):04d}",
            programme=self.programme,
            standard=self.programme.standard,
            community=award.community,
            organisation=award.community.organisation,
            target_level=award.level,
            created_by_id=applicants[award.community.organisation_id],
            created_at=at_noon(opened),
        )

    def _application(self, project: Project, award: Award) -> Application:
        return Application(
            project=project,
            stage=STAGE,
            state="certified",
            state_since=at_noon(award.day),
            version=1,
            organiser_id=self.acting["organiser"],
            created_at=project.created_at,
        )

    def _submission(self, application: Application, award: Award, judged: Judged) -> Submission:
        claims = {code: {"value": value, "note": ""} for code, value in sorted(judged[0].items())}
        case = snapshot.case_data(application.project, STAGE)
        data = {**case, "statements": {}, "documents": {}, "claims": claims, "evidence": []}
        return Submission(
            application=application,
            version=1,
            data=data,
            sha256=sha256(snapshot.canonical(data)).hexdigest(),
            at=at_noon(award.day - timedelta(days=66)),
            by_id=application.project.created_by_id,
            checks=[],
        )

    def _result(self, submission: Submission, award: Award, judged: Judged) -> Result:
        _, sheets, trace = judged
        return Result(
            application=submission.application,
            submission=submission,
            review_round=1,
            standard_sha256=self.programme.standard.sha256,
            total=Decimal(trace["total"]),
            level=award.level,
            trace=trace,
            sheets=sheets,
            opinion="示例：同意评定。",
            at=at_noon(award.day - timedelta(days=36)),
        )

    def _notice(self, result: Result, award: Award) -> PublicNotice:
        opened = award.day - timedelta(days=2 + NOTICE_DAYS)
        return PublicNotice(
            application=result.application,
            result=result,
            number=f"GS-{opened.year}-{self._take(f'notice-{opened.year}'):05d}",
            opened_on=opened,
            closes_on=opened + timedelta(days=NOTICE_DAYS),
            figures=outcome.figures_of(result, [sheet["scorer"] for sheet in result.sheets]),
            closed_at=at_noon(award.day - timedelta(days=1)),
        )

    def _certificate(self, result: Result, award: Award) -> Certificate:
        prefix = f"{self.programme.number_prefix}-X-{award.day.year}"
        certificate = outcome.certificate_of(result, f"{prefix}-{self._take(prefix):05d}", award.day)
        certificate.state_since = at_noon(award.day)
        outcome.keep_pdf(certificate)
        return certificate

    def _events(self, application: Application, award: Award) -> Iterator[Event]:
        applicant = application.project.created_by_id
        for order, (before, action, source, target, role) in enumerate(ACTS):
            actor = applicant if role == "applicant" else self.acting.get(role)
            yield Event(
                at=at_noon(award.day - timedelta(days=before), order),
                actor_id=actor,
                actor_name=people.OFFICERS[role][1] if role in people.OFFICERS else NAMES[role],
                role=role,
                verb=f"application.{action}",
                subject_type=application._meta.label_lower,
                subject_id=application.pk,
                subject_label=str(application)[:200],
                thread=application.thread,
                data={"from": source, "to": target},
            )


NAMES = {"applicant": "示例经办人", "leader": "示例专家1", "system": "system"}
