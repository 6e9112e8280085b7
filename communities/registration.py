"""What people write about themselves: accounts, organisations with licence and members, communities.

Hides: what each must say, what is told about a code or a name that is taken, and which facts of a community are settled
because a case leans on them. Pages and API call the same functions: they authorise, refuse with every problem at once,
write and leave an event.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from communities import credit_code
from communities.models import Community, Licence, Membership, Officer, Organisation
from communities.permissions import RIGHTS, can, memberships_of
from portal import audit, notify
from portal.attachments import attachment_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

Values = Mapping[str, Any]

LICENCE_KINDS = ("pdf", "jpg")
ORGANISATION_FIELDS = ("credit_code", "name", "kind", "district", "address", "contact", "phone", "undertaking")
PERMIT_DATES = ("planning_permit_on", "drawing_review_on", "construction_permit_on", "completed_on")
COMMUNITY_FACTS = ("name", "district", "address", "floor_area", "households", "buildings")
COMMUNITY_FIELDS = (*COMMUNITY_FACTS, *PERMIT_DATES)

REQUIRED = gettext_noop("请填写该项。")


# --- accounts -----------------------------------------------------------------------------------------------------


def open_account(username: str, name: str, email: str, password: str) -> User:
    """Make an account that may sign in and nothing more; raises Refused where the name is taken meanwhile."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password, name=name.strip())
            audit.record(user, "user.register", by=user, role="public")
    except IntegrityError as error:
        message = gettext_noop("该用户名已被使用，请换一个。")
        raise Refused([Problem("username_taken", "username", message)]) from error
    return user


# --- organisations ------------------------------------------------------------------------------------------------


def open_organisation(by: User, values: Values) -> Organisation:
    """Begin the registration of a unit; whoever begins it becomes its administrator. Raises NotAllowed, Refused.

    values: the columns of ``ORGANISATION_FIELDS``, ``district`` as a row. A code that is registered already is said to
    be so, and nothing about whose it is.
    """
    if not by.is_authenticated or not by.is_active:
        raise NotAllowed("open_organisation")
    kept = _organisation_values(values, None)
    with _unique(_code_taken()), transaction.atomic():
        organisation = Organisation.objects.create(state="draft", **kept)
        Membership.objects.create(
            user=by, organisation=organisation, role=Membership.Role.ADMINISTRATOR, since=timezone.localdate()
        )
        by.__dict__.pop("_memberships", None)
        audit.record(organisation, "organisation.open", by=by, role="administrator", credit_code=kept["credit_code"])
    return organisation


def change_organisation(by: User, organisation: Organisation, values: Values) -> None:
    """Change what a unit says of itself, before it is handed in. Raises NotAllowed, Stale, Refused."""
    _authorise(by, "edit", organisation)
    kept = _organisation_values(values, organisation)
    changed = [name for name in ORGANISATION_FIELDS if getattr(organisation, name) != kept[name]]
    if not changed:
        return
    with _unique(_code_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["edit"][1])
        Organisation.objects.filter(pk=organisation.pk).update(**kept)
        for name, value in kept.items():
            setattr(organisation, name, value)
        audit.record(organisation, "organisation.change", by=by, role=_role(by, organisation), fields=changed)


def _organisation_values(values: Values, organisation: Organisation | None) -> dict[str, Any]:
    """Cleaned columns; Refused with everything that is wrong."""
    kept = {name: _stripped(values.get(name)) for name in ORGANISATION_FIELDS}
    kept["credit_code"] = credit_code.normalise(kept["credit_code"] or "")
    kept["undertaking"] = bool(kept["undertaking"])
    problems = [*_missing(kept, ("name", "district", "address", "contact", "phone"))]
    if kept["kind"] not in Organisation.Kind.values:
        problems.append(Problem("kind", "kind", gettext_noop("请选择单位类型。")))
    problem = credit_code.problem_of(kept["credit_code"])
    others = Organisation.objects.filter(credit_code=kept["credit_code"]).exclude(pk=organisation and organisation.pk)
    if problem:
        problems.append(problem)
    elif others.exists():
        problems.append(_code_taken())
    if problems:
        raise Refused(problems)
    return kept


def _code_taken() -> Problem:
    message = gettext_noop(
        "该统一社会信用代码已经注册。如属本单位，请本单位的管理员把您的账号加为成员；无法联系的，请向受理窗口提出。"
    )
    return Problem("credit_code_taken", "credit_code", message)


def add_licence(by: User, organisation: Organisation, upload: Any) -> Licence:
    """Hand in the licence; earlier files stay. Raises NotAllowed, Stale, Refused."""
    _authorise(by, "edit", organisation)
    values = attachment_values(upload, LICENCE_KINDS, by)
    with transaction.atomic():
        hold(organisation, *RIGHTS["edit"][1])
        if organisation.licences.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("同一文件已经上传过，不必重复上传。"))])
        licence = Licence.objects.create(organisation=organisation, **values)
        audit.record(
            organisation, "organisation.licence", by=by, role=_role(by, organisation), file=licence.name,
            sha256=licence.sha256,
        )  # fmt: skip
    return licence


# --- members ------------------------------------------------------------------------------------------------------


# Apps above say whose account no unit may make a member.
Bar = Callable[[User], Iterator[Problem]]
BARS: list[Bar] = []


def bars(function: Bar) -> Bar:
    """Register what keeps an account out of units; a decorator for the apps above."""
    BARS.append(function)
    return function


def add_member(by: User, organisation: Organisation, username: str, role: str) -> Membership:
    """Let an existing account act for the unit, from today, and tell its owner. Raises NotAllowed, Stale, Refused."""
    _authorise(by, "manage_members", organisation)
    user = User.objects.filter(username=username.strip(), is_active=True).first()
    problems = [*_member_problems(organisation, user, role)]
    if problems or user is None:
        raise Refused(problems)
    with _unique(_member_already()), transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        row = Membership.objects.create(user=user, organisation=organisation, role=role, since=timezone.localdate())
        event = audit.record(
            organisation, "organisation.add_member", by=by, role=_role(by, organisation), member=str(user), as_role=role
        )
        notify.write(
            f"event:{event.pk}", [user], "organisation", organisation.get_absolute_url(),
            organisation=organisation, event=event, sentence=gettext_noop("您已成为该单位的成员"),
        )  # fmt: skip
    return row


def _member_problems(organisation: Organisation, user: User | None, role: str) -> Iterator[Problem]:
    if role not in Membership.Role.values:
        yield Problem("role", "role", gettext_noop("请选择成员角色。"))
    if user is None:
        yield Problem("user_unknown", "username", gettext_noop("没有这个用户名；请对方先注册账号，再告诉您用户名。"))
    elif Membership.objects.filter(organisation=organisation, user=user, until=None).exists():
        yield _member_already()
    elif Officer.objects.on(timezone.localdate()).filter(user=user).exists():
        # Otherwise a unit could keep an officer off its cases by naming them a member.
        yield Problem("member_is_officer", "username", gettext_noop("该账号是主管人员，不能加入申报单位。"))
    else:
        for bar in BARS:
            yield from bar(user)


def _member_already() -> Problem:
    return Problem("member_already", "username", gettext_noop("该账号已是本单位成员。"))


def end_membership(by: User, membership: Membership) -> None:
    """Somebody leaves, by their own act or an administrator's, and loses access at once. Raises NotAllowed, Refused."""
    organisation = membership.organisation
    if membership.user_id != by.pk:
        _authorise(by, "end_membership", organisation)
    with transaction.atomic():
        # Taken first, so that two administrators who leave at once do not both find the other one still there.
        hold(organisation, organisation.state)
        administrators = organisation.memberships.filter(role=Membership.Role.ADMINISTRATOR, until=None)
        if not administrators.exclude(pk=membership.pk).exists():
            raise Refused(
                [Problem("last_administrator", "", gettext_noop("至少要留一名单位管理员；请先增加另一名管理员。"))]
            )
        # A relation holds to the end of its last day: the last day was yesterday.
        yesterday = timezone.localdate() - timedelta(days=1)
        if not Membership.objects.filter(pk=membership.pk, until=None).update(until=yesterday):
            return
        membership.until = yesterday
        for person in (membership.user, by):
            person.__dict__.pop("_memberships", None)
        role = "member" if membership.user_id == by.pk else "administrator"
        audit.record(organisation, "organisation.end_membership", by=by, role=role, member=str(membership.user))


# --- communities --------------------------------------------------------------------------------------------------

# Apps above say which facts of a community are settled; asked with True inside the changing transaction, the answer
# must hold until its commit.
Settled = Callable[[Community, bool], frozenset[str]]
SETTLED: list[Settled] = []


def settles(function: Settled) -> Settled:
    """Register what makes facts of a community settled; a decorator for the apps above."""
    SETTLED.append(function)
    return function


def open_fields(community: Community, *, held: bool = False) -> tuple[str, ...]:
    """The columns of ``community`` that may be changed now, in the order of the form; ``held`` until commit."""
    settled = frozenset[str]().union(*(function(community, held) for function in SETTLED))
    return tuple(name for name in COMMUNITY_FIELDS if name not in settled)


def register_community(by: User, organisation: Organisation, values: Values) -> Community:
    """Register a community of an active unit. Raises NotAllowed, Stale, Refused.

    values: the columns of ``COMMUNITY_FIELDS``; ``is_another`` True says that a community of the same name in the
    district, which is pointed out first, is another one.
    """
    _authorise(by, "register_community", organisation)
    kept = {name: _stripped(values.get(name)) for name in COMMUNITY_FIELDS}
    _refuse_community(organisation, kept, bool(values.get("is_another")), None)
    with _unique(_community_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["register_community"][1])
        community = Community.objects.create(organisation=organisation, **kept)
        audit.record(community, "community.open", by=by, role=_role(by, organisation))
    return community


def change_community(by: User, community: Community, values: Values) -> None:
    """Change what is not settled; columns that are, or that ``values`` leaves out, stay. Raises NotAllowed, Refused."""
    organisation = community.organisation
    _authorise(by, "register_community", organisation)
    with _unique(_community_taken()), transaction.atomic():
        free = open_fields(community, held=True)
        asked = {name: _stripped(values[name]) for name in COMMUNITY_FIELDS if name in values}
        changed = {name: value for name, value in asked.items() if getattr(community, name) != value}
        closed = gettext_noop("案卷正在办理或已有结论，该项不能再改。")
        problems = [Problem("settled", name, closed) for name in changed if name not in free]
        if problems:
            raise Refused(problems)
        kept = {name: asked.get(name, getattr(community, name)) for name in COMMUNITY_FIELDS}
        _refuse_community(organisation, kept, bool(values.get("is_another")), community)
        if changed:
            Community.objects.filter(pk=community.pk).update(**changed)
            for name, value in changed.items():
                setattr(community, name, value)
            audit.record(community, "community.change", by=by, role=_role(by, organisation), fields=sorted(changed))


def _refuse_community(organisation: Organisation, kept: Values, is_another: bool, itself: Community | None) -> None:
    problems = [*_missing(kept, COMMUNITY_FACTS), *_sizes(kept), *_dates_out_of_order(kept)]
    renamed = itself is None or (itself.name, itself.district) != (kept["name"], kept["district"])
    if kept["name"] and kept["district"] and renamed:
        problems += _namesakes(organisation, kept, is_another, itself)
    if problems:
        raise Refused(problems)


def _sizes(kept: Values) -> Iterator[Problem]:
    for name in ("floor_area", "households", "buildings"):
        if kept[name] is not None and Decimal(kept[name]) <= 0:
            yield Problem("not_positive", name, gettext_noop("应大于零。"))


def _dates_out_of_order(kept: Values) -> Iterator[Problem]:
    known: list[tuple[date, str]] = [(kept[name], name) for name in PERMIT_DATES if kept[name]]
    for (earlier, _), (later, name) in zip(known, known[1:], strict=False):
        if later <= earlier:
            message = gettext_noop("%(later)s应晚于前一证照的日期%(earlier)s。")
            yield Problem("date_order", name, message, {"later": later, "earlier": earlier})


def _namesakes(
    organisation: Organisation, kept: Values, is_another: bool, itself: Community | None
) -> Iterator[Problem]:
    """Own community of this name: refused. Anyone's that reads the same: pointed out until ``is_another``."""
    rows = Community.objects.filter(district=kept["district"]).exclude(pk=itself and itself.pk)
    if rows.filter(organisation=organisation, name=kept["name"]).exists():
        yield _community_taken()
    elif not is_another and reading(kept["name"]) in {reading(name) for name in rows.values_list("name", flat=True)}:
        message = gettext_noop(
            "该区县已登记名称相同或相近的小区。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。"
        )
        yield Problem("namesake", "name", message)


def reading(name: str) -> str:
    """A name as two people would read it the same: half-width, no case, spaces or marks, without 小区 at its end."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
    return letters.removesuffix("小区") or letters


def _community_taken() -> Problem:
    return Problem("community_taken", "name", gettext_noop("本单位已在该区县登记过同名小区，不必重复登记。"))


# --- shared -------------------------------------------------------------------------------------------------------


@contextmanager
def _unique(problem: Problem) -> Iterator[None]:
    """Turn the database's answer to a race that the friendly check could not see into the same refusal."""
    try:
        yield
    except IntegrityError as error:
        raise Refused([problem]) from error


def _authorise(by: User, right: str, organisation: Organisation) -> None:
    if not can(by, right, organisation):
        raise NotAllowed(right)


def _role(by: User, organisation: Organisation) -> str:
    return memberships_of(by).get(organisation.pk, "")


def _missing(kept: Values, names: tuple[str, ...]) -> Iterator[Problem]:
    return (Problem("required", name, REQUIRED) for name in names if kept[name] in (None, ""))


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
