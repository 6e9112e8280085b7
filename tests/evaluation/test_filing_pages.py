"""The pages of an applicant's case: who sees them, what they refuse, what they keep, how they read."""

import hashlib
import io
import json
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from pypdf import PdfReader, PdfWriter

from communities import credit_code
from communities.models import Community, District, Membership, Officer, Organisation
from evaluation import automation, checks, engaging, filing, findings, proofs, snapshot
from evaluation.models import Application, Assignment, Claim, Draw, Evidence, Programme, Project, Statement
from evaluation.workflow import APPLICATION
from experts.models import Expert
from portal.models import User
from tests.evaluation import scenes

pytestmark = pytest.mark.long

DUTIES = ("intake", "organiser", "approver", "supervisor")
PEOPLE = ("applicant", "colleague", "consultant", "district_officer", "expert", "stranger", *DUTIES)
READERS = {"applicant", "colleague", "consultant", "district_officer", "expert", *DUTIES}


def pdf(pages=1, title="示例"):
    writer = PdfWriter()
    for _page in range(pages):
        writer.add_blank_page(200, 200)
    writer.add_metadata({"/Title": title})
    stream = io.BytesIO()
    writer.write(stream)
    return SimpleUploadedFile(f"{title}.pdf", stream.getvalue(), content_type="application/pdf")


def photo(name="现场.png", colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", (320, 200), colour).save(stream, "PNG")
    return SimpleUploadedFile(name, stream.getvalue(), content_type="image/png")


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def people(db):
    day = timezone.localdate().replace(month=1, day=1)
    found = {name: User.objects.create(username=name, name=f"示例{name}") for name in PEOPLE}
    district = District.objects.first()
    for duty in DUTIES:
        Officer.objects.create(user=found[duty], duty=duty, since=day)
    Officer.objects.create(user=found["district_officer"], duty="district_officer", district=district, since=day)
    for name, stem, kind, members in (
        ("示例置业", "91500000MA5U00001", "developer", ("applicant", "colleague")),
        ("示例咨询", "91500000MA5U00002", "consulting", ("consultant",)),
    ):
        unit = Organisation.objects.create(
            credit_code=credit_code.with_check_character(stem), name=name, kind=kind, district=district,
            address="示例路1号", contact="示例", phone="1", state="active",
        )  # fmt: skip
        for member in members:
            role = "administrator" if kind == "consulting" else "member"
            Membership.objects.create(user=found[member], organisation=unit, role=role, since=day)
    Expert.objects.create(
        state="serving",
        user=found["expert"],
        number="E1",
        employer="示例大学",
        district=district,
        term_from=day,
        term_until=date(2099, 1, 1),
    )
    return found


@pytest.fixture
def community(people):
    return Community.objects.create(
        organisation=Organisation.objects.get(name="示例置业"), name="示例云栖里", district=District.objects.first(),
        address="示例路1号", floor_area=80000, households=600, buildings=8,
        planning_permit_on=date(2025, 3, 1), drawing_review_on=date(2025, 6, 1),
    )  # fmt: skip


@pytest.fixture
def draft(people, community):
    consultant = Organisation.objects.get(name="示例咨询")
    programme = Programme.objects.get(pk="smart_community")
    project = filing.open_project(people["applicant"], community, programme, 2)
    offer = engaging.offer(people["applicant"], project, consultant.credit_code, "示例：整理佐证")
    engaging.accept(engaging.administrators_of(consultant).get(), offer)
    application = filing.open_application(people["applicant"], project, "design")
    return Application.objects.with_case().get(pk=application.pk)


def whole(application):
    return Application.objects.with_case().get(pk=application.pk)


@pytest.fixture
def submitted(people, draft):
    """A first version in the form check, with one document, one proof and a mark on every item."""
    by = people["applicant"]
    Claim.objects.bulk_create(
        Claim(application=draft, item_code=item.code, value=True if item.mode == "pass" else 0, updated_by=by)
        for item in draft.standard.items("design")
    )
    filing.save_claim(by, draft, "4.2.1", 9)
    proofs.add_document(by, draft, "D04", pdf(3, "规划许可证"))
    proofs.add_evidence(by, draft, "drawing", pdf(4, "竣工图"), ["4.2.1"], "弱电总平面", 2)
    APPLICATION.perform(draft, "submit", by=by)
    automation.check_form(draft)
    seat(people["expert"], draft, people["organiser"])
    return whole(draft)


def seat(user, application, organiser):
    draw = Draw.objects.create(
        application=application, review_round=1, frozen={}, commitment="", identities={}, organiser=organiser
    )
    Assignment.objects.create(
        application=application, draw=draw, expert=user.expert, field="comm", seat=1, state="accepted", review_round=1
    )


@pytest.fixture
def correction(people, submitted):
    """The same, sent back: item 4.2.1 and document D04 are to be mended."""
    findings.add_finding(people["intake"], submitted, "item", "4.2.1", "请核对千兆接入户数。")
    findings.add_finding(people["intake"], submitted, "document", "D04", "证书缺少附图。")
    APPLICATION.perform(submitted, "request_correction", by=people["intake"])
    return whole(submitted)


@pytest.fixture
def sign_in(client, people):
    def by(name):
        client.logout()
        if name != "anonymous":
            client.force_login(people[name])
        return client

    return by


def fetched(client, address):
    """Status and body of a file; reading the stream to its end closes it."""
    answer = client.get(address)
    return answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content


def status_of(client, address):
    return fetched(client, address)[0]


def queries_of(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# --- who sees what ------------------------------------------------------------------------------------------------

PAGES = (
    "application",
    "application-data",
    "application-documents",
    "application-items",
    "evidence",
    "application-versions",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_submitted_application_is_for_its_readers_only(sign_in, submitted, page):
    address = reverse(page, args=[submitted.pk])
    found = {name: sign_in(name).get(address).status_code for name in PEOPLE}
    assert found == {name: 200 if name in READERS else 404 for name in PEOPLE}
    assert sign_in("anonymous").get(address).status_code == 302


@pytest.mark.parametrize("page", PAGES)
def test_a_draft_is_for_its_own_people_only(sign_in, draft, page):
    address = reverse(page, args=[draft.pk])
    found = {name for name in PEOPLE if sign_in(name).get(address).status_code == 200}
    assert found == {"applicant", "colleague", "consultant"}


def test_the_case_page_is_shared_by_all_who_have_a_part_in_it(sign_in, submitted):
    address = submitted.project.get_absolute_url()
    found = {name for name in PEOPLE if sign_in(name).get(address).status_code == 200}
    assert found == READERS


def test_the_correction_page_is_for_the_applicant_and_the_city(sign_in, correction):
    address = reverse("application-correction", args=[correction.pk])
    found = {name: sign_in(name).get(address).status_code for name in PEOPLE}
    refused = {"district_officer": 403, "expert": 403, "stranger": 404}
    assert found == {name: refused.get(name, 200) for name in PEOPLE}


def test_only_who_may_edit_gets_to_the_page_of_handing_in(sign_in, draft, submitted):
    address = reverse("application-submit", args=[submitted.pk])
    assert {sign_in(name).get(address).status_code for name in ("applicant", "consultant", "intake")} == {403}


def test_the_history_names_no_panel_member_to_the_applicant(sign_in, people, submitted):
    from portal import audit

    assignment = submitted.assignments.get()
    audit.record(assignment, "assignment.accept", by=people["expert"], role="invitee")
    audit.record(submitted, "site_visit.record", by=people["expert"], role="expert")
    address = submitted.project.get_absolute_url()
    told = {name: sign_in(name).get(address).content.decode() for name in ("applicant", "intake", "organiser")}
    assert {name: "示例expert" in text for name, text in told.items()} == {
        "applicant": False, "intake": False, "organiser": True,
    }  # fmt: skip
    assert "登记了现场核查" in told["applicant"]
    assert "经过" not in sign_in("expert").get(address).content.decode()


ROLES = ("applicant", "consultant", "district_officer", "intake", "organiser", "approver", "supervisor")


@pytest.mark.one_database
@pytest.mark.parametrize(
    "state, stage",
    [
        ("draft", "design"), ("correction", "design"), ("review", "design"), ("approval", "design"),
        ("site_visit", "completion"), ("certified", "completion"),
    ],
)  # fmt: skip
def test_every_link_on_the_pages_of_a_case_opens_for_whoever_sees_it(client, world, at_state, state, stage):
    """In each part of the journey, for every role and for a member of the panel: no link to a refusal, no page that fails."""
    application = at_state(state, stage)
    seats = Assignment.objects.filter(application=application, state__in=("accepted", "signed")).select_related(
        "expert__user"
    )
    readers = [getattr(world, name) for name in ROLES] + [seat.expert.user for seat in seats[:1]]
    closed = []
    for user in readers:
        client.force_login(user)
        links = set()
        for page in (application.get_absolute_url(), application.project.get_absolute_url()):
            answer = client.get(page)
            assert answer.status_code in (200, 404)
            main = answer.content.decode().partition('<main id="main"')[2].partition("</main>")[0]
            links |= set(re.findall(r'href="(/[^"#]*)', main))
        closed += [f"{user} {link}" for link in sorted(links) if not opens(client, link)]
    assert closed == []


def opens(client, link):
    return status_of(client, link) in (200, 302)


# --- a new case ---------------------------------------------------------------------------------------------------


def test_a_case_is_opened_with_its_first_application(sign_in, community):
    client = sign_in("applicant")
    answer = client.post(reverse("project-new", args=[community.pk]), {"target_level": "smart_community:3"})
    project = Project.objects.get()
    assert answer.url == project.get_absolute_url()
    assert (project.programme_id, project.target_level) == ("smart_community", 3)
    answer = client.post(reverse("application-new", args=[project.pk, "design"]))
    assert answer.url == project.applications.get().get_absolute_url()


@pytest.mark.parametrize(
    "typed, sentence",
    [
        ({"target_level": "smart_community:9"}, "smart_community:9"),
        ({}, "请改正以下问题"),
    ],
)
def test_a_case_that_cannot_be_opened_is_refused_in_words(sign_in, community, typed, sentence):
    answer = sign_in("applicant").post(reverse("project-new", args=[community.pk]), typed)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Project.objects.exists()


def test_only_people_of_the_unit_open_a_case(sign_in, community):
    address = reverse("project-new", args=[community.pk])
    found = {name: sign_in(name).get(address).status_code for name in ("applicant", "consultant", "intake", "stranger")}
    assert found == {"applicant": 200, "consultant": 404, "intake": 403, "stranger": 404}


def test_a_second_application_for_the_same_stage_is_refused_on_the_case_page(sign_in, draft):
    answer = sign_in("applicant").post(reverse("application-new", args=[draft.project_id, "design"]))
    assert answer.status_code == 422
    assert "该阶段已有一件正在办理的申报。" in answer.content.decode()


@pytest.mark.parametrize("wanted, found", [("云栖", True), ("CQ-ZHXQ", True), ("江畔", False), ("", True)])
def test_cases_are_found_by_part_of_name_or_number(sign_in, draft, wanted, found):
    text = sign_in("applicant").get(reverse("projects"), {"q": wanted}).content.decode()
    assert ("示例云栖里" in text) is found


# --- saving -------------------------------------------------------------------------------------------------------


def save(client, application, code, as_json=True, **typed):
    headers = {"accept": "application/json"} if as_json else {}
    return client.post(reverse("claim-save", args=[application.pk, code]), typed, headers=headers)


@pytest.mark.parametrize(
    "code, typed, value",
    [
        ("4.1.1", "true", True),
        ("4.1.1", "false", False),
        ("4.2.1", "9", 9),
        ("4.2.3", "8", 8),
        ("5.2.3", "na", "na"),
        ("5.2.5", "6", 6),
    ],
)
def test_each_mode_keeps_its_mark(sign_in, draft, code, typed, value):
    answer = save(sign_in("applicant"), draft, code, value=typed, note="理由", revision="0")
    assert answer.status_code == 200
    assert (answer.json()["revision"], answer.json()["problems"]) == (1, [])
    claim = draft.claims.get()
    assert (claim.item_code, claim.value, claim.note) == (code, value, "理由")


def test_a_save_tells_the_time_and_what_its_card_shows_now(sign_in, draft):
    client = sign_in("applicant")
    told = save(client, draft, "4.2.1", value="12").json()
    assert set(told) == {"saved_at", "revision", "seen", "problems", "words", "marked", "shows", "chapter", "owed"}
    assert (told["words"], told["shows"]) == ("12 分（全部住户）", ["open", "unproved"])
    assert (len(told["saved_at"]), told["saved_at"][2]) == (5, ":")
    drawn = client.get(reverse("application-forecast", args=[draft.pk])).json()["forecast"]
    assert f"还有 {len(draft.standard.items('design')) - 1} 条未评" in drawn


@pytest.mark.parametrize(
    "code, typed, owed",
    [
        ("4.2.1", {"value": "9"}, ["还须附上佐证。"]),
        ("4.2.1", {"value": "0"}, []),
        ("5.2.3", {"value": "na"}, ["还须写明理由。"]),
        ("5.2.3", {"value": "na", "note": "没有高层住宅"}, []),
        ("4.1.1", {"value": "false"}, []),
    ],
)
def test_a_save_says_at_once_what_is_still_owed(sign_in, draft, code, typed, owed):
    client = sign_in("applicant")
    assert save(client, draft, code, **typed).json()["owed"] == owed
    client.get(reverse("application-items", args=[draft.pk]))
    answer = client.post(reverse("claim-save", args=[draft.pk, code]), typed, follow=True)
    warned = [str(message) for message in answer.context["messages"] if message.level_tag == "warning"]
    assert warned == [f"{code} {words}" for words in owed]


def test_a_card_without_its_reason_is_marked_and_found(sign_in, draft):
    client = sign_in("applicant")
    save(client, draft, "5.2.3", value="na")
    text = client.get(reverse("application-items", args=[draft.pk]), {"show": "unexplained"}).content.decode()
    shown = re.findall(r'<article class="card claimcard" id="item-([\d.]+)" [^>]*?data-binds="\d"( hidden)?>', text)
    assert [code for code, hidden in shown if not hidden] == ["5.2.3"]
    assert text.count('data-owed="unexplained">') == 1


def test_without_a_script_a_save_returns_to_its_item(sign_in, draft):
    back = "q=%E5%8D%83%E5%85%86&show=unmarked&show=nonsense&next=//evil.example"
    answer = save(sign_in("applicant"), draft, "4.2.1", as_json=False, value="9", back=back)
    address = reverse("application-items", args=[draft.pk])
    assert answer.url == f"{address}?q=%E5%8D%83%E5%85%86&show=unmarked#item-4.2.1"


@pytest.mark.parametrize("typed", ["7", "-6", "true", "na", "一", "1e9", "nan"])
def test_a_mark_that_is_not_legal_is_refused_with_the_legal_ones(sign_in, draft, typed):
    client = sign_in("applicant")
    answer = save(client, draft, "4.2.1", value=typed)
    assert answer.status_code == 422
    assert "0、6、9、12" in answer.json()["problems"][0]["message"]
    page = save(client, draft, "4.2.1", as_json=False, value=typed, note="写了很久的说明")
    assert page.status_code == 422
    assert "写了很久的说明" in page.content.decode()
    assert not Claim.objects.exists()


def test_a_cleared_mark_is_unmarked_again_and_keeps_its_note(sign_in, draft):
    client = sign_in("applicant")
    save(client, draft, "4.2.1", value="9", note="说明")
    save(client, draft, "4.2.1", as_json=False, value="9", note="说明", clear="1")
    claim = draft.claims.get()
    assert (claim.value, claim.note) == (None, "说明")


def test_the_second_of_two_writers_is_told_and_loses_nothing(sign_in, people, draft):
    filing.save_claim(people["colleague"], draft, "4.2.1", 6, "同事写的")
    told = save(sign_in("applicant"), draft, "4.2.1", value="9", note="我写的", revision="0")
    assert told.status_code == 409
    assert "示例colleague刚刚改过" in told.json()["problems"][0]["message"]
    assert (told.json()["revision"], told.json()["by"]) == (1, "示例colleague")
    assert told.json()["current"] == {"value": 6, "parts": [], "note": "同事写的"}
    page = save(sign_in("applicant"), draft, "4.2.1", as_json=False, value="9", note="我写的", revision="0")
    assert page.status_code == 409
    assert "我写的" in page.content.decode()
    assert "6 分（不低于七成）" in page.content.decode()
    assert draft.claims.get().value == 6


def test_nobody_else_saves_a_mark(sign_in, draft):
    found = {
        name: save(sign_in(name), draft, "4.2.1", value="9").status_code for name in ("intake", "expert", "stranger")
    }
    assert found == {"intake": 404, "expert": 404, "stranger": 404}


def test_a_case_that_moved_on_keeps_no_mark(sign_in, submitted):
    client = sign_in("applicant")
    assert save(client, submitted, "4.2.1", value="12").status_code == 409
    assert submitted.claims.get(item_code="4.2.1").value == 9


def test_an_online_document_is_kept_and_its_conflict_told(sign_in, people, draft):
    client = sign_in("applicant")
    address = reverse("statement-save", args=[draft.pk, "D01"])
    told = client.post(address, {"text": "申报书正文", "revision": "0"}, headers={"accept": "application/json"})
    assert told.json()["revision"] == 1
    filing.save_statement(people["colleague"], draft, "D01", "同事改的正文")
    told = client.post(address, {"text": "我的", "revision": "1"}, headers={"accept": "application/json"})
    assert (told.status_code, told.json()["current"]) == (409, {"text": "同事改的正文"})
    page = client.post(address, {"text": "我的正文", "revision": "1"})
    assert page.status_code == 409
    assert "我的正文" in page.content.decode()
    assert Statement.objects.get().text == "同事改的正文"


def test_a_saved_text_comes_with_the_tags_of_its_document(sign_in, draft):
    client = sign_in("applicant")
    address = reverse("statement-save", args=[draft.pk, "D01"])
    drawn = [
        client.post(address, {"text": text}, headers={"accept": "application/json"}).json()["drawn"]["state-of-D01"]
        for text in ("正文", "")
    ]
    assert [("已有" in each, "尚缺" in each) for each in drawn] == [(True, False), (False, True)]


def test_dates_in_the_wrong_order_are_saved_and_advised_against_beside_their_field(sign_in, draft):
    client = sign_in("applicant")
    address = reverse("application-data", args=[draft.pk])
    sentence = "2025-02-01应晚于前一证照的日期2025-03-01。"
    typed = {"drawing_review_on": "2025-02-01"}
    told = client.post(address, typed, headers={"accept": "application/json"}).json()
    advised = {name for name, drawn in told["drawn"].items() if sentence in drawn}
    assert (told["problems"], told["waits"], advised) == ([], True, {"state-of-drawing_review_on"})
    assert Community.objects.get().drawing_review_on == date(2025, 2, 1)
    assert sentence in client.get(address).content.decode()
    told = client.post(address, {"planning_permit_on": "2025-01-01"}, headers={"accept": "application/json"}).json()
    assert told["waits"] is False
    assert sentence not in "".join(told["drawn"].values()) + client.get(address).content.decode()


def test_the_data_of_the_case_are_kept(sign_in, draft):
    typed = {"target_level": "3", "planning_permit_on": "2025-02-01", "drawing_review_on": ""}
    answer = sign_in("applicant").post(reverse("application-data", args=[draft.pk]), typed)
    assert answer.status_code == 302
    project = Project.objects.get()
    assert (project.target_level, project.community.planning_permit_on) == (3, date(2025, 2, 1))
    assert project.community.drawing_review_on is None


def test_a_date_that_is_none_is_refused_beside_its_field(sign_in, draft):
    typed = {"target_level": "3", "planning_permit_on": "2025-02-31"}
    answer = sign_in("applicant").post(reverse("application-data", args=[draft.pk]), typed)
    assert answer.status_code == 422
    assert 'value="2025-02-31"' in answer.content.decode()


# --- files --------------------------------------------------------------------------------------------------------


def test_a_document_is_uploaded_sent_removed_and_restored(sign_in, draft):
    client = sign_in("applicant")
    client.post(reverse("document-add", args=[draft.pk, "D04"]), {"files": [pdf(3, "许可证"), pdf(1, "附图")]})
    first, second = draft.documents.order_by("pk")
    assert (first.name, first.pages, second.name) == ("许可证.pdf", 3, "附图.pdf")
    _status, body = fetched(client, reverse("document-file", args=[first.pk]))
    assert hashlib.sha256(body).hexdigest() == first.sha256
    client.post(reverse("document-remove", args=[first.pk]))
    assert status_of(client, reverse("document-file", args=[first.pk])) == 404
    client.post(reverse("document-restore", args=[first.pk]))
    assert status_of(client, reverse("document-file", args=[first.pk])) == 200


def test_an_upload_that_cannot_be_taken_is_named_beside_its_document(sign_in, draft):
    client = sign_in("applicant")
    wrong = SimpleUploadedFile("许可证.pdf", b"not a pdf at all", content_type="application/pdf")
    answer = client.post(reverse("document-add", args=[draft.pk, "D04"]), {"files": [wrong, pdf(1, "附图")]})
    assert answer.status_code == 422
    assert "无法识别文件内容" in answer.content.decode()
    assert [row.name for row in draft.documents.all()] == ["附图.pdf"]


@pytest.mark.parametrize("query, opened", [("", True), ("?item=4.2.1", False)])
def test_the_items_of_a_new_proof_lie_open_unless_one_is_already_chosen(sign_in, draft, query, opened):
    text = sign_in("applicant").get(reverse("evidence", args=[draft.pk]) + query).content.decode()
    fold = '<details class="fold"{}><summary>佐证的条目</summary>'
    assert (fold.format(" open") in text, fold.format("") in text) == (opened, not opened)


def test_several_proofs_are_added_to_several_items(sign_in, draft):
    client = sign_in("applicant")
    address = reverse("evidence", args=[draft.pk])
    typed = {
        "files": [photo(), pdf(4, "总平面")],
        "evidence_kind": "drawing",
        "items": ["4.2.1", "4.2.2"],
        "caption": "弱电",
    }
    assert client.post(address, typed).status_code == 302
    rows = {row.kind: sorted(row.links.values_list("item_code", flat=True)) for row in draft.evidence.all()}
    assert rows == {"jpg": ["4.2.1", "4.2.2"], "pdf": ["4.2.1", "4.2.2"]}
    picture = draft.evidence.get(kind="jpg")
    assert status_of(client, reverse("evidence-thumbnail", args=[picture.pk])) == 200


def test_proofs_that_cannot_be_taken_are_named_and_the_others_stay(sign_in, draft):
    client = sign_in("applicant")
    wrong = SimpleUploadedFile("图纸.pdf", b"x" * 64)
    typed = {"files": [wrong, photo()], "evidence_kind": "photo", "caption": "现场照片"}
    answer = client.post(reverse("evidence", args=[draft.pk]), typed)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "图纸.pdf" in text
    assert 'value="现场照片"' in text
    assert Evidence.objects.count() == 1
    told = client.post(
        reverse("evidence", args=[draft.pk]), {"files": [pdf(1, "甲")], "evidence_kind": "photo"},
        headers={"accept": "application/json"},
    )  # fmt: skip
    assert (told.status_code, told.json()["added"]) == (200, 1)


def test_a_proof_is_tied_untied_removed_and_restored(sign_in, people, draft):
    client = sign_in("applicant")
    proof = proofs.add_evidence(people["applicant"], draft, "drawing", pdf(4, "图"), ["4.2.1"])
    client.post(reverse("evidence-link", args=[proof.pk]), {"item": "4.2.2 5G 覆盖", "page": "3"})
    assert dict(proof.links.values_list("item_code", "page")) == {"4.2.1": None, "4.2.2": 3}
    answer = client.post(reverse("evidence-link", args=[proof.pk]), {"item": "4.2.2", "page": "9"})
    assert answer.status_code == 422
    assert "页码应在 1 至 4 之间。" in answer.content.decode()
    client.post(reverse("evidence-unlink", args=[proof.pk]), {"item": "4.2.1"})
    assert dict(proof.links.values_list("item_code", "page")) == {"4.2.2": 3}
    client.post(reverse("evidence-remove", args=[proof.pk]))
    assert Evidence.objects.get().removed_at is not None
    client.post(reverse("evidence-restore", args=[proof.pk]))
    assert Evidence.objects.get().removed_at is None


def test_files_are_for_the_readers_of_the_version_that_names_them(sign_in, people, correction):
    old = correction.documents.get()
    new = proofs.add_document(people["applicant"], correction, "D04", pdf(5, "新证书"))
    proofs.remove_document(people["applicant"], old)
    found = {
        name: (
            status_of(sign_in(name), reverse("document-file", args=[old.pk])),
            status_of(sign_in(name), reverse("document-file", args=[new.pk])),
        )
        for name in ("applicant", "intake", "expert", "stranger", "anonymous")
    }
    assert found == {
        "applicant": (200, 200), "intake": (200, 404), "expert": (200, 404), "stranger": (404, 404),
        "anonymous": (302, 302),
    }  # fmt: skip


# --- handing in ---------------------------------------------------------------------------------------------------


def test_the_page_of_handing_in_advises_with_links_to_where_it_is_mended(sign_in, draft):
    text = sign_in("applicant").get(reverse("application-submit", args=[draft.pk])).content.decode()
    assert "条目4.2.1 千兆接入能力尚未自评。" in text
    assert f"{reverse('application-items', args=[draft.pk])}#item-4.2.1" in text
    assert f"{reverse('application-documents', args=[draft.pk])}#document-D04" in text


def test_the_page_of_handing_in_counts_every_rule(sign_in, draft):
    answer = sign_in("applicant").get(reverse("application-submit", args=[draft.pk]))
    told = [len(answer.context[name]) for name in ("advice", "passed", "later")]
    assert sum(told) == len(checks.RULES)
    assert "另有 1 项在提交后由系统检查：文件类型正确、可以打开。" in answer.content.decode()


@pytest.mark.parametrize("name, status", [("applicant", 200), ("consultant", 200), ("stranger", 404)])
def test_whoever_fills_in_prints_it_before_it_is_handed_in(sign_in, people, draft, name, status):
    filing.save_statement(people["applicant"], draft, "D01", "申报书正文")
    answer = sign_in(name).get(reverse("application-print", args=[draft.pk]))
    assert answer.status_code == status
    if status == 200:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
        assert ("申报书正文" in text, "打印稿：尚未提交" in text) == (True, True)


def test_what_was_handed_in_is_not_printed_as_a_draft(sign_in, submitted):
    found = {
        name: sign_in(name).get(reverse("application-print", args=[submitted.pk])).status_code
        for name in ("applicant", "intake")
    }
    assert found == {"applicant": 403, "intake": 403}


def test_evidence_that_nothing_asks_for_is_not_called_complete(sign_in, people, draft):
    client, address = sign_in("applicant"), draft.get_absolute_url()
    assert "尚无自评得分的条目" in client.get(address).content.decode()
    filing.save_claim(people["applicant"], draft, "4.2.1", 9)
    assert ("0 / 1" in (text := client.get(address).content.decode()), "尚无自评得分的条目" in text) == (True, False)


@pytest.mark.parametrize("name, told", [("applicant", True), ("consultant", True), ("intake", False)])
def test_the_parties_are_told_what_comes_next(sign_in, submitted, name, told):
    text = sign_in(name).get(submitted.get_absolute_url()).content.decode()
    assert ("受理员正在形式审查" in text) is told


def test_whoever_opens_a_case_reads_what_each_level_asks_for(sign_in, community):
    text = sign_in("applicant").get(reverse("project-new", args=[community.pk])).content.decode()
    table = text.partition('<table class="rows levelneeds">')[2].partition("</table>")[0]
    cells = re.findall(r"<(?:td|th scope=\"row\")[^>]*>([^<]*)</", table)
    assert [cells[start : start + 5] for start in range(0, len(cells), 5)] == [
        ["一星级", "60 分", "40%", "设计评价 17 条，竣工评价 21 条", "—"],
        ["二星级", "70 分", "50%", "设计评价 18 条，竣工评价 22 条", "1 条"],
        ["三星级", "85 分", "60%", "设计评价 18 条，竣工评价 22 条", "设计评价 2 条，竣工评价 3 条"],
    ]


def test_a_document_under_a_seal_says_how(sign_in, draft):
    text = sign_in("applicant").get(reverse("application-documents", args=[draft.pk])).content.decode()
    parts = re.split(r'<section class="card[^"]*" id="document-', text)[1:]
    said = {
        part[:3]: ("填好后下载打印稿" in part, "打印后加盖公章，扫描成 PDF 上传" in part)
        for part in parts
        if "须盖章" in part
    }
    assert said == {
        "D01": (True, False), "D02": (True, False), "D06": (False, True), "D07": (False, True), "D11": (False, True),
        "D12": (False, True),
    }  # fmt: skip


def test_in_a_correction_it_is_said_what_to_do_with_the_old_file(sign_in, correction):
    text = sign_in("applicant").get(reverse("application-documents", args=[correction.pk])).content.decode()
    assert text.count("上传新文件后，请移除被它替代的旧文件") == 1


def test_an_empty_application_is_refused_and_a_filled_one_sealed(sign_in, people, draft):
    client = sign_in("applicant")
    address = reverse("application-submit", args=[draft.pk])
    answer = client.post(address, {"action": "submit"})
    assert answer.status_code == 422
    assert "申报还是空的" in answer.content.decode()
    filing.save_claim(people["applicant"], draft, "4.2.1", 9)
    proofs.add_document(people["applicant"], draft, "D04", pdf())
    assert client.post(address, {"action": "submit"}).url == draft.get_absolute_url()
    assert (whole(draft).state, whole(draft).version) == ("checking", 1)
    assert client.post(address, {"action": "submit"}).status_code == 409
    assert client.post(address, {"action": "approve"}).status_code == 404


def test_the_consultant_fills_in_but_does_not_hand_in(sign_in, draft):
    client = sign_in("consultant")
    assert save(client, draft, "4.2.1", value="9").status_code == 200
    address = reverse("application-submit", args=[draft.pk])
    assert "咨询服务单位可以填报，不能提交。" in client.get(address).content.decode()
    assert client.post(address, {"action": "submit"}).status_code == 403


# --- correction ---------------------------------------------------------------------------------------------------


def test_in_a_correction_only_what_the_notice_names_is_open(sign_in, correction):
    client = sign_in("applicant")
    items = client.get(reverse("application-items", args=[correction.pk])).content.decode()
    forms = items.count("data-autosave")
    assert (forms, 'data-item="4.2.1"' in items) == (1, True)
    documents = client.get(reverse("application-documents", args=[correction.pk])).content.decode()
    assert documents.count(reverse("document-add", args=[correction.pk, "D04"])) == 1
    assert reverse("document-add", args=[correction.pk, "D05"]) not in documents
    assert "保存</button>" not in client.get(reverse("application-data", args=[correction.pk])).content.decode()
    refused = save(client, correction, "4.2.2", value="12")
    assert refused.status_code == 422
    assert "不在一次性告知书所列范围内" in refused.json()["problems"][0]["message"]
    assert save(client, correction, "4.2.1", value="12").status_code == 200


def test_a_correction_is_answered_point_by_point_and_handed_in(sign_in, people, correction):
    client = sign_in("applicant")
    page = reverse("application-correction", args=[correction.pk])
    text = client.get(page).content.decode()
    assert ("请核对千兆接入户数。" in text, "还有 <span data-count>2</span> 条没有答复" in text) == (True, True)
    assert (
        "disabled aria-describedby" in client.get(reverse("application-submit", args=[correction.pk])).content.decode()
    )
    submit = reverse("application-submit", args=[correction.pk])
    assert client.post(submit, {"action": "resubmit"}).status_code == 422
    empty = client.post(reverse("finding-reply", args=[correction.pk, correction.findings.first().pk]), {"reply": " "})
    assert (empty.status_code, "请写明如何改正。" in empty.content.decode()) == (422, True)
    for finding in correction.findings.all():
        client.post(reverse("finding-reply", args=[correction.pk, finding.pk]), {"reply": "已改正"})
    save(client, correction, "4.2.1", value="12", note="全部户")
    proofs.add_document(people["applicant"], correction, "D04", pdf(5, "新证书"))
    assert client.post(submit, {"action": "resubmit"}).status_code == 302
    assert whole(correction).version == 2


def test_officers_read_the_sealed_version_while_the_applicant_mends(sign_in, people, correction):
    filing.save_claim(people["applicant"], correction, "4.2.1", 12)
    address = reverse("application-items", args=[correction.pk])
    pages = {name: sign_in(name).get(address).content.decode() for name in ("applicant", "intake", "expert")}
    found = {name: "9 分（不低于九成）" in text for name, text in pages.items()}
    # The expert's sheet is open, and the own mark comes before the claim.
    assert found == {"applicant": False, "intake": True, "expert": False}


# --- versions -----------------------------------------------------------------------------------------------------


@pytest.fixture
def two_versions(people, correction):
    by = people["applicant"]
    filing.save_claim(by, correction, "4.2.1", 12, "全部户")
    proofs.add_document(by, correction, "D04", pdf(5, "新证书"))
    for finding in correction.findings.all():
        finding.application = correction
        findings.reply(by, finding, "已改正")
    APPLICATION.perform(correction, "resubmit", by=by)
    return whole(correction)


def test_two_versions_are_compared_in_words(sign_in, two_versions):
    text = sign_in("intake").get(reverse("application-diff", args=[two_versions.pk, 1, 2])).content.decode()
    told = ["4.2.1 千兆接入能力", "9 分（不低于九成）", "12 分（全部住户）", "说明：全部户"]
    told += ["D04 建设工程规划许可证", "新证书.pdf"]
    assert [words for words in told if words not in text] == []
    assert sign_in("intake").get(reverse("application-diff", args=[two_versions.pk, 1, 3])).status_code == 404


def test_the_downloaded_snapshot_has_the_hash_that_was_kept(sign_in, two_versions):
    sealed = snapshot.latest(two_versions)
    answer = sign_in("intake").get(reverse("snapshot-json", args=[two_versions.pk, 2]))
    assert hashlib.sha256(answer.content).hexdigest() == sealed.sha256
    assert json.loads(answer.content)["claims"]["4.2.1"] == {"value": 12, "note": "全部户"}


# --- cost ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, "application-submit"])
def test_a_page_costs_the_same_for_one_item_and_for_all(sign_in, people, draft, page):
    client, by = sign_in("applicant"), people["applicant"]
    address = reverse(page, args=[draft.pk])
    fill(by, draft, 1)
    client.get(address)
    one = queries_of(client, address)
    fill(by, draft, 95)
    assert queries_of(client, address) == one


def fill(by, application, count):
    """Marks on ``count`` items, a proof for up to 20 of them, a file for up to 5 documents."""
    for number, item in enumerate(application.standard.items("design")[:count]):
        filing.save_claim(by, application, item.code, True if item.mode == "pass" else 0)
        if number < 20:
            proofs.add_evidence(by, application, "drawing", pdf(1, f"图{count}-{number}"), [item.code])
    for code in ("D04", "D05", "D06", "D08", "D09")[:count]:
        proofs.add_document(by, application, code, pdf(1, f"{code}-{count}"))


def test_the_list_of_cases_costs_the_same_for_one_and_for_many(sign_in, people, draft, community):
    client = sign_in("applicant")
    client.get(reverse("projects"))
    one = queries_of(client, reverse("projects"))
    for _number in range(15):
        other = filing.open_project(people["applicant"], community, Programme.objects.get(pk="smart_community"), 1)
        filing.open_application(people["applicant"], other, "design")
    assert queries_of(client, reverse("projects")) == one
