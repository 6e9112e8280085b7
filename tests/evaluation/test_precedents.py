"""Which earlier decisions an approver reads beside a result: like cases only, nearest first, none that is not theirs to see."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities.models import Community
from evaluation import marking
from evaluation.models import Application, OfficerConflict, Project, Result
from evaluation.precedents import MOST, NEAR, precedents
from portal import audit
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pk(world):
    """A case whose result awaits approval."""
    return world.case_at("approval").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def result(case):
    return marking.result_of(case)


def decided(case, distance, *, state="certified", stage=None, said="", count=1):
    """Another community's case whose total is ``distance`` points from that of ``case``."""
    own = marking.result_of(case)
    number = Project.objects.count() + 1
    community = Community.objects.get(pk=case.project.community_id)
    community.pk, community.name = None, f"示例先例{number}"
    community.save(force_insert=True)
    project = Project.objects.get(pk=case.project_id)
    project.pk, project.number, project.community = None, f"P-{number}", community
    project.save(force_insert=True)
    other = Application.objects.create(project=project, stage=stage or case.stage, state=state)
    total = None if distance is None or own.total is None else own.total + Decimal(str(distance))
    for n in range(1, count + 1):
        Result.objects.create(
            application=other, submission=own.submission, review_round=1, count=n, standard_sha256=own.standard_sha256,
            total=None if total is None else total + count - n, level=own.level, trace=own.trace, sheets=[],
        )  # fmt: skip
    if said:
        audit.record(other, "application.approve", by=None, role="approver", opinion=said)
    return other


def found(world, result):
    return [row.application.pk for row in precedents(scenes.person(world.approver.username), result)]


def test_the_nearest_come_first_and_no_more_than_five(world, case, result):
    rows = {distance: decided(case, distance).pk for distance in (4, -1, 2, 0.5, -3, 1.5)}
    assert found(world, result) == [rows[distance] for distance in (0.5, -1, 1.5, 2, -3)]
    assert MOST == 5


@pytest.mark.parametrize("distance, near", [(NEAR, True), (-NEAR, True), (NEAR + Decimal("0.01"), False)])
def test_a_few_points_up_or_down_are_near(world, case, result, distance, near):
    other = decided(case, distance)
    assert found(world, result) == [other.pk] * near


@pytest.mark.parametrize(
    "more, told",
    [
        ({"state": "notice"}, True),
        ({"state": "not_passed"}, True),
        ({"state": "approval"}, False),
        ({"state": "drawing"}, False),
        ({"stage": "completion"}, False),
    ],
)
def test_only_decided_cases_of_the_same_stage_are_like(world, case, result, more, told):
    other = decided(case, 1, **more)
    assert found(world, result) == [other.pk] * told


def test_a_result_that_was_counted_anew_is_none(world, case, result):
    other = decided(case, 1, count=2)
    rows = precedents(scenes.person(world.approver.username), result)
    assert [(row.application.pk, row.total) for row in rows] == [(other.pk, result.total + 1)]


def test_the_communitys_own_earlier_case_is_none(world, case, result):
    other = decided(case, 1)
    Project.objects.filter(pk=other.project_id).update(community=case.project.community_id)
    assert found(world, result) == []


def test_a_case_from_which_the_approver_stands_back_is_not_shown(world, case, result):
    other = decided(case, 1)
    approver = scenes.person(world.approver.username)
    OfficerConflict.objects.create(officer=approver, declared_by=approver, relation="示例", project=other.project)
    assert found(world, result) == []


def test_the_page_and_the_api_tell_the_same_words_in_as_many_queries_for_one_and_many(world, case):
    client = Client()
    client.force_login(scenes.person(world.approver.username))
    counted = []
    for more in (1, 4):
        for n in range(more):
            decided(case, n + 1, said=f"示例：同意第{more}{n}件。")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(reverse("approval", args=[case.pk])).content.decode()
        counted.append(len(queries))
    told = client.get(f"/api/v1/applications/{case.pk}/precedents/").json()["results"]
    assert [row["said"] in page for row in told] == [True] * 5
    assert sorted(row["said"] for row in told) == sorted(
        {f"示例：同意第{n}件。" for n in ("10", "40", "41", "42", "43")}
    )
    assert counted[0] == counted[1]


def test_who_sees_no_sheets_reads_no_precedents(world, case):
    client = Client()
    client.force_login(scenes.person(world.applicant.username))
    assert client.get(f"/api/v1/applications/{case.pk}/precedents/").status_code == 403
