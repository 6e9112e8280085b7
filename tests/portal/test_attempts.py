"""What may be tried without an account is counted once for page and API, for every process, and ends with a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from portal import attempts, tasks
from portal.attempts import Allowance, TooMany
from portal.models import Attempt, Notification, User
from tests.at_once import at_once

THREE = Allowance("test", 3, 10)
PASSWORD, WRONG = "a-long-and-good-one", "wrong"


@pytest.fixture
def somebody(db, settings):
    settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_MINUTES = 3, 15
    return User.objects.create_user("somebody", "", PASSWORD, name="示例")


def by_page(client, name="somebody", password=WRONG, **extra):
    return client.post(reverse("sign-in"), {"username": name, "password": password}, **extra)


def by_api(client, name="somebody", password=WRONG, **extra):
    said = {"username": name, "password": password}
    return client.post("/api/v1/token/", said, content_type="application/json", **extra)


def older(minutes):
    Attempt.objects.update(at=timezone.now() - timedelta(minutes=minutes))


class TestCounting:
    pytestmark = pytest.mark.django_db

    def test_so_many_are_let_through_and_the_next_hears_when(self):
        before = timezone.now()
        for _time in range(3):
            attempts.take(THREE, "one", "::1")
        with pytest.raises(TooMany) as caught:
            attempts.take(THREE, "one", "::1")
        assert before < caught.value.until - timedelta(minutes=10) < timezone.now()
        assert Attempt.objects.count() == 3  # a refused one prolongs nothing

    def test_every_name_and_every_kind_has_a_count_of_its_own(self):
        for of in (("one", "a"), ("one", "b"), ("onea", ""), ("two", "a")):
            for _time in range(3):
                attempts.take(THREE, *of)
        attempts.take(Allowance("other", 3, 10), "one", "a")

    def test_the_oldest_leaves_the_window_and_makes_room_for_one(self):
        for _time in range(3):
            attempts.take(THREE, "one")
        Attempt.objects.filter(pk=Attempt.objects.earliest("pk").pk).update(at=timezone.now() - timedelta(minutes=11))
        attempts.take(THREE, "one")
        with pytest.raises(TooMany):
            attempts.take(THREE, "one")

    def test_asking_whether_there_is_room_counts_nothing_and_says_until_when(self):
        for _time in range(3):
            attempts.refuse_used_up(THREE, "one")
            attempts.take(THREE, "one")
        assert Attempt.objects.count() == 3
        with pytest.raises(TooMany) as asked:
            attempts.refuse_used_up(THREE, "one")
        with pytest.raises(TooMany) as tried:
            attempts.take(THREE, "one")
        assert (asked.value.until, Attempt.objects.count()) == (tried.value.until, 3)
        attempts.refuse_used_up(Allowance("test", 0, 10), "one")

    def test_none_at_most_is_no_limit(self):
        for _time in range(3):
            attempts.take(Allowance("test", 0, 10), "one")
        assert not Attempt.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_the_sweep_forgets_what_no_allowance_looks_at(self, settings):
        settings.SIGN_IN_MINUTES = 90
        attempts.take(THREE, "one")
        with tasks.silence():
            older(89)
            tasks.sweep()
            assert Attempt.objects.count() == 1
            older(91)
            tasks.sweep()
        assert Attempt.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_three_are_let_through():
    outcomes = at_once(*[lambda: attempts.take(THREE, "one")] * 8)
    let_through = [outcome for outcome in outcomes if isinstance(outcome, Attempt)]
    assert len(let_through) <= 3
    assert {type(outcome) for outcome in outcomes if outcome not in let_through} == {TooMany}


@pytest.mark.parametrize(
    "proxies,forwarded,remote,expected",
    [
        (0, "", "192.0.2.1", "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1", "192.0.2.1"),  # nobody of ours said so
        (1, "198.51.100.7", "127.0.0.1", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "127.0.0.1", "198.51.100.7"),  # what stands before it was made up
        (2, "203.0.113.9, 198.51.100.7", "127.0.0.1", "203.0.113.9"),
        (2, "198.51.100.7", "127.0.0.1", "198.51.100.7"),
        (1, "", "127.0.0.1", "127.0.0.1"),
        (0, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (0, "", "::ffff:192.0.2.1", "192.0.2.1"),
        (0, "", "", ""),
    ],
)
def test_the_address_is_the_one_that_our_own_proxies_saw(settings, proxies, forwarded, remote, expected):
    settings.PROXIES = proxies
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR=remote)
    assert attempts.address_of(request) == expected


class TestSigningIn:
    def test_page_and_api_share_one_count_and_say_when_to_come_again(self, client, somebody):
        answers = [by_page(client), by_api(client), by_page(client), by_page(client), by_api(client)]
        assert [answer.status_code for answer in answers] == [200, 422, 200, 429, 429]
        told = timezone.localtime(Attempt.objects.earliest("pk").at + timedelta(minutes=15, seconds=59))
        sentence = f"尝试次数过多，请在{told:%Y-%m-%d %H:%M}以后再试。"
        assert sentence in answers[3].content.decode()
        assert answers[4].json() == {"problems": [{"code": "too_many", "place": "", "message": sentence}]}
        assert all(14 * 60 < int(answer["Retry-After"]) <= 15 * 60 for answer in answers[3:])

    @pytest.mark.parametrize("tried", [by_page, by_api])
    def test_who_is_locked_out_gets_not_in_with_the_password_either(self, client, somebody, tried):
        for _time in range(3):
            tried(client)
        assert tried(client, password=PASSWORD).status_code == 429
        older(16)
        assert tried(client, password=PASSWORD).status_code == {by_page: 302, by_api: 200}[tried]

    def test_success_begins_the_count_anew(self, client, somebody):
        for _round in range(2):
            assert [by_api(client).status_code for _time in range(2)] == [422, 422]
            assert by_api(client, password=PASSWORD).status_code == 200
        assert Attempt.objects.count() == 4  # failures of the name, wherever they came from

    def test_another_spelling_of_the_name_is_the_same_name(self, client, somebody):
        spellings = ("somebody", " SomeBody ", "ｓｏｍｅｂｏｄｙ", "SOMEBODY")
        assert [by_api(client, name=name).status_code for name in spellings] == [422, 422, 422, 429]

    def test_another_address_and_another_name_are_not_locked_out(self, client, somebody):
        for _time in range(4):
            by_page(client)
        assert by_page(client, name="another").status_code == 200
        assert by_page(client, REMOTE_ADDR="192.0.2.9").status_code == 200


def leave(client):
    """The session ends; what else the browser keeps, it keeps."""
    del client.cookies["sessionid"]


def spread(number, tried, client, **said):
    """One attempt each from so many addresses."""
    return [tried(client, REMOTE_ADDR=f"192.0.2.{last}", **said).status_code for last in range(1, number + 1)]


class TestGuessesFromManyAddresses:
    @pytest.fixture(autouse=True)
    def five(self, settings, somebody):
        settings.SIGN_IN_NAME_ATTEMPTS = 5

    def test_they_add_up_at_the_name_and_say_when_to_come_again(self, client, somebody):
        assert spread(7, by_api, client) == [422] * 5 + [429] * 2
        answer = by_page(client, password=PASSWORD, REMOTE_ADDR="198.51.100.1")
        assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 15 * 60) == (429, True)
        assert by_api(client, name="another", REMOTE_ADDR="198.51.100.1").status_code == 422

    def test_however_the_name_is_spelt(self, client):
        spellings = ("somebody", "SOMEBODY", "ｓｏｍｅｂｏｄｙ", " somebody ", "Somebody", "sOMEBODY")
        found = [by_api(client, name=name, REMOTE_ADDR=f"192.0.2.{at}") for at, name in enumerate(spellings)]
        assert [answer.status_code for answer in found] == [422] * 5 + [429]

    def test_a_name_that_nobody_bears_is_answered_alike(self, client):
        assert spread(6, by_api, client, name="nobody") == spread(6, by_api, client) == [422] * 5 + [429]

    def test_the_block_is_over_once_the_guesses_are_old(self, client):
        spread(6, by_api, client)
        older(16)
        assert by_api(client, password=PASSWORD).status_code == 200

    def test_what_was_refused_counts_nowhere(self, client):
        spread(5, by_api, client)
        before = Attempt.objects.count()
        spread(5, by_api, client)
        assert Attempt.objects.count() == before

    def test_a_success_makes_room_for_no_more_guesses(self, client):
        spread(4, by_api, client)
        assert by_api(client, password=PASSWORD).status_code == 200
        assert spread(2, by_api, client) == [422, 429]

    def test_who_signs_in_often_is_no_guesser(self, client):
        assert spread(9, by_api, client, password=PASSWORD) == [200] * 9

    def test_the_browser_of_the_person_gets_in_all_the_same(self, client, somebody):
        assert by_page(client, password=PASSWORD).status_code == 302
        leave(client)
        spread(6, by_api, Client())
        assert by_page(Client(), password=PASSWORD, REMOTE_ADDR="198.51.100.1").status_code == 429
        assert by_page(client, password=PASSWORD, REMOTE_ADDR="198.51.100.1").status_code == 302

    def test_a_neighbour_who_guesses_at_the_same_address_keeps_nobody_out_either(self, client):
        by_page(client, password=PASSWORD)
        leave(client)
        assert [by_page(Client()).status_code for _time in range(4)] == [200, 200, 200, 429]
        assert by_page(client, password=PASSWORD).status_code == 302

    def test_a_known_browser_guesses_no_more_often_than_any_other(self, client):
        by_page(client, password=PASSWORD)
        leave(client)
        assert spread(4, by_page, client) == [200, 200, 200, 429]

    @pytest.mark.parametrize("value", ["", "nonsense", "made:up:one"])
    def test_a_browser_that_only_says_so_is_strange(self, client, value):
        spread(5, by_api, Client())
        client.cookies[attempts.KNOWN] = value
        assert by_page(client, password=PASSWORD).status_code == 429

    def test_to_be_known_by_one_name_helps_with_no_other(self, client):
        User.objects.create_user("attacker", "", PASSWORD, name="示例")
        assert by_page(client, name="attacker", password=PASSWORD).status_code == 302
        leave(client)
        spread(5, by_api, Client())
        assert by_page(client, password=PASSWORD).status_code == 429

    def test_whoever_is_signed_in_stays_so(self, client, somebody):
        by_page(client, password=PASSWORD)
        token = by_api(client, password=PASSWORD).json()["token"]
        spread(6, by_api, Client())
        assert client.get(reverse("my-work")).status_code == 200
        assert Client(headers={"Authorization": f"Token {token}"}).get("/api/v1/me/").status_code == 200

    def test_the_person_hears_of_it_once_a_day(self, client, somebody):
        spread(5, by_api, client)
        assert not Notification.objects.exists()
        spread(5, by_api, client)
        spread(2, by_api, client, name="nobody")
        (message,) = Notification.objects.all()
        assert (message.user, message.kind, message.email) == (somebody, "security", "at_once")
        assert "反复以您的用户名尝试登录" in message.body


class TestMakingAccounts:
    """The form says which user names are taken: asking is counted too, not only what comes of it."""

    pytestmark = pytest.mark.django_db

    @pytest.fixture(autouse=True)
    def three(self, settings):
        settings.REGISTRATIONS_PER_HOUR = 3

    def by_page(self, client, name, **extra):
        said = {
            "username": name,
            "name": "示例",
            "email": "a@example.org",
            "password1": PASSWORD,
            "password2": PASSWORD,
        }
        return client.post(reverse("register"), said, **extra).status_code

    def by_api(self, client, name, **extra):
        said = {"username": name, "name": "示例", "email": "a@example.org", "password": PASSWORD}
        return client.post("/api/v1/accounts/", said, content_type="application/json", **extra).status_code

    def test_so_many_an_hour_from_one_address_by_page_and_api_together(self):
        found = [self.by_page(Client(), "one"), self.by_api(Client(), "two"), self.by_page(Client(), "three")]
        assert found == [302, 201, 302]
        assert (self.by_page(Client(), "four"), self.by_api(Client(), "four")) == (429, 429)
        assert User.objects.count() == 3
        assert self.by_api(Client(), "four", REMOTE_ADDR="192.0.2.9") == 201
        older(61)
        assert self.by_page(Client(), "five") == 302

    @pytest.mark.parametrize("way,refused", [("by_page", 422), ("by_api", 422)])
    def test_asking_for_names_that_are_taken_is_counted(self, somebody, way, refused):
        assert [getattr(self, way)(Client(), "somebody") for _time in range(4)] == [refused] * 3 + [429]


class TestTheQuestionForThePresentPassword:
    """Whoever sits at somebody's open session does not find out the password there."""

    @pytest.fixture(autouse=True)
    def signed_in(self, client, somebody):
        User.objects.filter(pk=somebody.pk).update(email="old@example.org")
        client.force_login(somebody)

    def by_page(self, client, password):
        said = {"name": "示例", "email": "new@example.org", "phone": "", "language": "zh-hans", "password": password}
        return client.post(reverse("account"), said).status_code

    def by_api(self, client, password):
        said = {"email": "new@example.org", "password": password}
        return client.patch("/api/v1/me/", said, content_type="application/json").status_code

    def by_password_page(self, client, password):
        said = {"old_password": password, "new_password1": PASSWORD + "2", "new_password2": PASSWORD + "2"}
        return client.post(reverse("password-change"), said).status_code

    @pytest.mark.parametrize("way", ["by_page", "by_api", "by_password_page"])
    def test_it_is_asked_so_often_and_then_the_right_one_helps_no_more(self, client, somebody, way):
        ask = getattr(self, way)
        assert [ask(client, f"wrong {number}") for number in range(4)] == [422, 422, 422, 429]
        assert ask(client, PASSWORD) == 429
        somebody.refresh_from_db()
        assert (somebody.email, somebody.check_password(PASSWORD)) == ("old@example.org", True)
        older(16)
        assert ask(client, PASSWORD) in (200, 302)

    def test_every_question_counts_with_the_others(self, client):
        ways = (self.by_page, self.by_api, self.by_password_page, self.by_page)
        assert [way(client, "wrong") for way in ways] == [422, 422, 422, 429]

    def test_what_needs_no_password_goes_on(self, client):
        for _time in range(4):
            self.by_page(client, "wrong")
        said = {"name": "示例甲", "email": "old@example.org", "phone": "1", "language": "zh-hans", "password": ""}
        assert client.post(reverse("account"), said).status_code == 302

    def test_to_forget_the_field_is_no_guess(self, client):
        assert [self.by_page(client, "") for _time in range(5)] == [422] * 5
        assert self.by_page(client, PASSWORD) == 302

    @pytest.mark.parametrize("language,words", [("zh-hans", "已改为另一个地址"), ("en", "")])
    def test_the_old_address_hears_of_the_new_one(self, client, somebody, language, words):
        User.objects.filter(pk=somebody.pk).update(language=language)
        assert self.by_api(client, PASSWORD) == 200
        (message,) = Notification.objects.all()
        assert (message.address, message.user, words in message.body) == ("old@example.org", None, True)
        assert "new@example.org" not in message.body

    def test_nobody_hears_of_an_address_that_was_not_changed(self, client):
        self.by_api(client, "wrong")
        client.patch("/api/v1/me/", {"phone": "1"}, content_type="application/json")
        assert not Notification.objects.exists()
