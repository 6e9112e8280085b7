"""The life of a guidance opinion 指导意见: mended and checked, or brought before the city, which decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation import guidance, telling_guidance
from evaluation.models import GuidanceOpinion
from evaluation.moving import OPINION_STEPS
from evaluation.permissions import opinion_roles, opinions_visible_to
from portal import clock
from portal.machine import Act, Ask, Machine, Transition, register
from portal.models import Event, User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
NEW_TERM = (REASON, Ask("mend_by", _("新的整改期限"), "date"))
CITY = ("organiser", "supervisor")
LATE = gettext_noop("逾期未整改")
UNDECIDED = gettext_noop("申报单位声明不予整改，区县逾期未处理")


def opinion_clock(opinion: GuidanceOpinion, source: str, target: str, day: date) -> Data:
    """The applicant's term stays while it is the applicant's turn; whoever checks or decides has days of their own."""
    if target == "open":
        return {"due_on": opinion.mend_by}
    step = OPINION_STEPS.get(target)
    return {"due_on": clock.deadline(step, day, opinion.visit.project.programme_id) if step else None}


def reply_has_proof(opinion: GuidanceOpinion, act: Act) -> Iterator[Problem]:
    """A photo or a document that came in since the last reply: what was returned once proves nothing the second time."""
    photos, papers = opinion.photos.all(), opinion.files.all()
    last = Event.objects.of(opinion).filter(verb="guidance_opinion.reply").last()
    if last is not None:
        photos, papers = photos.filter(received_at__gt=last.at), papers.filter(uploaded_at__gt=last.at)
    if not photos.exists() and not papers.exists():
        yield Problem("proof_missing", "photo", gettext_noop("请上传本次整改后的照片或文件作为佐证。"))


def term_is_ahead(opinion: GuidanceOpinion, act: Act) -> Iterator[Problem]:
    """Nobody is given a term that is over: the one that stands, or a new one."""
    mend_by = act.data.get("mend_by")
    if isinstance(mend_by, date) and mend_by < act.day:
        yield Problem("date_past", "mend_by", gettext_noop("整改期限不能早于今天。"))
    yield from clock.too_far("mend_by", mend_by if isinstance(mend_by, date) else None)
    if mend_by is None and (opinion.mend_by is None or opinion.mend_by < act.day):
        yield Problem("term_over", "mend_by", gettext_noop("原整改期限已过，请另定期限。"))


def keep_reply(opinion: GuidanceOpinion, act: Act) -> Data:
    opinion.reply = act.data["reply"].strip()
    opinion.save(update_fields=["reply"])
    return {}


def keep_term(opinion: GuidanceOpinion, act: Act) -> Data:
    before, wanted = opinion.mend_by, act.data.get("mend_by")
    if wanted is None or wanted == before:
        return {}
    opinion.mend_by = opinion.due_on = wanted
    opinion.save(update_fields=["mend_by", "due_on"])
    told = before.isoformat() if before else None
    return {"before": {"mend_by": told}, "due_on": wanted.isoformat()}


def keep_trouble(opinion: GuidanceOpinion, act: Act) -> Data:
    """Why the district or the city must decide, in the words of whoever brings it up; earlier words stay before them."""
    opinion.trouble = "\n".join(filter(None, (opinion.trouble, act.data["reason"].strip())))
    opinion.save(update_fields=["trouble"])
    return {}


def keep_late(opinion: GuidanceOpinion, act: Act) -> Data:
    opinion.trouble = "\n".join(filter(None, (opinion.trouble, LATE)))
    opinion.save(update_fields=["trouble"])
    return {"reason": LATE}


def keep_undecided(opinion: GuidanceOpinion, act: Act) -> Data:
    """The applicant's own reason is not lost: the city reads both."""
    opinion.trouble = f"{opinion.trouble}\n{UNDECIDED}"
    opinion.save(update_fields=["trouble"])
    return {"reason": UNDECIDED}


def keep_ruling(opinion: GuidanceOpinion, act: Act) -> Data:
    opinion.ruling = act.data["reason"].strip()
    opinion.save(update_fields=["ruling"])
    return {}


def follow_visit(opinion: GuidanceOpinion, act: Act) -> None:
    guidance.follow_opinions(opinion.visit)


def holders(opinion: GuidanceOpinion) -> Iterable[User]:
    """The applicant mends, the district checks, the city decides."""
    project = opinion.visit.project
    if opinion.state in ("open", "stopped"):
        return telling_guidance.applicants(project)
    return telling_guidance.city(project) if opinion.state == "escalated" else telling_guidance.district(project)


def overseers(opinion: GuidanceOpinion) -> Iterable[User]:
    return telling_guidance.supervisors(opinion.visit.project)


GUIDANCE_OPINION = register(
    Machine(
        name="guidance_opinion",
        model=GuidanceOpinion,
        initial="open",
        states={
            "open": _("待整改"),
            "replied": _("待核对"),
            "declined": _("申报单位不予整改"),
            "escalated": _("待市级处理"),
            "stopped": _("已叫停"),
            "noted": _("留待竣工评价核对"),
            "closed": _("已办结"),
        },
        roles_of=opinion_roles,
        visible_to=opinions_visible_to,
        clock=opinion_clock,
        notify=telling_guidance.tell_opinion,
        holders=holders,
        overseers=overseers,
        deadlines={"open": "escalate", "declined": "escalate"},
        transitions=(
            Transition(
                "reply", _("提交整改回复"), _("提交了整改回复"), guidance.MENDABLE, "replied", ("applicant",),
                asks=(Ask("reply", _("整改情况")),), checks=(reply_has_proof,), effects=(keep_reply,),
            ),
            Transition(
                "decline", _("声明不予整改"), _("声明不予整改"), ("open",), "declined", ("applicant",), asks=(REASON,),
                effects=(keep_trouble,), danger=True,
            ),
            Transition(
                "close", _("核对无误，办结"), _("办结了指导意见"), ("replied",), "closed", ("district_officer",),
            ),
            Transition(
                "return", _("退回继续整改"), _("退回继续整改"), ("replied", "declined"), "open", ("district_officer",),
                asks=(REASON, Ask("mend_by", _("新的整改期限"), "date", required=False, help=_("不填则仍按原期限"))),
                checks=(term_is_ahead,), effects=(keep_term,), afterwards=(follow_visit,),
            ),
            Transition(
                "escalate", _("报市级处理"), _("报市级处理"), ("replied", "declined"), "escalated", ("district_officer",),
                asks=(REASON,), effects=(keep_trouble,), danger=True,
            ),
            Transition(
                "escalate", _("报市级处理"), _("报市级处理"), ("open",), "escalated", ("system",), effects=(keep_late,),
            ),
            Transition(
                "escalate", _("报市级处理"), _("报市级处理"), ("declined",), "escalated", ("system",),
                effects=(keep_undecided,),
            ),
            Transition(
                "extend", _("另给期限"), _("另给了整改期限"), ("escalated",), "open", CITY, asks=NEW_TERM,
                checks=(term_is_ahead,), effects=(keep_term, keep_ruling), afterwards=(follow_visit,),
            ),
            Transition(
                "note", _("留待竣工评价核对"), _("决定留待竣工评价核对"), ("escalated", "stopped"), "noted", CITY,
                asks=(REASON,), effects=(keep_ruling,),
            ),
            Transition(
                "stop", _("叫停"), _("叫停，整改前不得申报竣工评价"), ("escalated",), "stopped", CITY, asks=(REASON,),
                effects=(keep_ruling,), danger=True,
            ),
            Transition(
                "lift", _("解除叫停"), _("解除了叫停"), ("stopped",), "open", CITY, asks=NEW_TERM, checks=(term_is_ahead,),
                effects=(keep_term, keep_ruling), afterwards=(follow_visit,),
            ),
        ),
    )
)  # fmt: skip
