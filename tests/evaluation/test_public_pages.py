"""What everyone sees without an account: published copies, the right words, and nothing of the case behind them."""

import io
import json
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from communities import credit_code
from evaluation import outcome
from evaluation.models import Application, Certificate, Draw, Objection, Programme, PublicNotice, Sanction
from evaluation.workflow import APPLICATION, OBJECTION
from experts import draw as lots
from portal.models import Event
from portal.problems import Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

PRIVATE_TABLES = (
    "evaluation_mark", "evaluation_claim", "evaluation_evidence", "evaluation_document", "evaluation_objection",
    "evaluation_submission", "evaluation_finding", "communities_membership", "experts_expert", "experts_admission",
    "experts_recusal", "experts_employment", "experts_clearance", "portal_user", "portal_event",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def photo(name="公章.jpg", colour="white"):
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(stream, "JPEG")
    return SimpleUploadedFile(name, stream.getvalue(), content_type="image/jpeg")


def queries(client, address):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in seen.captured_queries]


def objection_values(**values):
    return {
        "kind": "person",
        "name": "示例公民",
        "identity": "500000199001010008",
        "contact": "13800000000",
        "text": "示例理由",
        **values,
    }


# --- every public page ---


PAGES = ["home", "notices", "notice", "notice-receipt-page", "objection-new", "objection-status", "certificate-check",
         "certificate", "directory", "standards", "standard"]  # fmt: skip


NO_RESULT = ("objection-status", "certificate-check", "notice-receipt-page")


def address_of(name, notice, certificate):
    arguments = {
        "notice": [notice.pk],
        "notice-receipt-page": [notice.pk],
        "objection-new": [notice.pk],
        "certificate": [certificate.number],
        "standard": [notice.application.project.standard_id],
    }
    return reverse(name, args=arguments.get(name, []))


@pytest.mark.parametrize("page", PAGES)
def test_a_public_page_opens_without_an_account_and_reads_no_private_table(client, page):
    address = address_of(page, published.notice(), published.certificate("示例·甲小区", number=2))
    read = " ".join(queries(client, address))
    assert [table for table in PRIVATE_TABLES if f'"{table}' in read] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in NO_RESULT])
def test_a_page_that_shows_a_result_of_a_sample_standard_says_so(client, page):
    address = address_of(page, published.notice(), published.certificate("示例·甲小区", number=2))
    assert '<span class="sample">参考样本，非官方标准文本</span>' in client.get(address).content.decode()


@pytest.mark.parametrize("page", ["home", "notices", "directory"])
def test_a_public_list_asks_as_often_for_thirty_rows_as_for_one(client, page):
    published.notice(number=1)
    published.certificate(number=2)
    few = queries(client, reverse(page))
    for number in range(3, 32):
        published.certificate(f"示例·{number}小区", number=number)
    for number in range(101, 130):
        published.notice(f"示例·{number}小区", number=number)
    assert len(queries(client, reverse(page))) == len(few)


# --- notices ---


def test_a_notice_shows_the_published_figures_and_its_draw_receipt(client):
    notice = published.notice()
    page = client.get(notice.get_absolute_url()).content.decode()
    shown = [
        "示例·云栖里小区",
        "82.40",
        "82.50",
        "二星级",
        "示例expert1",
        reverse("notice-receipt", args=[notice.pk]),
        "<svg",
    ]
    assert [text for text in shown if text not in page] == []


def test_the_receipt_of_a_notice_is_the_canonical_file_without_identities(client):
    response = client.get(reverse("notice-receipt", args=[published.notice().pk]))
    assert response.content == lots.canonical_bytes(published.RECEIPT)
    hidden = [value for one in published.DRAWN.identities.values() for value in (one["salt"], one["employer_salt"])]
    assert [value for value in hidden if value in response.content.decode()] == []


def test_earlier_draws_of_the_panel_stand_beside_it_with_their_receipts_and_without_names(client):
    notice = published.notice()
    own = Draw.objects.get(application=notice.application)
    Draw.objects.filter(pk=own.pk).update(review_round=3)
    for review_round, held in ((1, True), (2, False)):
        own.pk, own.review_round, own.commitment = None, review_round, str(review_round) * 64
        own.receipt = published.RECEIPT if held else None
        own.save()
    page = client.get(notice.get_absolute_url()).content.decode()
    shown = ["1" * 64, "2" * 64, reverse("notice-receipt-page", args=[notice.pk, 1]), "双方承诺后放弃，未抽取"]
    assert [text for text in shown if text not in page] == []
    assert reverse("notice-receipt-page", args=[notice.pk, 2]) not in page
    found = {
        (name, number): client.get(reverse(name, args=[notice.pk, number])).status_code
        for name in ("notice-receipt", "notice-receipt-page")
        for number in (1, 2, 3, 4)
    }
    assert {key for key, status in found.items() if status == 200} == {
        ("notice-receipt", 1), ("notice-receipt", 3), ("notice-receipt-page", 1), ("notice-receipt-page", 3),
    }  # fmt: skip
    earlier = client.get(reverse("notice-receipt-page", args=[notice.pk, 1])).content.decode()
    assert "data-salt" not in earlier


def test_the_panel_of_a_notice_is_opened_with_the_salts_that_prove_it_and_nobody_else_is(client):
    notice = published.notice()
    page = client.get(notice.get_absolute_url()).content.decode()
    seats = {seat["id"] for seat in published.RECEIPT["rounds"][-1]["seats"]}
    salts = {public_id: one["salt"] for public_id, one in published.DRAWN.identities.items()}
    assert {public_id for public_id, salt in salts.items() if salt in page} == seats


def test_anybody_takes_the_verifier_home(client, settings):
    answer = client.get(reverse("draw-verifier"))
    assert answer.content == (settings.BASE_DIR / "docs" / "verify_draw.py").read_bytes()
    assert reverse("draw-verifier") in client.get(published.notice().get_absolute_url()).content.decode()


def test_a_notice_without_a_drawn_panel_has_no_receipt(client):
    notice = published.notice()
    notice.application.assignments.all().delete()
    page = client.get(notice.get_absolute_url()).content.decode()
    assert reverse("notice-receipt", args=[notice.pk]) not in page
    assert client.get(reverse("notice-receipt", args=[notice.pk])).status_code == 404


@pytest.mark.parametrize("words, found", [("云栖", True), ("GS-", True), ("没有", False)])
def test_notices_are_found_by_community_or_number(client, words, found):
    published.notice()
    page = client.get(reverse("notices"), {"q": words}).content.decode()
    assert ("示例·云栖里小区" in page) is found


def test_a_notice_that_an_upheld_objection_ended_says_so_and_takes_no_more(client):
    notice = published.notice()
    objection = outcome.file_objection(notice, objection_values(), [])
    supervisor = published.officer("supervisor")
    OBJECTION.perform(objection, "accept", by=supervisor)
    OBJECTION.perform(objection, "uphold", by=supervisor, reply="重新评审")
    page = client.get(notice.get_absolute_url()).content.decode()
    assert "因异议成立终止" in page
    assert reverse("objection-new", args=[notice.pk]) not in page
    assert client.post(reverse("objection-new", args=[notice.pk]), objection_values()).status_code == 422


# --- objections ---


def test_an_objection_needs_no_account_and_gives_a_receipt_number(client):
    notice = published.notice()
    address = reverse("objection-new", args=[notice.pk])
    response = client.post(address, {**objection_values(), "proofs": [photo(), photo("2.jpg", "black")]}, follow=True)
    objection = Objection.objects.get()
    assert objection.number in response.content.decode()
    assert [proof.name for proof in objection.proofs.order_by("pk")] == ["公章.jpg", "2.jpg"]
    assert [event.verb for event in Event.objects.of(objection)] == ["objection.file"]


def test_receipt_numbers_cannot_be_counted_through():
    numbers = {outcome.objection_number(timezone.localdate())[-6:] for _ in range(50)}
    assert len(numbers) == 50


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"name": " "}, "该字段是必填项"),
        ({"contact": ""}, "该字段是必填项"),
        ({"kind": "unit"}, "统一社会信用代码"),
        ({"kind": "unit", "identity": credit_code.with_check_character("91500000MA5U00009")}, "加盖公章"),
    ],
)
def test_a_refused_objection_says_why_and_keeps_what_was_typed(client, values, sentence):
    notice = published.notice()
    response = client.post(reverse("objection-new", args=[notice.pk]), objection_values(**values))
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "示例理由" in page
    assert not Objection.objects.exists()


def test_a_file_that_is_not_what_it_says_is_refused_by_name(client):
    notice = published.notice()
    wrong = SimpleUploadedFile("证据.pdf", b"not a pdf at all", content_type="application/pdf")
    response = client.post(reverse("objection-new", args=[notice.pk]), {**objection_values(), "proofs": wrong})
    assert response.status_code == 422
    assert "证据.pdf" in response.content.decode()
    assert not Objection.objects.exists()


def test_too_many_files_are_refused(client):
    notice = published.notice()
    proofs = [photo(f"{number}.jpg") for number in range(6)]
    response = client.post(reverse("objection-new", args=[notice.pk]), {**objection_values(), "proofs": proofs})
    assert "最多上传 5 个文件" in response.content.decode()


def test_after_the_last_day_no_objection_is_taken(client):
    notice = published.notice(day=timezone.localdate() - timedelta(days=60))
    address = reverse("objection-new", args=[notice.pk])
    assert "公示已结束" in client.get(address).content.decode()
    assert client.post(address, objection_values()).status_code == 422
    assert not Objection.objects.exists()


def test_a_case_that_moved_on_takes_no_objection_and_names_no_officer(client):
    notice = published.notice()
    Application.objects.filter(pk=notice.application_id).update(state="certifying")
    response = client.post(reverse("objection-new", args=[notice.pk]), objection_values())
    assert response.status_code == 422
    assert "公示已经结束，异议不予受理" in response.content.decode()


def test_the_status_page_tells_state_and_reply_and_no_personal_data(client):
    objection = outcome.file_objection(published.notice(), objection_values(), [])
    supervisor = published.officer("supervisor")
    OBJECTION.perform(objection, "not_take", by=supervisor, reason="不属于评价事项")
    page = client.get(reverse("objection-status"), {"number": f" {objection.number.lower()} "}).content.decode()
    assert "不予受理" in page
    assert "不属于评价事项" in page
    private = [objection.name, objection.identity, objection.contact, objection.text, "示例supervisor"]
    assert [text for text in private if text in page] == []


def test_an_unknown_receipt_number_is_said_to_be_unknown(client):
    response = client.get(reverse("objection-status"), {"number": "YY-2026-00001"})
    assert response.status_code == 404
    assert "没有这个回执编号" in response.content.decode()


@pytest.mark.parametrize(
    "duty, status",
    [("intake", 200), ("supervisor", 200), ("approver", 200), ("organiser", 404), ("pool_keeper", 404),
     ("system_administrator", 404), ("audit_administrator", 404)],
)  # fmt: skip
def test_only_officers_who_handle_objections_see_one_with_its_proofs(client, duty, status):
    objection = outcome.file_objection(published.notice(), objection_values(), [photo()])
    client.force_login(published.officer(duty))
    assert client.get(objection.get_absolute_url()).status_code == status
    response = client.get(reverse("objection-proof", args=[objection.proofs.get().pk]))
    assert response.status_code == status
    assert b"".join(response).startswith(b"\xff\xd8") is (status == 200)


def test_an_objection_is_not_for_the_public(client):
    objection = outcome.file_objection(published.notice(), objection_values(), [photo()])
    assert client.get(objection.get_absolute_url()).status_code == 302
    assert client.get(reverse("objection-proof", args=[objection.proofs.get().pk])).status_code == 302


def test_a_party_of_the_case_does_not_see_the_objection_even_as_an_officer(client):
    notice = published.notice()
    objection = outcome.file_objection(notice, objection_values(), [])
    supervisor = published.officer("supervisor")
    notice.application.project.organisation.memberships.create(
        user=supervisor, role="member", since=timezone.localdate()
    )
    client.force_login(supervisor)
    assert client.get(objection.get_absolute_url()).status_code == 404


def test_intake_is_offered_to_take_the_objection_up(client):
    objection = outcome.file_objection(published.notice(), objection_values(), [])
    client.force_login(published.officer("intake"))
    page = client.get(objection.get_absolute_url()).content.decode()
    assert reverse("act", args=["objection", objection.pk, "accept"]) in page
    assert reverse("act", args=["objection", objection.pk, "uphold"]) not in page


def test_officers_find_the_objections_on_the_notice_and_the_public_does_not(client):
    notice = published.notice()
    objection = outcome.file_objection(notice, objection_values(), [])
    assert objection.number not in client.get(notice.get_absolute_url()).content.decode()
    client.force_login(published.officer("intake"))
    assert objection.number in client.get(notice.get_absolute_url()).content.decode()


# --- certificates ---


@pytest.mark.parametrize(
    "columns, words",
    [
        ({}, "有效"),
        ({"state": "expired"}, "已过期"),
        ({"valid_until": published.today() - timedelta(days=1)}, "已过期"),
        ({"state": "revoked"}, "已撤销"),
        ({"state": "superseded"}, "已被新证书取代"),
    ],
)
def test_the_check_page_says_in_large_words_how_a_certificate_stands(client, columns, words):
    certificate = published.certificate(**columns)
    page = client.get(certificate.get_absolute_url()).content.decode()
    assert f'role="status">{words}</p>' in page


def test_a_number_is_found_however_it_was_typed(client):
    certificate = published.certificate()
    typed = f" {certificate.number.lower()} ".replace("-", "－")
    response = client.get(reverse("certificate-check"), {"number": typed})
    assert response.url == certificate.get_absolute_url()


def test_an_unknown_number_says_so_with_404(client):
    response = client.get(reverse("certificate", args=["CQ-ZHXQ-X-1999-00001"]))
    assert response.status_code == 404
    assert "没有这个编号的证书" in response.content.decode()


def test_a_superseded_certificate_leads_to_the_one_in_force(client):
    old = published.certificate(state="superseded")
    project = old.application.project
    newer = Application.objects.create(project=project, stage="completion", state="certified")
    values = {name: getattr(old, name) for name in ("is_final", "level", "level_name", "community_name",
              "organisation_name", "district_name", "standard_label", "standard_sha256")}  # fmt: skip
    Certificate.objects.create(application=newer, number="NEW-1", state="valid", issued_on=published.today(),
                               valid_until=published.today() + timedelta(days=9), **values)  # fmt: skip
    assert reverse("certificate", args=["NEW-1"]) in client.get(old.get_absolute_url()).content.decode()


def test_the_pdf_is_public_while_the_certificate_holds_and_gone_with_it(client):
    application = published.judged(state="certified")
    certificate = outcome.issue_certificate(application, published.today())
    address = reverse("certificate-file", args=[certificate.number])
    assert b"".join(client.get(address).streaming_content).startswith(b"%PDF")
    Certificate.objects.filter(pk=certificate.pk).update(valid_until=published.today() - timedelta(days=1))
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    "duty, offered", [("supervisor", True), ("intake", True), ("organiser", True), ("approver", False)]
)
def test_only_whoever_may_is_offered_to_propose_a_sanction(client, duty, offered):
    certificate = published.certificate()
    client.force_login(published.officer(duty))
    page = client.get(certificate.get_absolute_url()).content.decode()
    assert (reverse("sanction-new", args=[certificate.number]) in page) is offered


def test_the_public_reads_since_when_and_by_which_decision_a_certificate_is_revoked_and_nothing_else(client):
    certificate = published.certificate()
    sanction = Sanction.objects.create(
        certificate=certificate, number="CLA-1", kind="revoke", facts="示例秘密事实", basis="x", state="executed",
        decision_number="CQ-ZHXQ-CL-2026-00009", proposed_by=published.user("proposer"), ruling="示例秘密理由",
        statement="示例秘密陈述", told_at=timezone.now(),
    )  # fmt: skip
    Certificate.objects.filter(pk=certificate.pk).update(state="revoked")
    page = client.get(certificate.get_absolute_url()).content.decode()
    assert ("CQ-ZHXQ-CL-2026-00009" in page, "示例秘密" in page, "示例proposer" in page) == (True, False, False)
    Sanction.objects.filter(pk=sanction.pk).update(state="dropped")
    assert "CQ-ZHXQ-CL-2026-00009" not in client.get(certificate.get_absolute_url()).content.decode()


def test_how_long_a_certificate_is_valid_is_no_deadline(client):
    certificate = published.certificate(due_on=published.today() + timedelta(days=1000))
    client.force_login(published.officer("supervisor"))
    assert "个工作日" not in client.get(certificate.get_absolute_url()).content.decode()


def test_the_day_by_which_an_objection_is_decided_is_its_deadline(client):
    objection = outcome.file_objection(published.notice(), objection_values(), [])
    client.force_login(published.officer("supervisor"))
    page = client.get(reverse("act", args=["objection", objection.pk, "accept"])).content.decode()
    assert "个工作日" in page


def test_the_public_is_offered_no_act(client):
    assert "/act/" not in client.get(published.certificate().get_absolute_url()).content.decode()


# --- directory ---


@pytest.mark.parametrize(
    "filters, names",
    [
        ({}, ["甲", "乙"]),
        ({"q": "甲"}, ["甲"]),
        ({"level": "三星级"}, ["乙"]),
        ({"district": "渝北区"}, ["甲"]),
        ({"year": "2019"}, ["乙"]),
        ({"year": "nonsense"}, ["甲", "乙"]),
        ({"q": "无"}, []),
    ],
)
def test_the_directory_is_narrowed_by_each_of_its_filters(client, filters, names):
    published.certificate("示例·甲小区", number=1)
    published.certificate("示例·乙小区", number=2, level=3, district_name="合川区", issued_on="2019-05-01")
    page = client.get(reverse("directory"), filters).content.decode()
    assert [name for name in ("甲", "乙") if f"示例·{name}小区</a>" in page] == names


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "revoked"},
        {"state": "superseded"},
        {"stage": "design"},
        {"valid_until": published.today() - timedelta(days=1)},
    ],
)
def test_the_directory_lists_star_certificates_in_force_only(client, columns):
    published.certificate(**columns)
    assert "示例·云栖里小区" not in client.get(reverse("directory")).content.decode()


def test_the_home_page_counts_by_level_and_district(client):
    published.certificate("示例·甲小区", number=1)
    published.certificate("示例·乙小区", number=2, level=3, district_name="合川区")
    context = client.get(reverse("home")).context
    assert (context["certified_count"], context["district_count"]) == (2, 2)
    assert [(row["level_name"], row["count"]) for row in context["levels"]] == [("三星级", 1), ("二星级", 1)]


# --- what the domain keeps ---


def test_the_two_faces_of_a_running_notice_agree():
    day = timezone.localdate()
    published.notice(number=1)
    published.notice(number=2, day=day - timedelta(days=60))
    published.notice(number=3, day=day + timedelta(days=1))
    closed = published.notice(number=4)
    PublicNotice.objects.filter(pk=closed.pk).update(closed_at=timezone.now())
    running = set(PublicNotice.objects.running(day).values_list("pk", flat=True))
    assert {row.pk for row in PublicNotice.objects.all() if row.is_running(day)} == running
    assert len(running) == 1


def test_an_upheld_objection_closes_its_notice_and_reopens_the_case():
    notice = published.notice()
    application = notice.application
    APPLICATION.perform(application, "reopen", by=None)
    notice.refresh_from_db()
    assert (notice.was_cut_short, application.state, application.review_round) == (True, "drawing", 2)


def test_the_receipt_download_is_json_with_its_number_in_the_name(client):
    notice = published.notice()
    response = client.get(reverse("notice-receipt", args=[notice.pk]))
    assert json.loads(response.content)["format"] == "expert-draw-receipt-1"
    assert notice.number in response["Content-Disposition"]


class TestTooMuchOfIt:
    """Objections from one address, and the files of one objection, are bounded; page and API count together."""

    def said(self, notice, **values):
        return {**objection_values(), "notice": notice.number, **values}

    def test_objections_from_one_address_are_counted_and_the_next_hears_when(self, client, settings):
        settings.OBJECTIONS_PER_HOUR = 2
        notice = published.notice()
        page, api = reverse("objection-new", args=[notice.pk]), "/api/v1/objections/"
        answers = [client.post(page, self.said(notice)), client.post(api, self.said(notice))]
        answers += [client.post(page, self.said(notice)), client.post(api, self.said(notice))]
        assert [answer.status_code for answer in answers] == [302, 201, 429, 429]
        sentence = answers[3].json()["problems"][0]["message"]
        assert sentence.startswith("尝试次数过多，请在")
        assert sentence in answers[2].content.decode()
        assert Objection.objects.count() == 2
        assert client.post(page, self.said(notice), REMOTE_ADDR="192.0.2.9").status_code == 302

    def test_what_is_refused_is_not_counted(self, client, settings):
        settings.OBJECTIONS_PER_HOUR = 1
        notice = published.notice()
        page = reverse("objection-new", args=[notice.pk])
        answers = [client.post(page, self.said(notice, **values)) for values in ({"name": " "}, {"kind": "ghost"}, {})]
        assert [answer.status_code for answer in answers] == [422, 422, 302]

    def test_all_files_of_one_objection_together_have_a_limit(self, settings):
        settings.MAX_OBJECTION_MEGABYTES = 1
        files = [ContentFile(b"x" * (600 * 1024), name=f"{number}.pdf") for number in range(2)]
        with pytest.raises(Refused) as caught:
            outcome.file_objection(published.notice(), objection_values(), files)
        assert [(row.code, row.place, row.text()) for row in caught.value.problems] == [
            ("too_large", "proofs", "全部附件合计不得超过 1 MB。")
        ]

    def test_how_many_files_is_the_programmes_own_rule(self, client):
        notice = published.notice()
        Programme.objects.update(objection_files=1)
        assert "最多 1 个" in client.get(reverse("objection-new", args=[notice.pk])).content.decode()
        notice = PublicNotice.objects.get(pk=notice.pk)
        with pytest.raises(Refused) as caught:
            outcome.file_objection(notice, objection_values(), [photo(), photo()])
        assert [(row.code, row.params["most"]) for row in caught.value.problems] == [("too_many_files", 1)]


def test_the_words_about_an_unofficial_standard_are_the_programmes_own():
    Programme.objects.update(sample_notice="试行文本")
    assert published.notice().figures["standard_notice"] == "试行文本"
