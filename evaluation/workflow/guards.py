"""What must be true before an application moves: small functions that return problems in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation import findings, receiving
from evaluation.filing import open_findings
from evaluation.marking import result_of
from evaluation.models import Application, Draw, Finding
from evaluation.permissions import has_run
from evaluation.site import site_visit_of, unsigned
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


def no_unsent_findings(application: Application, act: Act) -> Iterator[Problem]:
    for finding in findings.unsent(application):
        message = gettext_noop("“%(place)s”处还有未告知的问题，请删除或发出补正告知。")
        yield Problem("finding_unsent", finding.place, message, {"place": finding.place})


def findings_can_be_sent(application: Application, act: Act) -> Iterator[Problem]:
    rounds, used = application.project.programme.correction_rounds, findings.rounds_used(application)
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


def cosigner_is_another(application: Application, act: Act) -> Iterator[Problem]:
    draw = Draw.objects.get(application=application, review_round=application.review_round)
    if act.by is not None and draw.organiser_id == act.by.pk:
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


def opinion_is_given(application: Application, act: Act) -> Iterator[Problem]:
    result = result_of(application)
    if result is None or not result.opinion:
        yield Problem("opinion_missing", "opinion", gettext_noop("组长尚未出具专家组意见。"))


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
