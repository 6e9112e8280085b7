"""Pages of sanctions and renewals: who is let in, what a refusal leaves on the page, what lists cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluation import issuing, sanctions
from evaluation.models import Certificate, Renewal, Sanction
from evaluation.workflow import SANCTION
from portal.demo import papers
from tests.evaluation import published, scenes
from tests.evaluation.scenes import person

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
DAY = timedelta(days=1)
FACTS = "抽查发现<script>alert(1)</script>平台停用"


@pytest.fixture(scope="module")
def rules(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def certificate(rules):
    row = published.certificate(sha256="1" * 64, valid_until=TODAY + 30 * DAY)
    project = row.application.project
    row.standard_sha256 = project.standard.sha256
    row.save()
    published.member(project.organisation, "applicant")
    for duty in ("supervisor", "approver", "intake", "organiser"):
        published.officer(duty)
    published.officer("district_officer", project.community.district)
    return row


@pytest.fixture
def as_user(client):
    def sign_in(name):
        client.force_login(person(name))
        return client

    return sign_in


def text(answer):
    return answer.content.decode()


def read(client, address):
    """The status of a file that is read to its end."""
    answer = client.get(address)
    if answer.streaming:
        b"".join(answer.streaming_content)
    return answer.status_code


def test_a_sanction_from_its_page_to_its_decision(certificate, as_user):
    new = reverse("sanction-new", args=[certificate.number])
    assert new in text(as_user("intake").get(certificate.get_absolute_url()))
    refused = as_user("intake").post(new, {"kind": "downgrade", "facts": FACTS, "basis": "第十条"})
    assert (refused.status_code, "请选择比现有等级低的等级。" in text(refused), "平台停用" in text(refused)) == (
        422,
        True,
        True,
    )
    as_user("intake").post(new, {"kind": "downgrade", "to_level": "1", "facts": FACTS, "basis": "第十条"})
    sanction = Sanction.objects.get()
    page = sanction.get_absolute_url()
    assert as_user("applicant").get(page).status_code == 404
    proofs = reverse("sanction-proof-add", args=[sanction.pk])
    assert as_user("intake").post(proofs, {"file": papers.pdf("照片", "一")}).status_code == 302
    assert "<script>alert" not in text(as_user("intake").get(page))
    assert as_user("intake").post(page, {"action": "tell"}).status_code == 403
    assert as_user("supervisor").post(page, {"action": "tell"}).status_code == 302
    shown = text(as_user("applicant").get(page))
    assert ("平台停用" in shown, "示例intake" in shown, "提交陈述和申辩" in shown) == (True, False, True)
    empty = as_user("applicant").post(page, {"action": "state_case", "statement": " "})
    assert empty.status_code == 422
    assert as_user("applicant").post(page, {"action": "state_case", "statement": "已恢复"}).status_code == 302
    assert as_user("applicant").post(page, {"action": "state_case", "statement": "再说"}).status_code == 409
    act = reverse("act", args=["sanction", sanction.pk, "downgrade"])
    assert act in text(as_user("approver").get(page))
    assert as_user("approver").post(act, {"reason": "部分停用"}).status_code == 302
    done = text(as_user("applicant").get(page))
    successor = Certificate.objects.get(succeeds=certificate)
    assert (successor.number in done, Sanction.objects.get().state) == (True, "executed")
    assert Sanction.objects.get().decision_number in text(as_user("applicant").get(certificate.get_absolute_url()))
    for document in sanctions.documents_of(Sanction.objects.get()):
        assert read(as_user("applicant"), document.get_absolute_url()) == 200


def test_files_are_read_by_whoever_reads_the_sanction_and_taken_out_by_their_side(certificate, as_user):
    sanction = sanctions.propose(person("intake"), certificate, kind="revoke", facts="x", basis="y")
    proof = sanctions.add_proof(person("intake"), sanction, papers.pdf("照片", "一"))
    file, remove = (reverse(f"sanction-proof-{name}", args=[proof.pk]) for name in ("file", "remove"))
    answers = {name: read(as_user(name), file) for name in ("applicant", "author1", "approver", "intake")}
    assert answers == {"applicant": 404, "author1": 404, "approver": 200, "intake": 200}
    assert [as_user(name).post(remove).status_code for name in ("applicant", "approver", "intake")] == [404, 403, 302]
    assert read(as_user("intake"), file) == 404
    hostile = as_user("intake").post(reverse("sanction-proof-add", args=[sanction.pk]), {"file": papers.pdf("x", "y")})
    assert hostile.status_code == 302


def test_a_renewal_from_its_page_to_the_new_certificate(certificate, as_user):
    new = reverse("renewal-new", args=[certificate.number])
    assert new in text(as_user("applicant").get(certificate.get_absolute_url()))
    assert as_user("intake").get(new).status_code == 403
    assert as_user("applicant").post(new, {"statement": " "}).status_code == 422
    assert as_user("applicant").post(new, {"statement": "运行正常"}).status_code == 302
    page = Renewal.objects.get().get_absolute_url()
    assert as_user("district_officer").post(page, {"action": "recommend", "opinion": "一致"}).status_code == 302
    assert as_user("approver").post(page, {"action": "approve", "reason": ""}).status_code == 302
    successor = Certificate.objects.get(succeeds=certificate)
    assert successor.number in text(as_user("applicant").get(page))
    assert successor.number in text(as_user("applicant").get(certificate.get_absolute_url()))


def test_what_stands_in_the_way_of_a_renewal_stands_on_the_page_before_anything_is_typed(certificate, as_user):
    Certificate.objects.update(valid_until=TODAY + 200 * DAY)
    page = as_user("applicant").get(reverse("renewal-new", args=[certificate.number]))
    assert (page.status_code, "还没有到申请延续的时间" in text(page), "<textarea" in text(page)) == (200, True, False)


@pytest.mark.parametrize("name,codes", [("anonymous", [302, 302]), ("author1", [404, 404]), ("expert1", [403, 403])])
def test_strangers_find_no_way_to_begin_one(certificate, client, as_user, name, codes):
    visitor = client if name == "anonymous" else as_user(name)
    found = [
        visitor.get(reverse(f"{kind}-new", args=[certificate.number])).status_code for kind in ("sanction", "renewal")
    ]
    assert found == codes


@pytest.mark.parametrize("query", ["", "?state=proposed", "?state=nonsense", "?page=999999", "?page=x"])
@pytest.mark.parametrize("page", ["sanctions", "renewals"])
def test_lists_answer_whatever_is_asked(certificate, as_user, page, query):
    assert as_user("intake").get(reverse(page) + query).status_code == 200


@pytest.mark.parametrize("name,kind", [("sanctions", "sanction"), ("renewals", "renewal")])
def test_a_list_of_thirty_asks_as_much_as_a_list_of_one(certificate, as_user, name, kind):
    def queries():
        client = as_user("intake")
        client.get(reverse(name))  # what is asked once a session
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse(name)).status_code == 200
        return len(asked.captured_queries)

    make(kind, certificate, 0)
    one = queries()
    for number in range(1, 20):
        make(kind, certificate, number)
    assert queries() == one


def make(kind, certificate, number):
    by, state = person("intake"), "dropped" if kind == "sanction" else "refused"
    said = {"certificate": certificate, "number": f"X-{number}", "state": state}
    if kind == "sanction":
        return Sanction.objects.create(
            kind="revoke", facts="x", basis="y", proposed_by=by, told_at=timezone.now(), **said
        )
    return Renewal.objects.create(statement="x", asked_by=by, **said)


def test_the_public_page_of_a_certificate_tells_nothing_of_what_is_being_decided(certificate, client):
    before = text(client.get(certificate.get_absolute_url()))
    sanction = sanctions.propose(person("intake"), certificate, kind="revoke", facts="示例秘密", basis="y")
    SANCTION.perform(sanction, "tell", by=person("approver"))
    sanction.refresh_from_db()
    make("renewal", certificate, 1)
    assert (text(client.get(certificate.get_absolute_url())), sanction.state) == (before, "hearing")


NASTY = (
    "x" * 30_000,
    "‮示\ufffe\uffff",
    "9" * 4_999,
    "9999-12-31",
    "[[[]]] #set page()",
    "%(who)s {0.__class__}",
    "𠮷🏠\r\n\t",
)


@pytest.mark.parametrize("words", NASTY)
def test_no_words_break_a_page_or_a_document(certificate, as_user, words):
    new = reverse("sanction-new", args=[certificate.number])
    said = {"kind": "revoke", "to_level": words, "facts": words, "basis": words}
    assert as_user("intake").post(new, said).status_code in (302, 422)
    answer = as_user("intake").post(new, {**said, "to_level": ""})
    assert answer.status_code == (422 if len(words) > sanctions.LONGEST else 302)
    assert as_user("applicant").post(
        reverse("renewal-new", args=[certificate.number]), {"statement": words}
    ).status_code in (302, 422)
    row = Sanction.objects.first()
    if row is not None:
        SANCTION.perform(row, "tell", by=person("approver"))
        page = as_user("applicant").get(row.get_absolute_url())
        assert page.status_code == 200
        assert [issuing.bytes_of(one)[:5] for one in sanctions.documents_of(row)] == [b"%PDF-"]
