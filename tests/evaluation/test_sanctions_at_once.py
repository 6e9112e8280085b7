"""Two decisions about the same certificate or the same unit at the same moment, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from communities.models import Organisation
from evaluation import configuration, renewing, sanctions
from evaluation.models import Certificate, Renewal, Sanction
from evaluation.workflow import CERTIFICATE, RENEWAL, SANCTION
from portal import tasks
from portal.machine import Stale
from portal.problems import Refused
from portal.workdays import last_day
from tests.at_once import at_once
from tests.evaluation import published
from tests.evaluation.scenes import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

TODAY = timezone.localdate()
SAID = {"kind": "revoke", "facts": "x", "basis": "y"}


@pytest.fixture
def certificate():
    configuration.load()
    row = published.certificate(sha256="1" * 64, valid_until=TODAY + timedelta(days=30))
    row.standard_sha256 = row.application.project.standard.sha256
    row.save()
    published.member(row.application.project.organisation, "applicant")
    for duty in ("supervisor", "approver", "intake", "organiser"):
        published.officer(duty)
    return row


def heard(certificate):
    sanction = sanctions.propose(person("intake"), certificate, **SAID)
    SANCTION.perform(sanction, "tell", by=person("supervisor"))
    SANCTION.perform(sanction, "waive", by=person("applicant"), waiver=True)
    return sanction


def decide(sanction, action, username, **said):
    return lambda: SANCTION.perform(Sanction.objects.get(pk=sanction.pk), action, by=person(username), **said)


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_of_two_who_propose_one_succeeds(certificate):
    outcomes = at_once(
        lambda: sanctions.propose(person("intake"), certificate, **SAID),
        lambda: sanctions.propose(person("organiser"), certificate, **SAID),
    )
    assert kinds(outcomes) == ["Refused", "Sanction"]
    assert Sanction.objects.open().count() == 1


def test_of_two_who_decide_one_does_and_the_certificate_says_the_same(certificate):
    sanction = heard(certificate)
    outcomes = at_once(
        decide(sanction, "revoke", "approver", reason="x"), decide(sanction, "drop", "supervisor", reason="y")
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    state = Sanction.objects.get().state
    assert Certificate.objects.get().state == {"executed": "revoked", "dropped": "valid"}[state]


def test_a_certificate_that_expires_while_it_is_revoked_ends_once(certificate):
    sanction = heard(certificate)
    outcomes = at_once(
        decide(sanction, "revoke", "approver", reason="x"),
        lambda: CERTIFICATE.perform(Certificate.objects.get(pk=certificate.pk), "expire", by=None),
    )
    assert len([one for one in outcomes if not isinstance(one, Exception)]) == 1
    assert all(isinstance(one, Stale | Refused) for one in outcomes if isinstance(one, Exception))
    assert (Sanction.objects.get().state, Certificate.objects.get().state) in {
        ("executed", "revoked"), ("dropped", "expired"),
    }  # fmt: skip


def test_a_sanction_and_a_renewal_of_one_certificate_leave_one_valid_at_most(certificate):
    renewal = renewing.ask(person("applicant"), certificate, "运行正常")
    RENEWAL.perform(renewal, "recommend", by=person("intake"), opinion="x")
    at_once(
        lambda: RENEWAL.perform(Renewal.objects.get(), "approve", by=person("approver")),
        lambda: sanctions.propose(person("organiser"), certificate, **SAID),
    )
    assert Certificate.objects.filter(state="valid").count() == 1
    approved = Renewal.objects.get().state == "approved"
    assert Sanction.objects.open().count() == (0 if approved else 1)


def test_a_unit_two_of_whose_certificates_are_revoked_at_once_is_banned_once(certificate):
    second = published.certificate("示例二期", number=2, sha256="2" * 64)
    project = second.application.project
    project.organisation = certificate.application.project.organisation
    project.save()
    both = [heard(certificate), heard(Certificate.objects.get(pk=second.pk))]
    outcomes = at_once(*(decide(one, "revoke", "approver", reason="x") for one in both))
    assert kinds(outcomes) == ["Event", "Event"]
    unit = Organisation.objects.get(pk=project.organisation_id)
    assert (unit.state, unit.banned_until) == ("banned", last_day(TODAY, 3))


def test_of_two_who_approve_a_renewal_one_issues_a_certificate(certificate):
    renewal = renewing.ask(person("applicant"), certificate, "运行正常")
    RENEWAL.perform(renewal, "recommend", by=person("intake"), opinion="x")
    outcomes = at_once(
        *(lambda: RENEWAL.perform(Renewal.objects.get(), "approve", by=person("approver")) for _twice in range(2))
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    assert sorted(Certificate.objects.values_list("state", flat=True)) == ["superseded", "valid"]


def test_a_downgrade_and_a_new_award_of_the_same_community_wait_for_each_other_in_no_circle(certificate):
    sanction = sanctions.propose(person("intake"), certificate, kind="downgrade", to_level=1, facts="x", basis="y")
    SANCTION.perform(sanction, "tell", by=person("supervisor"))
    SANCTION.perform(sanction, "waive", by=person("applicant"), waiver=True)
    award = published.judged("示例·另一申报", number=2, state="certifying")
    award.project.community = certificate.application.project.community
    award.project.save()
    outcomes = at_once(
        lambda: tasks.advance("application", award.pk), decide(sanction, "downgrade", "approver", reason="x")
    )
    assert kinds(outcomes) in (["Event", "NoneType"], ["NoneType", "Stale"])  # or the award came first
    tasks.advance("application", award.pk)
    award.refresh_from_db()
    assert (award.state, award.fault, award.attempts) == ("certified", "", 0)
    assert [row.application_id for row in Certificate.objects.filter(state="valid")] == [award.pk]
