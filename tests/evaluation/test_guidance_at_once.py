"""Guidance and major changes with real transactions: of two at once one wins, and the other is told who it was."""

from __future__ import annotations

import pytest
from django.utils import timezone

from communities.models import Officer
from evaluation import changing, guidance
from evaluation.models import MajorChange, Photo
from evaluation.workflow import GUIDANCE_OPINION, MAJOR_CHANGE
from portal.demo import construction, papers, people
from portal.models import Event
from tests.at_once import at_once
from tests.evaluation import scenes
from tests.saved import shared_way

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


way, world = shared_way()


@pytest.fixture
def project(world, way):
    return scenes.case(way.at_state("certified").pk).project


@pytest.fixture
def replied(project):
    """An opinion that was replied to."""
    visit = construction.plan(project, "conduits")
    construction.record(visit)
    construction.answer(visit)
    return visit.opinions.get().pk


def fresh(pk):
    return GUIDANCE_OPINION.visible_to(scenes.person("supervisor")).get(pk=pk)


def second_officer(project):
    user = people.user("district-second", "示例区县第二人")
    user.save()
    Officer.objects.create(
        user=user, duty="district_officer", district=project.community.district, since=people.first_day()
    )
    return user


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_of_two_officers_who_close_at_once_one_does_and_the_other_is_told_by_whom(project, replied):
    both = [(fresh(replied), people.district_officer_of(project)), (fresh(replied), second_officer(project))]
    outcomes = at_once(*(lambda row=row, by=by: GUIDANCE_OPINION.perform(row, "close", by=by) for row, by in both))
    assert kinds(outcomes) == ["Event", "Stale"]
    event, stale = sorted(outcomes, key=lambda one: type(one).__name__)
    assert stale.last == event
    assert Event.objects.of(fresh(replied)).filter(verb="guidance_opinion.close").count() == 1


def test_closing_and_returning_at_once_leaves_one_of_the_two(project, replied):
    one, other = fresh(replied), fresh(replied)
    officer, second = people.district_officer_of(project), second_officer(project)
    outcomes = at_once(
        lambda: GUIDANCE_OPINION.perform(one, "close", by=officer),
        lambda: GUIDANCE_OPINION.perform(other, "return", by=second, reason="照片不清"),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    assert fresh(replied).state in ("closed", "open")


def test_no_photo_slips_into_a_reply_that_is_read_already(project, replied):
    opinion = fresh(replied)
    GUIDANCE_OPINION.perform(opinion, "return", by=people.district_officer_of(project), reason="重拍")
    applicant, row = people.applicant_of(project), fresh(replied)
    guidance.add_photo(applicant, row, papers.photo("整改", "先"))
    sending, late = fresh(replied), fresh(replied)
    outcomes = at_once(
        lambda: GUIDANCE_OPINION.perform(sending, "reply", by=applicant, reply="已重拍"),
        lambda: guidance.add_photo(applicant, late, papers.photo("整改", "后")),
    )
    replied_at = Event.objects.of(sending).filter(verb="guidance_opinion.reply").last().at
    assert "Event" in kinds(outcomes)
    if "Photo" in kinds(outcomes):  # it came first: the reply was sealed with it
        assert Photo.objects.filter(opinion=sending).latest("pk").received_at <= replied_at
    else:
        assert kinds(outcomes) == ["Event", "Stale"]


def test_of_two_changes_demanded_at_once_only_one_is_there(project):
    officer = people.district_officer_of(project)
    outcomes = at_once(
        lambda: changing.demand(officer, project, "机房位置不符"),
        lambda: changing.demand(people.officer("organiser"), project, "平台未部署"),
    )
    assert kinds(outcomes) == ["MajorChange", "Refused"]
    assert MajorChange.objects.open().count() == 1


def test_a_change_decided_and_sent_back_at_once_is_one_of_the_two(project):
    change = construction.declare_change(project)
    MAJOR_CHANGE.perform(change, "propose", by=people.officer("organiser"), proposal="keep", grounds="不影响")
    rows = [MajorChange.objects.select_related("project").get(pk=change.pk) for _twice in range(2)]
    approver = people.officer("approver")
    second = people.user("approver-second", "示例审定第二人")
    second.save()
    Officer.objects.create(user=second, duty="approver", since=timezone.localdate())
    outcomes = at_once(
        lambda: MAJOR_CHANGE.perform(rows[0], "keep", by=approver, ruling="同意"),
        lambda: MAJOR_CHANGE.perform(rows[1], "send_back", by=second, reason="对照不足"),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
