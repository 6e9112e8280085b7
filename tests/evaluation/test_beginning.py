"""What somebody does next on whom nothing waits: from a new account to the first application, by facts, with links that open."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities import inviting
from communities.models import Community, Membership, Organisation
from evaluation.beginning import next_steps
from evaluation.models import Application, Programme, Project
from experts.models import Expert
from portal.models import User
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def fresh(user):
    return User.objects.get(pk=user.pk)


def told(user):
    """(label, address) of each step, first things first."""
    return [(step.label, step.address) for step in next_steps(fresh(user))]


def opened(user):
    """The status of every link that is told."""
    client = Client()
    client.force_login(fresh(user))
    return {client.get(step.address).status_code for step in next_steps(fresh(user)) if step.address}


def project_of(community):
    programme = Programme.objects.get(pk="smart_community")
    return Project.objects.create(
        number=f"CQ-{community.pk}", programme=programme, standard=programme.standard, community=community,
        organisation=community.organisation, target_level=2, created_by=User.objects.first(),
    )  # fmt: skip


def test_the_way_of_an_applicant_from_a_new_account_to_the_first_application(client):
    person = published.user("newcomer")
    assert told(person) == [("登记单位", reverse("organisation-new"))]
    unit = published.organisation(state="draft")
    Membership.objects.create(user=person, organisation=unit, role="administrator", since=published.today())
    way = [told(person)]
    for state in ("submitted", "active"):
        Organisation.objects.update(state=state)
        way.append(told(person))
    community = published.community(unit)
    way.append(told(person))
    project = project_of(community)
    way.append(told(person))
    Application.objects.create(project=project, stage="design", state="form_check")
    way.append(told(person))
    assert way == [
        [("完成单位注册", unit.get_absolute_url())],
        [("查看单位", unit.get_absolute_url())],
        [("登记小区", reverse("community-new", args=[unit.pk]))],
        [("建立案卷", reverse("project-new", args=[community.pk]))],
        [("开始申报", project.get_absolute_url())],
        [("我的案卷", reverse("projects"))],
    ]


@pytest.mark.parametrize("state", ["draft", "submitted", "returned", "active", "refused", "banned", "lapsed"])
@pytest.mark.parametrize("role", ["administrator", "member"])
@pytest.mark.parametrize("begun", ["", "community", "project"])
def test_every_link_opens_for_whom_it_is_told(state, role, begun):
    unit = published.organisation(state=state)
    person = published.member(unit, role=role)
    if begun:
        community = published.community(unit)
        if begun == "project":
            project_of(community)
    assert opened(person) == {200}


@pytest.mark.parametrize("role, label", [("administrator", "完成单位注册"), ("member", "查看单位")])
def test_only_who_may_hand_the_registration_in_is_urged_to(role, label):
    unit = published.organisation(state="draft")
    (step,) = next_steps(published.member(unit, role=role))
    assert (step.label, step.urges) == (label, role == "administrator")


def test_a_unit_that_waits_tells_until_when_it_is_decided():
    unit = published.organisation(state="submitted", due_on=published.today())
    (step,) = next_steps(published.member(unit))
    assert f"期限{published.today()}" in step.sentence


def test_a_banned_unit_is_not_sent_to_open_a_case():
    unit = published.organisation(state="banned")
    published.community(unit)
    assert told(published.member(unit)) == [("查看单位", unit.get_absolute_url())]


def test_a_consulting_unit_waits_to_be_engaged():
    unit = published.organisation(kind="consulting")
    (step,) = next_steps(published.member(unit))
    assert (step.address, step.urges, "委托" in step.sentence) == (unit.get_absolute_url(), False, True)


def test_an_invitation_comes_first():
    unit, own = published.organisation(), published.organisation("示例旧单位", 2, state="submitted")
    person = published.member(own, "newcomer")
    row = inviting.invite(published.member(unit, "chief"), unit, "newcomer", "member")
    assert told(person)[0] == ("查看并答复", inviting.address_of(row))
    assert opened(person) == {200}


@pytest.mark.parametrize(
    "duty, label",
    [
        ("intake", "在办案件"), ("supervisor", "在办案件"), ("organiser", "在办案件"), ("pool_keeper", "专家库"),
        ("audit_administrator", "留痕"),
    ],
)  # fmt: skip
def test_an_officer_is_not_sent_to_register_a_unit(duty, label):
    person = published.officer(duty)
    assert [label for label, _address in told(person)] == [label, "本职责可以办什么"]
    assert opened(person) <= {200}


def test_an_expert_reads_that_invitations_come(client):
    person = published.user("expert")
    Expert.objects.create(
        user=person, number="E0001", employer="示例设计院", district=published.District.objects.first(),
        term_from=published.today(), term_until=published.today(),
    )  # fmt: skip
    (step,) = next_steps(person)
    assert ("被抽取时会收到邀请" in step.sentence, step.address) == (True, "/experts/E0001/")


@pytest.mark.parametrize("page", ["my-work", "projects"])
def test_both_empty_lists_say_it(client, page):
    unit = published.organisation()
    client.force_login(published.member(unit))
    text = client.get(reverse(page)).content.decode()
    assert f'<a class="btn" href="{reverse("community-new", args=[unit.pk])}">登记小区</a>' in text


def test_a_search_that_finds_nothing_does_not_say_it(client):
    client.force_login(published.member(published.organisation()))
    assert client.get(reverse("projects"), {"q": "没有"}).context["first_steps"] == []


def test_five_units_cost_the_same_questions_as_one():
    person = published.user("busy")
    counts = []
    for number in range(1, 6):
        unit = published.organisation(f"示例{number}", number)
        Membership.objects.create(user=person, organisation=unit, role="administrator", since=published.today())
        for name in ("甲", "乙"):
            project_of(published.community(unit, name))
        published.community(unit, "丙")
        with CaptureQueriesContext(connection) as asked:
            next_steps(fresh(person))
        counts.append(len(asked))
    assert len(set(counts)) == 1
    assert Community.objects.count() == 15
