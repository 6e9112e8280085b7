"""What must be true before an application moves: small functions that return problems in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from evaluation import changing, deliberating, drawing, findings, handling, receiving, ruling, suspecting, unseating
from evaluation.filing import open_findings
from evaluation.marking import result_of
from evaluation.models import Application, Finding
from evaluation.permissions import SEATED, has_run
from evaluation.site import site_visit_of, unsigned
from experts.draw import problem_of_secret
from portal.machine import Act
from portal.problems import Problem, gettext_noop


def asks_recommendation(application: Application) -> bool:
    return application.rule.needs_recommendation


def asks_no_recommendation(application: Application) -> bool:
    return not application.rule.needs_recommendation


def asks_site_visit(application: Application) -> bool:
    return application.rule.needs_site_visit


def asks_no_site_visit(application: Application) -> bool:
    return not application.rule.needs_site_visit


def has_failed(application: Application) -> bool:
    return bool(application.fault)


def application_is_not_empty(application: Application, act: Act) -> Iterator[Problem]:
    if not application.claims.exists() or not application.documents.filter(removed_at=None).exists():
        message = gettext_noop("申报还是空的：请先完成自评并上传材料。")
        yield Problem("empty", "", message)


def uploads_are_finished(application: Application, act: Act) -> Iterator[Problem]:
    yield from receiving.unfinished(application)


def construction_is_settled(application: Application, act: Act) -> Iterator[Problem]:
    """No major change waits to be decided, and nothing that guidance stopped."""
    yield from changing.unsettled(application)


def no_unsent_findings(application: Application, act: Act) -> Iterator[Problem]:
    for place in dict.fromkeys(finding.place for finding in findings.unsent(application)):
        message = gettext_noop("“%(place)s”处还有未告知的问题，请删除或发出补正告知。")
        yield Problem("finding_unsent", place, message, {"place": place})


def rules_are_settled(application: Application, act: Act) -> Iterator[Problem]:
    yield from ruling.unsettled(application)


def findings_can_be_sent(application: Application, act: Act) -> Iterator[Problem]:
    rounds, used = application.terms.correction_rounds, findings.rounds_used(application)
    if not findings.unsent(application).exists():
        yield Problem("nothing_found", "", gettext_noop("还没有列出问题，不能发出补正告知。"))
    if used >= rounds:
        message = gettext_noop("补正最多%(rounds)s轮（撤回前的轮次计入），已用完；请受理或不予受理。")
        yield Problem("rounds_used", "", message, {"rounds": rounds})
    for finding in findings.release_missing(application):
        message = gettext_noop("“%(place)s”是后续轮次新增的问题，须由监督员放行。")
        yield Problem("release_missing", finding.place, message, {"place": finding.place})


def findings_are_answered(application: Application, act: Act) -> Iterator[Problem]:
    # The act has already moved the row: the place to look at is the state it came from.
    before = Application(pk=application.pk, state="revision" if act.action == "submit_revision" else "correction")
    before.review_round, before.correction_round = application.review_round, application.correction_round
    for finding in open_findings(before).filter(reply=""):
        message = gettext_noop("“%(place)s”处的问题尚未答复。")
        yield Problem("reply_missing", finding.place, message, {"place": finding.place})


def binding_is_sound(application: Application, act: Act) -> Iterator[Problem]:
    """Of the secret or hash by which the organiser or, beside the organiser's, the supervisor wants to be bound."""
    secret, published = (str(act.data.get(name) or "").strip() for name in ("secret", "secret_hash"))
    other = drawing.present(application).organiser_hash if act.action == "cosign_draw" else ""
    yield from drawing.commitment_problems(secret, published, other)


def suggestions_are_decided(application: Application, act: Act) -> Iterator[Problem]:
    yield from suspecting.problems(application)


def organiser_has_to_reveal(application: Application) -> bool:
    return "organiser" in drawing.missing(drawing.present(application))


def supervisor_has_to_reveal(application: Application) -> bool:
    return "supervisor" in drawing.missing(drawing.present(application))


def public_value_is_awaited(application: Application) -> bool:
    return "public_value" in drawing.missing(drawing.present(application))


def secret_is_the_promised_one(application: Application, act: Act) -> Iterator[Problem]:
    draw = drawing.present(application)
    party = drawing.party_of(draw, act.by) if act.by else ""
    if party not in drawing.missing(draw):
        yield Problem("not_bound", "", gettext_noop("只有以摘要作出承诺、尚未揭示密值的本人可以揭示。"))
    elif secret := str(act.data.get("secret") or "").strip():
        published = draw.organiser_hash if party == "organiser" else draw.supervisor_hash
        if problem := problem_of_secret(secret, published, "secret"):
            yield problem


def public_value_is_of_a_later_day(application: Application, act: Act) -> Iterator[Problem]:
    """Neither party may have known the value when binding itself: it is of a day after the second one did."""
    bound_on = timezone.localdate(application.state_since)
    if act.day <= bound_on:
        message = gettext_noop("公开数值须在双方承诺之日（%(day)s）以后产生，请于次日起录入。")
        yield Problem("too_early", "public_value", message, {"day": bound_on.isoformat()})


def cosigner_is_another(application: Application, act: Act) -> Iterator[Problem]:
    if act.by is not None and handling.has_proposed_draw(application, act.by):
        yield Problem("same_person", "", gettext_noop("抽取须由两人共同启动，监督员不能是发起人。"))


def site_visit_is_signed(application: Application, act: Act) -> Iterator[Problem]:
    yield from unsigned(site_visit_of(application))


def flagged_items_have_notes(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    notes = act.data.get("notes") or {}
    if result is None:
        return
    for code in result.trace["flagged"]:
        if not str(notes.get(code, "") if isinstance(notes, dict) else "").strip():
            message = gettext_noop("条目%(code)s的评分分歧较大，请写明合议意见。")
            yield Problem("note_missing", code, message, {"code": code})


def a_seat_must_go(application: Application) -> bool:
    """Somebody of the panel must stand back, or serves no more."""
    return conflicting_seats(application).exists() or unseating.absent().filter(application=application).exists()


def conflicting_seats(application: Application) -> Any:
    """Seats of this round whose experts must stand back, as came up while the panel sat."""
    seats = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
    return seats.exclude(conflict="").select_related("expert__user").order_by("seat")


def no_seat_conflicts(application: Application, act: Act) -> Iterator[Problem]:
    for seat in conflicting_seats(application):
        message = gettext_noop("专家%(expert)s须回避；请重新抽取专家组后再办理。")
        yield Problem("seat_conflicts", "", message, {"expert": str(seat.expert)})


def opinion_is_given(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    if result is None or not result.opinion:
        yield Problem("opinion_missing", "opinion", gettext_noop("组长尚未出具专家组意见。"))


def nobody_amends(application: Application, act: Act) -> Iterator[Problem]:
    rows = application.assignments.filter(review_round=application.review_round, state="amending")
    for row in rows.select_related("expert__user").order_by("seat"):
        message = gettext_noop("%(expert)s正在改评，重新签署评分表后再办理。")
        yield Problem("amending", "", message, {"expert": str(row.expert)})


def result_is_current(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    if result is not None and deliberating.is_outdated(application, result):
        yield Problem("result_outdated", "", gettext_noop("有评分表已改评，请先重新汇总。"))


def result_is_outdated(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    if result is not None and not deliberating.is_outdated(application, result):
        yield Problem("result_current", "", gettext_noop("上次汇总以后没有人改评，不必重新汇总。"))


def opinion_is_signed(application: Application, act: Act) -> Iterator[Problem]:
    for row in deliberating.unsigned(application, act.day):
        message = gettext_noop("%(expert)s尚未在专家组意见上签字。")
        yield Problem("endorsement_missing", "", message, {"expert": str(row.expert)})


def revision_is_the_first(application: Application, act: Act) -> Iterator[Problem]:
    if application.findings.filter(phase=Finding.Phase.REVISION).exists():
        yield Problem("revision_used", "", gettext_noop("修改只能要求一次。"))


def revision_items_exist(application: Application, act: Act) -> Iterator[Problem]:
    known = {item.code for item in application.standard.items(application.stage)}
    typed = str(act.data.get("items") or "").strip()
    codes = item_codes(typed)
    if typed and not codes:
        yield Problem("required", "items", gettext_noop("请填写条目编号，用逗号隔开。"))
    for code in codes:
        if code not in known:
            yield Problem("item_unknown", "items", gettext_noop("没有条目“%(code)s”。"), {"code": code})


def item_codes(text: str) -> list[str]:
    """Codes in a list typed with Chinese or Western commas or spaces, each once, in order."""
    words = text.replace("，", " ").replace("、", " ").replace(",", " ").split()
    return list(dict.fromkeys(words))


def approver_is_another(application: Application, act: Act) -> Iterator[Problem]:
    if act.by is not None and has_run(act.by, application):
        yield Problem("same_person", "", gettext_noop("审定人不能是组织本次评审的人。"))


def level_is_reached(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    if result is None or result.level == 0:
        yield Problem("level_missed", "", gettext_noop("未达到任何星级，不能审定通过；可退回合议或审定不通过。"))


def notice_is_over(application: Application, act: Act) -> Iterator[Problem]:
    notice = application.notices.get(result__review_round=application.review_round)
    if act.day <= notice.closes_on:
        message = gettext_noop("公示至%(day)s，期满后由系统自动结束。")
        yield Problem("notice_open", "", message, {"day": notice.closes_on.isoformat()})


def no_open_objection(application: Application, act: Act) -> Iterator[Problem]:
    notice = application.notices.get(result__review_round=application.review_round)
    for objection in notice.objections.unanswered():
        message = gettext_noop("异议%(number)s尚未办结。")
        yield Problem("objection_open", "", message, {"number": objection.number})
