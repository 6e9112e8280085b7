"""What may be tried without an account is counted once for page and API, for every process, and ends with a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from portal import attempts, tasks
from portal.attempts import Allowance, TooMany
from portal.models import Attempt, User
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
    assert sum(outcome is None for outcome in outcomes) <= 3
    assert {type(outcome) for outcome in outcomes if outcome} == {TooMany}


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
        assert not Attempt.objects.exists()

    def test_another_spelling_of_the_name_is_the_same_name(self, client, somebody):
        spellings = ("somebody", " SomeBody ", "ｓｏｍｅｂｏｄｙ", "SOMEBODY")
        assert [by_api(client, name=name).status_code for name in spellings] == [422, 422, 422, 429]

    def test_another_address_and_another_name_are_not_locked_out(self, client, somebody):
        for _time in range(4):
            by_page(client)
        assert by_page(client, name="another").status_code == 200
        assert by_page(client, REMOTE_ADDR="192.0.2.9").status_code == 200
