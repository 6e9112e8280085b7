"""What becomes of an automatic result: a finding, or, where the rule is soft, an override with its reason.

Hides: which rule is hard for which programme, and that a rule which nobody has ranked is hard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db import IntegrityError, transaction

from evaluation.checks import RULES
from evaluation.models import Application, FormRule, RuleOverride, Submission
from evaluation.permissions import writing
from evaluation.snapshot import latest
from portal import audit
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

LABELS: Mapping[str, str] = {code: label for code, label, _rule in RULES}
LONGEST = 1000


def hard_rules(application: Application) -> frozenset[str]:
    """Codes of the rules that nobody may override in this case: the programme's own word goes before the general one."""
    programme = application.project.programme_id
    rows = FormRule.objects.filter(programme__in=("", programme)).order_by("programme")
    ranked = {row.rule: row.is_hard for row in rows}
    return frozenset(code for code in LABELS if ranked.get(code, True))


def failed(sealed: Submission | None) -> list[str]:
    """Codes of the rules that found something in this version, in the order of the rules."""
    return [row["rule"] for row in (sealed.checks if sealed else None) or [] if row["problems"]]


def overrides_of(application: Application) -> dict[str, RuleOverride]:
    """rule -> its override in the newest version."""
    rows = RuleOverride.objects.filter(application=application, version=application.version)
    return {row.rule: row for row in rows.select_related("by")}


def override(by: User, application: Application, rule: str, reason: str) -> RuleOverride:
    """Let the newest version pass although a soft rule found something. Kept with version, person, time and words.

    Raises NotAllowed, Stale, or Refused: a hard rule, a rule that found nothing, no reason, somebody else was first.
    """
    with writing(by, "override_rule", application):
        problems = list(_wrong(application, rule, reason.strip()))
        if problems:
            raise Refused(problems)
        values = {"application": application, "version": application.version, "rule": rule}
        try:
            with transaction.atomic():
                row = RuleOverride.objects.create(**values, reason=reason.strip(), by=by)
        except IntegrityError as error:
            first = RuleOverride.objects.select_related("by").get(**values)
            message = gettext_noop("%(who)s已放行这条规则。")
            raise Refused([Problem("overridden", "rule", message, {"who": str(first.by)})]) from error
        said = {"rule": rule, "version": row.version, "reason": row.reason}
        audit.record(application, "rule.override", by=by, role="intake", **said)
    return row


def _wrong(application: Application, rule: str, reason: str) -> Iterator[Problem]:
    if rule not in failed(latest(application)):
        yield Problem("problem_unknown", "rule", gettext_noop("自动检查结果中没有这一问题。"))
    elif rule in hard_rules(application):
        yield Problem("hard_rule", "rule", gettext_noop("硬性规则不能放行，请列为问题或不予受理。"))
    if not reason:
        yield Problem("required", "reason", gettext_noop("请写明放行理由。"))
    elif len(reason) > LONGEST:
        yield Problem("too_long", "reason", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})


def take_back(by: User, override: RuleOverride) -> None:
    """Undo an override of the version that is being checked; the event of it stays. Raises NotAllowed, Stale, Refused."""
    application = override.application
    with writing(by, "override_rule", application):
        rows = RuleOverride.objects.filter(pk=override.pk, version=application.version)
        if not rows.delete()[0]:
            raise Refused([Problem("nothing_to_take_back", "", gettext_noop("该放行已经撤销，或属于以前的版本。"))])
        said = {"rule": override.rule, "version": override.version, "reason": override.reason}
        audit.record(application, "rule.take_back", by=by, role="intake", **said)


def unsettled(application: Application) -> Iterator[Problem]:
    """Why the case cannot be accepted: hard rules that stand failed, soft ones that are neither overridden nor found."""
    rules = failed(latest(application))
    if not rules:
        return
    hard, passed = hard_rules(application), overrides_of(application)
    noted = set(application.findings.filter(phase="form_check", sent_at=None).values_list("rule", flat=True))
    for rule in rules:
        if rule in passed:
            continue  # stands for its version, also where the rule was made hard since
        if rule in hard:
            message = gettext_noop("硬性规则“%(rule)s”未通过，不能受理。")
            yield Problem("hard_rule_failed", rule, message, {"rule": LABELS[rule]})
        elif rule not in noted:
            message = gettext_noop("规则“%(rule)s”未通过：请列为问题，或写明理由放行。")
            yield Problem("rule_unsettled", rule, message, {"rule": LABELS[rule]})
