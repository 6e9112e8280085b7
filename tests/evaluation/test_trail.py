"""The trail is read by the audit administrator and the supervisor, only read, and taken along with a chain of hashes."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation import trail
from evaluation.trail import Search
from portal import audit
from portal.machine import NotAllowed
from portal.models import Event
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
READERS = {"audit_administrator", "supervisor"}


@pytest.fixture
def reader():
    return officer("audit_administrator")


@pytest.fixture
def events():
    people = account("wang"), account("li")
    return [
        audit.record(people[0], "user.unlock", by=people[1], role="system_administrator", basis="示例甲"),
        audit.record(people[1], "officer.give", by=people[0], basis="=1+1", opinion="示例意见"),
        audit.record(people[1], "users.else", by=None),
    ]


@pytest.mark.parametrize("duty", DUTIES)
def test_only_who_oversees_reads_or_takes_it_along(duty, events, client):
    client.force_login(officer(duty))
    pages = client.get(reverse("trail")), client.post(reverse("trail-export")), client.get("/api/v1/trail/")
    assert [page.status_code for page in pages] == [200 if duty in READERS else 403] * 3


@pytest.mark.parametrize(
    "search, found",
    [
        (Search(), [2, 1, 0]),
        (Search(person="示例l"), [0]),
        (Search(person="WANG"), [1]),
        (Search(subject="示例li"), [2, 1]),
        (Search(verb="user"), [0]),
        (Search(verb="officer.give"), [1]),
        (Search(since=TODAY, until=TODAY), [2, 1, 0]),
        (Search(until=TODAY - timedelta(days=1)), []),
        (Search(since=TODAY + timedelta(days=1)), []),
        (Search(since=date.min, until=date.max), [2, 1, 0]),
    ],
)
def test_it_is_searched_by_person_subject_act_and_day(reader, events, search, found):
    assert list(trail.events(reader, search)) == [events[number] for number in found]


def test_words_of_a_case_are_not_among_what_it_tells(events):
    assert [trail.told(event) for event in events] == [{"basis": "示例甲"}, {"basis": "=1+1"}, {}]


def test_the_file_hangs_together_and_taking_it_along_is_an_event(reader, events):
    made = trail.export(reader, Search())
    heads, *lines = csv.reader(io.StringIO(made.content.decode("utf-8-sig")))
    chain = trail.START
    for line in lines:
        chain = trail.hash_of(chain, line[:-1])
        assert line[-1] == chain
    assert (len(heads), len(lines), made.chain) == (10, 3, chain)
    event = Event.objects.order_by("pk").last()
    assert (event.verb, event.actor, event.data) == ("trail.export", reader, {"search": {}, "lines": 3, "chain": chain})


def test_a_line_that_was_changed_does_not_fit_any_more(reader, events):
    _heads, first, *_others = csv.reader(io.StringIO(trail.export(reader, Search()).content.decode("utf-8-sig")))
    first[2] = "somebody else"
    assert trail.hash_of(trail.START, first[:-1]) != first[-1]


def test_no_spreadsheet_runs_what_somebody_was_called(reader):
    audit.record(account("evil", name="=HYPERLINK(1)"), "user.change", by=None)
    _heads, line = csv.reader(io.StringIO(trail.export(reader, Search()).content.decode("utf-8-sig")))
    assert line[6] == "'=HYPERLINK(1)"


def test_nobody_else_exports(events):
    with pytest.raises(NotAllowed):
        trail.export(officer("system_administrator"), Search())


def test_the_page_asks_as_often_for_thirty_events_as_for_one(reader, client, django_assert_max_num_queries):
    client.force_login(reader)
    counts = []
    for number in (1, 30):
        person = account(f"p{number}")
        for _number in range(number):
            audit.record(person, "user.unlock", by=person, basis="示例")
        with django_assert_max_num_queries(20) as asked:
            assert client.get(reverse("trail")).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
