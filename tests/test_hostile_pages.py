"""Whatever anybody types into any form of the officers' desk is answered: a sentence, never a broken page."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import product

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communities import standing_in
from communities.models import Officer
from evaluation import batching, exporting, saved_views
from evaluation.models import HeldMessage, HoldingRule
from portal import tasks
from portal.demo import journey
from tests.evaluation import scenes

# On PostgreSQL alone, which is the stricter: it refuses NUL, and numbers and texts that a column cannot hold.
pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.postgresql]

world, own_files = scenes.shared_world()

NASTY = ("x" * 30_000, "‮示\ufffe\uffff", "9" * 5_000, "9999-12-31", "0001-01-01", "[[[]]]", "%(who)s {0.__class__}")


class Forms(HTMLParser):
    """The forms of a page: where each goes, and what its fields say."""

    def __init__(self, text):
        super().__init__()
        self.found, self.now, self.area = [], None, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        row = dict(attrs)
        if tag == "form":
            self.now = (row.get("method", "get").lower(), row.get("action") or "", {})
            self.found.append(self.now)
        elif self.now and tag in ("input", "textarea", "select", "button") and row.get("name"):
            if row.get("type") != "file" and row["name"] not in self.now[2]:
                self.now[2][row["name"]] = row.get("value") or ""
        elif self.now and tag == "option" and "selected" in row:
            last = next(reversed(self.now[2]), None)
            self.now[2][last] = row.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self.now = None


@pytest.fixture(scope="module")
def cases(world):
    return {state: world.case_at(state).pk for state in ("form_check", "drawing", "review", "approval")} | {
        "site_visit": world.case_at("site_visit", "completion").pk
    }


@pytest.fixture(scope="module")
def made(world, cases):
    """A row of everything that the desk shows on a page of its own."""
    HoldingRule.objects.filter(verb="application.refuse").update(holds=True)
    journey.refuse(world.case_at("form_check"))
    intake, day = scenes.person("intake"), timezone.localdate()
    view = saved_views.create(intake, "示例", QueryDict("show=all"), [], "intake")
    batch = batching.prepare(intake, "accept", [cases["form_check"]], {})
    tasks.advance("batch", batch.pk)
    row = standing_in.ask(
        intake, Officer.objects.get(user=intake), scenes.person("approver"), day, day + timedelta(days=3), "示例"
    )
    export = exporting.ask(intake, QueryDict("show=all"))
    return {
        "held": HeldMessage.objects.get().pk, "view": view.pk, "batch": batch.pk, "stand_in": row.pk, "export": export.pk,
    }  # fmt: skip


PAGES = 30  # as many as ``pages`` names


def pages(cases, made):
    """(who, address)"""
    check, project = cases["form_check"], scenes.case(cases["form_check"]).project_id
    yield from (
        ("intake", reverse("queue")), ("intake", reverse("form-check", args=[check])), ("intake", reverse("outbox")),
        ("intake", reverse("held-message", args=[made["held"]])), ("intake", reverse("conflicts")),
        ("intake", reverse("stand-ins")), ("approver", reverse("stand-in", args=[made["stand_in"]])),
        ("intake", reverse("hand-over")), ("intake", reverse("phrases")), ("intake", reverse("late-findings")),
        ("intake", reverse("application-clock", args=[check])), ("intake", reverse("batches")),
        ("intake", reverse("batch", args=[made["batch"]])), ("intake", reverse("exports")),
        ("intake", reverse("export", args=[made["export"]])), ("intake", reverse("queue-view", args=[made["view"]])),
        ("supervisor", reverse("conflicts")), ("supervisor", reverse("application-clock", args=[cases["drawing"]])),
        ("organiser", reverse("draw", args=[cases["drawing"]])), ("approver", reverse("approval", args=[cases["approval"]])),
        ("district-1", reverse("guidance", args=[project])), ("organiser", reverse("panel", args=[cases["review"]])),
        ("supervisor", reverse("trail")), ("organiser", reverse("change-new", args=[project])),
        ("security-administrator", reverse("limit-change")), ("security-administrator", reverse("days")),
        ("security-administrator", reverse("officer-give")), ("system-administrator", reverse("account-new")),
        ("security-administrator", reverse("message-texts")),
        (journey.leader_of(scenes.case(cases["site_visit"])).username, reverse("site-visit", args=[cases["site_visit"]])),
    )  # fmt: skip


def forms_of(page):
    """Each form of a page once: of those that differ in what they stand for alone only the first."""
    found = {}
    for method, action, fields in Forms(page.content.decode()).found:
        if action not in (reverse("sign-out"), reverse("set_language")):
            found.setdefault((method, re.sub(r"[0-9]+", "", action), *fields), (method, action, fields))
    return found


def test_every_page_is_tried(cases, made):
    assert len(list(pages(cases, made))) == PAGES


@pytest.fixture(scope="module")
def known():
    """Forms that a page before has had: the frame's own stand on all of them."""
    return set()


@pytest.mark.parametrize("number", range(PAGES))
def test_no_field_of_any_form_breaks_a_page(world, cases, made, known, number):
    who, address = list(pages(cases, made))[number]
    client, broken = Client(raise_request_exception=False), []
    client.force_login(scenes.person(who))
    page = client.get(address)
    assert (page.status_code, address) == (200, address)
    for kind, (method, action, fields) in forms_of(page).items():
        if kind in known and action:
            continue
        known.add(kind)
        for name, value in product(fields, NASTY):
            with transaction.atomic():
                answer = getattr(client, method)(action or address, {**fields, name: value})
                transaction.set_rollback(True)
            if answer.status_code >= 500:
                broken.append((method, action or address, name, value[:30]))
    assert broken == []
