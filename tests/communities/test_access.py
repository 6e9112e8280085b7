"""Access tokens: made with every problem told, found by digest alone, ended at once, narrowed to one organisation."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communities import access
from communities.models import AccessToken, Membership, Officer, Organisation
from communities.permissions import city_duties, memberships_of
from portal.machine import MACHINES, NotAllowed
from portal.models import Event, User
from portal.problems import Refused

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def person():
    return User.objects.create(username="one", name="示例甲")


@pytest.fixture
def units(person):
    rows = [
        Organisation.objects.create(credit_code=f"X{n}", name=f"示例{n}", kind="other", state="active") for n in "123"
    ]
    for row in rows[:2]:
        Membership.objects.create(user=person, organisation=row, role="member", since=timezone.localdate())
    return rows


def refused(by, *arguments):
    with pytest.raises(Refused) as error:
        access.create(by, *arguments)
    return [(problem.code, problem.place) for problem in error.value.problems]


class TestMaking:
    def test_the_secret_is_told_once_and_kept_nowhere(self, person):
        token, secret = access.create(person, " 示例系统 ", ["submit", "read", "read"], 30)
        stored = AccessToken.objects.values().get()
        assert (token.name, token.scopes, token.digest) == (
            "示例系统",
            ["read", "submit"],
            sha256(secret.encode()).hexdigest(),
        )
        assert len(secret) >= 43
        assert secret.startswith(token.prefix)
        assert secret not in str(stored) + str([event.data for event in Event.objects.all()])
        assert token.expires_at - token.created_at == timedelta(days=30)

    def test_everything_that_is_wrong_is_said_at_once(self, person, units):
        assert refused(person, " ", [], 0, units[2]) == [
            ("required", "name"),
            ("scopes", "scopes"),
            ("days", "days"),
            ("organisation", "organisation"),
        ]

    @pytest.mark.parametrize(
        "name, scopes, days, place",
        [("x" * 61, ["read"], 1, "name"), ("x", ["read", "all"], 1, "scopes"), ("x", ["read"], 367, "days")],
    )
    def test_each_bound_is_kept(self, person, name, scopes, days, place):
        assert [where for _code, where in refused(person, name, scopes, days)] == [place]

    def test_there_are_only_so_many_live_ones(self, person, monkeypatch):
        monkeypatch.setattr(access, "TOKENS_AT_MOST", 2)
        first, _secret = access.create(person, "a", ["read"], 1)
        access.create(person, "b", ["read"], 1)
        access.create_for_password(person)  # counts no more than signing in does
        assert refused(person, "c", ["read"], 1) == [("too_many_tokens", "")]
        access.revoke(person, first)
        access.create(person, "c", ["read"], 1)

    @pytest.mark.parametrize(
        "nobody", [AnonymousUser(), User(username="off", is_active=False)], ids=["anonymous", "off"]
    )
    def test_nobody_makes_none(self, nobody):
        with pytest.raises(NotAllowed):
            access.create(nobody, "x", ["read"], 1)

    def test_it_leaves_an_event_that_names_scopes_and_end(self, person, units):
        token, _secret = access.create(person, "示例", ["read"], 1, units[0])
        event = Event.objects.of(token).get()
        assert (event.verb, event.actor, event.data["scopes"]) == ("access_token.create", person, ["read"])
        assert event.data["organisation"] == units[0].name


class TestFinding:
    def test_a_live_one_is_found_with_its_person(self, person):
        token, secret = access.create(person, "x", ["read"], 1)
        found = access.authenticated(secret)
        assert (found, found.user) == (token, person)

    @pytest.mark.parametrize(
        "change",
        [
            lambda token: access.revoke(token.user, token),
            lambda token: AccessToken.objects.update(expires_at=timezone.now()),
            lambda token: User.objects.update(is_active=False),
        ],
        ids=["revoked", "expired", "person switched off"],
    )
    def test_what_ended_opens_nothing(self, person, change):
        token, secret = access.create(person, "x", ["read"], 1)
        change(token)
        assert access.authenticated(secret) is None

    @pytest.mark.parametrize("wrong", ["", "x", "\ud800", "长" * 1000])
    def test_a_wrong_one_opens_nothing(self, person, wrong):
        access.create(person, "x", ["read"], 1)
        assert access.authenticated(wrong) is None

    def test_the_database_is_asked_for_the_digest_and_never_for_the_secret(self, person):
        _token, secret = access.create(person, "x", ["read"], 1)
        with CaptureQueriesContext(connection) as asked:
            access.authenticated(secret)
        said = " ".join(query["sql"] for query in asked)
        assert (secret in said, secret[: access.PREFIX_LENGTH] in said, access.digest_of(secret) in said) == (
            False,
            False,
            True,
        )

    def test_its_use_is_noted_once_an_hour(self, person):
        token, secret = access.create(person, "x", ["read"], 1)
        noted = []
        for ago in (None, HOUR / 2, HOUR * 2):
            if ago is not None:
                AccessToken.objects.update(last_used_at=timezone.now() - ago)
            before = AccessToken.objects.get().last_used_at
            access.authenticated(secret)
            noted.append(AccessToken.objects.get().last_used_at != before)
        assert noted == [True, False, True]


class TestEnding:
    def test_twice_is_once(self, person):
        token, _secret = access.create(person, "x", ["read"], 1)
        access.revoke(person, token)
        at = AccessToken.objects.get().revoked_at
        access.revoke(person, AccessToken.objects.get())
        assert AccessToken.objects.get().revoked_at == at
        assert [event.verb for event in Event.objects.of(token)] == ["access_token.create", "access_token.revoke"]

    def test_it_is_ones_own_or_nobodys(self, person):
        token, secret = access.create(person, "x", ["read"], 1)
        with pytest.raises(NotAllowed):
            access.revoke(User.objects.create(username="two"), token)
        assert access.authenticated(secret) == token

    def test_with_the_password_goes_what_was_got_by_it(self, person):
        own = access.create(person, "x", ["read"], 1)[1]
        by_password = [access.create_for_password(person)[1] for _time in range(2)]
        assert access.end_those_by_password(person) == 2
        assert [access.authenticated(secret) is None for secret in [own, *by_password]] == [False, True, True]


class TestOneOrganisation:
    def test_it_acts_for_that_organisation_and_for_no_duty(self, person, units):
        Officer.objects.create(user=person, duty="intake", since=timezone.localdate())
        _token, whole = access.create(person, "x", ["read"], 1)
        _token, narrow = access.create(person, "x", ["read"], 1, units[1])
        users = [access.authenticated(secret).user for secret in (whole, narrow)]
        assert [set(memberships_of(user)) for user in users] == [{units[0].pk, units[1].pk}, {units[1].pk}]
        assert [set(city_duties(user)) for user in users] == [{"intake"}, set()]

    def test_who_left_it_has_nothing_there_any_more(self, person, units):
        _token, secret = access.create(person, "x", ["read"], 1, units[1])
        Membership.objects.filter(organisation=units[1]).update(until=timezone.localdate() - timedelta(days=1))
        assert memberships_of(access.authenticated(secret).user) == {}


def test_what_a_party_does_is_submitting_and_everything_else_is_handling():
    scopes = {
        f"{name}.{row.action}": access.scope_of_act(name, row.action)
        for name, machine in MACHINES.items()
        for row in machine.transitions
    }
    wanted = {
        "application.submit": "submit", "application.resubmit": "submit", "application.withdraw": "submit",
        "application.submit_revision": "submit", "organisation.submit": "submit", "guidance_opinion.reply": "submit",
        "application.accept": "handle", "application.refuse": "handle", "application.cosign_draw": "handle",
        "application.approve": "handle", "assignment.accept": "handle", "assignment.sign": "handle",
        "certificate.revoke": "handle", "guidance_opinion.close": "handle", "organisation.ban": "handle",
    }  # fmt: skip
    assert {act: scopes[act] for act in wanted} == wanted
    assert access.scope_of_act("application", "nonsense") == "handle"
