"""Pages of one's own account: one's own and only that, secrets shown once, nothing changed without being asked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.urls import reverse
from django.utils import timezone

from communities import access
from communities.models import AccessToken, Membership, Organisation
from portal import calendar_feed, notify, preferences
from portal.message_kinds import KINDS
from portal.models import CalendarLink, Event, Notification, User

pytestmark = pytest.mark.django_db

PASSWORD = "example-password-1"
PAGES = ("account", "password-change", "notification-settings", "calendar-link", "access-tokens", "notifications")
WORDS = {"subject": "P-1 示例小区", "sentence": "受理了申报"}
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def hashed():
    """Made once: it is slow on purpose."""
    return make_password(PASSWORD)


@pytest.fixture
def person(client, hashed):
    user = User.objects.create(username="one", email="one@example.org", password=hashed, name="示例甲")
    client.force_login(user)
    return user


@pytest.fixture
def other(db):
    return User.objects.create(username="two", email="two@example.org", name="示例乙")


def send(user, number, kind="progress"):
    notify.write(f"event:{number}", [user], kind, f"/projects/{number}/", **WORDS)
    return Notification.objects.get(key=f"event:{number}:{user.pk}")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_whoever_is_signed_in_and_leads_to_the_others(client, person, name):
    page = client.get(reverse(name))
    assert page.status_code == 200
    if name != "notifications":
        missing = [other for other in PAGES[:-1] if f'href="{reverse(other)}"' not in page.content.decode()]
        assert missing == []


@pytest.mark.parametrize("name", PAGES)
def test_a_visitor_is_asked_to_sign_in(client, db, name):
    answer = client.get(reverse(name))
    assert (answer.status_code, answer.url) == (302, f"/sign-in/?next={reverse(name)}")


ACTS = ("notification-read", "calendar-link-end", "access-token-revoke")


@pytest.mark.parametrize("name", ACTS)
def test_what_changes_something_is_not_done_by_a_link(client, person, name):
    assert client.get(reverse(name, args=[1] if name == "access-token-revoke" else [])).status_code == 405


class TestAccount:
    def body(self, **values):
        return {"name": "示例甲", "email": "one@example.org", "phone": "", "language": "zh-hans", **values}

    def test_what_is_said_is_kept_and_leaves_an_event(self, client, person):
        answer = client.post(reverse("account"), self.body(name=" 示例丙 ", phone="023-1", language="en"))
        person.refresh_from_db()
        assert (answer.status_code, person.name, person.phone, person.language) == (302, "示例丙", "023-1", "en")
        assert Event.objects.of(person).get().data == {"fields": ["name", "phone", "language"]}
        assert answer.cookies["django_language"].value == "en"

    def test_saying_the_same_leaves_none(self, client, person):
        client.post(reverse("account"), self.body())
        assert Event.objects.of(person).count() == 0

    @pytest.mark.parametrize("password, status", [("", 422), ("wrong", 422), (PASSWORD, 302)])
    def test_another_e_mail_wants_the_password(self, client, person, password, status):
        answer = client.post(reverse("account"), self.body(email="new@example.org", password=password))
        person.refresh_from_db()
        assert (answer.status_code, person.email == "new@example.org") == (status, status == 302)

    @pytest.mark.parametrize(
        "change, field",
        [
            ({"name": " "}, "name"),
            ({"email": "x"}, "email"),
            ({"language": "fr"}, "language"),
            ({"name": "长" * 61}, "name"),
        ],
    )
    def test_nonsense_is_told_beside_its_field_and_nothing_is_kept(self, client, person, change, field):
        answer = client.post(reverse("account"), self.body(phone="1", **change))
        assert (answer.status_code, field in answer.context["form"].errors) == (422, True)
        assert User.objects.get(pk=person.pk).phone == ""

    def test_another_password_ends_what_was_got_with_the_old_one(self, client, person):
        own, by_password = access.create(person, "x", ["read"], 1)[1], access.create_for_password(person)[1]
        said = {"old_password": PASSWORD, "new_password1": "another-example-2", "new_password2": "another-example-2"}
        answer = client.post(reverse("password-change"), said)
        person.refresh_from_db()
        assert (answer.status_code, person.check_password("another-example-2")) == (302, True)
        assert [access.authenticated(secret) is None for secret in (own, by_password)] == [False, True]
        assert client.get(reverse("account")).status_code == 200  # this browser stays signed in
        assert "user.password" in list(Event.objects.of(person).values_list("verb", flat=True))

    @pytest.mark.parametrize(
        "change",
        [{"old_password": "wrong"}, {"new_password2": "different-2"}, {"new_password1": "1", "new_password2": "1"}],
        ids=["wrong", "different", "weak"],
    )
    def test_a_password_that_cannot_be_taken_changes_nothing(self, client, person, change):
        said = {"old_password": PASSWORD, "new_password1": "another-example-2", "new_password2": "another-example-2"}
        answer = client.post(reverse("password-change"), {**said, **change})
        person.refresh_from_db()
        assert (answer.status_code, person.check_password(PASSWORD)) == (422, True)


class TestMessages:
    def test_ones_own_newest_first_with_a_link_and_its_kind(self, client, person, other):
        rows = [send(person, number) for number in (1, 2)]
        send(other, 3)
        page = client.get(reverse("notifications"))
        assert [row.pk for row in page.context["rows"]] == [rows[1].pk, rows[0].pk]
        text = page.content.decode()
        assert [reverse("notification-open", args=[row.pk]) in text for row in rows] == [True, True]
        assert KINDS["progress"].label in text

    def test_looking_at_the_list_reads_nothing(self, client, person):
        send(person, 1)
        client.get(reverse("notifications"))
        assert Notification.objects.unread_by(person).count() == 1

    @pytest.mark.parametrize(
        "query, shown",
        [
            ("", [3, 2, 1]),
            ("show=unread", [3, 2]),
            ("kind=due", [2]),
            ("show=unread&kind=progress", [3]),
            ("kind=x", [3, 2, 1]),
        ],
    )
    def test_they_are_filtered_by_kind_and_by_whether_they_were_read(self, client, person, query, shown):
        rows = {1: send(person, 1), 3: None, 2: None}
        Notification.objects.update(read_at=timezone.now())
        notify.write("event:2", [person], "due", "/", subject="P-1", due_on=timezone.localdate(), late=False)
        rows |= {2: Notification.objects.get(kind="due"), 3: send(person, 3)}
        page = client.get(reverse("notifications") + f"?{query}")
        assert [row.pk for row in page.context["rows"]] == [rows[number].pk for number in shown]

    def test_following_one_marks_it_read_and_leads_to_the_thing(self, client, person):
        first, second = (send(person, number) for number in (1, 2))
        answer = client.get(reverse("notification-open", args=[first.pk]))
        assert (answer.status_code, answer.url) == (302, "/projects/1/")
        assert list(Notification.objects.unread_by(person)) == [second]

    def test_no_one_elses_is_opened_or_marked(self, client, person, other):
        row = send(other, 1)
        assert client.get(reverse("notification-open", args=[row.pk])).status_code == 404
        client.post(reverse("notification-read"), {"notification": row.pk})
        client.post(reverse("notification-read"))
        assert Notification.objects.unread_by(other).count() == 1

    @pytest.mark.parametrize("named, left", [("first", 1), ("", 0), ("x", 2), ("9" * 30, 2)])
    def test_one_or_all_are_marked_read(self, client, person, named, left):
        first, _second = (send(person, number) for number in (1, 2))
        said = {"notification": first.pk if named == "first" else named, "query": "show=unread"}
        answer = client.post(reverse("notification-read"), said)
        assert answer.url == reverse("notifications") + "?show=unread"
        assert Notification.objects.unread_by(person).count() == left

    def test_thirty_cost_the_same_questions_as_one_and_have_pages(self, client, person, django_assert_max_num_queries):
        for number in range(30):
            send(person, number)
        with django_assert_max_num_queries(8):
            page = client.get(reverse("notifications") + "?page=2")
        assert len(page.context["rows"]) == 10

    def test_who_has_none_is_told_so(self, client, person):
        assert "还没有通知。" in client.get(reverse("notifications")).content.decode()
        assert "没有符合条件的通知。" in client.get(reverse("notifications") + "?show=unread").content.decode()


class TestSettings:
    def test_each_kind_that_may_be_put_off_has_a_choice(self, client, person):
        page = client.get(reverse("notification-settings"))
        assert set(page.context["form"].fields) == {code for code, kind in KINDS.items() if not kind.required}
        text = page.content.decode()
        assert [kind.label for kind in KINDS.values() if kind.label not in text] == []

    def test_choices_are_kept(self, client, person):
        said = {code: "daily" for code, kind in KINDS.items() if not kind.required}
        answer = client.post(reverse("notification-settings"), {**said, "decision": "none", "due": "none"})
        assert answer.status_code == 302
        assert preferences.chosen_by(person) == {
            **{code: "at_once" if kind.required else "daily" for code, kind in KINDS.items()},
            "due": "none",
        }

    @pytest.mark.parametrize("value", ["", "never"])
    def test_nonsense_is_refused(self, client, person, value):
        said = {code: "daily" for code, kind in KINDS.items() if not kind.required}
        assert client.post(reverse("notification-settings"), {**said, "due": value}).status_code == 422
        assert preferences.chosen_by(person)["progress"] == "at_once"


class TestCalendar:
    def test_its_address_is_shown_once_and_works(self, client, person):
        made = client.post(reverse("calendar-link"))
        (secret,) = set(SECRET.findall(made.content.decode())) & {
            found for found in SECRET.findall(made.content.decode()) if calendar_feed.reader_of(found)
        }
        again = client.get(reverse("calendar-link"))
        assert (calendar_feed.reader_of(secret), secret in again.content.decode()) == (person, False)
        assert "no-store" in made["Cache-Control"]

    def test_it_is_ended(self, client, person):
        secret = calendar_feed.open_link(person)
        assert client.post(reverse("calendar-link-end")).status_code == 302
        assert (calendar_feed.reader_of(secret), CalendarLink.objects.count()) == (None, 0)


class TestTokens:
    @pytest.fixture
    def units(self, person, other):
        rows = [Organisation.objects.create(credit_code=f"X{n}", name=f"示例{n}", kind="other") for n in (1, 2)]
        for user, unit in zip((person, other), rows, strict=True):
            Membership.objects.create(user=user, organisation=unit, role="member", since=timezone.localdate())
        return rows

    def body(self, **values):
        return {"name": "示例系统", "scopes": ["read", "file"], "days": "90", "organisation": "", **values}

    def test_its_secret_is_shown_once_and_opens_what_was_chosen(self, client, person, units):
        made = client.post(reverse("access-tokens"), self.body(organisation=units[0].pk))
        secret = made.context["secret"]
        token = access.authenticated(secret)
        assert (made.status_code, secret in made.content.decode(), "no-store" in made["Cache-Control"]) == (
            200,
            True,
            True,
        )
        assert (token.scopes, token.organisation, token.expires_at - token.created_at) == (
            ["read", "file"],
            units[0],
            timedelta(days=90),
        )
        again = client.get(reverse("access-tokens")).content.decode()
        assert (secret in again, token.prefix in again) == (False, True)

    @pytest.mark.parametrize(
        "change, field",
        [
            ({"name": ""}, "name"),
            ({"scopes": []}, "scopes"),
            ({"scopes": ["all"]}, "scopes"),
            ({"days": "1000"}, "days"),
        ],
    )
    def test_nonsense_is_told_beside_its_field(self, client, person, change, field):
        page = client.post(reverse("access-tokens"), self.body(**change))
        assert (page.status_code, list(page.context["form"].errors), AccessToken.objects.count()) == (422, [field], 0)

    def test_a_unit_of_others_cannot_be_chosen(self, client, person, units):
        page = client.post(reverse("access-tokens"), self.body(organisation=units[1].pk))
        assert (page.status_code, list(page.context["form"].errors)) == (422, ["organisation"])

    def test_one_is_ended_and_no_one_elses(self, client, person, other):
        own, own_secret = access.create(person, "a", ["read"], 1)
        foreign, foreign_secret = access.create(other, "b", ["read"], 1)
        answers = [client.post(reverse("access-token-revoke", args=[row.pk])).status_code for row in (own, foreign)]
        assert answers == [302, 404]
        assert [access.authenticated(secret) is None for secret in (own_secret, foreign_secret)] == [True, False]

    def test_thirty_cost_the_same_questions_as_one(self, client, person, units, django_assert_max_num_queries):
        for _time in range(30):
            access.create_for_password(person)
        with django_assert_max_num_queries(9):
            assert len(client.get(reverse("access-tokens")).context["rows"]) == 20
