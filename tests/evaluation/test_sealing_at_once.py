"""Two processes that need the first key at the same moment, or rotate it, agree on one."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from evaluation import sealing
from evaluation.models import IssuerKey, RevocationList
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_need_the_first_key_get_the_same():
    found = at_once(sealing.first_key, sealing.first_key)
    assert {key.code for key in found} == {IssuerKey.objects.get().code}


def test_of_two_who_rotate_at_once_one_is_current_in_the_end():
    first = sealing.first_key()
    found = at_once(sealing.make_key, sealing.make_key)
    made = {key.code for key in found if not isinstance(key, IntegrityError)}
    current = IssuerKey.objects.get(is_current=True)
    assert current.code in made
    retired = dict(IssuerKey.objects.exclude(pk=current.pk).values_list("code", "retired"))
    assert retired.keys() == {first.code, *made} - {current.code}
    assert None not in retired.values()


def test_two_workers_that_make_the_list_at_once_leave_one():
    sealing.first_key()
    assert at_once(sealing.renew_list, sealing.renew_list) == [0, 0]
    assert RevocationList.objects.count() == 1
