"""Every page as those see it who use it, on a desk and on a telephone.

No error in the console, nothing from another host, no page wider than its window, and none of the faults that axe knows.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver, resolve

from tests.browser.visiting import DESK, PHONE, House, Person

pytestmark = [pytest.mark.browser, pytest.mark.looks]

# Whether a picture of every page is kept under build/screenshots, to be looked at: PICTURES=1
PICTURES = os.environ.get("PICTURES") == "1"
VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
# Who looks -> the pages; names in braces are those of world.places(). "" is the public.
PAGES = {
    "": (
        "/",
        "/sign-in/",
        "/register/",
        "/invitations/{secret}/",
        "/invitations/none/",
        "/invitations/panel/{seat_token}/",
        "/invitations/panel/none/",
        "/account/first-password/1/none/",
        "/standards/",
        "/standards/{standard}/",
        "/notices/",
        "/notices/{notice}/",
        "/notices/{notice}/?hash={notice_hash}",
        "/notices/{notice}/versions/1/",
        "/notices/{notice}/receipt/",
        "/inspections/",
        "/inspections/draws/{inspection_draw}/receipt/",
        "/notices/{notice}/objection/",
        "/objections/status/",
        "/objections/status/?number=none",
        "/certificates/",
        "/certificates/{certificate}/",
        "/certificates/{ended}/",
        "/certificates/{revoked}/",
        "/certificates/none/",
        "/incentives/",
        "/incentives/{confirmation}/",
        "/incentives/{reversed_confirmation}/",
        "/incentives/none/",
        "/directory/",
        "/directory/?q=没有",
        "/directory/map/",
        "/directory/{certified_community}/",
        "/open-data/",
        "/statistics/",
        "/statistics/?year=2020&district=500112",
        "/statistics/certificates/?kind=in_force",
        "/statistics/certificates/?kind=revoked&year=2001",
        "/statistics/reports/",
        "/experts/calls/",
        "/account/first-password/{first_who}/{first_token}/",
        "/experts/calls/{call_listed}/",
        "/experts/calls/{call_running}/",
        "/nowhere/",
    ),
    "{reporting_applicant}": (
        "/work/",
        "/supervision/",
        "/supervision/reports/{report_due}/",
        "/supervision/certificates/{reporting}/",
    ),
    "{inspected_applicant}": ("/inspections/{inspection_rectifying}/",),
    "{report_reader}": ("/supervision/reports/{report_submitted}/",),
    "{inspector}": ("/inspections/{inspection_drawn}/",),
    "{draft_applicant}": (
        "/work/",
        "/notifications/",
        "/notifications/?show=unread&kind=due",
        "/account/",
        "/account/password/",
        "/account/notifications/",
        "/account/calendar/",
        "/account/tokens/",
        "/organisations/",
        "/organisations/new/",
        "/organisations/{draft_unit}/",
        "/organisations/{draft_unit}/communities/new/",
        "/organisations/{draft_unit}/communities/import/",
        "/communities/{draft_community}/",
        "/communities/{draft_community}/edit/",
        "/communities/{draft_community}/projects/new/",
        "/projects/",
        "/projects/{draft_project}/",
        "/applications/{draft}/",
        "/applications/{draft}/data/",
        "/applications/{draft}/documents/",
        "/applications/{draft}/items/",
        "/applications/{draft}/items/?show=unmarked&level=2&q=网络",
        "/applications/{draft}/evidence/",
        "/applications/{draft}/evidence/coverage/",
        "/applications/{draft}/submit/",
        "/act/application/{draft}/withdraw/",
    ),
    "{correction_applicant}": (
        "/applications/{correction}/",
        "/applications/{correction}/correction/",
        "/applications/{correction}/data/",
        "/applications/{correction}/submit/",
        "/applications/{correction}/documents/",
        "/applications/{correction}/items/?show=open",
        "/applications/{correction}/evidence/",
        "/evidence/{correction_proof}/",
        "/evidence/{correction_proof}/items/",
        "/applications/{correction}/versions/",
    ),
    "applicant": ("/invitations/{secret}/",),
    "applicant-2": (
        "/organisations/{unit_changing}/",
        "/organisations/{unit_changing}/contact/",
        "/organisations/{unit_changing}/changes/new/",
        "/organisations/changes/{change}/",
    ),
    "applicant-3": ("/organisations/{final_notice_unit}/changes/new/",),
    "colleague": ("/organisations/", "/organisations/{unit_changing}/"),
    "newcomer-1": ("/work/", "/invitations/{invitation}/"),
    "{guided_applicant}": (
        "/projects/{guided_project}/",
        "/projects/{guided_project}/guidance/",
        "/projects/{guided_project}/guidance/timeline/",
        "/projects/{guided_project}/changes/new/",
        "/guidance/{visit}/",
    ),
    "{sanction_hearing_party}": (
        "/work/",
        "/certificates/{sanction_hearing_certificate}/",
        "/sanctions/{sanction_hearing}/",
        "/act/sanction/{sanction_hearing}/waive/",
    ),
    "{renewable_party}": ("/certificates/{renewable}/", "/certificates/{renewable}/renewals/new/"),
    "{final_site_visit_applicant}": (
        "/applications/{final_site_visit}/site-visit/",
        "/applications/{final_site_visit}/comparison/",
    ),
    "{final_notice_applicant}": (
        "/projects/{final_notice_project}/",
        "/applications/{final_notice}/",
        "/applications/{final_notice}/decision/",
    ),
    "consultant": (
        "/work/",
        "/projects/",
        "/projects/{review_project}/",
        "/applications/{review}/",
        "/questions/{question_waiting}/",
        "/engagements/{engagement}/",
    ),
    "intake": (
        "/work/",
        "/certificates/{sound}/sanctions/new/",
        "/sanctions/{sanction_proposed}/",
        "/renewals/{renewal}/",
        "/queue/",
        "/queue/?show=open",
        "/queue/?show=all&q=示例 -逾期:是&district=500112&sort=-state&columns=due,level,consultant,handler",
        "/queue/views/",
        "/queue/views/{saved_view}/",
        "/organisations/",
        "/organisations/{unit_waiting}/",
        "/act/organisation/{unit_waiting}/return/",
        "/organisations/changes/{change}/",
        "/act/organisation_change/{change}/reject/",
        "/applications/{form_check}/form-check/",
        "/applications/{form_check}/form-check/?place=document:D04#add-finding",
        "/phrases/",
        "/phrases/{phrase}/",
        "/conflicts/",
        "/conflicts/{conflict}/",
        "/desk/batches/",
        "/desk/batches/{batch}/",
        "/desk/exports/",
        "/desk/exports/{export}/",
        "/desk/hand-over/",
        "/desk/stand-ins/",
        "/desk/stand-ins/{stand_in}/",
        "/findings/late/",
        "/applications/{form_check}/clock/",
        "/applications/{form_check}/messages/",
        "/outbox/",
        "/outbox/?show=done",
        "/outbox/{held}/",
        "/applications/{form_check}/items/",
        "/act/application/{form_check}/refuse/",
        "/objections/{objection}/",
    ),
    "{guided_district}": (
        "/work/",
        "/queue/?show=open",
        "/projects/{guided_project}/",
        "/projects/{guided_project}/guidance/",
        "/guidance/{visit}/",
        "/guidance/{visit_planned}/",
        "/act/guidance_visit/{visit_planned}/move/",
    ),
    "organiser": (
        "/inspections/draws/",
        "/queue/",
        "/applications/{drawing}/draw/",
        "/applications/{inviting}/draw/",
        "/applications/{inviting}/draw/receipt/",
        "/applications/{review}/panel/",
        "/applications/{deliberation}/panel/",
        "/applications/{deliberation}/discussion/",
        "/applications/{approval}/ratings/",
        "/changes/{change_major}/",
        "/assignments/{inviting_invited_seat}/",
        "/experts/",
        "/standards/import/",
    ),
    "supervisor": (
        "/supervision/?state=late&year=2026",
        "/supervision/inspections/",
        "/inspections/draws/",
        "/inspections/draws/{inspection_draw}/",
        "/inspections/{inspection_rectifying}/",
        "/supervision/certificates/{inspected}/",
        "/statistics/",
        "/experts/pins/",
        "/experts/pins/conflict/{pin}/lift/",
        "/work/",
        "/applications/{revealing}/draw/",
        "/applications/{inviting}/draw/",
        "/experts/admissions/{admission_vetted}/",
        "/experts/imports/{pool_import}/",
        "/objections/{objection}/",
        "/certificates/{certificate}/",
        "/sanctions/",
        "/sanctions/?state=hearing",
        "/sanctions/{sanction_hearing}/",
        "/sanctions/{sanction_executed}/",
        "/act/sanction/{sanction_deciding}/revoke/",
        "/renewals/",
    ),
    "{inviting_invited}": ("/work/", "/assignments/{inviting_invited_seat}/"),
    "{review_accepted}": (
        "/work/",
        "/assignments/{review_accepted_seat}/",
        "/assignments/{review_accepted_seat}/scoring/",
    ),
    "{review_signed}": ("/assignments/{review_signed_seat}/sheet/", "/applications/{review}/discussion/"),
    "{deliberation_leader}": (
        "/applications/{deliberation}/panel/",
        "/applications/{deliberation}/meeting/",
        "/assignments/{deliberation_leader_seat}/amend/",
        "/act/assignment/{deliberation_leader_seat}/endorse/",
    ),
    "{final_site_visit_leader}": (
        "/applications/{final_site_visit}/site-visit/",
        "/assignments/{final_site_visit_leader_seat}/scoring/",
    ),
    "approver": (
        "/notices/{notice}/correct/",
        "/desk/incentives/",
        "/desk/incentives/?state=granted&q=没有",
        "/projects/incentives/{incentive_unset}/",
        "/projects/incentives/{incentive_due}/",
        "/projects/incentives/{incentive_granted}/",
        "/projects/incentives/{incentive_reversed}/",
        "/act/incentive/{incentive_due}/grant/",
        "/work/",
        "/queue/",
        "/desk/approvals/",
        "/desk/certificates/",
        "/desk/batches/{approval_batch}/",
        "/applications/{approval}/approval/",
        "/applications/{approval}/panel/",
    ),
    "pool-keeper": (
        "/work/",
        "/experts/",
        "/experts/{due_expert_number}/",
        "/experts/{due_expert_number}/fields/",
        "/experts/{due_expert_number}/pins/new/",
        "/experts/imports/",
        "/experts/imports/{pool_import}/",
        "/experts/calls/new/",
        "/experts/calls/{call_running}/change/",
        "/experts/calls/{call_running}/",
        "/experts/admissions/",
        "/experts/admissions/{admission_submitted}/",
        "/act/admission/{admission_submitted}/vet/",
    ),
    "candidate-1": (
        "/experts/admissions/",
        "/experts/admissions/{admission_draft}/",
        "/experts/admissions/{admission_draft}/edit/",
    ),
    "{declarer}": (
        "/experts/me/facts/",
        "/experts/me/facts/employments/new/",
        "/experts/me/facts/ties/new/",
        "/experts/me/facts/employment/{declarer_employment}/correct/",
    ),
    "{due_expert}": ("/work/", "/experts/{due_expert_number}/", "/act/expert/{due_expert_pk}/confirm/"),
    "audit-administrator": ("/work/", "/settings/trail/", "/settings/trail/?person=没有"),
    "system-administrator": (
        "/work/",
        "/outbox/undelivered/",
        "/settings/accounts/",
        "/settings/accounts/new/",
        "/settings/accounts/{intake_account}/",
    ),
    "security-administrator": (
        "/work/",
        "/settings/",
        "/settings/duties/",
        "/settings/certificates/",
        "/settings/certificates/smart_community/design/",
        "/settings/duties/intake/",
        "/settings/policies/incentive_policy/",
        "/settings/policies/incentive_policy/capital_supervision/",
        "/settings/policies/new/incentive_policy/",
        "/settings/officers/",
        "/settings/officers/give/",
        "/settings/officers/{intake_account}/",
        "/settings/officers/duties/{organiser_duty}/end/",
        "/settings/days/",
        "/settings/policies/district/",
        "/settings/policies/new/district/",
        "/settings/policies/new/form_rule/",
        "/settings/policies/form_rule/",
        "/settings/policies/late_code/",
        "/settings/policies/late_code/law/",
        "/settings/policies/notice_form/",
        "/settings/policies/notice_form/refusal/",
        "/settings/policies/programme/smart_community/",
        "/settings/policies/stage_rule/",
        "/settings/policies/public_text/",
        "/settings/policies/annual_target/",
        "/settings/policies/new/annual_target/",
        "/settings/policies/parameter/expert_term_years/",
        "/settings/messages/",
        "/settings/messages/correction/zh-hans/",
        "/settings/messages/correction/en/compare/",
        "/settings/limits/",
        "/settings/limits/change/?step=form_check",
    ),
}
MISSING = (
    "/nowhere/",
    "/account/first-password/1/none/",
    "/invitations/none/",
    "/invitations/panel/none/",
    "/certificates/none/",
    "/incentives/none/",
    "/objections/status/?number=none",
)
CASES = [(who, path) for who, paths in PAGES.items() for path in paths]


# Addresses that no person opens as a page: acts that are only sent, files, and what programs read.
NO_PAGES = {
    "account-act", "trail-export",
    "holding-rule", "issued-notice", "message-resend", "override-take-back", "phrase-remove", "rule-override",
    "batch-choose", "batch-new", "certificate-form-picture", "certificate-form-preview", "export-file",
    "access-token-revoke", "act", "admission-proof", "admission-proof-file", "admission-proof-remove",
    "application-carry", "application-forecast", "application-new", "application-print",
    "calendar-feed", "calendar-link-end", "call-apply", "call-publish", "care",
    "certificate-document", "certificate-file", "incentive-file", "certificate-verifier", "issuer-keys", "revocations",
    "claim-save",
    "community-template",
    "correction-notice", "discussion-count", "document-add", "document-file", "document-remove", "document-restore",
    "decision-receipt", "draw-receipt", "draw-verifier", "recompute-program",
    "engagement-answer", "engagement-end", "engagement-new", "evidence-anchor", "evidence-file", "evidence-link",
    "evidence-opened", "evidence-page",
    "evidence-remove", "evidence-replace", "evidence-restore", "evidence-thumbnail", "evidence-unlink",
    "expert-password-link",
    "expert-renewal", "finding-add", "finding-release", "finding-remove", "finding-reply", "finding-take-up", "guidance-photo",
    "inspection-finding", "inspection-photo", "inspection-photo-file", "inspection-photo-thumbnail",
    "inspection-receipt-file", "rectification-proof", "rectification-proof-file", "rectification-remove",
    "rectification-reply", "report-proof-file", "report-proof-remove",
    "change-proof-file", "change-proof-remove", "change-write", "guidance-companion", "guidance-note",
    "guidance-schedule", "opinion-file", "opinion-paper",
    "monthly-report", "statistics-csv",
    "notice-feed", "open-data-file", "open-data-latest", "robots", "sitemap", "sitemap-index",
    "health", "invitation-new", "invitation-resend", "invitation-withdraw", "licence-file", "mark-save", "meeting-turn",
    "member-end", "member-role", "minutes-add", "minutes-file", "minutes-remove", "notice-receipt",
    "notification-open", "notification-read", "objection-proof",
    "question-ask", "queue-columns", "queue-view-default", "queue-view-remove", "rating-reply",
    "sanction-proof-add", "sanction-proof-file", "sanction-proof-remove",
    "pool-import-file", "pool-import-template",
    "opinion-add", "opinion-photo", "opinion-reply", "organisation-licence", "photo-file", "photo-thumbnail",
    "scoring-worker", "set_language", "sheet-file", "sign-out", "site-visit-finding", "site-visit-photo", "site-visit-record",
    "site-visit-paper", "site-visit-sign", "site-visit-withdraw", "site-visit-worker", "snapshot-json",
    "snapshot-zip", "standard-json", "statement-save", "upload-dismiss",
}  # fmt: skip
# Pages that need a row of which the small world has none; the journey walks through them.
ON_THE_JOURNEY = {"objection-filed", "application-diff", "organisation-edit"}
# A page that only shows what an expired session would have lost: looked at in ``test_filing``.
AFTER_SIGNING_IN = {"kept"}


def test_what_was_taken_from_others_is_what_the_manifest_says() -> None:
    for package in json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["packages"]:
        files = {path.name: sha256(path.read_bytes()).hexdigest() for path in (VENDOR / package["folder"]).iterdir()}
        assert files == package["sha256"]


def page_names(patterns: Any) -> set[str]:
    """Names of all addresses but those of the API, which no person reads."""
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            found.add(pattern.name)
        elif not str(pattern.pattern).startswith("api/"):
            found |= page_names(pattern.url_patterns)
    return found


def test_every_page_is_looked_at() -> None:
    paths = [re.sub(r"{\w+}", "1", path.partition("?")[0]) for _who, path in CASES if path != "/nowhere/"]
    looked = {resolve(path).url_name for path in paths}
    assert looked | NO_PAGES | ON_THE_JOURNEY | AFTER_SIGNING_IN == page_names(get_resolver().url_patterns)


def looked_at(person: Person, path: str, name: str, sizes: tuple[dict[str, int], ...]) -> list[str]:
    """Open a page; return what is wrong with it at these sizes, in the narrowest window, and with its text set wider."""
    response = person.page.goto(person.address + path)
    assert response is not None
    assert response.status == (404 if path in MISSING else 200), f"{path}: {response.status}"
    person.page.evaluate(AXE)
    found = []
    for size in sizes:
        person.page.set_viewport_size(size)
        if PICTURES:
            person.picture(f"{name}-{size['width']}")
        found += too_wide(person, str(size["width"]))
        # As tall as the page: what sticks to an edge of the window lies where it belongs and covers nothing by chance.
        whole = person.page.evaluate("document.documentElement.scrollHeight")
        person.page.set_viewport_size({**size, "height": max(size["height"], whole)})
        found += [f"{size['width']}: {fault}" for fault in axe_faults(person)]
    person.page.evaluate(SPACED)
    found += too_wide(person, "spaced") + [f"spaced: cut off: {cut}" for cut in person.page.evaluate(CUT_OFF)]
    person.page.evaluate("document.adoptedStyleSheets = []")
    person.page.set_viewport_size(NARROW)
    return found + too_wide(person, "320")


# WCAG 2.2, 1.4.10: nothing is scrolled sideways at this width.
NARROW = {"width": 320, "height": 640}
# WCAG 2.2, 1.4.12: whoever reads better so may set text like this, and loses nothing.
SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
    p { margin-block-end: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""
CUT_OFF = """() => [...document.querySelectorAll("body *")].filter(one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const cuts = [style.overflowX, style.overflowY].some(way => way === "hidden" || way === "clip");
  const written = [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return cuts && written && box.width > 1 && box.height > 1
    && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1);
}).map(one => one.outerHTML.slice(0, 200))"""


def too_wide(person: Person, when: str) -> list[str]:
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{when}: {wide} pixels too wide"] if wide > 0 else []


def axe_faults(person: Person) -> list[str]:
    """What axe finds on the open page, in its own words; the size of what is pressed (2.5.8) it looks at when asked."""
    violations = person.page.evaluate(
        "axe.run({rules: {'target-size': {enabled: true}}}).then(result => result.violations)"
    )
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['html'][:200]} {node['failureSummary'][:300]}"
        for fault in violations
        for node in fault["nodes"]
    ]


@pytest.mark.any_process
@pytest.mark.parametrize("who, path", CASES, ids=[f"{who.strip('{}') or 'public'}:{path}" for who, path in CASES])
def test_a_page_is_whole_quiet_and_accessible(rooms: House, places: dict[str, Any], who: str, path: str) -> None:
    username, address = who.format(**places), path.format(**places)
    person = rooms.same_window(username)
    name = f"{who.strip('{}') or 'public'}{path.translate(str.maketrans('/?={}', '.....'))}".strip(".")
    assert looked_at(person, address, name, (DESK, PHONE)) == []


# What is kept on paper, and who prints it.
PRINTED = (
    ("", "/incentives/{confirmation}/"),
    ("approver", "/projects/incentives/{incentive_granted}/"),
    ("", "/notices/{notice}/"),
    ("", "/notices/{notice}/receipt/"),
    ("", "/inspections/draws/{inspection_draw}/receipt/"),
    ("supervisor", "/inspections/{inspection_rectifying}/"),
    ("", "/notices/{notice}/versions/1/"),
    ("", "/directory/{certified_community}/"),
    ("", "/directory/map/"),
    ("", "/certificates/{certificate}/"),
    ("", "/statistics/"),
    ("supervisor", "/certificates/{certificate}/"),
    ("{review_signed}", "/assignments/{review_signed_seat}/sheet/"),
    ("organiser", "/applications/{inviting}/draw/"),
    ("organiser", "/applications/{deliberation}/panel/"),
    ("approver", "/applications/{approval}/approval/"),
    ("intake", "/applications/{form_check}/form-check/"),
    ("{guided_district}", "/guidance/{visit}/"),
    ("{guided_district}", "/projects/{guided_project}/guidance/timeline/"),
)
PAPER = {"width": 680, "height": 960}  # an A4 page within its margins, in CSS pixels
DISPLAYS = "all => all.map(one => getComputedStyle(one).display)"
FOR_THE_SCREEN = "header nav, .who, footer, main button, main .btn, main input, main select, main textarea"


@pytest.mark.any_process
@pytest.mark.parametrize("who, path", PRINTED, ids=[f"{who.strip('{}') or 'public'}:{path}" for who, path in PRINTED])
def test_paper_shows_nothing_that_is_clicked(house: House, places: dict[str, Any], who: str, path: str) -> None:
    username = who.format(**places)
    person = house.person(username) if username else house.visitor()
    person.go(path.format(**places))
    on_screen = person.page.locator(f"{FOR_THE_SCREEN} >> visible=true").count()
    person.page.emulate_media(media="print")
    person.page.set_viewport_size(PAPER)
    shown = person.page.locator(f"{FOR_THE_SCREEN} >> visible=true").evaluate_all(
        "all => all.map(one => one.outerHTML)"
    )
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    rows = person.page.locator("main table.rows > tbody > tr:visible").evaluate_all(DISPLAYS)
    assert (on_screen > 0, shown, wide, set(rows) - {"table-row"}) == (True, [], 0, set())
    assert person.page.locator("main h1").is_visible()


PUBLIC = ["/notices/{notice}/", "/directory/", "/directory/map/", "/directory/{certified_community}/"]


@pytest.mark.parametrize(
    "path", ["/", "/applications/{draft}/items/", "/applications/{draft}/evidence/", "/work/", *PUBLIC]
)
def test_the_large_type_version_fits_a_telephone(house: House, places: dict[str, Any], path: str) -> None:
    person = house.person(places["draft_applicant"], PHONE)
    person.page.context.add_cookies([{"name": "care", "value": "1", "url": person.address}])
    name = path.translate(str.maketrans("/{}", "..."))
    assert looked_at(person, path.format(**places), f"care{name}", (PHONE,)) == []


@pytest.mark.parametrize("path", ["/", "/work/", "/projects/{draft_project}/", "/applications/{draft}/items/", *PUBLIC])
def test_a_page_in_english_is_whole_too(house: House, places: dict[str, Any], path: str) -> None:
    person = house.person(places["draft_applicant"], PHONE)
    person.go("/")
    person.press("English")
    name = path.translate(str.maketrans("/{}", "..."))
    assert looked_at(person, path.format(**places), f"english{name}", (PHONE,)) == []
