"""The demo world: an invented city at work. Built once in an empty database, the same for the same seed.

Hides what is built in which order, and how long each live case has waited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from communities.models import District, Organisation
from evaluation import configuration
from evaluation.models import Application, Project
from portal import tasks
from portal.demo import (
    admissions,
    cases,
    certificates,
    construction,
    days,
    history,
    incentives,
    journey,
    names,
    people,
    pool,
    scenes,
    supervision,
    targets,
)
from portal.models import Notification, User
from portal.models import Sequence as Counting

COUNTER = "demo"  # hands out the numbers of demo communities; that it exists says that this is a demo world
# state -> working days that a case usually spends in it
SPENT: Mapping[str, int] = {
    "draft": 3, "checking": 0, "form_check": 3, "correction": 5, "recommendation": 3, "drawing": 1, "cosigning": 1,
    "revealing": 1, "inviting": 2, "site_visit": 4, "review": 8, "tallying": 0, "deliberation": 2, "revision": 6,
    "revision_check": 2, "approval": 2, "notice": 16, "certifying": 0,
}  # fmt: skip
DECIDED = ("notice", "not_passed")  # by then the organiser has rated the panel
BUILDING = 60  # working days between a certified design and its completion


class NotEmpty(Exception):
    """The database holds data that are not the demo world's."""


@dataclass(frozen=True)
class Live:
    """One live case: where it stands, for how many working days, and what else happened there."""

    state: str
    waited: int
    stage: str = "design"
    unit: int = 0
    level: int = 2
    advised: bool = False
    scene: Callable[[Application], None] | None = None


LIVE = (
    Live("draft", 2, advised=True, scene=scenes.begin_draft),
    Live("checking", 0, unit=1),
    Live("form_check", 2, level=3),
    Live("form_check", 6, unit=1),
    Live("correction", 6),
    Live("recommendation", 4, unit=2, level=3),
    Live("drawing", 1, unit=1, advised=True),
    Live("cosigning", 2, level=3),
    Live("revealing", 1, unit=1),
    Live("inviting", 1, unit=2, scene=scenes.one_declines),
    Live("review", 9, advised=True, scene=scenes.marks_and_questions),
    Live("review", 17, unit=1, level=3, scene=scenes.marks_begun),
    Live("tallying", 0, unit=2),
    Live("deliberation", 3, unit=1),
    Live("revision", 10, level=3),
    Live("revision_check", 3, unit=2),
    Live("approval", 4, unit=1, level=3),
    Live("notice", 9),
    Live("certifying", 0, unit=2, level=1),
    Live("certified", 20, unit=1, scene=scenes.guidance_begun),
    Live("certified", 40, level=3, scene=scenes.guidance_done),
    Live("refused", 30, unit=2),
    Live("not_passed", 12, unit=1, level=3),
    Live("withdrawn", 25),
    Live("draft", 3, "completion", unit=2, scene=scenes.begin_draft),
    Live("site_visit", 3, "completion", level=3, advised=True),
    Live("review", 5, "completion", unit=1, level=3, scene=scenes.marks_begun),
    Live("notice", 7, "completion", level=3, scene=scenes.objection_made),
    Live("certified", 15, "completion", unit=2, level=3),
)
UNITS = (
    ("applicant", "示例经办人甲"),
    ("applicant-2", "示例经办人乙"),
    ("applicant-3", "示例经办人丙"),
)


def exists() -> bool:
    """Whether this database holds a demo world."""
    return Counting.objects.filter(name=COUNTER).exists()


def refuse_unless_empty() -> None:
    """Raise NotEmpty where somebody's data could be mixed with invented ones."""
    if User.objects.exists() or Organisation.objects.exists() or Project.objects.exists():
        raise NotEmpty


def build(seed: int = 1, scale: float = 1.0, say: Callable[[str], Any] = lambda line: None) -> None:
    """Build the whole world in one transaction, or nothing. ``scale`` below 1 makes a smaller one, for tests.

    Raises NotEmpty. Nobody is told: messages of the invented past count as sent.
    """
    configuration.load()
    refuse_unless_empty()
    begun = monotonic()

    def report(what: str) -> None:
        say(f"  {what}（{monotonic() - begun:.1f} 秒）")

    with tasks.silence(), transaction.atomic():
        districts = list(District.objects.filter(valid_until=None))
        Counting.objects.create(name=COUNTER, value=0)
        people.make_officers(districts)
        pool.make_experts(districts, names.chance(seed, "pool"), *pool_size(scale))
        report("人员与专家库")
        count = history.make(districts, names.chance(seed, "history"), scale)
        report(f"往年案卷与证书 {count} 件")
        make_live(districts, seed, LIVE[:: max(1, round(1 / scale))], report)
        incentives.make()
        certificates.make()
        supervision.make()
        report("证后监管")
        admissions.make_calls(districts)
        admissions.some_stand_aside(timezone.localdate())
        admissions.one_is_due(timezone.localdate())
        consider_told()
        targets.make(districts)
        report("年度计划、夜间统计与月报")


def pool_size(scale: float) -> tuple[int, int]:
    """Experts and employers; never so few that a panel cannot be seated."""
    return max(round(pool.EXPERTS * scale), 40), max(round(pool.EMPLOYERS * scale), 24)


def make_live(districts: list[District], seed: int, wanted: tuple[Live, ...], report: Callable[[str], None]) -> None:
    """The units that apply now, and one case of theirs at each wanted place."""
    year_ago = days.at(days.workdays_before(timezone.localdate(), 250)[0], 9, 30)
    with days.as_of(year_ago):
        units = [
            people.make_unit(number, "developer", names.developer(number), districts[number - 1], username, person)
            for number, (username, person) in enumerate(UNITS, 1)
        ]
        consulting = people.make_unit(
            1, "consulting", "示例智慧建造咨询有限公司", districts[3], "consultant", "示例咨询员"
        )
        pool.make_conflicts([units[0], consulting])
    pool.make_facts([units[0]])
    scenes.registrations_waiting(districts)
    scenes.units_at_work(units[0], units[1])
    report("申报与咨询单位")
    for live in wanted:
        make_case(live, units[live.unit], consulting if live.advised else None, districts, seed)
        report(f"在办案卷：{live.stage} {live.state}")


def next_number() -> int:
    """The number of the next invented community."""
    return Counting.take(COUNTER)


def one_more(state: str, stage: str) -> Application:
    """One more project at ``state``, today; ValueError where the stage never comes there."""
    unit = Organisation.objects.get(memberships__user__username=UNITS[0][0])
    with tasks.silence(), transaction.atomic():
        number = next_number()
        district = District.objects.order_by("pk")[number * 5 % 12]
        return journey.case_at(state, unit=unit, district=district, number=number, stage=stage)


def make_case(
    live: Live, unit: Organisation, consultant: Organisation | None, districts: list[District], seed: int
) -> Application:
    """One live case, lived through in the past and left where it stands."""
    number = next_number()
    random = names.chance(seed, "case", number)
    way = route(live)
    diary = days.Diary(sum(SPENT[state] for _, state in way) + live.waited + BUILDING + 1, random)
    spare = BUILDING if live.stage == "design" else 0
    with days.as_of(diary.after(spare)):
        project = cases.open_project(unit, number, districts[number * 5 % 12], live.level, consultant)
        application = cases.open_application(project, "design")
    if live.stage == "completion":
        live_on(application, "certified", diary)
        nodes = [node for node, _ in project.programme.guidance_nodes]
        for node in nodes:
            with days.as_of(diary.after(BUILDING // len(nodes))):
                construction.guide_at(project, node)
        with days.as_of(diary.after(0)):
            application = cases.open_application(project, "completion")
    application = live_on(application, live.state, diary)
    if live.scene is not None:
        with days.as_of(diary.after(min(1, live.waited))):
            live.scene(application)
    return application


def live_on(application: Application, state: str, diary: days.Diary) -> Application:
    """Step by step to ``state``, each step after the days that it usually takes."""
    application = journey.fresh(application)
    while application.state != state:
        with days.as_of(diary.after(SPENT[application.state])):
            application = journey.take_step(application, state)
            if application.state in DECIDED:
                scenes.rate_panel(application)
    return application


def route(live: Live) -> list[tuple[str, str]]:
    """(stage, state) of every state that the case leaves on its way."""
    ways = (
        [("design", "certified"), ("completion", live.state)]
        if live.stage == "completion"
        else [("design", live.state)]
    )
    return [(stage, state) for stage, target in ways for state in journey.way_to(target, stage)]


def consider_told() -> None:
    """Nobody hears of an invented past by e-mail; what is older than some days has been read."""
    now = timezone.now()
    address = User.objects.filter(pk=OuterRef("user")).values("email")[:1]
    unsent = Notification.objects.filter(sent_at=None, held_since=None)
    unsent.update(sent_at=now, sent_to=Coalesce(Subquery(address), F("address")))
    old = days.at(days.workdays_before(timezone.localdate(), 8)[0], 9, 0)
    Notification.objects.filter(created_at__lt=old, read_at=None).update(read_at=now)
