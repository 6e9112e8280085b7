"""Incentives with real transactions: one grant of two, never a grant of a certificate that ends, one opening of two."""

from __future__ import annotations

import pytest

from evaluation import confirming, incentives, policies, sealing
from evaluation.models import Certificate, Incentive, IncentivePolicy
from evaluation.workflow import CERTIFICATE, INCENTIVE
from portal.models import Event
from tests.at_once import at_once
from tests.evaluation import published

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
GRANT = {"confirmed": True, "grounds": "条件均符合"}


@pytest.fixture
def certificate():
    application = published.judged(state="certified")  # brings the configuration and a key
    IncentivePolicy.objects.exclude(pk="capital_supervision").delete()
    IncentivePolicy.objects.update(values={"2": "10"})
    return published.certificate("示例·第2小区", number=2, application=application)


@pytest.fixture
def due(certificate):
    incentives.open_for(certificate)
    return certificate.incentives.get().pk


def fresh(pk):
    return Incentive.objects.select_related("policy", "certificate__application__project").get(pk=pk)


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def grant(pk, by):
    row = fresh(pk)
    return lambda: INCENTIVE.perform(row, "grant", by=by, **GRANT)


def test_two_workers_open_one(certificate):
    rows = [Certificate.objects.get(pk=certificate.pk) for _time in range(2)]
    assert sorted(at_once(*(lambda row=row: incentives.open_for(row) for row in rows))) == [0, 1]
    assert Incentive.objects.count() == 1


def test_two_who_grant_at_once_leave_one_number(due):
    approver = published.officer("approver")
    assert kinds(at_once(grant(due, approver), grant(due, approver))) == ["Event", "Stale"]
    assert Event.objects.filter(verb="incentive.grant").count() == 1


def test_a_certificate_that_ends_while_somebody_grants_leaves_nothing_granted(due):
    approver, certificate = published.officer("approver"), fresh(due).certificate
    outcomes = at_once(grant(due, approver), lambda: CERTIFICATE.perform(certificate, "cancel", by=None))
    assert "Event" in kinds(outcomes)
    assert Certificate.objects.get(pk=certificate.pk).state == "revoked"
    assert fresh(due).state == ("reversed" if fresh(due).number else "closed")


def test_a_value_that_changes_while_somebody_grants_is_granted_whole_or_not_at_all(due):
    approver, keeper = published.officer("approver"), published.officer("security_administrator")
    kind, row = policies.find("incentive_policy", "capital_supervision")
    change = {"values": {"2": "90"}, "unit": "%"}
    outcomes = at_once(grant(due, approver), lambda: policies.keep(keeper, kind, row, change, "示例依据"))
    assert kinds(outcomes) == ["Event", "dict"]
    assert fresh(due).amount in ("10", "90%")


def test_two_workers_seal_one_file(due):
    INCENTIVE.perform(fresh(due), "grant", by=published.officer("approver"), **GRANT)
    rows = [fresh(due), fresh(due)]
    assert sorted(at_once(*(lambda row=row: confirming.make(row) for row in rows))) == [False, True]
    kept = fresh(due)
    assert (Event.objects.filter(verb="incentive.confirm").count(), kept.file.size > 0) == (1, True)


def test_what_is_taken_back_while_a_worker_seals_is_named_by_the_list(due):
    INCENTIVE.perform(fresh(due), "grant", by=published.officer("approver"), **GRANT)
    supervisor, one, other = published.officer("supervisor"), fresh(due), fresh(due)
    at_once(lambda: confirming.make(one), lambda: INCENTIVE.perform(other, "reverse", by=supervisor, reason="误办"))
    assert (fresh(due).state, sealing.renew_list()) == ("reversed", 1)


def test_an_opening_while_the_certificate_ends_leaves_nothing_open(certificate):
    row = Certificate.objects.get(pk=certificate.pk)
    at_once(
        lambda: incentives.open_for(Certificate.objects.get(pk=certificate.pk)),
        lambda: CERTIFICATE.perform(row, "cancel", by=None),
    )
    assert set(Incentive.objects.values_list("state", flat=True)) <= {"closed"}
