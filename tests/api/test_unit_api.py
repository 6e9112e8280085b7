"""Members, invitations, changes of a unit and consulting units of a case over HTTP, as the pages do them."""

from __future__ import annotations

import pytest

from communities import inviting
from communities.models import Invitation, Organisation
from portal.demo import names, papers, people
from portal.models import Notification
from tests.api.conftest import problems
from tests.evaluation import scenes

CASES = ("draft", "form_check")


@pytest.fixture
def newcomer(world, db):
    person = people.user("newcomer", "示例新人")
    person.save()
    return person


@pytest.fixture
def signed_in(by_session):
    """As a browser: what is about people is closed to tokens."""

    def client(user):
        found = by_session(user)
        found.handler.enforce_csrf_checks = False
        return found

    return client


@pytest.fixture
def at(world):
    return f"organisations/{world.unit.pk}/"


# --- members and invitations ------------------------------------------------------------------------------------------


def test_members_come_by_invitation_and_go(world, newcomer, signed_in, at):
    client, invited = signed_in(world.applicant), signed_in(newcomer)
    guesses = [client.post(f"{at}invitations/", {"whom": name, "role": "member"}) for name in ("nobody", "intake")]
    made = client.post(f"{at}invitations/", {"whom": "newcomer", "role": "member"})
    assert [(one.status_code, set(one.json())) for one in guesses] == [(201, set(made.json()))] * 2
    assert (made.status_code, made.json()["whom"]) == (201, "newcomer")
    (waiting,) = invited.get("invitations/").json()["results"]
    assert (waiting["organisation_name"], waiting["role"]) == (world.unit.name, "member")
    joined = invited.post(f"invitations/{waiting['id']}/accept/")
    assert (joined.status_code, joined.json()["role"]) == (201, "member")
    assert (invited.get(at).status_code, invited.get("invitations/").json()["results"]) == (200, [])
    assert invited.post(f"{at}invitations/", {"whom": "x@example.org", "role": "member"}).status_code == 403
    assert invited.get(f"{at}invitations/").json()["results"] == []
    member = f"{at}members/{joined.json()['id']}/"
    assert client.patch(member, {"role": "administrator"}).json()["role"] == "administrator"
    assert client.patch(member, {"role": "king"}).status_code == 422
    assert client.delete(member).status_code == 204
    assert invited.get(at).status_code == 404
    own = next(row for row in client.get(f"{at}members/").json()["results"] if row["until"] is None)
    for answer in (
        client.delete(f"{at}members/{own['id']}/"),
        client.patch(f"{at}members/{own['id']}/", {"role": "member"}),
    ):
        assert problems(answer) == [("last_administrator", "")]


def test_the_secret_of_a_link_is_told_by_e_mail_only(world, newcomer, signed_in, at):
    client = signed_in(world.applicant)
    made = client.post(f"{at}invitations/", {"whom": newcomer.email, "role": "member"})
    secret = Notification.objects.get(address=newcomer.email).body.partition("/invitations/")[2].partition("/")[0]
    assert len(secret) == 43
    assert [secret in answer.content.decode() for answer in (made, client.get(f"{at}invitations/"))] == [False, False]
    other = signed_in(world.other_applicant)
    assert problems(other.post(f"invitations/{secret}/accept/")) == [("wrong_person", "")]
    invited = signed_in(newcomer)
    assert invited.get(f"invitations/{secret}/").json()["organisation_name"] == world.unit.name
    assert invited.get(f"invitations/{made.json()['id']}/").status_code == 404  # by number for accounts only
    assert invited.post(f"invitations/{secret}/accept/").status_code == 201
    assert problems(invited.post(f"invitations/{secret}/accept/")) == [("used", "")]


def test_an_invitation_is_declined_withdrawn_and_sent_again(world, newcomer, signed_in, at):
    client, invited = signed_in(world.applicant), signed_in(newcomer)
    row = client.post(f"{at}invitations/", {"whom": "newcomer", "role": "member"}).json()["id"]
    assert problems(client.post(f"{at}invitations/{row}/resend/")) == [("sent_just_now", "")]
    Invitation.objects.update(sent_at=Invitation.objects.get().sent_at - inviting.PAUSE)
    assert client.post(f"{at}invitations/{row}/resend/").status_code == 200
    assert invited.post(f"invitations/{row}/decline/").status_code == 204
    assert problems(client.delete(f"{at}invitations/{row}/")) == [("declined", "")]
    row = client.post(f"{at}invitations/", {"whom": "newcomer", "role": "member"}).json()["id"]
    assert signed_in(world.other_applicant).delete(f"{at}invitations/{row}/").status_code == 404
    assert client.delete(f"{at}invitations/{row}/").status_code == 204
    assert problems(invited.post(f"invitations/{row}/accept/")) == [("withdrawn", "")]


def test_what_is_about_people_is_closed_to_tokens(world, by_token, at):
    client = by_token(world.applicant)
    answers = [
        client.post(f"{at}invitations/", {"whom": "x@example.org", "role": "member"}),
        client.patch(f"{at}members/1/", {"role": "member"}),
        client.post("invitations/1/accept/"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_waits_for_intake_and_then_holds(world, by_token, at):
    client, intake = by_token(world.applicant), by_token(world.intake)
    code = names.code("500101", "D", 55)
    paper = {"licence": papers.pdf("营业执照", code), "undertaking": "true"}
    wrong = client.upload(f"{at}changes/", credit_code="123", licence=papers.pdf("营业执照", "x"))
    assert [place for _code, place in problems(wrong)] == ["credit_code", "undertaking"]
    made = client.upload(f"{at}changes/", credit_code=code, name="示例更名", **paper)
    change = made.json()
    assert (made.status_code, change["state"], len(change["licences"])) == (201, "waiting", 1)
    assert (change["before"]["name"], change["after"]["name"]) == (world.unit.name, "示例更名")
    assert client.get(at).json()["name"] == world.unit.name
    assert [row["id"] for row in intake.get("organisation-changes/?state=waiting").json()["results"]] == [change["id"]]
    assert by_token(world.other_applicant).get(f"organisation-changes/{change['id']}/").status_code == 404
    assert client.post(f"organisation-changes/{change['id']}/acts/approve/", {}).status_code == 403
    assert intake.post(f"organisation-changes/{change['id']}/acts/approve/", {}).status_code == 200
    assert {name: client.get(at).json()[name] for name in ("name", "credit_code", "state")} == {
        "name": "示例更名", "credit_code": code, "state": "active",
    }  # fmt: skip


def test_how_a_unit_is_reached_holds_at_once(world, by_token, at):
    assert by_token(world.applicant).patch(f"{at}contact/", {"contact": "新联系人"}).json()["contact"] == "新联系人"
    assert Organisation.objects.get(pk=world.unit.pk).phone == world.unit.phone
    assert by_token(world.intake).patch(f"{at}contact/", {"contact": "别人"}).status_code == 403
    assert by_token(world.other_applicant).patch(f"{at}contact/", {"contact": "别人"}).status_code == 404


# --- consulting units -------------------------------------------------------------------------------------------------


@pytest.fixture
def project(cases):
    return scenes.case(cases["draft"]).project


def test_consulting_units_are_engaged_and_let_go(world, by_token, project):
    client, address = by_token(world.applicant), f"projects/{project.pk}/engagements/"
    (first,) = client.get(address).json()["results"]
    assert (first["organisation"], first["until"]) == (world.consulting.pk, None)
    said = {"credit_code": world.consulting.credit_code, "scope": "示例"}
    assert problems(client.post(address, said)) == [("engaged_already", "credit_code")]
    assert client.delete(f"{address}{first['id']}/").status_code == 204
    assert by_token(world.consultant).get(address).status_code == 404
    assert client.get(f"projects/{project.pk}/").json()["consultants"] == []
    made = client.post(address, said)
    assert (made.status_code, made.json()["name"], made.json()["standing"]) == (201, world.consulting.name, "offered")
    assert client.get(f"projects/{project.pk}/").json()["consultants"] == []
    asked = by_token(world.consultant).get("engagements/").json()["results"][0]
    assert (asked["id"], asked["number"], asked["standing"]) == (made.json()["id"], project.number, "offered")
    assert by_token(world.consultant).get(f"projects/{project.pk}/").status_code == 404
    assert client.post(f"engagements/{asked['id']}/accept/").status_code == 404
    accepted = by_token(world.consultant).post(f"engagements/{asked['id']}/accept/")
    assert (accepted.status_code, accepted.json()["standing"]) == (200, "accepted")
    assert by_token(world.consultant).post(f"engagements/{asked['id']}/decline/").status_code == 409
    assert client.get(f"projects/{project.pk}/").json()["consultants"] == [
        {"id": world.consulting.pk, "name": world.consulting.name}
    ]
    assert by_token(world.consultant).post(address, said).status_code == 403
    assert by_token(world.consultant).delete(f"{address}{made.json()['id']}/").status_code == 204
    assert client.delete(f"{address}{made.json()['id']}/").status_code == 409


@pytest.mark.parametrize("who,status", [("other_applicant", 404), ("intake", 403)])
def test_nobody_else_engages(world, by_token, cases, who, status):
    address = f"projects/{scenes.case(cases['form_check']).project_id}/engagements/"
    said = {"credit_code": world.consulting.credit_code, "scope": "示例"}
    assert by_token(getattr(world, who)).post(address, said).status_code == status
