"""How far the worker has come with the certificates of a day: who sees it, and that it says what is so."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from communities.models import District
from evaluation import certifying
from evaluation.models import Application, IssuerKey
from portal import tasks
from tests.evaluation import published, scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def _kept(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def cases():
    return [published.judged(f"示例{n}小区", number=n, state="certifying").pk for n in range(1, 4)]


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_it_counts_what_waits_what_was_made_and_what_failed(cases, settings):
    officer = published.officer("approver")
    tasks.advance("application", cases[0])
    settings.DEBUG = False
    IssuerKey.objects.update(is_current=False)
    tasks.advance("application", cases[1])  # there is no key
    found = certifying.progress(officer, published.today())
    assert (found.waiting, found.failed, found.done, found.total) == (1, 1, 1, 3)
    assert [row.pk for row in certifying.failed(officer)] == [cases[1]]
    page = signed_in(officer).get(reverse("certificates-progress")).content.decode()
    assert ("data-live" in page, "没有签发证书的密钥" in page, 'value="1"' in page) == (True, True, True)
    told = signed_in(officer).get("/api/v1/certificate-progress/").json()
    assert told == {"waiting": 1, "failed": 1, "done": 1, "total": 3}


def test_it_stands_still_once_nothing_waits(cases):
    for pk in cases:
        tasks.advance("application", pk)
    page = signed_in(published.officer("approver")).get(reverse("certificates-progress")).content.decode()
    assert ("data-live" in page, "没有等待制证的案件" in page) == (False, True)


def test_an_officer_of_another_district_sees_nothing_of_it(cases):
    other = District.objects.exclude(pk=Application.objects.get(pk=cases[0]).project.community.district_id).first()
    found = certifying.progress(published.officer("district_officer", other), published.today())
    assert found.total == 0


@pytest.mark.parametrize("duty, status", [("approver", 200), ("intake", 200), ("pool_keeper", 403), ("", 403)])
def test_only_who_handles_cases_opens_it(duty, status):
    person = published.officer(duty) if duty else published.user("nobody")
    client = signed_in(person)
    addresses = (reverse("certificates-progress"), "/api/v1/certificate-progress/")
    assert [client.get(address).status_code for address in addresses] == [status, status]
