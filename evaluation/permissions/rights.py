"""The tables of rights: who may do what in which state. Acts that move a state stand in workflow/."""

from __future__ import annotations

from collections.abc import Mapping

SEATED = ("accepted", "signed", "amending")
OFFICERS = frozenset({"intake", "organiser", "approver", "supervisor"})
APPLICANTS = frozenset({"applicant", "consultant"})
# 三员分离: accounts, rights and policies, the trail; three persons, none of whom handles a case
ADMINISTRATORS = frozenset({"system_administrator", "security_administrator", "audit_administrator"})
ALL_STATES: frozenset[str] = frozenset()
CLOSED = frozenset({"approval", "notice", "certifying", "certified", "not_passed"})  # the review is closed
JUDGED = (
    "site_visit",
    "review",
    "deliberation",
    "revision_check",
)  # states in which the panel may doubt what was built
PASSED_ON = ("forwarded", "answered", "lapsed")  # states of a question that its parties and the panel read
# acts of an organiser by which nobody has run a panel
ASIDE = ("application.retry", "application.remind", "application.assign")

# right on an application -> (roles, states; empty = every state). Acts that move the state stand in workflow.py.
RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "edit": (APPLICANTS, frozenset({"draft", "correction", "revision"})),
    "find": (frozenset({"intake"}), frozenset({"form_check"})),
    "override_rule": (frozenset({"intake"}), frozenset({"form_check"})),
    "release_finding": (frozenset({"supervisor"}), frozenset({"form_check"})),
    # and who has not run the panel (evaluation/notice_versions.py)
    "correct_notice": (frozenset({"approver"}), frozenset({"notice", "certifying", "certified"})),
    "see_findings": (OFFICERS, ALL_STATES),
    "read_correction": (OFFICERS | APPLICANTS, ALL_STATES),
    "see_draw": (frozenset({"organiser", "supervisor"}), ALL_STATES),
    "see_panel": (OFFICERS - {"intake"} | {"expert"}, ALL_STATES),
    # Who of the panel has signed: to chase the others, and to oversee that. Everybody else learns it with the result.
    "see_signatures": (frozenset({"organiser", "supervisor"}), ALL_STATES),
    "see_sheets": (frozenset({"organiser", "approver", "supervisor"}), frozenset(
        {"deliberation", "revision", "revision_check", "approval", "notice", "certifying", "certified", "not_passed"}
    )),
    # and who has not run the panel (evaluation/minutes.py)
    "attach_minutes": (frozenset({"approver"}), frozenset({"approval"})),
    # What was decided, to compute it again: with every sheet under a role, for the parties of the case and who decided.
    "see_receipt": (
        APPLICANTS | {"organiser", "approver", "supervisor"}, frozenset({"notice", "certifying", "certified", "not_passed"})
    ),
    # The members read each other's sheets once all are signed, while they deliberate, and only then.
    "deliberate": (frozenset({"expert"}), frozenset({"deliberation", "revision", "revision_check"})),
    "mark": (frozenset({"expert"}), frozenset({"review"})),
    "amend": (frozenset({"expert"}), frozenset({"deliberation"})),
    "lead_meeting": (frozenset({"leader"}), frozenset({"deliberation"})),
    "watch_meeting": (frozenset({"organiser", "supervisor"}), frozenset({"deliberation"})),
    "discuss": (frozenset({"expert"}), frozenset({"review", "tallying", "deliberation", "revision", "revision_check"})),
    "read_discussion": (
        frozenset({"organiser", "supervisor"}), frozenset({"deliberation", "revision", "revision_check"}) | CLOSED
    ),
    "rate": (frozenset({"organiser"}), CLOSED),
    "see_ratings": (frozenset({"organiser", "supervisor"}), CLOSED),
    "record_site_visit": (frozenset({"expert", "district_officer"}), frozenset({"site_visit"})),
    "sign_site_visit": (frozenset({"expert", "applicant"}), frozenset({"site_visit"})),
    "download_snapshot": (OFFICERS | APPLICANTS | {"district_officer"}, ALL_STATES),
    "see_deliveries": (OFFICERS | {"district_officer"}, ALL_STATES),
    "see_history": (OFFICERS | APPLICANTS | {"district_officer"}, ALL_STATES),
    # after award; one proposes, another person decides (workflow/sanctions.py)
    "propose_sanction": (frozenset({"district_officer", "organiser", "intake", "supervisor"}), frozenset({"certified"})),
    "ask_renewal": (frozenset({"applicant"}), frozenset({"certified"})),
}  # fmt: skip

# right on a project -> roles
PROJECT_RIGHTS: Mapping[str, frozenset[str]] = {
    "apply": frozenset({"applicant"}),
    "engage": frozenset({"applicant"}),
    "plan_guidance": frozenset({"district_officer"}),
    "give_schedule": frozenset({"applicant"}),
    "declare_change": frozenset({"applicant"}),
    "demand_change": frozenset({"district_officer", "organiser"}),  # and the leader of a panel that judges the case
}

# right on an engagement -> (roles, how far it has come)
ENGAGEMENT_RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "accept": (frozenset({"administrator"}), frozenset({"offered"})),
    "decline": (frozenset({"administrator"}), frozenset({"offered"})),
    "withdraw": (frozenset({"applicant"}), frozenset({"offered"})),
    "end": (frozenset({"applicant", "administrator"}), frozenset({"accepted"})),
}

# right that concerns no single case -> city duties
CITY_RIGHTS: Mapping[str, frozenset[str]] = {
    "import_standard": frozenset({"organiser", "system_administrator"}),
    "keep_phrases": frozenset({"intake"}),
    "see_late_findings": frozenset({"intake", "supervisor"}),
    "see_all_late_findings": frozenset({"supervisor"}),
    # figures of the statistics page that are not for everybody
    "see_statistics": OFFICERS | {"district_officer"},
    "see_item_losses": frozenset({"organiser", "approver", "supervisor"}),
    "see_expert_load": frozenset({"organiser", "supervisor", "pool_keeper"}),
    # who stands back from a case, and who lets somebody back: the supervisor asks, another officer agrees
    "declare_conflict": OFFICERS | {"district_officer"},
    "enter_conflict": frozenset({"supervisor"}),
    "ask_release": frozenset({"supervisor"}),
    "agree_release": frozenset({"supervisor", "approver"}),
    "propose_inspection": frozenset({"organiser"}),
    "see_settings": OFFICERS | {"district_officer", "pool_keeper"} | ADMINISTRATORS,
    "change_limits": frozenset({"security_administrator"}),
    "change_messages": frozenset({"security_administrator"}),
    "see_undelivered": frozenset({"system_administrator"}),
    # 三员分离: one keeps accounts, one duties and policies, one reads the trail
    "keep_accounts": frozenset({"system_administrator"}),
    "keep_duties": frozenset({"security_administrator"}),
    "change_policies": frozenset({"security_administrator"}),
    "read_trail": frozenset({"audit_administrator", "supervisor"}),
}
