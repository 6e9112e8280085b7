"""What a token opens: by its scopes, for its organisation, never its own account. What each operation needs is declared."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client as DjangoClient
from django.utils import timezone

from communities import access
from communities.models import AccessToken, Membership
from portal import audit, calendar_feed, notify, preferences, uploads
from portal.api_access import scope_of
from portal.demo import people
from portal.models import CalendarLink, Event, Notification, Upload
from tests.api.conftest import problems

CASES = ("draft", "form_check", "deliberation")
MISSING = [("scope_missing", "")]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """(operation, method, its description) of everything that the API does."""
    file = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(file))
    paths = json.loads(file.read_text(encoding="utf-8"))["paths"]
    return [(one["operationId"], method, one) for methods in paths.values() for method, one in methods.items()]


class TestEveryOperation:
    def test_says_what_a_token_needs_for_it_or_is_public(self, described):
        told = {name: one.get("x-scope") for name, _method, one in described}
        public = {name for name, _method, one in described if {} in one.get("security", [{}])}
        known = {*access.SCOPES, access.SESSION, access.ANY, "submit | handle"}
        assert {name: scope for name, scope in told.items() if name not in public and scope not in known} == {}
        assert {name for name in public if told[name] is not None} == set()

    def test_only_reading_needs_no_more_than_reading(self, described):
        """Marking one's own messages read is reading them."""
        wrong = {name for name, method, one in described if method != "get" and one.get("x-scope") == "read"}
        assert wrong == {"notifications_read_create", "notifications_read_all_create"}

    def test_of_the_account_is_closed_to_tokens(self, described):
        own = ("access_tokens_", "notification_settings_", "calendar_link_", "me_partial")
        scopes = {name: one.get("x-scope") for name, _method, one in described if name.startswith(own)}
        assert set(scopes.values()) == {access.SESSION}
        assert len(scopes) == 9

    def test_acts_are_told_by_their_table(self):
        class Acting:
            scope, scopes, machine = "", {}, "application"

        assert [scope_of(Acting, "POST", "act", act) for act in ("submit", "accept")] == ["submit", "handle"]


# operation -> the scope that opens it: one of each kind
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "read": ("get", "applications/{draft}/claims/", None),
    "file": ("put", "applications/{draft}/statements/nonsense/", {"commitment": True}),
    "submit": ("post", "applications/{draft}/acts/withdraw/", {}),
    "handle": ("post", "applications/{form_check}/acts/accept/", {}),
}


@pytest.mark.parametrize("scope", access.SCOPES)
def test_filling_in_does_not_open_a_case_to_other_people(at, world, by_token, scope):
    client, address = by_token(world.applicant, [scope]), f"projects/{at('draft').project_id}/engagements/"
    answers = [client.post(address, {}), client.delete(f"{address}1/")]
    assert [(one.status_code == 403 and problems(one) == MISSING) for one in answers] == [scope != "submit"] * 2


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("scope", access.SCOPES)
def test_a_scope_opens_its_operations_and_no_others(at, world, by_token, scope, operation):
    method, path, body = OPERATIONS[operation]
    person = world.intake if operation == "handle" else world.applicant
    address = path.format(draft=at("draft").pk, form_check=at("form_check").pk)
    answer = getattr(by_token(person, [scope]), method)(address, body)
    # What is opened goes on to the domain, which may refuse it for reasons of its own.
    assert (answer.status_code == 403 and problems(answer) == MISSING) is (scope != operation), answer.content


def test_a_scope_gives_nobody_more_than_they_are(at, world, by_token):
    answers = [
        by_token(world.applicant).post(f"applications/{at('form_check').pk}/acts/accept/", {}),
        by_token(world.other_applicant).get(f"applications/{at('form_check').pk}/"),
    ]
    assert [(one.status_code, problems(one)) for one in answers] == [
        (403, [("not_allowed", "")]),
        (404, [("not_found", "")]),
    ]


OWN_ACCOUNT = [
    ("get", "access-tokens/", None), ("post", "access-tokens/", {"name": "x", "scopes": ["read"], "days": 1}),
    ("delete", "access-tokens/{token}/", None), ("get", "notification-settings/", None),
    ("patch", "notification-settings/", {"emails": {"progress": "none"}}), ("get", "calendar-link/", None),
    ("post", "calendar-link/", {}), ("delete", "calendar-link/", None), ("patch", "me/", {"name": "某某"}),
    ("post", "organisations/{unit}/invitations/", {"whom": "other-applicant", "role": "member"}),
]  # fmt: skip


@pytest.mark.parametrize("method, path, body", OWN_ACCOUNT, ids=[f"{row[0]} {row[1]}" for row in OWN_ACCOUNT])
def test_no_token_manages_an_account_whatever_its_scopes(world, by_token, method, path, body):
    client = by_token(world.applicant)
    address = path.format(token=AccessToken.objects.get().pk, unit=world.unit.pk)
    answer = getattr(client, method)(address, body)
    assert (answer.status_code, problems(answer)) == (403, MISSING)
    assert AccessToken.objects.filter(revoked_at=None).count() == 1


class TestThatEnded:
    @pytest.mark.parametrize("values", ["expired", "revoked"])
    def test_opens_nothing(self, world, by_token, values):
        now = timezone.now()
        columns = {"expired": {"expires_at": now}, "revoked": {"revoked_at": now}}[values]
        answer = by_token(world.applicant, **columns).get("me/")
        assert (answer.status_code, problems(answer)) == (401, [("authentication_failed", "")])

    @pytest.mark.parametrize("header", ["Token", "Token a b", "Token \xff", "Bearer x", "Token " + "x" * 5000])
    def test_neither_does_what_is_none(self, world, anonymous, header):
        anonymous.credentials(HTTP_AUTHORIZATION=header)
        assert anonymous.get("me/").status_code == 401

    def test_a_wrong_one_reads_public_things_no_more_than_a_right_one_would(self, world, anonymous):
        anonymous.credentials(HTTP_AUTHORIZATION="Token nonsense")
        assert anonymous.get("districts/").status_code == 401


class TestForOneOrganisation:
    @pytest.fixture
    def narrow(self, world, by_token):
        """A person of two units with a token for the second."""
        Membership.objects.create(
            user=world.applicant, organisation=world.other_unit, role="member", since=timezone.localdate()
        )
        return by_token(world.applicant, organisation=world.other_unit)

    def test_sees_the_cases_of_that_one_alone(self, at, world, narrow, by_token):
        case = at("draft")
        assert by_token(world.applicant).get(f"applications/{case.pk}/").status_code == 200
        answers = [narrow.get(f"{path}") for path in (f"applications/{case.pk}/", f"organisations/{world.unit.pk}/")]
        assert [one.status_code for one in answers] == [404, 404]
        assert narrow.get(f"organisations/{world.other_unit.pk}/").status_code == 200
        assert narrow.get("me/").json()["memberships"] == [{"organisation": world.other_unit.pk, "role": "member"}]
        assert narrow.get("work/").json()["results"] == []

    def test_writes_nothing_elsewhere(self, at, narrow):
        case = at("draft")
        answer = narrow.post(f"applications/{case.pk}/acts/withdraw/", {"reason": "示例"})
        assert (answer.status_code, problems(answer)) == (404, [("not_found", "")])

    def test_opens_no_unit_of_its_own(self, world, narrow):
        body = {
            "credit_code": "91500112MA60000015", "name": "示例新单位", "kind": "developer", "district": world.district.pk,
            "address": "示例路 1 号", "contact": "示例", "phone": "023-1", "undertaking": True,
        }  # fmt: skip
        answer = narrow.post("organisations/", body)
        assert (answer.status_code, problems(answer)) == (403, [("not_allowed", "")])

    def test_reads_no_messages_which_may_be_of_another(self, narrow):
        assert [narrow.get(path).status_code for path in ("notifications/", "notifications/1/")] == [403, 403]

    def test_ends_with_the_membership(self, world, narrow):
        Membership.objects.filter(user=world.applicant, organisation=world.other_unit).update(
            until=timezone.localdate() - timedelta(days=1)
        )
        assert narrow.get(f"organisations/{world.other_unit.pk}/").status_code == 404
        assert narrow.get("me/").json()["memberships"] == []

    def test_neither_sees_nor_sends_nor_ends_uploads_into_another_case(self, at, world, narrow, by_token):
        upload = uploads.begin(
            world.applicant, "evidence", at("draft").pk, "图.pdf", 100, {"evidence_kind": "drawing", "items": []}
        )
        address, said = f"uploads/{upload.pk}/", {"HTTP_TUS_RESUMABLE": "1.0.0"}
        for client, expected in ((narrow, 404), (by_token(world.applicant), 200)):
            answers = [client.get(address), client.head(address, **said)]
            assert [one.status_code for one in answers] == [expected, expected]
        assert narrow.delete(address, **said).status_code == 404
        assert Upload.objects.filter(pk=upload.pk).exists()

    def test_is_no_officer_and_no_expert(self, at, world, by_token):
        case = at("deliberation")
        expert = people.panel_of(case, "signed")[0].expert.user
        for person in (expert, world.organiser):
            wide, limited = by_token(person), by_token(person, organisation=world.unit)
            assert [one.get(f"applications/{case.pk}/").status_code for one in (wide, limited)] == [200, 404]
            assert limited.get("assignments/").json()["results"] == []
            assert limited.get("me/").json()["expert"] is None


class TestItsOwner:
    def test_makes_lists_and_ends_them_signed_in(self, world, by_session, anonymous):
        client = by_session(world.applicant)
        client.handler.enforce_csrf_checks = False
        body = {"name": "示例系统", "scopes": ["file", "read"], "days": 30, "organisation": world.unit.pk}
        made = client.post("access-tokens/", body)
        assert made.status_code == 201
        secret = made.json()["token"]
        anonymous.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        assert anonymous.get("me/").json()["username"] == "applicant"
        (row,) = client.get("access-tokens/").json()["results"]
        assert (row["scopes"], row["organisation"], row["prefix"]) == (["read", "file"], world.unit.pk, secret[:10])
        assert row["last_used_at"] is not None
        assert secret not in client.get("access-tokens/").content.decode()
        assert client.delete(f"access-tokens/{row['id']}/").status_code == 204
        assert anonymous.get("me/").status_code == 401
        assert client.get("access-tokens/").json()["results"][0]["revoked_at"] is not None

    def test_sees_and_ends_no_one_elses(self, world, by_session, by_token):
        by_token(world.applicant)
        token = AccessToken.objects.get()
        client = by_session(world.other_applicant)
        client.handler.enforce_csrf_checks = False
        assert client.get("access-tokens/").json()["results"] == []
        assert client.delete(f"access-tokens/{token.pk}/").status_code == 404

    @pytest.mark.parametrize(
        "change, where",
        [
            ({"name": ""}, "name"), ({"scopes": []}, "scopes"), ({"scopes": ["all"]}, "scopes"), ({"days": 0}, "days"),
            ({"days": 367}, "days"), ({"organisation": 10**30}, "organisation"), ({"organisation": 0}, "organisation"),
        ],
    )  # fmt: skip
    def test_is_told_what_is_wrong(self, world, by_session, change, where):
        client = by_session(world.applicant)
        client.handler.enforce_csrf_checks = False
        answer = client.post("access-tokens/", {"name": "x", "scopes": ["read"], "days": 1, **change})
        assert answer.status_code == 422
        assert {place.partition(".")[0] for _code, place in problems(answer)} == {where}

    def test_makes_none_for_a_unit_of_others(self, world, by_session):
        client = by_session(world.applicant)
        client.handler.enforce_csrf_checks = False
        body = {"name": "x", "scopes": ["read"], "days": 1, "organisation": world.other_unit.pk}
        answer = client.post("access-tokens/", body)
        assert (answer.status_code, problems(answer)) == (422, [("organisation", "organisation")])


def test_a_token_got_by_password_has_every_scope_and_ends_like_a_session(world, anonymous, settings):
    body = {"username": "applicant", "password": people.PASSWORD}
    told = anonymous.post("token/", body).json()
    token = AccessToken.objects.get()
    assert (token.scopes, token.by_password, token.organisation) == (list(access.SCOPES), True, None)
    assert token.expires_at - token.created_at == timedelta(seconds=settings.SESSION_COOKIE_AGE)
    assert told["expires_at"] == timezone.localtime(token.expires_at).isoformat()


def test_no_secret_is_written_to_a_log_or_an_event(world, by_session, anonymous, caplog):
    client = by_session(world.applicant)
    client.handler.enforce_csrf_checks = False
    with caplog.at_level(logging.DEBUG):
        secret = client.post("access-tokens/", {"name": "x", "scopes": ["read"], "days": 1}).json()["token"]
        anonymous.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        for path in ("me/", "applications/0/", "access-tokens/"):
            anonymous.get(path)
        AccessToken.objects.update(revoked_at=timezone.now())
        anonymous.get("me/")
    assert caplog.records != []
    assert secret not in caplog.text + str(list(Event.objects.values_list("data", "subject_label")))


class TestOwnThings:
    @pytest.fixture
    def client(self, world, by_session):
        found = by_session(world.applicant)
        found.handler.enforce_csrf_checks = False
        return found

    def test_settings_of_messages_are_listed_and_changed(self, world, client):
        assert client.patch("notification-settings/", {"emails": {"progress": "daily"}}).status_code == 204
        rows = {
            row["kind"]: (row["email"], row["required"])
            for row in client.get("notification-settings/").json()["results"]
        }
        required = {"correction", "decision", "first_password", "invitation", "member_invitation", "pool", "security"}
        assert rows == {
            code: (email, code in required) for code, email in preferences.chosen_by(world.applicant).items()
        }
        assert rows["progress"] == ("daily", False)

    @pytest.mark.parametrize(
        "body, code",
        [
            ({"emails": {"decision": "none"}}, "kind_required"), ({"emails": {"x": "none"}}, "kind_unknown"),
            ({"emails": {"due": "never"}}, "delivery_unknown"), ({"emails": {}}, "empty"), ({}, "required"),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, client, body, code):
        answer = client.patch("notification-settings/", body)
        assert (answer.status_code, [row[0] for row in problems(answer)]) == (422, [code])

    def test_messages_are_found_by_kind_and_marked_read_one_by_one(self, world, client):
        for number, kind in enumerate(("progress", "due", "due")):
            words = {"sentence": "受理了申报", "due_on": timezone.localdate(), "late": False}
            notify.write(f"t:{number}", [world.applicant], kind, "/", subject="P-1", **words)
        Notification.objects.create(key="digest", user=world.applicant, kind="digest")
        rows = client.get("notifications/?kind=due").json()["results"]
        assert [row["kind_name"] for row in rows] == ["期限提醒", "期限提醒"]
        assert [client.post(f"notifications/{rows[0]['id']}/read/").status_code for _time in range(2)] == [204, 204]
        assert client.get("notifications/?unread=true&kind=due").json()["count"] == 1
        assert Notification.objects.unread_by(world.applicant).filter(kind="due").count() == 1
        assert client.get("notifications/?kind=nonsense").status_code == 422

    def test_the_calendars_address_is_told_once(self, world, client, anonymous):
        before = client.get("calendar-link/").json()
        made = client.post("calendar-link/", {})
        address = made.json()["address"]
        assert (before, made.status_code) == ({"created_at": None, "address": None}, 201)
        assert calendar_feed.reader_of(address.rpartition("/")[2].removesuffix(".ics")) == world.applicant
        assert client.get("calendar-link/").json()["address"] is None
        assert client.delete("calendar-link/").status_code == 204
        assert CalendarLink.objects.count() == 0

    def test_the_account_is_changed_and_another_e_mail_wants_the_password(self, world, client):
        refused = client.patch("me/", {"email": "new@example.org"})
        assert (refused.status_code, problems(refused)) == (422, [("password", "password")])
        body = {"email": "new@example.org", "password": people.PASSWORD, "language": "en"}
        told = client.patch("me/", body).json()
        assert (told["email"], told["language"], told["name"]) == ("new@example.org", "en", world.applicant.name)


NASTY = [None, True, "", "x" * 10_000, "%00", "９", -1, 10**30, 1e308, [[]], {"a": {"b": []}}, "9999-12-31"]
WRITES = {
    ("post", "access-tokens/"): ("name", "scopes", "days", "organisation"),
    ("delete", "access-tokens/{number}/"): (),
    ("patch", "notification-settings/"): ("emails",),
    ("patch", "me/"): ("name", "email", "phone", "language", "password"),
    ("post", "notifications/{number}/read/"): (),
    ("post", "token/"): ("username", "password"),
}


@pytest.mark.parametrize("method, path", WRITES)
def test_no_body_breaks_what_only_a_person_may_do(world, by_session, settings, method, path):
    settings.SIGN_IN_ATTEMPTS = 0
    client = by_session(world.applicant)
    client.handler.enforce_csrf_checks = False
    sound = {
        "name": "x", "scopes": ["read"], "days": 1, "emails": {"due": "daily"}, "email": world.applicant.email, "phone": "",
        "language": "zh-hans", "username": "applicant", "password": "x",
    }  # fmt: skip
    names = WRITES[method, path]
    bodies = [None, [], "text", 1]
    bodies += [{**{one: sound[one] for one in names if one in sound}, name: value} for name in names for value in NASTY]
    for number in ("0", "9" * 30):
        for body in bodies:
            answer = getattr(client, method)(path.format(number=number), body)
            assert answer.status_code in (200, 201, 204, 400, 404, 422), (body, answer.content)
            assert answer.status_code < 400 or answer.json().keys() == {"problems"}


class TestWhatAProgramDid:
    """It stands in the history beside the person for whom it was done, for whoever may know who that was."""

    @pytest.mark.parametrize("through, token", [("by_token", "示例系统"), ("by_session", "")])
    def test_is_told_with_the_name_of_its_token(self, at, world, request, through, token):
        case = at("form_check")
        client = request.getfixturevalue(through)(world.applicant)
        if through == "by_session":
            client.handler.enforce_csrf_checks = False
        answer = client.post(f"applications/{case.pk}/acts/withdraw/", {"reason": "示例"})
        assert (answer.status_code, answer.json()["token"]) == (200, token)
        listed = client.get(f"projects/{case.project_id}/events/?page_size=100").json()["results"]
        assert {(row["verb"], row["token"]) for row in listed if row["token"]} == (
            {("application.withdraw", token)} if token else set()
        )
        browser = DjangoClient()
        browser.force_login(world.applicant)
        said = f"通过接口令牌“{token}”"
        assert (said in browser.get(case.project.get_absolute_url()).content.decode()) is bool(token)

    def test_is_not_told_of_a_member_of_the_panel_to_whom_they_are_unknown(self, at, world, by_session):
        case = at("deliberation")
        expert = people.panel_of(case, "signed")[0].expert.user
        expert.acts_through = "示例专家的系统"
        audit.record(case, "evidence.open", by=expert, role="expert")
        address = f"applications/{case.pk}/events/?page_size=100"
        told = {
            person: [row["token"] for row in by_session(getattr(world, person)).get(address).json()["results"]][-1]
            for person in ("applicant", "supervisor")
        }
        assert told == {"applicant": "", "supervisor": "示例专家的系统"}
        browser = DjangoClient()
        browser.force_login(world.applicant)
        assert "示例专家的系统" not in browser.get(case.project.get_absolute_url()).content.decode()

    def test_is_written_by_the_one_function_that_writes_events(self, world):
        world.applicant.acts_through = "示例系统"
        try:
            event = audit.record(world.unit, "organisation.change", by=world.applicant, fields=["phone"])
        finally:
            world.applicant.acts_through = ""
        assert (event.token, Event.objects.get(pk=event.pk).data) == (
            "示例系统", {"fields": ["phone"], "token": "示例系统"}
        )  # fmt: skip
