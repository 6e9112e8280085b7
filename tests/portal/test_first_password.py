"""The first password of an account that somebody else made: set once, by the link in the e-mail and by nothing else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from portal import attempts, first_password, notify
from portal.models import Event, Notification, User
from portal.problems import Refused

pytestmark = pytest.mark.django_db
PASSWORD = "example-password-1"


def account(name="zhang", **more):
    values = {"name": f"示例{name}", "email": f"{name}@example.org", "password": first_password.no_password(), **more}
    return User.objects.create(username=name, **values)


@pytest.fixture
def person():
    return account()


def fresh(user):
    return User.objects.get(pk=user.pk)


def setting(client, link, password=PASSWORD, again=None):
    return client.post(link, {"new_password1": password, "new_password2": again or password})


# --- the e-mail ---


def test_the_letter_holds_the_link_and_its_text_is_deleted_once_it_was_sent(person, client):
    assert first_password.send([person]) == 1
    row = Notification.objects.get()
    assert (row.user, row.address, row.link) == (None, "zhang@example.org", "")
    assert notify.deliver(row.pk)
    (letter,) = mail.outbox
    (link,) = re.findall(r"/account/first-password/\S+", letter.body)
    assert ("14 天" in letter.body, "zhang" in letter.body, letter.to) == (True, True, ["zhang@example.org"])
    assert Notification.objects.get().body == ""
    assert setting(client, link).url == reverse("sign-in")
    assert client.login(username="zhang", password=PASSWORD)


def test_whoever_needs_none_is_sent_none(person):
    others = [
        account("old", password="x"),
        account("gone", is_active=False),
    ]
    assert first_password.send([*others, person]) == 1
    assert Notification.objects.get().address == person.email


def test_it_is_written_in_the_readers_language():
    first_password.send([account("li", language="en")])
    assert "示例li" in Notification.objects.get().body


# --- the link ---


def test_opening_it_changes_nothing_and_shows_the_rules_beside_the_field(person, client):
    before = fresh(person).password
    page = client.get(first_password.link_of(person))
    text = page.content.decode()
    assert (page.status_code, "至少 10 个字符" in text or "10" in text, "zhang" in text) == (200, True, True)
    assert "no-store" in page["Cache-Control"]
    assert fresh(person).password == before


def test_it_is_set_once_and_leaves_an_event_and_a_message(person, client):
    link = first_password.link_of(person)
    assert setting(client, link).status_code == 302
    assert fresh(person).check_password(PASSWORD)
    assert [(event.verb, event.actor) for event in Event.objects.of(person)] == [("user.first_password", person)]
    assert Notification.objects.get(user=person).kind == "security"
    assert [client.get(link).status_code, setting(client, link, "another-password-2").status_code] == [404, 404]
    assert fresh(person).check_password(PASSWORD)


@pytest.mark.parametrize(
    "password, again", [("short", None), ("1234567890123", None), (PASSWORD, "else-password-1"), ("", "")]
)
def test_a_password_against_the_rules_is_refused_beside_its_field(person, client, password, again):
    answer = setting(client, first_password.link_of(person), password, again)
    assert (answer.status_code, bool(answer.context["form"].errors)) == (422, True)
    assert not fresh(person).has_usable_password()


def test_the_domain_holds_a_password_against_the_rules_too(person):
    with pytest.raises(Refused):
        first_password.set_password(person, "zhang")
    assert not fresh(person).has_usable_password()


DEAD = {
    "another's": lambda person, parts: [parts(account("li"))[0], parts(person)[1]],
    "cut off": lambda person, parts: [parts(person)[0], parts(person)[1][:-1]],
    "nobody's": lambda person, parts: ["zzzzz", parts(person)[1]],
    "too large": lambda person, parts: ["z" * 13, parts(person)[1]],
    "no number": lambda person, parts: ["-", parts(person)[1]],
    "huge": lambda person, parts: ["z" * 200, parts(person)[1]],
}


def parts(user):
    return first_password.link_of(user).strip("/").split("/")[-2:]


def changed(**values):
    return lambda person: User.objects.filter(pk=person.pk).update(**values)


ENDED = {
    "no more active": changed(is_active=False),
    "signed in otherwise": changed(last_login=timezone.now()),
    "another address": changed(email="other@example.org"),
    "has a password": changed(password="x"),
    "another unusable one": changed(password="!else"),
}


@pytest.mark.parametrize("how", [*DEAD, *ENDED])
def test_every_link_that_opens_nothing_reads_the_same(person, client, how):
    link = first_password.link_of(person)
    if how in DEAD:
        link = reverse("first-password", args=DEAD[how](person, parts))
    else:
        ENDED[how](person)
    answer, unknown = client.get(link), client.get(reverse("first-password", args=["1", "guess"]))
    assert (answer.status_code, setting(client, link).status_code) == (404, 404)
    secret = re.compile(r'value="[^"]+"|nonce-\S+|/account/first-password/[^"]+')
    without_secrets = [secret.sub("", one.content.decode()) for one in (answer, unknown)]
    assert without_secrets[0] == without_secrets[1]


@pytest.mark.parametrize("days, status", [(14, 200), (15, 404)])
def test_it_holds_as_many_days_as_the_setting_says(person, client, monkeypatch, days, status):
    then = datetime.now() - timedelta(days=days) + timedelta(minutes=1)
    with monkeypatch.context() as past:
        past.setattr(first_password.LINKS, "_now", lambda: then)
        link = first_password.link_of(person)
    assert client.get(link).status_code == status


def test_guessing_is_let_through_only_so_often_and_good_links_do_not_count(person, client, settings):
    settings.SIGN_IN_ATTEMPTS = 3
    good = first_password.link_of(person)
    assert [client.get(good).status_code for _again in range(5)] == [200] * 5
    guesses = [client.get(reverse("first-password", args=["1", f"guess-{number}"])).status_code for number in range(4)]
    assert guesses == [404, 404, 404, 429]


# --- sending it again ---


def test_it_is_sent_again_only_so_often(person, settings):
    settings.FIRST_PASSWORD_MAILS_PER_HOUR = 2
    first_password.take_sending(person)
    first_password.take_sending(person)
    with pytest.raises(attempts.TooMany):
        first_password.take_sending(person)
    first_password.take_sending(account("li"))


def test_a_password_that_was_set_is_never_sent_again():
    with pytest.raises(Refused) as refused:
        first_password.take_sending(account("old", password="x"))
    assert [one.code for one in refused.value.problems] == ["password_set"]
