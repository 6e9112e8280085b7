"""Changes of an active unit: who may ask and decide, what holds meanwhile, and two at the same moment."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from communities import changes, credit_code
from communities.models import District, Organisation, OrganisationChange
from communities.permissions import changes_visible_to
from communities.workflow import ORGANISATION, ORGANISATION_CHANGE
from portal import clock, samples
from portal.machine import NotAllowed, Stale
from portal.models import Event, Limit, Notification, User
from portal.problems import Refused
from tests.at_once import at_once
from tests.evaluation import published

OTHER_CODE = credit_code.with_check_character("91500000MA5U77777")
WRONG_CODE = OTHER_CODE[:-1] + ("0" if OTHER_CODE[-1] != "0" else "1")


def configure():
    """What a unit needs of the configuration: two districts and the limit of the step."""
    District.objects.create(code="500112", name="渝北区")
    District.objects.create(code="500103", name="渝中区")
    Limit.objects.create(step="organisation_change", days=3, basis="示例")


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def unit(db):
    configure()
    return published.organisation()


@pytest.fixture
def administrator(unit):
    return published.member(unit, "administrator")


@pytest.fixture
def intake(unit):
    return published.officer("intake")


def licence(text="新证"):
    return SimpleUploadedFile("执照.pdf", samples.sample_pdf("营业执照", [text]), content_type="application/pdf")


def identity(unit, **values):
    """The identity facts of the unit as a form sends them, some of them changed."""
    kept = {name: getattr(unit, name) for name in ("credit_code", "name", "kind", "district", "address")}
    return {**kept, "undertaking": True, **values}


def propose(by, unit, text="新证", **values):
    return changes.propose_change(by, unit, identity(unit, **values), licence(text))


def stored(row):
    return type(row).objects.get(pk=row.pk)


def codes(refused):
    return [(problem.code, problem.place) for problem in refused.value.problems]


# --- asking -----------------------------------------------------------------------------------------------------------


def test_while_a_change_waits_the_unit_stays_active_with_its_old_data(unit, administrator, intake):
    change = propose(administrator, unit, name="示例更名有限公司", credit_code=f" {OTHER_CODE.lower()} ")
    unit = stored(unit)
    assert (unit.state, unit.name, unit.may_apply(timezone.localdate())) == ("active", "示例置业有限公司", True)
    assert (change.before["name"], change.after["name"]) == ("示例置业有限公司", "示例更名有限公司")
    assert change.after["credit_code"] == OTHER_CODE
    assert changes.changed_names(change) == ["credit_code", "name"]
    assert change.due_on == clock.deadline("organisation_change", timezone.localdate())
    assert list(ORGANISATION_CHANGE.holders(change)) == [intake]
    assert [message.user for message in Notification.objects.all()] == [intake]
    assert (unit.licences.in_force().count(), change.licences.count()) == (0, 1)


@pytest.mark.parametrize(
    "values,wrong",
    [
        ({"credit_code": OTHER_CODE[:-1]}, ["credit_code"]),
        ({"credit_code": WRONG_CODE}, ["credit_code"]),
        ({"credit_code": "taken"}, ["credit_code"]),
        ({"name": " "}, ["name"]),
        ({"kind": "king"}, ["kind"]),
        ({"district": None, "address": ""}, ["district", "address"]),
        ({"undertaking": False}, ["undertaking"]),
    ],
)
def test_a_wrong_change_is_refused_with_everything_that_is_wrong(unit, administrator, values, wrong):
    if values.get("credit_code") == "taken":
        values = {"credit_code": published.organisation("示例物业有限公司", 2).credit_code}
    with pytest.raises(Refused) as refused:
        changes.propose_change(administrator, unit, identity(unit, **values), None)
    assert [place for _code, place in codes(refused)] == [*wrong, "licence"]


def test_a_file_that_is_no_licence_is_refused_at_its_field(unit, administrator):
    fake = SimpleUploadedFile("执照.pdf", b"<html>")
    with pytest.raises(Refused) as refused:
        changes.propose_change(administrator, unit, identity(unit, name="示例新名"), fake)
    assert {place for _code, place in codes(refused)} == {"licence"}


def test_what_changes_nothing_is_no_change_but_a_renewed_licence_is_one(unit, administrator, intake):
    change = propose(administrator, unit)
    ORGANISATION_CHANGE.perform(change, "approve", by=intake)
    with pytest.raises(Refused) as refused:
        propose(administrator, unit)
    assert codes(refused) == [("nothing_changed", "")]
    assert propose(administrator, unit, "另一份").state == "waiting"


def test_one_change_waits_at_a_time(unit, administrator):
    propose(administrator, unit, name="示例甲")
    with pytest.raises(Refused) as refused:
        propose(administrator, unit, name="示例乙")
    assert codes(refused) == [("change_waits", "")]


@pytest.mark.parametrize("state", ORGANISATION.states)
@pytest.mark.parametrize("who", ["administrator", "member", "intake", "supervisor", "stranger"])
def test_who_may_ask_and_who_may_say_anew_how_the_unit_is_reached(unit, administrator, intake, who, state):
    Organisation.objects.filter(pk=unit.pk).update(state=state)
    people = {"administrator": administrator, "intake": intake}
    made = {
        "member": lambda: published.member(unit, "clerk", "member"),
        "supervisor": lambda: published.officer("supervisor"),
        "stranger": lambda: published.user("stranger"),
    }
    by, unit = people.get(who) or made[who](), stored(unit)
    acts = {
        "propose": (lambda: propose(by, unit, name="示例新名"), {"active"}),
        "contact": (lambda: changes.change_contact(by, unit, {"contact": "甲", "phone": "9"}), {"active", "banned"}),
    }
    for act, states in acts.values():
        if who == "administrator" and state in states:
            act()
        else:
            with pytest.raises(NotAllowed):
                act()


# --- deciding ---------------------------------------------------------------------------------------------------------

# state -> who -> acts
ACTS = {
    "waiting": {"intake": {"approve", "reject"}, "administrator": {"withdraw"}},
    "approved": {},
    "rejected": {},
    "withdrawn": {},
}
PEOPLE = ("administrator", "member", "intake", "organiser", "approver", "supervisor", "stranger")


@pytest.mark.parametrize("state", ACTS)
def test_each_person_may_do_exactly_what_the_table_says(unit, administrator, intake, state):
    assert set(ACTS) == set(ORGANISATION_CHANGE.states)
    change = propose(administrator, unit, name="示例新名")
    OrganisationChange.objects.filter(pk=change.pk).update(state=state)
    people = {
        "administrator": administrator, "member": published.member(unit, "clerk", "member"), "intake": intake,
        "stranger": published.user("stranger"), "system": None,
        **{duty: published.officer(duty) for duty in ("organiser", "approver", "supervisor")},
    }  # fmt: skip
    found = {
        name: {row.action for row in ORGANISATION_CHANGE.available(stored(change), who)} for name, who in people.items()
    }
    assert found == {name: ACTS[state].get(name, set()) for name in people}
    seen = {name for name, who in people.items() if who and changes_visible_to(who).exists()}
    assert seen == set(PEOPLE) - {"stranger"}


def test_an_approved_change_holds_at_once_with_its_licence_and_is_told(unit, administrator, intake):
    district = District.objects.exclude(pk=unit.district_id).first()
    wanted = {
        "name": "示例新名",
        "credit_code": OTHER_CODE,
        "kind": "property",
        "district": district,
        "address": "示例新路",
    }
    change = propose(administrator, unit, **wanted)
    ORGANISATION_CHANGE.perform(change, "approve", by=intake)
    unit = stored(unit)
    assert {name: getattr(unit, name) for name in wanted} == wanted
    assert (unit.state, unit.licences.in_force().get()) == ("active", change.licences.get())
    assert (stored(change).state, stored(change).due_on) == ("approved", None)
    assert Notification.objects.filter(user=administrator).count() == 1
    told = [event.verb for event in Event.objects.in_thread(unit.thread)]
    assert told == ["organisation_change.propose", "organisation_change.approve"]


@pytest.mark.parametrize("act,by", [("reject", "intake"), ("withdraw", "administrator")])
def test_a_change_that_is_not_approved_leaves_everything_as_it_was(unit, administrator, intake, act, by):
    change = propose(administrator, unit, name="示例新名")
    person = {"intake": intake, "administrator": administrator}[by]
    ORGANISATION_CHANGE.perform(change, act, by=person, **({"reason": "证照不清"} if act == "reject" else {}))
    assert (stored(unit).name, unit.licences.in_force().count()) == ("示例置业有限公司", 0)
    assert propose(administrator, stored(unit), name="示例又一名").state == "waiting"


def test_rejecting_takes_a_reason(unit, administrator, intake):
    change = propose(administrator, unit, name="示例新名")
    with pytest.raises(Refused) as refused:
        ORGANISATION_CHANGE.perform(change, "reject", by=intake)
    assert codes(refused) == [("required", "reason")]


def test_a_code_that_was_taken_meanwhile_is_not_approved(unit, administrator, intake):
    change = propose(administrator, unit, credit_code=OTHER_CODE)
    published.organisation("示例抢先有限公司", 2, credit_code=OTHER_CODE)
    with pytest.raises(Refused) as refused:
        ORGANISATION_CHANGE.perform(change, "approve", by=intake)
    assert codes(refused) == [("credit_code_taken", "credit_code")]
    assert (stored(change).state, stored(unit).credit_code) == ("waiting", unit.credit_code)


def test_a_unit_that_was_banned_meanwhile_is_called_by_its_new_name_and_stays_banned(unit, administrator, intake):
    change = propose(administrator, unit, name="示例新名")
    Organisation.objects.filter(pk=unit.pk).update(state="banned")
    ORGANISATION_CHANGE.perform(stored(change), "approve", by=intake)
    assert (stored(unit).name, stored(unit).state) == ("示例新名", "banned")


def test_contact_and_telephone_hold_at_once_and_leave_a_trace(unit, administrator):
    changes.change_contact(administrator, unit, {"contact": "新联系人", "phone": unit.phone})
    assert (stored(unit).contact, stored(unit).state) == ("新联系人", "active")
    event = Event.objects.of(unit).get()
    assert (event.verb, event.data["fields"]) == ("organisation.change", ["contact"])
    with pytest.raises(Refused) as refused:
        changes.change_contact(administrator, unit, {"contact": " ", "phone": ""})
    assert codes(refused) == [("required", "contact"), ("required", "phone")]


class TestAtOnce:
    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def people(self, transactional_db):
        configure()
        unit = published.organisation()
        return unit, published.member(unit, "administrator"), published.officer("intake")

    def test_a_change_is_approved_while_the_telephone_is_changed_and_both_hold(self, people):
        unit, administrator, intake = people
        change = propose(administrator, unit, name="示例新名")
        mine, fresh = stored(unit), stored(change)
        outcomes = at_once(
            lambda: ORGANISATION_CHANGE.perform(fresh, "approve", by=intake),
            lambda: changes.change_contact(administrator, mine, {"contact": "新联系人", "phone": "9"}),
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["Event", "NoneType"]
        unit = stored(unit)
        assert (unit.name, unit.contact, unit.phone) == ("示例新名", "新联系人", "9")

    def test_of_two_who_ask_at_once_one_waits(self, people):
        unit, administrator, _intake = people
        rows = [(User.objects.get(pk=administrator.pk), stored(unit), name) for name in ("示例甲", "示例乙")]
        outcomes = at_once(*[lambda row=row: propose(row[0], row[1], name=row[2]) for row in rows])
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OrganisationChange", "Refused"]

    def test_of_approval_and_withdrawal_at_once_one_wins(self, people):
        unit, administrator, intake = people
        change = propose(administrator, unit, name="示例新名")
        rows = [stored(change), stored(change)]
        outcomes = at_once(
            lambda: ORGANISATION_CHANGE.perform(rows[0], "approve", by=intake),
            lambda: ORGANISATION_CHANGE.perform(rows[1], "withdraw", by=administrator),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Event", "Stale"]
        assert stored(unit).name == ("示例新名" if stored(change).state == "approved" else "示例置业有限公司")

    def test_of_two_units_that_become_the_same_one_does(self, people):
        unit, administrator, intake = people
        other = published.organisation("示例物业有限公司", 2)
        mine = propose(administrator, unit, credit_code=OTHER_CODE)
        theirs = propose(published.member(other, "other"), other, credit_code=OTHER_CODE)
        rows = [stored(mine), stored(theirs)]
        outcomes = at_once(*[lambda row=row: ORGANISATION_CHANGE.perform(row, "approve", by=intake) for row in rows])
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Event", "Refused"]
        assert Organisation.objects.filter(credit_code=OTHER_CODE).count() == 1


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_pages_lead_from_asking_to_approval(client, unit, administrator, intake):
    client.force_login(administrator)
    page = client.get(unit.get_absolute_url()).content.decode()
    address = reverse("organisation-change-new", args=[unit.pk])
    assert (address in page, reverse("organisation-contact", args=[unit.pk]) in page) == (True, True)
    values = {**identity(unit, name="示例新名"), "district": unit.district_id, "undertaking": "on"}
    wrong = client.post(address, {**values, "credit_code": WRONG_CODE})
    assert (wrong.status_code, "校验位" in wrong.content.decode(), "示例新名" in wrong.content.decode()) == (
        422,
        True,
        True,
    )
    answer = client.post(address, {**values, "licence": licence()})
    change = OrganisationChange.objects.get()
    assert answer.url == change.get_absolute_url()
    for shown in (client.get(answer.url), client.get(unit.get_absolute_url())):
        assert [text in shown.content.decode() for text in ("示例置业有限公司", "示例新名", "待核验")] == [True] * 3
    assert "已有一份变更申请" in client.get(address).content.decode()
    client.force_login(intake)
    assert change.get_absolute_url() in client.get(reverse("my-work")).content.decode()
    client.post(reverse("act", args=["organisation_change", change.pk, "approve"]), {})
    assert stored(unit).name == "示例新名"


def test_the_telephone_is_changed_on_its_page(client, unit, administrator):
    client.force_login(administrator)
    address = reverse("organisation-contact", args=[unit.pk])
    assert 'name="name"' not in client.get(address).content.decode()
    assert client.post(address, {"contact": "新联系人", "phone": "9", "name": "偷改"}).url == unit.get_absolute_url()
    assert (stored(unit).contact, stored(unit).name) == ("新联系人", "示例置业有限公司")


@pytest.mark.parametrize("name", ["organisation-change-new", "organisation-contact"])
@pytest.mark.parametrize("who,status", [("member", 403), ("intake", 403), ("stranger", 404), ("public", 302)])
def test_the_pages_of_a_change_are_closed_to_others(client, unit, administrator, intake, name, who, status):
    people = {"member": lambda: published.member(unit, "clerk", "member"), "intake": lambda: intake,
              "stranger": lambda: published.user("stranger")}  # fmt: skip
    if who != "public":
        client.force_login(people[who]())
    assert client.get(reverse(name, args=[unit.pk])).status_code == status


def test_a_change_and_its_licence_are_hidden_from_strangers(client, unit, administrator):
    change = propose(administrator, unit, name="示例新名")
    client.force_login(published.user("stranger"))
    file = reverse("licence-file", args=[change.licences.get().pk])
    assert (client.get(change.get_absolute_url()).status_code, client.get(file).status_code) == (404, 404)


def test_who_decided_too_late_is_told_who_was_first(unit, administrator, intake):
    change = propose(administrator, unit, name="示例新名")
    late = stored(change)
    ORGANISATION_CHANGE.perform(change, "withdraw", by=administrator)
    with pytest.raises(Stale) as stale:
        ORGANISATION_CHANGE.perform(late, "approve", by=intake)
    assert stale.value.last.verb == "organisation_change.withdraw"
