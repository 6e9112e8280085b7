"""Settings of the form check with real transactions: of two at once one wins, and what all of them must keep is kept."""

from __future__ import annotations

import pytest
from django.utils import timezone

from evaluation import configuration, policies
from evaluation.models import LateCode, NoticeForm
from portal.models import Event
from tests.at_once import at_once
from tests.evaluation.officers import officer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
BASIS = "示例文号"


@pytest.fixture
def keepers(transactional_db):
    configuration.load()
    return officer("security_administrator"), officer("security_administrator", "second")


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_of_two_who_add_the_same_reason_at_once_one_does(keepers):
    kind, values = policies.KINDS["late_code"], {"code": "survey", "label": "现场踏勘发现"}
    outcomes = at_once(*(lambda by=by: policies.add(by, kind, values, BASIS) for by in keepers))
    assert kinds(outcomes) == ["LateCode", "Refused"]
    assert Event.objects.of(LateCode.objects.get(pk="survey")).count() == 1


def test_of_two_who_end_the_last_two_reasons_at_once_one_is_refused(keepers):
    today = timezone.localdate().isoformat()
    LateCode.objects.exclude(pk__in=("law", "other")).update(valid_until=today)
    both = [(by, policies.find("late_code", code)) for by, code in zip(keepers, ("law", "other"), strict=True)]
    outcomes = at_once(
        *(lambda by=by, found=found: policies.keep(by, *found, {"valid_until": today}, BASIS) for by, found in both)
    )
    assert kinds(outcomes) == ["Refused", "dict"]
    assert LateCode.objects.filter(valid_until=None).count() == 1


def test_of_two_who_give_two_documents_the_same_pattern_at_once_one_is_refused(keepers):
    values = {"pattern": "示例〔{year}〕{number}号"}
    both = [(by, policies.find("notice_form", key)) for by, key in zip(keepers, ("refusal", "acceptance"), strict=True)]
    outcomes = at_once(*(lambda by=by, found=found: policies.keep(by, *found, values, BASIS) for by, found in both))
    assert kinds(outcomes) == ["Refused", "dict"]
    assert NoticeForm.objects.filter(**values).count() == 1
