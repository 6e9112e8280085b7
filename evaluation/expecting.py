"""What the applicant may expect while others hold the case: what happens now, who acts next, and by when.

Hides: whose limit counts after a step that the portal does by itself, and that the clock of a form check that was paused
for a correction runs on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation import clocks
from evaluation.models import Application
from portal import clock

# state -> (sentence, step whose limit in working days is %(days)s in it, "" where it names none)
SENTENCES: Mapping[str, tuple[str, str]] = {
    "checking": (
        gettext_noop(
            "系统正在自动检查，一般几分钟内完成。接着由受理员在 %(days)s 个工作日内完成形式审查：受理、一次性告知补正，"
            "或不予受理。结果会发通知给您，现在不用做什么。"
        ),
        "form_check",
    ),
    "form_check": (
        gettext_noop("受理员正在形式审查，结果是受理、一次性告知补正，或不予受理，会发通知给您。现在不用做什么。"),
        "",
    ),
    "recommendation": (gettext_noop("区县审核员正在研究是否推荐。推荐后，由评价组织员抽取评审专家。"), ""),
    "drawing": (
        gettext_noop("评价组织员正在抽取专家，由监督员共同启动。被抽中的专家须在 %(days)s 个工作日内答复邀请。"),
        "invitation",
    ),
    "cosigning": (
        gettext_noop("抽取专家正等待监督员共同启动。被抽中的专家须在 %(days)s 个工作日内答复邀请。"),
        "invitation",
    ),
    "revealing": (
        gettext_noop(
            "抽取各方正在揭示承诺的密值，齐了即由系统按种子抽取专家。被抽中的专家须在 %(days)s 个工作日内答复邀请。"
        ),
        "invitation",
    ),
    "inviting": (
        gettext_noop("正等待专家答复邀请，有人谢绝时自动递补。专家到齐后开始评审，限 %(days)s 个工作日。"),
        "review",
    ),
    "site_visit": (
        gettext_noop("专家组将到现场核查，请保持联系畅通。核查记录写好后，由您的单位核对并签署，然后开始评分。"),
        "",
    ),
    "review": (gettext_noop("专家正在各自评分，全部签署后由专家组合议。评审期间不能修改申报内容。"), ""),
    "tallying": (gettext_noop("系统正在汇总评分，一般几分钟内完成，接着由专家组合议。"), ""),
    "deliberation": (gettext_noop("专家组正在合议：出具意见，或要求按意见修改一次。之后送审定人审定。"), ""),
    "revision_check": (gettext_noop("专家组组长正在核对您的修改，通过后送审定人审定。"), ""),
    "approval": (gettext_noop("审定人正在审定。审定通过后公示 %(days)s 个工作日。"), "notice"),
    "notice": (gettext_noop("结果正在公示。期满没有异议成立的，由系统制作证书。"), ""),
    "certifying": (gettext_noop("系统正在制作证书，一般几分钟内完成。"), ""),
}

STOPPED = gettext_noop("系统的自动步骤没有完成，管理人员会处理。现在不用做什么。")
RAN_DRY = gettext_noop("候选专家都已问过，仍不足人数，由监督员决定重新抽取。现在不用做什么。")


def expectation(application: Application) -> str:
    """What happens now and next, in the reader's language; "" while the applicant acts and once it is over."""
    if application.state not in SENTENCES:
        return ""
    if application.fault:
        return _(STOPPED)
    if clocks.ran_dry(application):
        return _(RAN_DRY)
    sentence, step = SENTENCES[application.state]
    told = _(sentence) % {"days": _days(application, step)} if step else _(sentence)
    if application.due_on is None:
        return told
    return told + _("本环节期限为%(day)s。") % {"day": dateformat.format(application.due_on, _("n月j日"))}


def _days(application: Application, step: str) -> int:
    """Working days of the step; of a form check that goes on after a correction, those that were left."""
    if step == "form_check" and application.days_left is not None:
        return max(application.days_left, 0)
    return clock.days_of(step, application.project.programme_id)
