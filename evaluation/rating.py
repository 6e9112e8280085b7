"""How the members of a panel did their work: rated by the organiser after the review, answered once by the expert.

Hides: who of a panel is rated and until when, what each part is worth at most, and who reads what of it. The trail stands
in the expert's own history and names no case: who sat on which panel is not for everybody who keeps the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Avg, Count, F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from communities.models import Parameter
from evaluation import refusing, serving
from evaluation.models import Application, Assignment, Rating
from evaluation.permissions import SEATED, as_expert, assignments_visible_to, can, writing
from experts import standing
from experts.models import Expert
from experts.permissions import can_pool
from experts.standing import Column, Part, adds_column, adds_part
from portal import audit, clock, notify
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

# part -> what it is called; what it is worth at most is the parameter rating_<part>
PARTS: Mapping[str, str] = {
    "attendance": gettext_noop("出勤"),
    "quality": gettext_noop("质量"),
    "timeliness": gettext_noop("时效"),
    "ethics": gettext_noop("纪律"),
}
CLOSED_REVIEW = "application.close_review"
LONGEST = 2000  # characters of a remark and of an answer
SHOWN = 30  # ratings on an expert's page, newest first
TOTAL = F("attendance") + F("quality") + F("timeliness") + F("ethics")


@dataclass(frozen=True, slots=True)
class Summary:
    """What all ratings of one expert come to. mean: of 100 points, None without any; low: how many asked for a remark."""

    count: int
    mean: float | None
    low: int


def maxima() -> dict[str, int]:
    """Part -> the most points it can have."""
    codes = {f"rating_{part}": part for part in PARTS}
    rows = dict(Parameter.objects.filter(code__in=codes).values_list("code", "value"))
    return {part: rows[code] for code, part in codes.items()}


def remark_below() -> int:
    """A total under this many points needs a reason in words."""
    return standing.parameter("rating_remark_below")


# --- who is rated, until when -----------------------------------------------------------------------------------------


def members(application: Application) -> list[Assignment]:
    """The seats of the panel as it stood when its review was closed, each with its rating if there is one."""
    rows = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
    return list(rows.select_related("expert__user", "rating").order_by("seat"))


def rating_of(assignment: Assignment) -> Rating | None:
    """The rating of one seat; None where it is not rated."""
    found: Rating | None = getattr(assignment, "rating", None)
    return found


def last_day(application: Application) -> date | None:
    """The last day of the organiser, counted from the end of the review; None while it goes on."""
    closed = Event.objects.of(application).filter(verb=CLOSED_REVIEW).last()
    if closed is None:
        return None
    return clock.deadline("rating", timezone.localdate(closed.at), application.project.programme_id)


def unrated_by(user: User) -> Iterator[tuple[Application, date, datetime]]:
    """Cases of this organiser with members to be rated, each with its last day and since when. A constant number of queries."""
    of_case = Event.objects.filter(subject_type=Application._meta.label_lower, subject_id=OuterRef("pk"))
    closed = of_case.filter(verb=CLOSED_REVIEW).order_by("-pk").values("at")[:1]
    seats = Assignment.objects.filter(state__in=SEATED, rating=None, review_round=F("application__review_round"))
    rows = Application.objects.filter(organiser=user, pk__in=seats.values("application")).with_case()
    ends = deadlines("rating")
    for row in rows.annotate(closed_at=Subquery(closed)).order_by("pk"):
        if row.closed_at is not None and can(user, "rate", row):
            yield row, ends(row.closed_at, row.project.programme_id), row.closed_at


def deadlines(step: str) -> Callable[[datetime, str], date]:
    """The last day of ``step`` from its beginning and the programme, for many rows: what it reads, it reads once."""
    days: dict[str, int] = {}
    calendar = clock.calendar()

    def last(began: datetime, programme: str) -> date:
        if programme not in days:
            days[programme] = clock.days_of(step, programme)
        return calendar.add_workdays(timezone.localdate(began), days[programme]).date

    return last


# --- rating and answering ---------------------------------------------------------------------------------------------


def rate(by: User, assignment: Assignment, *, remark: str, **points: int) -> Rating:
    """Rate one member of the panel, once. points: every part of ``PARTS``, whole points from 0 to its maximum.

    Raises NotAllowed for anybody but the organiser, for the organiser's own seat and for who did not sit; Stale while the
    review goes on; Refused with every problem.
    """
    application, remark = assignment.application, remark.strip()
    sat = assignment.state in SEATED and assignment.review_round == application.review_round
    if not sat or assignment.expert.user_id == by.pk:
        raise NotAllowed("rate")
    with writing(by, "rate", application):
        problems = list(_rating_problems(points, remark))
        if Rating.objects.filter(assignment=assignment).exists():
            problems = [Problem("rated", "", gettext_noop("已经评价过，评价只作一次，不能更改。"))]
        if problems:
            raise Refused(problems)
        row = Rating.objects.create(assignment=assignment, by=by, remark=remark, **points)
        event = audit.record(assignment.expert, "expert.rate", by=by, role="organiser", total=row.total)
        link, words = (
            assignment.expert.get_absolute_url(),
            gettext_noop("评价组织员作出了履职评价，对评价有异议的可以申辩一次"),
        )
        _tell(row, event, [assignment.expert.user], link, words)
    return row


def _rating_problems(points: Mapping[str, int], remark: str) -> Iterator[Problem]:
    most = maxima()
    for part in PARTS:
        if not 0 <= points.get(part, -1) <= most[part]:
            message = gettext_noop("请填写 0 到 %(most)s 之间的整数。")
            yield Problem("points_out_of_range", part, message, {"most": most[part]})
    floor = remark_below()
    if sum(points.values()) < floor and not remark:
        message = gettext_noop("合计低于 %(floor)s 分的，请写明原因。")
        yield Problem("remark_missing", "remark", message, {"floor": floor})
    yield from _too_long(remark, "remark")


def _too_long(text: str, place: str) -> Iterator[Problem]:
    if len(text) > LONGEST:
        yield Problem("too_long", place, gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})


def last_day_to_reply(row: Rating) -> date:
    """The last day on which the expert may answer."""
    return deadlines("rating_reply")(row.at, row.assignment.application.project.programme_id)


def open_to_reply(rows: Iterable[Rating], day: date) -> dict[int, date]:
    """Rating id -> the last day to answer, for those that the expert may still answer on ``day``."""
    ends = deadlines("rating_reply")
    found = {row.pk: ends(row.at, row.assignment.application.project.programme_id) for row in rows if not row.reply}
    return {pk: last for pk, last in found.items() if day <= last}


def reply(by: User, row: Rating, text: str) -> None:
    """The expert answers a rating, once. Raises NotAllowed for anybody else, Refused when empty, late or answered."""
    if row.assignment.expert.user_id not in as_expert(by):
        raise NotAllowed("reply")
    text, now = text.strip(), timezone.now()
    problems = [*_too_long(text, "reply")]
    if not text:
        problems.append(Problem("required", "reply", gettext_noop("请写明申辩内容。")))
    if timezone.localdate(now) > last_day_to_reply(row):
        problems.append(Problem("late", "", gettext_noop("申辩期限已过。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        # Of two answers at once one counts.
        if not Rating.objects.filter(pk=row.pk, replied_at=None).update(reply=text, replied_at=now):
            raise Refused([Problem("replied", "", gettext_noop("已经申辩过，申辩只作一次。"))])
        event = audit.record(row.assignment.expert, "expert.reply_rating", by=by, role="expert")
        link = reverse("ratings", args=[row.assignment.application_id])
        _tell(row, event, [row.by], link, gettext_noop("专家对履职评价作了申辩"))


def _tell(row: Rating, event: Event, people: Iterable[User], link: str, sentence: str) -> None:
    subject = str(row.assignment.application)
    notify.write(f"event:{event.pk}", people, "progress", link, subject=subject, sentence=sentence, event=event)


# --- what is read of it -----------------------------------------------------------------------------------------------


def summaries(experts: Iterable[Expert], floor: int) -> dict[int, Summary]:
    """Expert id -> what the ratings come to, for those who have any. floor: ``remark_below``."""
    rows = Rating.objects.filter(assignment__expert__in=[row.pk for row in experts]).annotate(points=TOTAL)
    found = (
        rows.order_by()
        .values("assignment__expert")
        .annotate(count=Count("pk"), mean=Avg("points"), low=Count("pk", filter=Q(points__lt=floor)))
    )
    return {row["assignment__expert"]: Summary(row["count"], float(row["mean"]), row["low"]) for row in found}


def ratings_of(reader: User, expert: Expert) -> QuerySet[Rating]:
    """Ratings of the expert on panels that ``reader`` may see, newest first: one's own, or all for who supervises."""
    case = "assignment__application__project__"
    rows = Rating.objects.filter(assignment__in=assignments_visible_to(reader), assignment__expert=expert)
    whole = rows.select_related(f"{case}community", f"{case}programme", f"{case}standard", "assignment__expert", "by")
    return whole.order_by("-pk")


@adds_part
def ratings(reader: User, expert: Expert) -> Part | None:
    """The part of the expert's page about ratings: the person reads all of their own, keepers what they come to."""
    own = expert.user_id in as_expert(reader)
    if not own and not can_pool(reader, "see_ratings"):
        return None
    today, floor = timezone.localdate(), remark_below()
    rows = list(ratings_of(reader, expert)[:SHOWN])
    open_until = open_to_reply(rows, today) if own else {}
    context = {
        "own": own,
        "summary": summaries([expert], floor).get(expert.pk, Summary(0, None, 0)),
        "floor": floor,
        "year": next((row for row in serving.years_of(expert) if row.year == today.year), None),
        "ratings": [(row, open_until.get(row.pk)) for row in rows],
    }
    return Part("experts/_ratings.html", context)


@adds_column
def mean_ratings(reader: User, experts: Iterable[Expert]) -> Column | None:
    """The column of the pool's list with each expert's mean rating, for those who keep the pool."""
    if not can_pool(reader, "see_ratings"):
        return None
    found = summaries(experts, remark_below())
    return Column(
        gettext_noop("履职评价"), {pk: f"{row.mean:.0f}" for pk, row in found.items() if row.mean is not None}
    )


@adds_column
def refusals_this_year(reader: User, experts: Iterable[Expert]) -> Column | None:
    """The column of the pool's list with how often each expert refused this year, for those who keep the pool."""
    if not can_pool(reader, "see_ratings"):
        return None
    found = refusing.counted([row.pk for row in experts], timezone.localdate().year)
    return Column(gettext_noop("本年谢绝"), {pk: str(count) for pk, count in found.items()})
