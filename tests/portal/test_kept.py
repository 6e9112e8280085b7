"""A form whose session had ended: what was typed comes back after signing in, to its writer alone, and nothing saves itself."""

import re
from html import unescape

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from portal import kept
from portal.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough word 2026"
TYPED = {"reply": "写了很久\r\n的答复 <b>", "seen": "reply:abcdefabcdef"}


@pytest.fixture
def writer():
    return User.objects.create_user("writer", password=PASSWORD, name="示例甲")


@pytest.fixture
def another():
    return User.objects.create_user("another", password=PASSWORD, name="示例乙")


def send(client, person, **typed):
    """An ordinary form of the desk, sent without a session."""
    return client.post(reverse("finding-reply", args=[1, 1]), {**TYPED, "person": str(person.pk), **typed})


def carried(answer):
    found = re.search(r'name="kept" value="([^"]*)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def sign_in(client, user, payload, password=PASSWORD):
    return client.post(reverse("sign-in"), {"username": user.username, "password": password, "kept": payload})


def test_what_was_typed_is_shown_after_signing_in_and_goes_where_it_was_meant_for(client, writer):
    answer = send(client, writer)
    assert answer.status_code == 401
    assert sign_in(client, writer, carried(answer)).url == reverse("kept")
    shown = client.get(reverse("kept")).content.decode()
    assert "写了很久" in shown
    assert "&lt;b&gt;" in shown
    assert f'action="{reverse("finding-reply", args=[1, 1])}"' in shown
    assert 'name="seen" value="reply:abcdefabcdef"' in shown


def test_a_wrong_password_loses_nothing(client, writer):
    again = sign_in(client, writer, carried(send(client, writer)), "wrong")
    assert sign_in(client, writer, carried(again)).url == reverse("kept")


def test_another_person_sees_nothing_of_it(client, writer, another):
    assert sign_in(client, another, carried(send(client, writer))).url == reverse("my-work")
    assert client.get(reverse("kept")).url == reverse("my-work")


@pytest.mark.parametrize(
    "payload",
    ["", "x", signing.dumps({"path": "/", "fields": []}, salt="another"), signing.dumps({"path": "//evil"})],
    ids=["nothing", "noise", "for another use", "leads elsewhere"],
)
def test_what_we_did_not_sign_is_not_carried(client, writer, payload):
    assert sign_in(client, writer, payload).url == reverse("my-work")


def test_after_an_hour_it_is_gone(client, writer, monkeypatch):
    payload = carried(send(client, writer))
    monkeypatch.setattr(kept, "SECONDS", -1)
    assert sign_in(client, writer, payload).url == reverse("my-work")


def test_what_is_too_large_or_nobodys_or_a_script_is_not_carried(client, writer):
    large = send(client, writer, reply="字" * kept.LARGEST)
    nobodys = client.post(reverse("finding-reply", args=[1, 1]), TYPED)
    script = client.post(reverse("finding-reply", args=[1, 1]), TYPED, headers={"accept": "application/json"})
    assert [answer.status_code for answer in (large, nobodys, script)] == [302, 302, 401]


def test_a_forged_form_is_refused_before_anything_is_carried(writer):
    answer = send(Client(enforce_csrf_checks=True), writer)
    assert (answer.status_code, carried(answer)) == (403, "")
    assert "没有保存" in answer.content.decode()


def test_there_is_nothing_to_see_without_signing_in(client):
    assert client.get(reverse("kept")).status_code == 302
