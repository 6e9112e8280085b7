"""Accounts, units, members and communities: each page for the right person, the wrong one and nobody, and every refusal."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from communities import credit_code, members, registration, sheets
from communities.models import Community, Licence, Membership, Organisation
from communities.permissions import can, visible_to
from communities.workflow import ORGANISATION
from evaluation.models import Application, Programme, Project
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

CODE = credit_code.with_check_character("91500000MA5U12345")
PASSWORD = "a-long-pass-phrase-7"


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def unit():
    return published.organisation()


@pytest.fixture
def administrator(unit):
    return published.member(unit, "administrator")


def organisation_values(**values):
    return {
        "credit_code": CODE, "name": "示例新单位", "kind": "developer", "district": "500112", "address": "示例路2号",
        "contact": "示例人", "phone": "023-1", "undertaking": "on", **values,
    }  # fmt: skip


def community_values(**values):
    return {
        "name": "示例·江畔锦城", "district": "500112", "address": "示例路3号", "floor_area": "1000.5", "households": "10",
        "buildings": "2", **values,
    }  # fmt: skip


def photo(colour="white"):
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(stream, "JPEG")
    return SimpleUploadedFile("执照.jpg", stream.getvalue(), content_type="image/jpeg")


def codes_of(refused):
    return [problem.code for problem in refused.value.problems]


# --- accounts ---


def account_values(**values):
    return {
        "username": "shili", "name": "示例人", "email": "s@example.org", "password1": PASSWORD, "password2": PASSWORD, **values
    }  # fmt: skip


def test_whoever_registers_is_signed_in_and_leaves_a_trace(client):
    response = client.post(reverse("register"), account_values())
    user = User.objects.get(username="shili")
    assert response.url == reverse("organisations")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert (user.name, user.email, user.is_staff, user.is_superuser) == ("示例人", "s@example.org", False, False)
    assert [event.verb for event in Event.objects.of(user)] == ["user.register"]


@pytest.mark.parametrize(
    "values",
    [
        {"password1": "short", "password2": "short"},
        {"password1": "1234567890", "password2": "1234567890"},
        {"password2": "another-pass-phrase"},
        {"password1": "shili-shili", "password2": "shili-shili", "username": "shili-shili"},
        {"email": "nowhere"},
        {"email": ""},
        {"name": ""},
        {"username": "administrator"},
    ],
)
def test_a_weak_or_incomplete_account_is_refused_and_the_rest_is_kept(client, administrator, values):
    response = client.post(reverse("register"), account_values(**values))
    assert response.status_code == 422
    assert User.objects.filter(username__in=["shili", "shili-shili"]).count() == 0
    assert f'value="{values.get("username", "shili")}"' in response.content.decode()


def test_a_refused_account_says_that_the_password_is_typed_again(client):
    text = client.post(reverse("register"), account_values(name="")).content.decode()
    assert ("密码须重新填写，其他内容都还在。" in text, "您填写的内容都还在。" in text) == (True, False)


def test_a_name_taken_at_the_same_moment_is_refused_in_words():
    registration.open_account("shili", "甲", "a@example.org", PASSWORD)
    with pytest.raises(Refused) as refused:
        registration.open_account("shili", "乙", "b@example.org", PASSWORD)
    assert codes_of(refused) == ["username_taken"]


def test_a_rank_cannot_be_claimed_through_the_form(client):
    client.post(reverse("register"), account_values(is_staff="on", is_superuser="on"))
    assert not User.objects.get(username="shili").is_superuser


# --- opening a unit ---


def test_whoever_opens_a_unit_becomes_its_administrator(client):
    person = published.user("founder")
    client.force_login(person)
    response = client.post(reverse("organisation-new"), organisation_values(credit_code=f" {CODE.lower()} "))
    unit = Organisation.objects.get(credit_code=CODE)
    assert response.url == unit.get_absolute_url()
    assert (unit.state, unit.undertaking) == ("draft", True)
    assert [(row.user, row.role, row.until) for row in unit.memberships.all()] == [(person, "administrator", None)]
    assert [event.verb for event in Event.objects.of(unit)] == ["organisation.open"]


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"credit_code": CODE[:-1]}, "应为 18 位"),
        ({"credit_code": CODE[:-1] + ("0" if CODE[-1] != "0" else "1")}, "校验位"),
        ({"credit_code": "I" * 18}, "不用 I、O、Z、S、V"),
        ({"name": " "}, "必填"),
        ({"kind": "king"}, "king"),
        ({"district": ""}, "必填"),
    ],
)
def test_a_wrong_unit_is_refused_beside_the_field_and_nothing_typed_is_lost(client, values, sentence):
    client.force_login(published.user("founder"))
    response = client.post(reverse("organisation-new"), organisation_values(**values))
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "示例路2号" in page
    assert Organisation.objects.count() == 0


def test_a_registered_code_is_said_to_be_registered_and_not_whose(client, unit):
    client.force_login(published.user("founder"))
    response = client.post(reverse("organisation-new"), organisation_values(credit_code=unit.credit_code))
    page = response.content.decode()
    assert response.status_code == 422
    assert "已经注册" in page
    assert [text for text in (unit.name, unit.address, unit.contact) if text in page] == []


def test_the_public_opens_no_unit(client):
    assert client.post(reverse("organisation-new"), organisation_values()).status_code == 302
    assert Organisation.objects.count() == 0


# --- seeing units ---


OFFICERS = {"intake": 200, "supervisor": 200, "organiser": 200, "approver": 200, "pool_keeper": 404,
            "system_administrator": 404, "security_administrator": 404, "audit_administrator": 404}  # fmt: skip


@pytest.mark.parametrize("duty, status", OFFICERS.items())
def test_a_unit_is_seen_by_officers_of_the_city_who_work_with_it(client, unit, administrator, duty, status):
    licence = registration.Licence.objects.create(organisation=unit, name="a.jpg", file="missing.jpg")
    person = published.officer(duty)
    client.force_login(person)
    assert client.get(unit.get_absolute_url()).status_code == status
    assert Licence.objects.filter(pk=licence.pk, organisation__in=visible_to(person)).exists() is (status == 200)


@pytest.mark.parametrize("name", ["organisation", "organisation-edit", "community-new"])
def test_a_unit_is_hidden_from_strangers_and_the_public(client, unit, name):
    address = reverse(name, args=[unit.pk])
    assert client.get(address).status_code == 302
    client.force_login(published.user("stranger"))
    assert client.get(address).status_code == 404


def test_officers_find_units_by_part_of_a_name_by_code_and_by_state(client, unit):
    other = published.organisation("示例物业公司", 2, state="submitted")
    client.force_login(published.officer("intake"))

    def found(**filters):
        return {row.pk for row in client.get(reverse("organisations"), filters).context["rows"]}

    assert found() == {unit.pk, other.pk}
    assert found(q="物业") == {other.pk}
    assert found(q=unit.credit_code[-8:]) == {unit.pk}
    assert found(state="submitted") == {other.pk}
    assert found(state="banned") == set()


def test_members_list_their_own_units_only(client, unit, administrator):
    published.organisation("示例物业公司", 2)
    client.force_login(administrator)
    assert [row.pk for row in client.get(reverse("organisations")).context["rows"]] == [unit.pk]


def test_the_list_is_paged_and_asks_as_often_for_thirty_as_for_one(client, unit):
    client.force_login(published.officer("intake"))

    def asked():
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("organisations"))
        return len(seen.captured_queries)

    few = asked()
    for number in range(2, 32):
        published.organisation(f"示例{number}", number)
    assert asked() == few
    assert "共 2 页" in client.get(reverse("organisations")).content.decode()


def test_the_page_of_a_unit_asks_as_often_with_thirty_members_as_with_one(client, unit, administrator):
    client.force_login(administrator)

    def asked():
        with CaptureQueriesContext(connection) as seen:
            client.get(unit.get_absolute_url())
        return len(seen.captured_queries)

    published.community(unit)  # of an empty list the page is not even asked for
    few = asked()
    for number in range(30):
        published.member(unit, f"m{number}", "member")
        published.community(unit, f"示例·{number}小区")
        Licence.objects.create(organisation=unit, name=f"{number}.pdf")
    assert asked() == few


@pytest.mark.parametrize(
    "state, offered",
    [
        ("draft", ["submit"]),
        ("returned", ["submit"]),
        ("submitted", []),
        ("active", []),
        ("refused", []),
        ("banned", []),
    ],
)
def test_the_administrator_is_offered_what_the_table_says(client, state, offered):
    unit = published.organisation(state=state)
    client.force_login(published.member(unit))
    assert [row.action for row, _address in client.get(unit.get_absolute_url()).context["acts"]] == offered


@pytest.mark.parametrize(
    "state, sentence", [("active", "还没有小区。"), ("submitted", "还没有小区。单位核验通过后可以登记。")]
)
def test_an_officer_reads_of_a_unit_what_is_true_for_him(client, state, sentence):
    unit = published.organisation(state=state)
    client.force_login(published.officer("intake"))
    text = client.get(unit.get_absolute_url()).content.decode()
    assert (f'<p class="empty">{sentence}</p>' in text, "等待受理员办理" in text) == (True, False)


# --- editing and licence ---


@pytest.mark.parametrize("state, status", [("draft", 200), ("returned", 200), ("submitted", 403), ("active", 403)])
def test_a_unit_is_edited_before_it_is_handed_in(client, state, status):
    unit = published.organisation(state=state)
    client.force_login(published.member(unit))
    assert client.get(reverse("organisation-edit", args=[unit.pk])).status_code == status


def test_an_edit_is_kept_with_its_trace(client):
    unit = published.organisation(state="draft")
    client.force_login(published.member(unit))
    values = organisation_values(credit_code=unit.credit_code, name="示例改名", undertaking="")
    assert client.post(reverse("organisation-edit", args=[unit.pk]), values).url == unit.get_absolute_url()
    unit.refresh_from_db()
    assert (unit.name, unit.undertaking) == ("示例改名", False)
    assert "name" in Event.objects.of(unit).last().data["fields"]


def test_an_ordinary_member_edits_nothing(client):
    unit = published.organisation(state="draft")
    client.force_login(published.member(unit, "clerk", "member"))
    assert client.get(reverse("organisation-edit", args=[unit.pk])).status_code == 403
    assert client.post(reverse("organisation-licence", args=[unit.pk]), {"file": photo()}).status_code == 403


def test_a_licence_is_looked_into_kept_and_sent_to_those_who_may_see_it(client):
    unit = published.organisation(state="draft")
    client.force_login(published.member(unit))
    client.post(reverse("organisation-licence", args=[unit.pk]), {"file": photo()})
    licence = unit.licences.get()
    address = reverse("licence-file", args=[licence.pk])
    assert b"".join(client.get(address)).startswith(b"\xff\xd8")
    client.force_login(published.user("stranger"))
    assert client.get(address).status_code == 404
    client.logout()
    assert client.get(address).status_code == 302


def test_the_same_or_an_unreadable_licence_is_refused_on_the_units_page(client):
    unit = published.organisation(state="draft")
    client.force_login(published.member(unit))
    address = reverse("organisation-licence", args=[unit.pk])
    client.post(address, {"file": photo()})
    again = client.post(address, {"file": photo()})
    fake = client.post(address, {"file": SimpleUploadedFile("执照.pdf", b"<html>")})
    assert (again.status_code, fake.status_code, unit.licences.count()) == (422, 422, 1)
    assert "不必重复上传" in again.content.decode()
    assert "执照.pdf" in fake.content.decode()


def test_a_unit_goes_from_first_field_to_verified(client):
    founder, intake = published.user("founder"), published.officer("intake")
    client.force_login(founder)
    client.post(reverse("organisation-new"), organisation_values())
    unit = Organisation.objects.get()
    client.post(reverse("organisation-licence", args=[unit.pk]), {"file": photo()})
    client.post(reverse("act", args=["organisation", unit.pk, "submit"]), {})
    client.force_login(intake)
    client.post(reverse("act", args=["organisation", unit.pk, "approve"]), {})
    unit.refresh_from_db()
    assert unit.state == "active"
    assert can(founder, "register_community", unit)


LICENCE, UNDERTAKING = "请上传营业执照或登记证书（PDF 或照片）。", "请勾选真实性承诺。"


@pytest.mark.parametrize(
    "undertaking, licence, lacking",
    [
        (False, False, [UNDERTAKING, LICENCE]),
        (True, False, [LICENCE]),
        (False, True, [UNDERTAKING]),
        (True, True, []),
    ],
)
def test_what_a_registration_lacks_is_listed_with_its_field_before_it_can_be_handed_in(
    client, undertaking, licence, lacking
):
    unit = published.organisation(state="draft", undertaking=undertaking)
    if licence:
        Licence.objects.create(organisation=unit, name="a.pdf")
    person = published.member(unit)
    client.force_login(person)
    page = client.get(unit.get_absolute_url())
    addresses = {UNDERTAKING: reverse("organisation-edit", args=[unit.pk]) + "#id_undertaking", LICENCE: "#id_file"}
    assert page.context["lacking"] == [(sentence, addresses[sentence]) for sentence in lacking]
    text = page.content.decode()
    assert [sentence for sentence in addresses if f'href="{addresses[sentence]}">{sentence}' in text] == lacking
    assert 'id="id_file"' in text
    assert (f'href="{reverse("act", args=["organisation", unit.pk, "submit"])}"' in text) is (lacking == [])
    # Uploading is what is to be done first as long as nothing was uploaded.
    assert ('<button class="btn">上传</button>' in text) is not licence
    if lacking:
        with pytest.raises(Refused) as refused:
            ORGANISATION.perform(unit, "submit", by=person)
        assert [problem.text() for problem in refused.value.problems] == lacking


def test_an_ordinary_member_reads_who_hands_the_registration_in(client):
    unit = published.organisation(state="draft", undertaking=False)
    client.force_login(published.member(unit, "clerk", "member"))
    page = client.get(unit.get_absolute_url())
    assert (page.context["lacking"], "由单位管理员提交核验" in page.content.decode()) == ([], True)


@pytest.mark.parametrize(
    "page, state, marked",
    [
        ("organisation-edit", "draft",
         {"credit_code", "name", "kind", "district", "address", "contact", "phone", "undertaking"}),
        ("organisation-change-new", "active",
         {"credit_code", "name", "kind", "district", "address", "licence", "undertaking"}),
    ],
)  # fmt: skip
def test_what_must_be_filled_in_is_marked(client, page, state, marked):
    unit = published.organisation(state=state)
    client.force_login(published.member(unit))
    text = client.get(reverse(page, args=[unit.pk])).content.decode()
    fields = text.split('<div class="field ')[1:]
    assert {re.search(r'id="id_(\w+)"', field)[1] for field in fields if field.startswith("required")} == marked


@pytest.mark.parametrize(
    "action, state, duty, said, told",
    [
        ("submit", "draft", "", {}, "已提交核验：示例置业有限公司的单位注册。"),
        ("approve", "submitted", "intake", {}, "已核验通过：示例置业有限公司的单位注册。"),
        ("return", "submitted", "intake", {"reason": "示例"}, "已退回修改：示例置业有限公司的单位注册。"),
        ("refuse", "submitted", "intake", {"reason": "示例"}, "已决定不予注册：示例置业有限公司。"),
        ("lift", "banned", "supervisor", {"reason": ""}, "已解除限制：示例置业有限公司。"),
    ],
)
def test_whoever_acts_is_told_what_was_done_in_one_sentence(client, action, state, duty, said, told):
    unit = published.organisation(state=state)
    Licence.objects.create(organisation=unit, name="a.pdf")
    client.force_login(published.officer(duty) if duty else published.member(unit))
    page = client.post(reverse("act", args=["organisation", unit.pk, action]), said, follow=True)
    assert [str(message) for message in page.context["messages"]] == [told]


# --- members ---


def test_a_leaving_member_loses_access_at_once(client, unit, administrator):
    clerk = published.member(unit, "clerk", "member")
    client.force_login(clerk)
    assert client.get(unit.get_absolute_url()).status_code == 200
    members.end_membership(administrator, unit.memberships.get(user=clerk))
    assert client.get(unit.get_absolute_url()).status_code == 404
    assert client.get(reverse("organisations")).context["rows"].paginator.count == 0


def test_a_member_leaves_by_their_own_act(client, unit, administrator):
    clerk = published.member(unit, "clerk", "member")
    client.force_login(clerk)
    response = client.post(reverse("member-end", args=[unit.memberships.get(user=clerk).pk]))
    assert response.url == reverse("organisations")
    assert unit.memberships.get(user=clerk).until < published.today()


def test_the_last_administrator_stays(client, unit, administrator):
    client.force_login(administrator)
    response = client.post(reverse("member-end", args=[unit.memberships.get().pk]), follow=True)
    assert "至少要留一名单位管理员" in response.content.decode()
    assert unit.memberships.get().until is None


def test_a_member_may_not_end_anothers_membership(client, unit, administrator):
    client.force_login(published.member(unit, "clerk", "member"))
    row = unit.memberships.get(user=administrator)
    assert client.post(reverse("member-end", args=[row.pk])).status_code == 403


def test_a_stranger_does_not_even_find_the_membership(client, unit, administrator):
    client.force_login(published.user("stranger"))
    assert client.post(reverse("member-end", args=[unit.memberships.get().pk])).status_code == 404


@pytest.mark.parametrize("state", ORGANISATION.states)
def test_access_can_be_ended_in_every_state_of_the_unit(state):
    unit = published.organisation(state=state)
    administrator, clerk = published.member(unit), published.member(unit, "clerk", "member")
    members.end_membership(administrator, unit.memberships.get(user=clerk))
    assert not Membership.objects.on(published.today()).filter(user=clerk).exists()


# --- communities ---


def test_a_member_registers_a_community(client, unit, administrator):
    client.force_login(administrator)
    response = client.post(reverse("community-new", args=[unit.pk]), community_values())
    row = Community.objects.get()
    assert response.url == row.get_absolute_url()
    assert (row.organisation, row.name, str(row.floor_area)) == (unit, "示例·江畔锦城", "1000.50")
    assert [event.verb for event in Event.objects.of(row)] == ["community.open"]


@pytest.mark.parametrize("state", [state for state in ORGANISATION.states if state != "active"])
def test_only_an_active_unit_registers_communities(client, state):
    unit = published.organisation(state=state)
    person = published.member(unit)
    client.force_login(person)
    assert client.post(reverse("community-new", args=[unit.pk]), community_values()).status_code == 403
    with pytest.raises(NotAllowed):
        sheets.register_community(person, unit, community_values())


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"floor_area": "0"}, "应大于零"),
        ({"households": "0"}, "应大于零"),
        ({"buildings": "x"}, "整数"),
        ({"planning_permit_on": "2024-05-01", "drawing_review_on": "2024-04-01"}, "应晚于前一证照的日期"),
    ],
)
def test_a_wrong_community_is_refused_beside_the_field(client, unit, administrator, values, sentence):
    client.force_login(administrator)
    response = client.post(reverse("community-new", args=[unit.pk]), community_values(**values))
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "示例路3号" in page
    assert Community.objects.count() == 0


@pytest.mark.parametrize("name", ["示例·江畔锦城", "示例江畔锦城小区", " 示例 · 江畔锦城 ", "示例•江畔锦城"])
def test_a_namesake_of_another_unit_is_pointed_out_and_kept_when_it_is_another(client, unit, administrator, name):
    published.community(published.organisation("示例别家", 2), "示例·江畔锦城")
    client.force_login(administrator)
    address = reverse("community-new", args=[unit.pk])
    response = client.post(address, community_values(name=name))
    page = response.content.decode()
    assert response.status_code == 422
    assert "名称相同或相近" in page
    assert 'type="checkbox" name="is_another"' in page
    assert "示例别家" not in page
    assert client.post(address, community_values(name=name, is_another="on")).status_code == 302


def test_the_same_name_in_another_district_is_no_namesake(client, unit, administrator):
    published.community(published.organisation("示例别家", 2), "示例·江畔锦城")
    client.force_login(administrator)
    values = community_values(district="500103")
    assert client.post(reverse("community-new", args=[unit.pk]), values).status_code == 302


def test_a_unit_registers_a_community_once(client, unit, administrator):
    client.force_login(administrator)
    address = reverse("community-new", args=[unit.pk])
    client.post(address, community_values())
    response = client.post(address, community_values(is_another="on"))
    assert response.status_code == 422
    assert "已在该区县登记过" in response.content.decode()


@pytest.mark.parametrize(
    "text, same",
    [("云栖里小区", True), ("云栖里", True), ("云 栖·里", True), ("云栖里二期", False), ("小区", False)],
)
def test_names_are_compared_as_people_read_them(text, same):
    assert (sheets.reading(text) == sheets.reading("云栖里")) is same


def in_case(row, state):
    programme = Programme.objects.get(pk="smart_community")
    project = Project.objects.create(
        number="P-1", programme=programme, standard=programme.standard, community=row, organisation=row.organisation,
        target_level=2, created_by=row.organisation.memberships.first().user,
    )  # fmt: skip
    version = 0 if state == "draft" else 1
    return Application.objects.create(project=project, stage="design", state=state, version=version)


ALL, NOTHING = sheets.COMMUNITY_FIELDS, ()
UNSAID = tuple(name for name in ALL if name not in sheets.REQUIRED)


@pytest.mark.parametrize(
    "state, fields",
    [(None, ALL), ("draft", ALL), ("withdrawn", ALL), ("refused", ALL), ("not_passed", ALL), ("certified", UNSAID),
     ("checking", NOTHING), ("form_check", NOTHING), ("correction", NOTHING), ("review", NOTHING), ("notice", NOTHING)],
)  # fmt: skip
def test_what_of_a_community_can_be_changed_follows_its_cases(client, unit, administrator, state, fields):
    row = published.community(unit)
    if state:
        in_case(row, state)
    client.force_login(administrator)
    page = client.get(reverse("community-edit", args=[row.pk]))
    assert sheets.open_fields(row) == fields
    assert tuple(name for name in page.context["form"].fields if name not in sheets.CONFIRMATIONS) == fields


def test_after_the_design_certificate_permit_dates_are_added_and_nothing_else_moves(client, unit, administrator):
    row = published.community(unit)
    in_case(row, "certified")
    client.force_login(administrator)
    values = community_values(name="示例·别名", construction_permit_on="2024-05-01")
    assert client.post(reverse("community-edit", args=[row.pk]), values).url == row.get_absolute_url()
    row.refresh_from_db()
    assert (row.name, str(row.construction_permit_on)) == ("示例·云栖里小区", "2024-05-01")
    assert Event.objects.of(row).last().data == {
        "fields": ["construction_permit_on"],
        "before": {"construction_permit_on": None},
        "after": {"construction_permit_on": "2024-05-01"},
    }


def test_the_domain_refuses_what_is_settled_whoever_asks(unit, administrator):
    row = published.community(unit)
    in_case(row, "form_check")
    with pytest.raises(Refused) as refused:
        sheets.change_community(administrator, row, {"name": "示例·别名", "households": 1})
    assert [(problem.code, problem.place) for problem in refused.value.problems] == [
        ("settled", "name"), ("settled", "households"),
    ]  # fmt: skip


def test_officers_see_a_community_with_cases_that_were_handed_in_and_change_nothing(client, unit, administrator):
    row = published.community(unit)
    application = in_case(row, "draft")
    client.force_login(published.officer("intake"))
    assert application.project.number not in client.get(row.get_absolute_url()).content.decode()
    Application.objects.filter(pk=application.pk).update(state="form_check", version=1)
    page = client.get(row.get_absolute_url()).content.decode()
    assert application.project.number in page
    assert reverse("community-edit", args=[row.pk]) not in page
    assert client.get(reverse("community-edit", args=[row.pk])).status_code == 403


def test_a_community_is_hidden_from_strangers_and_the_public(client, unit):
    row = published.community(unit)
    assert client.get(row.get_absolute_url()).status_code == 302
    client.force_login(published.user("stranger"))
    assert client.get(row.get_absolute_url()).status_code == 404
    assert client.get(reverse("community-edit", args=[row.pk])).status_code == 404


def test_the_page_of_a_community_names_a_sample_standard(client, unit, administrator):
    row = published.community(unit)
    in_case(row, "draft")
    client.force_login(administrator)
    page = client.get(row.get_absolute_url()).content.decode()
    assert '<span class="sample">参考样本，非官方标准文本</span>' in page


def test_a_district_out_of_use_cannot_be_chosen(client, unit, administrator):
    unit.district.valid_until = published.today() - timedelta(days=1)
    unit.district.save()
    client.force_login(administrator)
    response = client.post(reverse("community-new", args=[unit.pk]), community_values())
    assert response.status_code == 422
