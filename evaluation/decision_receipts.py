"""The receipt of a decision: what an applicant is given once the result may be told, to compute it again.

Hides where its parts are kept, and that a receipt is never handed out that says something else than the decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from evaluation import scoring
from evaluation.marking import result_of
from evaluation.models import Application, Result
from evaluation.outcome import level_name
from evaluation.permissions import can
from evaluation.scoring.receipts import canonical_bytes, receipt
from evaluation.standard import Chapter
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

RIGHT = "see_receipt"  # of permissions.RIGHTS: whose, and in which states there is a decision to tell


def decided(by: User | None, application: Application) -> Result | None:
    """The result on which the case was decided; None where there is none. Raises NotAllowed for whoever may not know yet."""
    if not can(by, RIGHT, application):
        raise NotAllowed(RIGHT)
    return result_of(application)


def receipt_of(application: Application, result: Result) -> dict[str, Any]:
    """The receipt of a result. Raises Refused where the sheets no longer come to what was decided."""
    sheets = [scoring.Sheet(row["scorer"], row["leader"], row["marks"]) for row in result.sheets]
    found = scoring.evaluate(application.standard, application.stage, sheets)
    if found.as_trace() != result.trace or application.project.standard.sha256 != result.standard_sha256:
        message = gettext_noop("评分表现在算出的结果与决定时不同，不能出具凭证，请联系主管部门。")
        raise Refused([Problem("receipt_differs", "", message)])
    return receipt(application.standard, {application.stage: result.sheets}, found, about(application, result))


def receipt_bytes(application: Application, result: Result) -> bytes:
    """The receipt as the one file that can be recomputed. Raises Refused as ``receipt_of``."""
    return canonical_bytes(receipt_of(application, result))


def file_name(application: Application, result: Result) -> str:
    """What the file is called: decision-receipt-P2026-00001-design-1.json."""
    return f"decision-receipt-{application.project.number}-{application.stage}-{result.review_round}.json"


def about(application: Application, result: Result) -> Mapping[str, Any]:
    """What was decided of whom, as people read it; it names no expert, and changes only where an objection annuls the result."""
    project, form = application.project, application.standard
    notice = application.notices.filter(result=result).values_list("number", flat=True).first()
    fallen = "annulled" if notice else "not_passed"
    return {
        "project": project.number,
        "community": project.community.name,
        "organisation": project.organisation.name,
        "programme": project.programme.name,
        "stage": application.stage,
        "stage_name": str(application.stage_name),
        "standard": f"{form.name} {form.version}",
        "standard_notice": "" if form.is_official else form.notice,
        "submission": {"version": result.submission.version, "sha256": result.submission.sha256},
        "review_round": result.review_round,
        "count": result.count,  # 1, or more where sheets were amended in the deliberation and counted anew
        "decision": fallen if application.state == "not_passed" else "passed",
        "notice": notice,
        "level_name": level_name(result),
    }


def departures(application: Application, made: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about where a receipt shows that the ordinary rule could not be followed, or that it was counted anew."""
    form, count, number = application.standard, made["about"]["count"], made["about"]["review_round"]
    if number > 1:
        yield _("本结果出自第 %(n)s 轮评审；以前各轮的结果已经失效。") % {"n": number}
    if count > 1:
        yield _("合议中有评分经改评，按改评后的评分表重新汇总，本结果是第 %(n)s 次汇总。") % {"n": count}
    items = {code: row for stage in made["stages"].values() for code, row in stage["items"].items()}
    averaged = [code for code, row in items.items() if row["by"] == "mean" != form.scoring.panel.aggregate]
    if averaged:
        message = {
            "consensus": _("组长未评分、改取各专家平均的条目：%(items)s。"),
            "trimmed_mean": _("评分人数不足、未去掉最高分和最低分的条目：%(items)s。"),
        }[form.scoring.panel.aggregate]
        yield message % {"items": _listed(averaged)}
    absent = [code for code, row in items.items() if row["state"] == "na"]
    if absent:
        yield _("评过的专家过半数认为不适用、不计入总分的条目：%(items)s。") % {"items": _listed(absent)}
    part = made["result"]["chapters"]
    names = [
        chapter.name for chapter in form.chapters if chapter.code not in part and _has_weight(application, chapter)
    ]
    if names:
        yield _("没有适用评分项的章，权重由其他各章按比例分担：%(names)s。") % {"names": _listed(names)}


def _listed(names: list[str]) -> str:
    return _("、").join(names)


def _has_weight(application: Application, chapter: Chapter) -> bool:
    return bool(chapter.weight.get(application.stage))
