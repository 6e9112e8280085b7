"""Changes of what is public are counted when they are committed, whoever began first and however many there are."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from portal import conditional
from portal.models import DayOverride
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = timezone.localdate()


@pytest.mark.postgresql  # the embedded database lets one write at a time
def test_a_change_that_began_first_and_is_committed_last_is_counted_when_it_is_seen():
    begun, seen = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            DayOverride.objects.create(day=TODAY, is_workday=True, basis="示例")
            begun.set()
            seen.wait(30)

    def quick():
        begun.wait(30)
        DayOverride.objects.create(day=TODAY + timedelta(days=1), is_workday=True, basis="示例")
        found = conditional.version()
        seen.set()
        return found

    before = conditional.version()
    assert (at_once(slow, quick)[1], conditional.version()) == (before + 1, before + 2)


def test_many_who_publish_at_once_are_all_counted():
    before = conditional.version()
    days = [TODAY + timedelta(days=number) for number in range(6)]
    outcomes = at_once(*(
        lambda day=day: DayOverride.objects.create(day=day, is_workday=True, basis="示例").pk for day in days
    ))  # fmt: skip
    assert (outcomes, conditional.version()) == (days, before + 6)
