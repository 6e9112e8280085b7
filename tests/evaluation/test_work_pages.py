"""My work page by page: the same things in the same order as all at once, of which no more is read than a page shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Organisation
from evaluation import work, work_pages
from evaluation.models import Application, Project
from evaluation.work_pages import MyWork
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
DAYS = [None, 3, 1, None, 2, 1, 5, 1, 3, 0]  # from today on


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker):
    """Cases in form check with and without a deadline, and units that wait to be verified between them."""
    with scenes.configured(django_db_blocker):
        desks.build()
        project, today = Project.objects.first(), timezone.localdate()
        for number in range(30):
            made = Project.objects.create(
                number=f"X-{number}", programme=project.programme, standard=project.standard,
                community=project.community, organisation=project.organisation, target_level=1,
                created_by=project.created_by,
            )  # fmt: skip
            day = DAYS[number % len(DAYS)]
            due_on = None if day is None else today + timedelta(days=day)
            Application.objects.create(project=made, stage="design", state="form_check", version=1, due_on=due_on)
        for number in range(9):
            day = DAYS[number % len(DAYS)]
            Organisation.objects.create(
                credit_code=f"9150000000000000{number}X", name=f"示例{number}", kind="developer", state="submitted",
                district=District.objects.first(), due_on=None if day is None else today + timedelta(days=day),
            )  # fmt: skip
        yield


def user():
    return scenes.person("intake")


@pytest.mark.parametrize("size", [8, 25, 50])
def test_the_pages_one_after_the_other_are_everything_that_waits(city, monkeypatch, size):
    monkeypatch.setattr(work_pages, "PAGE_SIZE", size)
    pages = MyWork(user())
    found = [row for number in pages.page_range for row in pages.page(number)]
    assert found == work.waiting_on(user())
    assert (pages.count, {len(pages.page(number)) for number in list(pages.page_range)[:-1]} <= {size}) == (43, True)


def test_it_is_counted_by_what_is_to_be_done(city):
    kinds = [(kind.label, kind.count, kind.link) for kind in MyWork(user()).kinds()]
    assert kinds == [("形式审查", 34, f"{reverse('queue')}?show=mine&state=form_check"), ("单位", 9, "")]


def test_no_more_cases_are_read_than_a_page_shows(city, client):
    made = []
    client.force_login(user())

    def note(sender, **_more):
        made.append(sender)

    def page(number):
        made.clear()
        with CaptureQueriesContext(connection) as counted:
            assert client.get(reverse("my-work"), {"page": number}).status_code == 200
        return len(counted), made.count(Application)

    page(1)
    post_init.connect(note, sender=Application)
    try:
        first, last = page(1), page(2)
    finally:
        post_init.disconnect(note, sender=Application)
    assert (first[0], first[1] <= work_pages.PAGE_SIZE, last[1] <= work_pages.PAGE_SIZE + 9) == (last[0], True, True)


def test_who_has_nothing_to_do_is_told_what_comes_next(city, client):
    client.force_login(scenes.person("audit-administrator"))
    page = client.get(reverse("my-work"))
    assert (page.context["page"].paginator.count, bool(page.context["first_steps"])) == (0, True)
