"""The site visit with real transactions: what comes several times at the same moment is kept once, and two who differ learn it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from evaluation import site, site_signing
from evaluation.models import SiteSignature
from evaluation.site import Said, Taken
from evaluation.site_signing import Signing
from portal.accounts import Confirmed
from portal.demo import journey, papers, people
from tests.at_once import at_once
from tests.evaluation import scenes
from tests.saved import shared_way

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


way, world = shared_way()


@pytest.fixture
def pk(world):
    """A completion whose panel is on site and has written its record, with one photo."""
    case = world.case_at("site_visit", "completion")
    leader = journey.leader_of(case)
    site.record_site_visit(leader, case, timezone.localdate(), "示例：一致。")
    site.add_photo(leader, case, papers.photo("现场", "一"))
    return case.pk


def experts(pk):
    rows = sorted(people.panel_of(scenes.case(pk), "accepted"), key=lambda row: not row.is_leader)
    return [row.expert.user for row in rows]


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_one_save_that_comes_three_times_at_once_is_one_version(pk):
    said = Said("item:4.1.1", "一致", "agrees", "4.1.1", after="", key=str(uuid4()))
    by, cases = experts(pk)[0], [scenes.case(pk) for _time in range(3)]
    outcomes = at_once(*[lambda case=case: site.say(by, case, said).pk for case in cases])
    assert len(set(outcomes)) == 1
    assert site.site_visit_of(cases[0]).findings.filter(line="item:4.1.1").count() == 1


def test_of_two_experts_who_write_of_one_line_at_once_one_is_shown_what_the_other_wrote(pk):
    cases = [scenes.case(pk) for _time in range(2)]
    outcomes = at_once(
        *[
            lambda by=by, case=case: site.say(
                by, case, Said("item:4.1.1", by.name, "agrees", after="", key=str(uuid4()))
            )
            for by, case in zip(experts(pk), cases, strict=False)
        ]
    )
    assert kinds(outcomes) == ["Changed", "SiteFinding"]
    assert site.site_visit_of(cases[0]).findings.filter(line="item:4.1.1").count() == 1


def test_one_photo_that_comes_three_times_at_once_is_one_photo(pk):
    by, cases = experts(pk)[0], [scenes.case(pk) for _time in range(3)]
    taken = Taken("机房", "", str(uuid4()))

    def keep(case):
        upload = papers.photo("现场", "同一张")
        return site.keep_photo(by, case, site.prepared_photo(by, upload, taken), taken).pk

    outcomes = at_once(*[lambda case=case: keep(case) for case in cases])
    assert len(set(outcomes)) == 1
    assert site.site_visit_of(cases[0]).photos.filter(key=taken.key).count() == 1


def test_a_signature_and_a_change_at_once_never_leave_a_signature_to_another_text(pk):
    first, second = experts(pk)[:2]
    cases = [scenes.case(pk) for _time in range(2)]
    seen = site_signing.sha256_of_content(site.site_visit_of(cases[0]))
    signing = Signing(first.name, confirmed=Confirmed(first.pk), content_sha256=seen)
    at_once(
        lambda: site_signing.sign(first, cases[0], signing),
        lambda: site.record_site_finding(second, cases[1], "4.1.1", False, "缺一处"),
    )
    visit = site.site_visit_of(scenes.case(pk))
    assert visit.findings.filter(line="item:4.1.1").count() == 1
    assert not SiteSignature.objects.filter(site_visit=visit, voided_at=None).exists()
    assert visit.expert_signed_at is None
