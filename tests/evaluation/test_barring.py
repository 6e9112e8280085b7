"""Officers who stand back from a case: nothing of it is theirs, on any page, until two people let them back."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer, OrganisationChange, StandIn
from evaluation import barring, clocks, conflicts, permissions, work
from evaluation.models import Application, Engagement, OfficerConflict
from portal import notify
from portal.machine import NotAllowed
from portal.models import Event, Notification, User
from portal.templatetags.portal import doer
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
TODAY = timezone.localdate()

world, own_files = scenes.shared_world(experts=2, employers=2)


@pytest.fixture(scope="module")
def case_pk(world):
    return world.case_at("form_check").pk


@pytest.fixture
def case(case_pk):
    return scenes.case(case_pk)


def signed_in(username):
    client = Client()
    client.force_login(scenes.person(username))
    return client


def second(duty):
    user = User.objects.create(username=f"second-{duty}", name="示例第二人", email="second@example.org")
    Officer.objects.create(user=user, duty=duty, since=TODAY)
    return user


def stand_back(case, username="intake", **what):
    user = scenes.person(username)
    return conflicts.declare(user, user, "示例：亲属任职", **(what or {"project": case.project}))


def faces(username, case):
    """What the two faces of the rights say of one person: roles, seen alone, in the list of cases, in that of projects."""
    user = scenes.person(username)
    return (
        permissions.roles_of(user, case),
        permissions.can_view(user, case),
        permissions.visible_to(user).filter(pk=case.pk).exists(),
        permissions.projects_visible_to(user).filter(pk=case.project_id).exists(),
    )


NOTHING = (frozenset(), False, False, False)


@pytest.mark.parametrize("username", ["intake", "organiser", "approver", "supervisor", "district-1"])
@pytest.mark.parametrize("by", ["project", "code"])
def test_no_duty_reaches_a_case_from_which_somebody_stands_back(case, username, by):
    assert faces(username, case)[1:] == (True, True, True)
    what = {"project": case.project} if by == "project" else {"code": case.project.organisation.credit_code}
    stand_back(case, username, **what)
    assert faces(username, case) == NOTHING
    others = {"intake", "organiser"} - {username}
    assert all(faces(other, case)[1] for other in others)


def test_a_unit_that_advises_is_meant_too(world, case):
    Engagement.objects.create(
        project=case.project, organisation=world.consulting, engaged_by=world.applicant, since=TODAY
    )
    stand_back(case, code=world.consulting.credit_code)
    assert faces("intake", case) == NOTHING


def test_a_unit_is_meant_by_the_code_that_it_bore_before(world, case):
    old = world.other_unit.credit_code
    OrganisationChange.objects.create(
        organisation=case.project.organisation, state="approved", before={"credit_code": old}, after={},
        asked_by=world.applicant,
    )  # fmt: skip
    stand_back(case, code=old)
    assert faces("intake", case) == NOTHING


@pytest.mark.parametrize(
    "name",
    ["application", "form-check", "application-data", "application-items", "application-clock", "correction-notice"],
)
def test_every_page_of_the_case_is_unknown(case, name):
    stand_back(case)
    assert signed_in("intake").get(reverse(name, args=[case.pk])).status_code == 404


@pytest.mark.parametrize("path", ["applications/{case}/", "applications/{case}/findings/", "applications/{case}/overrides/",
                                  "applications/{case}/submissions/", "projects/{project}/"])  # fmt: skip
def test_every_endpoint_of_the_case_is_unknown(case, path):
    stand_back(case)
    address = "/api/v1/" + path.format(case=case.pk, project=case.project_id)
    assert signed_in("intake").get(address).status_code == 404


def test_neither_the_list_of_cases_nor_search_nor_counts_nor_work_tell_of_it(case):
    stand_back(case)
    user = scenes.person("intake")
    client = signed_in("intake")
    for query in ({"show": "open"}, {"show": "open", "q": case.project.number}):
        page = client.get(reverse("queue"), query).content.decode()
        assert case.project.community.name not in page
    found = client.get("/api/v1/applications/", {"search": case.project.number}).json()
    assert (found["count"], [row.key for row in work.waiting_on(user)]) == (0, [])


def test_messages_of_before_are_concealed_and_no_new_ones_come(case):
    user, event = scenes.person("intake"), Event.objects.of(case).last()
    link = case.get_absolute_url()
    notify.write("示例:1", [user], "waiting", link, subject="示例", sentence="示例", event=event)
    notify.write("示例:2", [user], "due", link, subject="示例", due_on=TODAY, late=False, overseen=False)
    seen = Notification.objects.shown_to(user).filter(key__startswith="示例").count()
    stand_back(case)
    user = scenes.person("intake")
    assert (seen, Notification.objects.unread_by(user).filter(link=link).count()) == (2, 0)
    assert user not in clocks.holders(case)
    assert user not in barring.without_barred([user], case.project)


def test_a_case_that_the_officer_held_is_nobodys_and_the_supervisor_is_told(case):
    Application.objects.filter(pk=case.pk).update(handler=scenes.person("intake"), handler_duty="intake")
    stand_back(case)
    event = Event.objects.of(case).get(verb="application.free")
    told = Notification.objects.filter(event=event).values_list("user__username", flat=True)
    assert (scenes.case(case.pk).handler, list(told)) == (None, ["supervisor"])


def test_the_person_is_back_once_two_others_agree(case):
    row = stand_back(case)
    supervisor, approver = scenes.person("supervisor"), scenes.person("approver")
    conflicts.ask_release(supervisor, row, "示例：亲属已离职")
    row.refresh_from_db()
    assert faces("intake", case) == NOTHING
    assert [found["key"] for found in conflicts.waiting_on(approver)] == [f"officer-conflict-{row.pk}"]
    assert list(conflicts.waiting_on(supervisor)) == []
    for who in (supervisor, scenes.person("intake"), scenes.person("organiser")):
        with pytest.raises(NotAllowed):
            conflicts.agree_release(who, row)
    conflicts.agree_release(approver, row)
    assert faces("intake", case)[1:] == (True, True, True)
    verbs = Event.objects.of(row).values_list("verb", "actor__username")
    assert list(verbs) == [
        ("officer_conflict.declare", "intake"), ("officer_conflict.ask_release", "supervisor"),
        ("officer_conflict.release", "approver"),
    ]  # fmt: skip


def test_a_release_that_is_not_agreed_to_leaves_it_standing(case):
    row = stand_back(case)
    conflicts.ask_release(scenes.person("supervisor"), row, "示例")
    row.refresh_from_db()
    conflicts.decline_release(scenes.person("approver"), row)
    row.refresh_from_db()
    assert (row.release_asked_by, faces("intake", case)) == (None, NOTHING)


def test_a_supervisor_who_stands_back_is_let_back_by_two_others(case):
    row = stand_back(case, "supervisor")
    with pytest.raises(NotAllowed):
        conflicts.ask_release(scenes.person("supervisor"), row, "示例")
    conflicts.ask_release(second("supervisor"), row, "示例")
    row.refresh_from_db()
    with pytest.raises(NotAllowed):
        conflicts.agree_release(scenes.person("supervisor"), row)


def stands_in(absent, person):
    day = timezone.localdate()
    officer = Officer.objects.get(user__username=absent)
    return StandIn.objects.create(
        officer=officer, person=person, since=day, until=day, reason="示例", asked_by=person, state="agreed"
    )


def test_who_agrees_to_a_release_agrees_to_the_one_they_read(case):
    row = stand_back(case)
    conflicts.ask_release(scenes.person("supervisor"), row, "示例一")
    row.refresh_from_db()
    read = OfficerConflict.objects.get(pk=row.pk)
    conflicts.decline_release(scenes.person("approver"), row)
    conflicts.ask_release(second("supervisor"), OfficerConflict.objects.get(pk=row.pk), "示例二")
    for act in (conflicts.agree_release, conflicts.decline_release):
        with scenes.refused() as found:
            act(scenes.person("approver"), read)
        assert found == [("overtaken", "")]
    assert faces("intake", case) == NOTHING


def test_what_was_asked_in_ones_place_one_does_not_agree_to_oneself(case):
    row, other = stand_back(case), second("approver")
    standing = stands_in("supervisor", other)
    conflicts.ask_release(scenes.person(other.username), row, "示例")
    StandIn.objects.filter(pk=standing.pk).update(state="ended")
    row.refresh_from_db()
    with pytest.raises(NotAllowed):
        conflicts.agree_release(scenes.person("supervisor"), row)


def test_whoever_agrees_in_somebodys_place_is_named_so(case):
    row, other = stand_back(case), second("organiser")
    conflicts.ask_release(scenes.person("supervisor"), row, "示例")
    stands_in("approver", other)
    row.refresh_from_db()
    conflicts.agree_release(scenes.person(other.username), row)
    event = Event.objects.of(row).get(verb="officer_conflict.release")
    assert (event.role, doer(event)) == ("approver", f"示例第二人（代{scenes.person('approver')}）")


def test_who_comes_second_with_a_release_is_told_who_was_first(case):
    row = stand_back(case)
    conflicts.ask_release(scenes.person("supervisor"), row, "示例")
    with scenes.refused() as found:
        conflicts.ask_release(second("supervisor"), row, "示例")
    assert found == [("overtaken", "")]


@pytest.mark.parametrize("username", ["intake", "organiser", "approver", "applicant"])
def test_only_a_supervisor_enters_it_for_somebody_else(case, username):
    with pytest.raises(NotAllowed):
        conflicts.declare(scenes.person(username), scenes.person("district-1"), "示例", project=case.project)


@pytest.mark.parametrize(
    "what,problems",
    [
        ({"relation": " ", "code": "", "project": None}, [("required", "relation"), ("one_object", "credit_code")]),
        ({"relation": "示例", "code": "123", "project": None}, [("credit_code_length", "credit_code")]),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said_at_once(world, what, problems):
    user = scenes.person("intake")
    with scenes.refused() as found:
        conflicts.declare(user, user, what["relation"], code=what["code"], project=what["project"])
    assert found == problems


def test_it_is_declared_and_released_on_its_pages(case):
    said = {"number": case.project.number, "relation": "示例：曾在该单位任职"}
    assert signed_in("intake").post(reverse("conflicts"), said).status_code == 302
    row = OfficerConflict.objects.get()
    address = reverse("conflict", args=[row.pk])
    assert signed_in("organiser").get(address).status_code == 404
    assert signed_in("supervisor").post(address, {"action": "ask", "reason": ""}).status_code == 422
    assert signed_in("supervisor").post(address, {"action": "ask", "reason": "示例：已无关系"}).status_code == 302
    assert signed_in("supervisor").post(address, {"action": "agree"}).status_code == 403
    assert signed_in("approver").post(address, {"action": "agree"}).status_code == 302
    assert faces("intake", case)[1:] == (True, True, True)


def test_another_case_is_not_declared_by_a_number_that_one_may_not_see(case):
    stand_back(case)
    response = signed_in("intake").post(reverse("conflicts"), {"number": case.project.number, "relation": "示例"})
    assert (response.status_code, list(response.context["form"].errors)) == (422, ["number"])
