"""Accounts are made, closed, opened, unlocked; a password is taken away and its person alone sets the next."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from communities import access
from communities.models import AccessToken
from evaluation import account_keeping
from portal import attempts, notify
from portal.machine import NotAllowed
from portal.models import Event, Notification, User
from portal.problems import Changed, Refused
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = pytest.mark.django_db
BASIS, PASSWORD = "示例申请单", "example-password-1"


@pytest.fixture
def keeper():
    return officer("system_administrator")


@pytest.fixture
def person():
    user = account("wang")
    user.set_password(PASSWORD)
    user.save()
    return user


def fresh(user):
    return User.objects.get(pk=user.pk)


def link_in_the_mail():
    row = Notification.objects.order_by("pk").last()
    notify.deliver(row.pk)
    return re.findall(r"/account/first-password/\S+", mail.outbox[-1].body)[0]


def test_a_new_account_sets_its_password_by_the_link_in_the_mail(keeper, client):
    user = account_keeping.open_account(keeper, "zhang", "示例张", "zhang@example.org", BASIS)
    assert not user.has_usable_password()
    client.post(link_in_the_mail(), {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert client.login(username="zhang", password=PASSWORD)
    event = Event.objects.of(user).first()
    assert (event.verb, event.actor, event.data["basis"]) == ("user.open", keeper, BASIS)


def test_everything_that_is_wrong_is_said_at_once(keeper, person):
    with scenes.refused() as problems:
        account_keeping.open_account(keeper, "WANG", " ", "Wang@example.org", "")
    assert problems == [
        ("username_taken", "username"), ("required", "name"), ("email_taken", "email"), ("required", "basis")
    ]  # fmt: skip


@pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "system_administrator"])
def test_nobody_else_keeps_accounts(duty, person):
    by = officer(duty)
    calls = (
        lambda: account_keeping.open_account(by, "a", "b", "a@example.org", BASIS),
        lambda: account_keeping.set_active(by, person, False, BASIS),
        lambda: account_keeping.unlock(by, person, BASIS),
        lambda: account_keeping.reset_password(by, person, BASIS),
    )
    for call in calls:
        with pytest.raises(NotAllowed):
            call()
    assert fresh(person).is_active
    assert fresh(person).check_password(PASSWORD)


def test_nobody_does_it_to_themself(keeper):
    for call in (account_keeping.unlock, account_keeping.reset_password):
        with pytest.raises(Refused) as refused:
            call(keeper, keeper, BASIS)
        assert [problem.code for problem in refused.value.problems] == ["own_account"]


def test_a_closed_account_is_out_at_once_and_may_come_back(keeper, person, client):
    client.force_login(person)
    account_keeping.set_active(keeper, person, False, BASIS)
    assert client.get(reverse("my-work")).status_code == 302
    assert not client.login(username="wang", password=PASSWORD)
    account_keeping.set_active(keeper, person, True, BASIS)
    assert client.login(username="wang", password=PASSWORD)


def test_the_second_of_two_who_close_it_is_told_who_was_faster(keeper, person):
    seen = fresh(person)
    account_keeping.set_active(keeper, person, False, BASIS)
    with pytest.raises(Changed) as changed:
        account_keeping.set_active(keeper, seen, False, BASIS)
    assert changed.value.problems[0].params == {"who": str(keeper)}


def test_whoever_failed_too_often_may_try_again_at_once(keeper, person, client, settings):
    settings.SIGN_IN_ATTEMPTS = 2
    for _number in range(2):
        client.post(reverse("sign-in"), {"username": "Wang", "password": "wrong"})
    assert attempts.is_locked("wang")
    assert account_keeping.unlock(keeper, person, BASIS) == 4
    assert not attempts.is_locked("wang")
    assert client.post(reverse("sign-in"), {"username": "wang", "password": PASSWORD}).status_code == 302


def test_a_password_that_is_taken_away_ends_what_was_opened_with_it(keeper, person, client):
    client.login(username="wang", password=PASSWORD)
    token, _secret = access.create_for_password(person)
    User.objects.filter(pk=person.pk).update(last_login=timezone.now())
    account_keeping.reset_password(keeper, fresh(person), BASIS)
    assert client.get(reverse("my-work")).status_code == 302
    assert AccessToken.objects.get(pk=token.pk).revoked_at is not None
    link = link_in_the_mail()
    answer = client.post(link, {"new_password1": "another-password-2", "new_password2": "another-password-2"})
    assert (answer.status_code, client.get(link).status_code) == (302, 404)
    assert client.login(username="wang", password="another-password-2")
