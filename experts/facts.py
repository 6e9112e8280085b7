"""Facts for which an expert is kept off cases: what is pinned by officers, what only a name suggests, what outweighs what.

Hides: that nothing is ever deleted (it is withdrawn, and the trail says by whom and why), that a clearance outweighs
suggestions and doubts but no fact, and that a party is found by its credit code or by the name of a registered unit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from communities import credit_code
from communities.models import Organisation
from communities.permissions import memberships_of, officers
from experts.models import Clearance, Employment, Expert, Recusal
from experts.names import likeness
from experts.permissions import EXPERT_RIGHTS, can_expert, can_pool, expert_roles
from portal import audit, notify
from portal.machine import NotAllowed, Stale, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

Pin = Recusal | Clearance
CONFLICT, NONE = "conflict", "none"
# What an officer may decide about an expert and a party.
VERDICTS = (CONFLICT, NONE)
REASON_AT_MOST = 500  # characters
SHORTEST_PART, OFFERED = 2, 10  # characters by which units are looked for, and how many are offered

# Whom the apps above tell that an expert is kept off a party's cases from now on: (expert, credit code).
Follower = Callable[[Expert, str], None]
FOLLOWERS: list[Follower] = []


def follows(function: Follower) -> Follower:
    """Register what must be looked at again after a new fact, in its transaction; a decorator for the apps above."""
    FOLLOWERS.append(function)
    return function


# Who takes rows of the apps above before the expert's own is taken: credit code of a party.
Taker = Callable[[str], None]
TAKERS: list[Taker] = []


def takes_first(function: Taker) -> Taker:
    """Register what must be taken before an expert's row, in the transaction of the fact; a decorator for the apps above.

    Acts on panels take the case before the expert. A fact that took them the other way round would wait for such an
    act, and that act for the fact.
    """
    TAKERS.append(function)
    return function


def take(expert: Expert, code: str) -> None:
    """Hold what a new fact about an expert and a party touches, until commit: the cases first, then the expert.

    code: of the party, "" where none is known. Raises Stale for an expert who has moved on.
    """
    if code:
        for taker in TAKERS:
            taker(code)
    hold(expert, expert.state)  # of two people who write at the same moment the second one is told


# Who is on the side of a party beside the people of its own unit: (officer, credit code) -> whether they are.
Side = Callable[[User, str], bool]
SIDES: list[Side] = []


def tells_side(function: Side) -> Side:
    """Register another way of being on the side of a party; a decorator for the apps above."""
    SIDES.append(function)
    return function


def is_on_the_side_of(user: User, code: str) -> bool:
    """Whether ``user`` acts for the unit with this credit code, or is told by the apps above to be on its side."""
    own = Organisation.objects.filter(pk__in=memberships_of(user), credit_code=code).exists()
    return own or any(side(user, code) for side in SIDES)


# --- which party ------------------------------------------------------------------------------------------------------


def party_of(text: str) -> str:
    """The credit code of the party that somebody means: typed, or of the one verified unit that bears this name.

    Raises Refused at "party": a code with a wrong check character, a name that nobody or that more than one bears.
    """
    typed = text.strip()
    if not typed:
        raise Refused([Problem("required", "party", gettext_noop("请填写当事单位的统一社会信用代码或注册单位名称。"))])
    code = credit_code.normalise(typed)
    if (wrong := credit_code.problem_of(code)) is None:
        return code
    if code.isascii():
        raise Refused([Problem(wrong.code, "party", wrong.message, wrong.params)])
    units = Organisation.objects.filter(state__in=("active", "banned"))
    found = list(units.filter(name=typed)[:2]) or list(units.filter(name__icontains=typed)[:2])
    if len(found) == 1:
        return str(found[0].credit_code)
    message = gettext_noop("没有名称含“%(name)s”的注册单位，请填写统一社会信用代码。")
    if found:
        message = gettext_noop("名称含“%(name)s”的注册单位不止一家，请写全称或统一社会信用代码。")
    raise Refused([Problem("party_unclear" if found else "party_unknown", "party", message, {"name": typed})])


def offers(text: str) -> list[tuple[str, str]]:
    """(credit code, name) of verified units that somebody may mean by part of a name or the beginning of a code."""
    typed = text.strip()
    if len(typed) < SHORTEST_PART:
        return []
    code = credit_code.normalise(typed)
    named = Q(name__icontains=typed) | (Q(credit_code__startswith=code) if code.isascii() else Q(pk__in=[]))
    units = Organisation.objects.filter(named, state__in=("active", "banned")).order_by("name", "pk")
    return list(units.values_list("credit_code", "name")[:OFFERED])


def names_of(codes: Iterable[str]) -> dict[str, str]:
    """Credit code -> name of the unit that bears it now, of those that are registered. One query."""
    rows = Organisation.objects.filter(credit_code__in=list(codes)).exclude(state="draft")
    return dict(rows.values_list("credit_code", "name"))


# --- pins -------------------------------------------------------------------------------------------------------------


def pin(by: User, expert: Expert, party: str, verdict: str, reason: str) -> Pin:
    """Decide whether an expert is kept off the cases of a party. verdict: one of VERDICTS; party: as in ``party_of``.

    Raises NotAllowed (also on oneself), Refused with every problem.
    """
    if not can_expert(by, "pin_fact", expert):
        raise NotAllowed("pin_fact")
    code, problems = "", [*_wrong_words(verdict, reason)]
    try:
        code = party_of(party)
    except Refused as refused:
        problems += refused.problems
    with transaction.atomic():
        take(expert, code if verdict == CONFLICT else "")
        if code:
            problems += _wrong_pin(by, expert, code, verdict)
        if problems:
            raise Refused(problems)
        made: Pin
        if verdict == CONFLICT:
            made = Recusal.objects.create(
                expert=expert, party_code=code, reason=Recusal.Reason.PINNED, note=reason.strip(),
                declared_by=by, since=timezone.localdate(),
            )  # fmt: skip
        else:
            made = Clearance.objects.create(expert=expert, party_code=code, reason=reason.strip(), by=by)
        _tell_supervisors(_record(made, f"{made._meta.model_name}.pin", by, "pin_fact", reason), made)
        if verdict == CONFLICT:
            tell_followers(expert, code)
    return made


def may_lift(user: User, pinned: Pin) -> bool:
    """Whether ``user`` may take a decision back: a supervisor, though not one's own. No query for a pin read with its author."""
    return can_expert(user, "lift_fact", pinned.expert) and author_of(pinned) != user


def lift(by: User, pinned: Pin, reason: str) -> None:
    """Take a pin back, with a reason; it stays on record. Raises NotAllowed, Stale where it was taken back, Refused."""
    if not can_expert(by, "lift_fact", pinned.expert) or not is_pin(pinned):
        raise NotAllowed("lift_fact")
    problems = [*_wrong_reason(reason), *_own_side(by, pinned.party_code)]
    if author_of(pinned) == by:
        problems.append(Problem("same_person", "", gettext_noop("本人作出的核定，由另一人解除。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        # In one statement, so that of two supervisors the second one is told.
        if not type(pinned).objects.in_force().filter(pk=pinned.pk).update(withdrawn_at=timezone.now()):
            raise Stale(Event.objects.of(pinned).last())
        event = _record(pinned, f"{pinned._meta.model_name}.lift", by, "lift_fact", reason)
        _tell(event, [author_of(pinned)], pinned, gettext_noop("监督员解除了您对该专家回避的核定"))


def is_pin(fact: Pin) -> bool:
    """Whether an officer decided it; what an expert declared is lifted by nobody."""
    return isinstance(fact, Clearance) or fact.reason == Recusal.Reason.PINNED


def author_of(pinned: Pin) -> User:
    """Who decided it."""
    return pinned.by if isinstance(pinned, Clearance) else pinned.declared_by


def pins(user: User, verdict: str) -> QuerySet[Any]:
    """Every pin that ``user`` may see, newest first, those that were lifted among them. verdict: one of VERDICTS."""
    rows: QuerySet[Any] = Clearance.objects.all()
    if verdict == CONFLICT:
        rows = Recusal.objects.filter(reason=Recusal.Reason.PINNED)
    if not can_pool(user, "see_pins"):
        return rows.none()
    # Nobody reads what was decided about themself: it would tell whose case is being drawn.
    own = rows.exclude(expert__user=user).select_related("expert__user")
    return own.select_related("by" if verdict == NONE else "declared_by").order_by("-pk")


def _wrong_words(verdict: str, reason: str) -> Iterator[Problem]:
    if verdict not in VERDICTS:
        yield Problem("verdict", "verdict", gettext_noop("请选择是否须回避。"))
    yield from _wrong_reason(reason)


def _wrong_reason(reason: str) -> Iterator[Problem]:
    if not reason.strip():
        yield Problem("required", "reason", gettext_noop("请写明理由。"))
    elif len(reason.strip()) > REASON_AT_MOST:
        yield Problem("too_long", "reason", gettext_noop("理由最多 %(most)s 个字。"), {"most": REASON_AT_MOST})


def _wrong_pin(by: User, expert: Expert, code: str, verdict: str) -> Iterator[Problem]:
    yield from _own_side(by, code)
    pinned = Recusal.objects.in_force().filter(expert=expert, party_code=code, reason=Recusal.Reason.PINNED)
    if pinned.exists() or Clearance.objects.in_force().filter(expert=expert, party_code=code).exists():
        yield _decided_already()
    elif verdict == NONE and _is_bound(expert, code):
        message = gettext_noop("该专家与这一单位有按信用代码登记的任职、持股、亲属等关系，不能核定为不必回避。")
        yield Problem("bound_by_fact", "verdict", message)


def _own_side(by: User, code: str) -> Iterator[Problem]:
    if is_on_the_side_of(by, code):
        message = gettext_noop("您是该单位或其案卷当事方的人员，回避由其他人核定。")
        yield Problem("own_side", "party", message)


def _decided_already() -> Problem:
    return Problem("decided", "party", gettext_noop("已经核定过；要改变的，由监督员解除后再核定。"))


def _is_bound(expert: Expert, code: str) -> bool:
    """Whether a fact by credit code that has no end stands between them; a doubt of the expert alone does not."""
    facts = Recusal.objects.in_force().filter(expert=expert, party_code=code, until=None)
    work = Employment.objects.in_force().filter(expert=expert, credit_code=code, until=None)
    return expert.employer_code == code or facts.exclude(reason=Recusal.Reason.SELF).exists() or work.exists()


def _record(fact: Pin, verb: str, by: User, right: str, reason: str) -> Event:
    # About the pin and not the expert, who reads the own history.
    (role, *_others) = sorted(expert_roles(by, fact.expert) & EXPERT_RIGHTS[right][0])
    return audit.record(
        fact, verb, by=by, role=role, expert=fact.expert.number, party=fact.party_code, reason=reason.strip()
    )


def _tell_supervisors(event: Event, fact: Pin) -> None:
    sentence = gettext_noop("核定该专家须回避当事单位，可在核定清单中查看")
    if isinstance(fact, Clearance):
        sentence = gettext_noop("核定该专家不必回避当事单位，可在核定清单中查看")
    people = officers("supervisor").exclude(pk__in=[event.actor_id, fact.expert.user_id])
    _tell(event, people, fact, sentence)


def _tell(event: Event, people: Iterable[User], fact: Pin, sentence: str) -> None:
    kind = CONFLICT if isinstance(fact, Recusal) else NONE
    link = f"{reverse('pins')}?verdict={kind}"
    notify.write(f"event:{event.pk}", people, "progress", link, subject=str(fact), sentence=sentence, event=event)


def tell_followers(expert: Expert, code: str) -> None:
    """Let the apps above look again at what the new fact touches."""
    for follower in FOLLOWERS:
        follower(expert, code)


# --- doubts -----------------------------------------------------------------------------------------------------------


def declare_doubt(by: User, expert: Expert, codes: Iterable[str], note: str, day: date) -> None:
    """Keep that an expert stood back from these parties; a clearance from before answers a new doubt no more."""
    wanted = list(codes)
    for code in wanted:
        values = {"note": note, "declared_by": by, "since": day}
        Recusal.objects.get_or_create(
            expert=expert, party_code=code, reason=Recusal.Reason.SELF, withdrawn_at=None, defaults=values
        )
    for cleared in Clearance.objects.in_force().filter(expert=expert, party_code__in=wanted):
        Clearance.objects.filter(pk=cleared.pk).update(withdrawn_at=timezone.now())
        audit.record(cleared, "clearance.doubted", by=by, role="expert", expert=expert.number, party=cleared.party_code)


def known(codes: Collection[str], since: date) -> dict[int, str]:
    """Expert id -> why the expert is kept off the cases of these parties: a code of ``Recusal.Reason``. Three queries.

    since: facts that ended before this day hold no more.
    """
    cleared = set(Clearance.objects.in_force().filter(party_code__in=codes).values_list("expert_id", "party_code"))
    found: dict[int, str] = {}
    facts = Recusal.objects.within(since).filter(party_code__in=codes).order_by("pk")
    for expert_id, code, reason in facts.values_list("expert_id", "party_code", "reason"):
        if reason != Recusal.Reason.SELF or (expert_id, code) not in cleared:
            found.setdefault(expert_id, reason)
    work = Employment.objects.within(since).filter(credit_code__in=codes)
    for expert_id in work.values_list("expert_id", flat=True):
        found.setdefault(expert_id, Recusal.Reason.EMPLOYED.value)
    return found


# --- suggestions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Party:
    """A party of a case: the credit code it bears now, its name, and the names it bore before."""

    code: str
    name: str
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A possible conflict for a person to decide. said: the name that the expert gave. likeness: a code of names.LIKENESS."""

    expert: int
    party: Party
    said: str
    likeness: str


def suggestions(parties: Sequence[Party], experts: Collection[int], since: date) -> list[Suggestion]:
    """Of these experts (ids), those whose employer's or former employer's name looks like a party's; decided ones left out.

    since: employments that ended before it suggest nothing. Former employers with a credit code are matched by it alone.
    One suggestion for an expert and a party, in the order of experts and parties. As many queries for any pool.
    """
    codes = [party.code for party in parties]
    decided = set(Clearance.objects.in_force().filter(party_code__in=codes).values_list("expert_id", "party_code"))
    pinned = Recusal.objects.in_force().filter(party_code__in=codes, reason=Recusal.Reason.PINNED)
    decided |= set(pinned.values_list("expert_id", "party_code"))
    found: dict[tuple[int, str], Suggestion] = {}
    for expert, said in _said(since):
        if expert not in experts:
            continue
        for party in parties:
            key = (expert, party.code)
            if key in decided or key in found:
                continue
            if alike := likeness(said, party.name, party.former):
                found[key] = Suggestion(expert, party, said, alike)
    order = {code: place for place, code in enumerate(codes)}
    return sorted(found.values(), key=lambda row: (row.expert, order[row.party.code]))


def _said(since: date) -> Iterator[tuple[int, str]]:
    """(expert id, name): present employers, and former ones of whom only the name is known."""
    yield from Expert.objects.filter(~Q(employer="")).order_by("pk").values_list("pk", "employer")
    nameless = Employment.objects.within(since).filter(credit_code="").order_by("pk")
    yield from nameless.values_list("expert_id", "name")
