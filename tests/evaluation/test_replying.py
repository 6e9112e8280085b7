"""Replies to objections on the notice: what is told, and that nothing in it tells who objected."""

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone, translation

from evaluation import outcome, public_facts, replying
from evaluation.models import Objection, Programme, PublicText, PublishedReply
from evaluation.workflow import OBJECTION
from portal.models import Event
from portal.problems import Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
SAID = {
    "kind": "person", "name": "示例欧阳", "identity": "11010519491231002X", "contact": "13800138000 或 ouyang@example.org",
    "text": "示例理由<script>alert(1)</script>",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def notice():
    return published.notice()


@pytest.fixture
def supervisor():
    return published.officer("supervisor")


@pytest.fixture
def objection(notice):
    return outcome.file_objection(notice, SAID, [])


def page_of(client, notice):
    return client.get(notice.get_absolute_url()).content.decode()


DECISIONS = {
    "not_take": ("received", {"reason": "示例：不属于评价事项"}, "不予受理"),
    "reject": ("accepted", {"reply": "示例：经核查属实"}, "异议不成立"),
    "uphold": ("accepted", {"reply": "示例：退回重新评审"}, "异议成立"),
    "annul": ("accepted", {"reply": "示例：撤销拟定结果"}, "异议成立"),
}


def decide(objection, action, by, **more):
    state, words, _label = DECISIONS[action]
    if state == "accepted":
        OBJECTION.perform(objection, "accept", by=by)
    OBJECTION.perform(objection, action, by=by, **words, **more)


@pytest.mark.parametrize("action", DECISIONS)
def test_a_decided_objection_stands_on_its_notice_without_who_objected(client, notice, objection, supervisor, action):
    assert "异议办理结果" not in page_of(client, notice)
    decide(objection, action, supervisor, public_reply="示例：已现场复核，评分无误。")
    page = page_of(client, notice)
    shown = ["异议办理结果", "个人", DECISIONS[action][2], "示例：已现场复核，评分无误。"]
    hidden = [
        objection.name,
        objection.identity,
        "13800138000",
        "ouyang",
        objection.number,
        "示例理由",
        *DECISIONS[action][1].values(),
    ]
    assert [words for words in shown if words not in page] == []
    assert [words for words in hidden if words in page] == []
    assert Event.objects.get(verb=f"objection.{action}").data["published"] is True


def test_where_the_officer_wrote_nothing_the_configured_sentence_stands(client, notice, objection, supervisor):
    PublicText.objects.filter(code=replying.USUAL).update(text="示例通用答复")
    decide(objection, "reject", supervisor)
    assert "示例通用答复" in page_of(client, notice)
    assert PublishedReply.objects.get().text == "示例通用答复"


def test_what_went_into_a_new_review_is_told_too(client, notice, objection, supervisor):
    other = outcome.file_objection(notice, {**SAID, "kind": "person", "name": "示例诸葛"}, [])
    decide(other, "uphold", supervisor)
    assert {row.decision for row in replying.published(notice)} == {"upheld", "merged"}
    assert "并入另一件异议" in page_of(client, notice)


def test_whether_replies_are_published_is_the_programmes_own_rule(client, notice, objection, supervisor):
    Programme.objects.update(publishes_replies=False)
    objection.refresh_from_db()
    decide(Objection.objects.get(pk=objection.pk), "reject", supervisor, public_reply="示例")
    assert (PublishedReply.objects.count(), "异议办理结果" in page_of(client, notice)) == (0, False)
    Programme.objects.update(publishes_replies=True)
    other = outcome.file_objection(notice, SAID, [])
    decide(Objection.objects.get(pk=other.pk), "reject", supervisor, public_reply="示例")
    assert "异议办理结果" in page_of(client, notice)
    assert len(list(public_facts.replies(timezone.localdate()))) == 1
    Programme.objects.update(publishes_replies=False)
    assert "异议办理结果" not in page_of(client, notice)
    assert list(public_facts.replies(timezone.localdate())) == []


@pytest.mark.parametrize(
    "text, sentences",
    [
        ("示例：无误", []),
        ("2026年11月22日收到，GS-2026-00001 号公示，第 4.2.1 条，得 82.50 分。", []),
        ("示例欧阳先生所述", [replying.NAME]),
        ("示例·欧 阳先生", [replying.NAME]),
        ("证件 110105 19491231 002x", [replying.NUMBER, replying.ANY_NUMBER]),
        ("证件 440524 18800101 0014", [replying.ANY_NUMBER]),
        ("证件 １１０１０５１９４９１２３１００２Ｘ", [replying.NUMBER, replying.ANY_NUMBER]),
        ("他人证件 440524188001010014", [replying.ANY_NUMBER]),
        ("旧证件 440524800101001", [replying.ANY_NUMBER]),
        ("电话 13900000000", [replying.ANY_PHONE]),
        ("电话 139-0000-0000", [replying.ANY_PHONE]),
        ("电话 １３９ ００００ ００００", [replying.ANY_PHONE]),
        ("电话 +8613900000000", [replying.ANY_PHONE]),
        ("电话 023-68888888", [replying.ANY_PHONE]),
        ("编号 99999999999", [replying.ANY_PHONE]),
        ("邮箱 a.b@example.org", [replying.ANY_MAIL]),
        ("邮箱 a＠example.org", [replying.ANY_MAIL]),
    ],
)
def test_a_public_reply_that_tells_who_objected_is_refused(objection, text, sentences):
    found = list(replying.problems_of(objection, text))
    assert ([problem.message for problem in found], {problem.place for problem in found} - {"public_reply"}) == (
        sentences,
        set(),
    )


def test_the_receipt_number_and_the_whole_contact_are_refused(objection):
    found = [
        problem.message
        for problem in replying.problems_of(objection, f"{objection.number.lower()} {objection.contact}")
    ]
    assert found == [replying.CONTACT, replying.RECEIPT, replying.ANY_PHONE, replying.ANY_MAIL]


@pytest.mark.parametrize("language, words", [("zh-hans", "公开答复中有异议人的姓名或名称，请删去。")])
def test_a_refusal_stands_beside_the_field_and_nothing_is_decided(client, objection, supervisor, language, words):
    OBJECTION.perform(objection, "accept", by=supervisor)
    client.force_login(supervisor)
    with translation.override(language):
        address = reverse("act", args=["objection", objection.pk, "reject"])
        answer = client.post(address, {"reply": "示例", "public_reply": "示例欧阳所述"})
    assert (answer.status_code, answer.context["form"].errors.get("public_reply")) == (422, [words])
    objection.refresh_from_db()
    assert (objection.state, PublishedReply.objects.count()) == ("accepted", 0)


def test_the_api_tells_replies_and_no_more(client, notice, objection, supervisor):
    decide(objection, "reject", supervisor, public_reply="示例：无误")
    today = timezone.localdate().isoformat()
    assert client.get(f"/api/v1/notices/{notice.number}/replies/").json()["results"] == [
        {"kind": "person", "received_on": today, "decision": "rejected", "decided_on": today, "text": "示例：无误"}
    ]


# --- who objects, and what they send ---


@pytest.mark.parametrize(
    "values, problems",
    [
        ({}, []),
        ({"identity": "E12345678"}, []),
        ({"identity": "110105194912310021"}, [("identity_check", "identity")]),
        ({"identity": "110105194902300021"}, [("identity_birth", "identity")]),
        ({"contact": "1"}, [("contact", "contact")]),
        ({"contact": "微信"}, [("contact", "contact")]),
        ({"contact": "023-68888888"}, []),
        ({"contact": "a@example.org"}, []),
    ],
)
def test_an_objector_is_somebody_who_can_be_found(notice, values, problems):
    try:
        outcome.file_objection(notice, {**SAID, **values}, [])
        found = []
    except Refused as refused:
        found = [(problem.code, problem.place) for problem in refused.problems]
    assert (found, Objection.objects.count()) == (problems, int(not problems))


def test_a_script_in_an_objection_is_text_wherever_it_is_read(client, notice, objection, supervisor):
    client.force_login(supervisor)
    page = client.get(objection.get_absolute_url()).content.decode()
    assert ("<script>alert(1)" in page, "&lt;script&gt;alert(1)&lt;/script&gt;" in page) == (False, True)
    decide(objection, "reject", supervisor, public_reply="<script>alert(2)</script>")
    page = page_of(client, notice)
    assert ("<script>alert(2)" in page, "&lt;script&gt;alert(2)" in page) == (False, True)


@pytest.mark.parametrize("page", [True, False])
def test_two_gigabytes_are_refused_before_anything_is_read(client, notice, page):
    address = reverse("objection-new", args=[notice.pk]) if page else "/api/v1/objections/"
    # The client of the tests raises where more is read than there is: nothing of the body is.
    answer = client.generic(
        "POST", address, b"--x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(2 * 1024**3)
    )
    assert (answer.status_code, "110 MB" in answer.content.decode(), Objection.objects.count()) == (413, True, 0)


def test_files_that_are_too_large_together_are_refused_with_every_other_problem(settings, notice):
    settings.MAX_OBJECTION_MEGABYTES = 1
    with pytest.raises(Refused) as caught:
        outcome.file_objection(notice, {**SAID, "contact": "1"}, [ContentFile(b"x" * 2**20 * 2, name="a.pdf")])
    assert {problem.code for problem in caught.value.problems} == {"contact", "too_large"}
