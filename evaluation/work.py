"""My work: everything that waits on one person, most urgent first, each with its next act. Read from states, not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from communities import inviting
from communities.models import Invitation, Organisation, OrganisationChange
from communities.permissions import city_duties, duties_of, eyes_of, is_limited, memberships_of
from evaluation import (
    conflicts,
    day_table,
    delivery,
    guidance_work,
    handling,
    incentives,
    late_defects,
    outbox,
    rating,
    sanction_work,
    substituting,
    supervision_work,
    unseating,
)
from evaluation.clocks import HOLDERS
from evaluation.models import (
    Application,
    Assignment,
    Claim,
    Document,
    Draw,
    Endorsement,
    Evidence,
    Finding,
    Objection,
    Result,
    SiteVisit,
)
from evaluation.models.case import ApplicationQuerySet
from evaluation.permissions import (
    SEATED,
    as_expert,
    engagements_asked_of,
    engagements_of,
    objections_visible_to,
    questions_visible_to,
    run_by,
    visible_to,
)
from experts import standing
from experts.draw import EXCLUSIONS
from experts.models import Admission, Expert, PoolImport
from experts.permissions import DECIDERS, as_person
from portal.models import User


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: what it is about, what to do, until when, where.

    key: the same as long as it is the same thing; since: since when it stands as it does.
    """

    key: str
    subject: str
    detail: str
    sentence: str
    due_on: date | None
    link: str
    since: datetime


# state -> what the holder does next
NEXT: dict[str, str] = {
    "draft": gettext_noop("继续填报"),
    "form_check": gettext_noop("形式审查"),
    "correction": gettext_noop("按告知书逐条补正"),
    "recommendation": gettext_noop("出具推荐意见"),
    "drawing": gettext_noop("抽取专家"),
    "cosigning": gettext_noop("共同启动抽取"),
    "revealing": gettext_noop("揭示密值或录入公开数值"),
    "inviting": gettext_noop("候选专家已用尽，由监督员启动重新抽取"),  # held by those who are asked until then
    "site_visit": gettext_noop("登记现场核查"),
    "review": gettext_noop("评分并签署评分表"),
    "deliberation": gettext_noop("汇总、合议，出具意见"),
    "revision": gettext_noop("按专家意见修改"),
    "revision_check": gettext_noop("核对修改"),
    "approval": gettext_noop("审定"),
}


# state -> name of the page where the holder does it; the case's own page where there is none
PAGES: dict[str, str] = {
    "form_check": "form-check",
    "drawing": "draw",
    "cosigning": "draw",
    "revealing": "draw",
    "inviting": "draw",
    "site_visit": "site-visit",
    "deliberation": "panel",
    "approval": "approval",
}
ADVISED = ("draft", "correction", "revision")  # states in which an engaged unit fills in for the applicant
SITTING = ("site_visit", "review", "tallying", "deliberation", "revision", "revision_check", "approval")
LED = ("site_visit", "deliberation", "revision_check")  # states in which the leader of the panel acts


# state of an objection -> duties that decide on it
OBJECTIONS: dict[str, frozenset[str]] = {
    "received": frozenset({"intake", "supervisor"}),
    "accepted": frozenset({"supervisor", "approver"}),
}


def waiting_on(user: User) -> list[Waiting]:
    """Everything that waits on ``user``, by deadline; without a deadline last. A constant number of queries."""
    held = [row_of(user, application) for application in cases_held_by(user)]
    return sorted([*held, *beside_cases(user)], key=urgency)


def urgency(row: Waiting) -> tuple[bool, date]:
    """Where a thing stands among the others; of those with the same deadline cases come first, as they are read."""
    return row.due_on is None, row.due_on or date.max


def beside_cases(user: User) -> list[Waiting]:
    """What waits on ``user`` but for the cases that they hold: by deadline, then by name."""
    kinds = (
        _led, _assignments, _conflicts, _questions, _ratings,
        _organisations, _invitations, _engagements, _objections, _admissions, _pool_imports, _standing,
    )  # fmt: skip
    found = [row for kind in kinds for row in kind(user)]
    others = (
        outbox, delivery, conflicts, late_defects, handling,
        guidance_work, sanction_work, incentives, day_table, supervision_work,
    )  # fmt: skip
    found += [Waiting(**row) for module in others for row in module.waiting_on(user)]
    return sorted(found, key=lambda row: (*urgency(row), row.subject, row.key))


def cases_held_by(user: User) -> ApplicationQuerySet:
    """The cases that wait on ``user`` by duty or as a party, most urgent first, with all that ``row_of`` reads."""
    return to_act(user).with_case().annotate(**_counted()).by_deadline()


def _led(user: User) -> Iterator[Waiting]:
    """Cases that wait on the leader of their panel."""
    seats = Assignment.objects.filter(expert__user__in=as_expert(user), is_leader=True, state__in=SEATED)
    seats = seats.filter(review_round=F("application__review_round"), application__state__in=LED)
    led = set(seats.values_list("application", flat=True))
    if led:
        rows = Application.objects.filter(pk__in=led).exclude(pk__in=to_act(user).values("pk"))
        yield from (row_of(user, application) for application in rows.with_case().annotate(**_counted()))


def _counted() -> dict[str, Any]:
    """How far a draft has come, and how much of a correction is still to be answered: counted in the same query."""
    own = {"application": OuterRef("pk")}
    asked = Q(phase=Finding.Phase.FORM_CHECK, round=OuterRef("correction_round"), application__state="correction")
    asked |= Q(phase=Finding.Phase.REVISION, round=OuterRef("review_round"), application__state="revision")
    findings = Finding.objects.filter(asked, **own, sent_at__isnull=False, reply="")
    return {
        "claim_count": _count(Claim.objects.filter(**own, value__isnull=False)),
        "document_count": _count(Document.objects.filter(**own, removed_at=None)),
        "evidence_count": _count(Evidence.objects.filter(**own, removed_at=None)),
        "open_count": _count(findings),
    }


def _count(rows: QuerySet[Any]) -> Any:
    counted = rows.order_by().values("application").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def to_act(user: User) -> ApplicationQuerySet:
    """Applications in whose present state ``user`` must act by duty or as a party (seats on a panel apart)."""
    rows = visible_to(user).filter(_held_by(user))
    if "approver" not in city_duties(user):  # nobody else holds a case in that state
        return rows
    return rows.exclude(Q(state="approval") & (Q(organiser__in=eyes_of(user)) | run_by(user)))


def next_act(application: Application) -> str:
    """What the holder of the case does next, in words; "" in a state that nobody holds."""
    return _(NEXT[application.state]) if application.state in NEXT else ""


def link_of(application: Application) -> str:
    """Where the holder of the case does it."""
    page = PAGES.get(application.state)
    return reverse(page, args=[application.pk]) if page else application.get_absolute_url()


def _held_by(user: User) -> Q:
    """Applications in a state that one of the user's roles holds (seats on a panel apart)."""
    duties, units = city_duties(user), list(memberships_of(user))
    districts = [code for duty, code in duties_of(user) if duty == "district_officer"]
    reach = {duty: Q() for duty in duties}
    held = Q(pk__in=[])
    if "organiser" in duties:
        ran = Q(organiser__in=eyes_of(user))
        reach["organiser"] = ran | Q(organiser=None)
        held |= ran & Q(state="deliberation") | Q(substituting.dry(), ran, state="inviting")
    if "supervisor" in duties:
        held |= Q(substituting.dry(), state="inviting")
    if duties & {"organiser", "supervisor"}:
        held |= Q(Exists(_draws_waiting_on(user)), state="revealing")
    if districts:
        reach["district_officer"] = Q(project__community__district__in=districts)
    if units:
        reach["applicant"] = Q(project__organisation__in=units)
        held |= _held_by_unit(user, units)
    for state, role in HOLDERS.items():
        if role in reach:
            held |= (
                Q(state=state) & reach[role] & (handling.not_with_another(user, role) if role != "applicant" else Q())
            )
    return held


def _held_by_unit(user: User, units: list[int]) -> Q:
    """What waits on the people of a unit in states that others hold: a signature on site, a case that it advises."""
    signing = SiteVisit.objects.filter(
        application=OuterRef("pk"), review_round=OuterRef("review_round"), applicant_signed_at=None
    ).exclude(Q(visited_on=None) | Q(summary=""))
    unsigned = Q(Exists(signing), state="site_visit", project__organisation__in=units)
    return unsigned | Q(state__in=ADVISED, project__in=engagements_of(user).values("project"))


def _draws_waiting_on(user: User) -> QuerySet[Draw]:
    """Draws to which ``user`` still owes a secret, or, once both are there, the public value that is all they wait for."""
    rows = Draw.objects.filter(application=OuterRef("pk"), review_round=OuterRef("review_round"))
    proposed = Q(organiser=user) & (Q(organiser_secret="") | ~Q(supervisor_secret=""))
    return rows.filter(proposed | Q(supervisor=user, supervisor_secret=""))


def row_of(user: User, application: Any) -> Waiting:
    """One case of ``cases_held_by``. Whoever acts for the applicant signs on site what the panel records."""
    signs = application.state == "site_visit" and application.project.organisation_id in memberships_of(user)
    community = application.project.community
    absent = handling.absent_holder(user, application)
    instead = _("代%(name)s办理") % {"name": absent.name} if absent else ""
    detail = [community.district.name, application.stage_name, _come_so_far(application), instead]
    return Waiting(
        key=f"application-{application.pk}",
        subject=community.name,
        detail=" · ".join(part for part in detail if part),
        sentence=_("核对并签署现场核查记录") if signs else next_act(application),
        due_on=application.due_on,
        link=link_of(application),
        since=application.state_since,
    )


def _come_so_far(application: Any) -> str:
    """Of a draft what is there, of a correction what is still to be answered; "" elsewhere."""
    if application.state == "draft":
        counts = {
            "claims": application.claim_count,
            "documents": application.document_count,
            "evidence": application.evidence_count,
        }
        return _("已自评 %(claims)s 条，材料 %(documents)s 份，佐证 %(evidence)s 份") % counts
    if application.state not in ("correction", "revision"):
        return ""
    if not application.open_count:
        return _("已逐条答复，待提交")
    words = ngettext("还有 %(n)s 处待答复", "还有 %(n)s 处待答复", application.open_count)
    return words % {"n": application.open_count}


# state of a seat -> what its expert does next, and the page
SEAT_ACTS = {
    "invited": (gettext_noop("评审邀请：请接受、谢绝或申明回避"), "assignment"),
    "accepted": (NEXT["review"], "scoring"),
    "amending": (gettext_noop("改评后重新签署评分表"), "amend"),
    "signed": (gettext_noop("在专家组意见上签字"), "panel"),
}


def _assignments(user: User) -> Iterator[Waiting]:
    counted = Result.objects.filter(
        application=OuterRef("application"), review_round=OuterRef("review_round")
    ).order_by("-count")
    signatures = Endorsement.objects.filter(assignment=OuterRef("pk"), result=OuterRef("result"))
    rows = Assignment.objects.filter(expert__user__in=as_expert(user), review_round=F("application__review_round"))
    rows = rows.annotate(result=Subquery(counted.values("pk")[:1]), opinion=Subquery(counted.values("opinion")[:1]))
    rows = rows.filter(
        Q(state="invited", application__state="inviting")
        | Q(state="accepted", application__state="review")
        | Q(state="amending", application__state="deliberation")
        | (Q(state="signed", application__state="deliberation") & ~Q(opinion="") & ~Exists(signatures))
    )
    case = "application__project__"
    for row in rows.select_related(f"{case}community__district", f"{case}standard"):
        words, page = SEAT_ACTS[row.state]
        link = reverse(page, args=[row.application_id if page == "panel" else row.pk])
        yield Waiting(
            f"assignment-{row.pk}",
            row.application.project.community.name,
            f"{row.application.project.community.district.name} · {row.application.stage_name}",
            _(words),
            row.due_on,
            link,
            row.state_since,
        )


def _conflicts(user: User) -> Iterator[Waiting]:
    """Panels on which somebody sits who must stand back or serves no more: whom, and where to draw anew.

    The supervisor decides on a second draw; the organiser of the case knows that it is needed.
    """
    duties = city_duties(user)
    if not duties & {"organiser", "supervisor"}:
        return
    cases = visible_to(user).filter(state__in=SITTING)
    if "supervisor" not in duties:
        cases = cases.filter(organiser=user)
    seats = Assignment.objects.filter(application__in=cases, state__in=SEATED)
    seats = seats.filter(~Q(conflict="") | Q(pk__in=unseating.absent()), review_round=F("application__review_round"))
    case = "application__project__"
    rows = seats.select_related("expert__user", f"{case}community__district", f"{case}standard")
    for row in rows.order_by("application", "seat"):
        application = row.application
        yield Waiting(
            f"conflict-{row.pk}",
            application.project.community.name,
            f"{application.project.community.district.name} · {application.stage_name}",
            _seat_words(row),
            application.due_on,
            reverse("draw", args=[application.pk]),
            row.state_since,
        )


def _seat_words(row: Assignment) -> str:
    if not row.conflict:
        return _("专家%(expert)s已不在聘或资格暂停，由监督员决定是否重新抽取") % {"expert": row.expert}
    words = {"expert": row.expert, "reason": _(EXCLUSIONS.get(row.conflict, row.conflict))}
    return _("专家%(expert)s须回避（%(reason)s），由监督员启动重新抽取") % words


def _questions(user: User) -> Iterator[Waiting]:
    """Questions of the panel to be passed on by the organiser of the case, or to be answered by its parties."""
    held = Q(pk__in=[])
    if "organiser" in city_duties(user):
        held |= Q(state="asked", application__organiser=user)
    if units := list(memberships_of(user)):
        advised = Q(application__project__in=engagements_of(user).values("project"))
        held |= Q(state="forwarded") & (Q(application__project__organisation__in=units) | advised)
    rows = questions_visible_to(user).filter(held, application__state="review")
    case = "application__project__"
    for row in rows.select_related(f"{case}community__district", f"{case}standard", f"{case}programme"):
        sentence = _("转交或退回专家质询") if row.state == "asked" else _("答复专家质询")
        community = row.application.project.community
        detail = f"{community.district.name} · {row.application.stage_name} · {row.item_code}"
        key, link = f"question-{row.pk}", row.get_absolute_url()
        yield Waiting(key, community.name, detail, sentence, row.due_on, link, row.state_since)


def _ratings(user: User) -> Iterator[Waiting]:
    """Panels that this organiser ran and has not rated yet."""
    if "organiser" not in city_duties(user):
        return
    for row, due_on, since in rating.unrated_by(user):
        community = row.project.community
        detail, link = f"{community.district.name} · {row.stage_name}", reverse("ratings", args=[row.pk])
        yield Waiting(f"rating-{row.pk}", community.name, detail, _("评价专家组成员的履职情况"), due_on, link, since)


def _engagements(user: User) -> Iterator[Waiting]:
    """Cases that a unit which I administer is asked to advise."""
    rows = engagements_asked_of(user).offered().select_related("project__organisation", "project__community")
    for row in rows:
        yield Waiting(
            f"engagement-{row.pk}",
            row.project.community.name,
            row.project.organisation.name,
            _("答复咨询服务委托：接受或谢绝"),
            None,
            row.get_absolute_url(),
            row.offered_at,
        )


def _organisations(user: User) -> Iterator[Waiting]:
    units = list(memberships_of(user))
    if "intake" in city_duties(user):
        for unit in Organisation.objects.filter(state="submitted").exclude(pk__in=units):
            yield _unit_row(unit, _("核验单位注册"))
        changes = OrganisationChange.objects.filter(state="waiting").exclude(organisation__in=units)
        for change in changes.select_related("organisation"):
            unit = change.organisation
            key, link = f"organisation-change-{change.pk}", change.get_absolute_url()
            sentence = _("核验单位信息变更")
            yield Waiting(key, unit.name, unit.credit_code, sentence, change.due_on, link, change.state_since)
    for unit in Organisation.objects.filter(pk__in=units, state__in=("draft", "returned")):
        yield _unit_row(unit, _("完成单位注册"))


def _invitations(user: User) -> Iterator[Waiting]:
    """Units that ask this account to act for them; who is asked by a secret link finds it in the e-mail alone."""
    if is_limited(user):
        return
    rows = Invitation.objects.open(timezone.now()).filter(invitee=user)
    for row in rows.select_related("organisation", "invitee"):
        yield Waiting(
            key=f"invitation-{row.pk}",
            subject=row.organisation.name,
            detail=row.get_role_display(),
            sentence=_("答复成员邀请：接受或谢绝"),
            due_on=inviting.last_day(row),
            link=inviting.address_of(row),
            since=row.sent_at,
        )


def _unit_row(unit: Organisation, sentence: str) -> Waiting:
    key, link = f"organisation-{unit.pk}", unit.get_absolute_url()
    return Waiting(key, unit.name, unit.credit_code, sentence, unit.due_on, link, unit.state_since)


def _objections(user: User) -> Iterator[Waiting]:
    duties = city_duties(user)
    states = [state for state, who in OBJECTIONS.items() if who & duties]
    rows: Any = objections_visible_to(user).filter(state__in=states)
    for row in rows.select_related("notice__application__project__community"):
        objection: Objection = row
        sentence = _("决定是否受理异议") if objection.state == "received" else _("核查并答复异议")
        name = objection.notice.application.project.community.name
        key, link = f"objection-{objection.pk}", objection.get_absolute_url()
        yield Waiting(key, name, objection.number, sentence, objection.due_on, link, objection.state_since)


def _admissions(user: User) -> Iterator[Waiting]:
    """Own admissions to hand in; for those who decide, what other people handed in and they have not vetted."""
    duties = city_duties(user)
    held = Q(state="draft", user__in=as_person(user))
    if "pool_keeper" in duties:
        held |= Q(state="submitted") & ~Q(user=user)
    if duties & DECIDERS:
        held |= Q(state="vetted") & ~Q(user=user) & ~Q(vetted_by=user)
    words = {
        "draft": _("填写并提交申请"),
        "submitted": _("初审，出具意见"),
        "vetted": _("复核，决定是否同意"),
    }
    for row in Admission.objects.filter(held).select_related("user", "call"):
        detail = row.call.title if row.call else row.employer
        key, link = f"admission-{row.pk}", row.get_absolute_url()
        yield Waiting(key, str(row), detail, words[row.state], row.due_on, link, row.state_since)


def _pool_imports(user: User) -> Iterator[Waiting]:
    """Imports of an existing pool that somebody else handed in."""
    if not city_duties(user) & DECIDERS:
        return
    for row in PoolImport.objects.filter(state="waiting").exclude(uploaded_by=user):
        people = ngettext("%(n)s 人", "%(n)s 人", row.count) % {"n": row.count}
        key, link = f"pool-import-{row.pk}", row.get_absolute_url()
        yield Waiting(key, str(row), people, _("核对后放行专家库导入"), row.due_on, link, row.state_since)


def _standing(user: User) -> Iterator[Waiting]:
    """Of an expert what keeps the own seat in the pool; of a supervisor removals on which the expert was heard."""
    day = timezone.localdate()
    decides = Q(state="hearing", due_on=None) if "supervisor" in city_duties(user) else Q(pk__in=[])
    heard = decides & ~Q(user=user) & ~Q(removal_proposed_by=user)
    for expert in Expert.objects.filter(heard | Q(user__in=as_person(user))).select_related("user"):
        own = expert.user_id == user.pk
        sentence, due_on = _next_of_expert(user, expert, day) if own else (_("决定是否移出专家库"), None)
        if sentence:
            key, link = f"expert-{expert.pk}", expert.get_absolute_url()
            yield Waiting(key, str(expert), expert.number, sentence, due_on, link, expert.state_since)


def _next_of_expert(user: User, expert: Expert, day: date) -> tuple[str, date | None]:
    """What the person must do to stay in the pool, and until when; "" for nothing."""
    if expert.state == "hearing" and expert.due_on is not None:
        return _("陈述申辩"), expert.due_on
    if expert.state == "paused" and expert.paused_for == Expert.Pause.UNCONFIRMED:
        return _("补办年度确认，恢复专家资格"), None
    if standing.confirmation_waits(expert, day):
        return _("办理年度确认"), expert.due_on
    if standing.may_ask_renewal(user, expert, day):
        return _("聘期将满，可以申请续聘"), expert.term_until
    return "", None
