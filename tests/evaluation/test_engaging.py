"""Consulting units of a case: who engages whom and when, what they see and lose, and what it means for a draw."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities import changes
from communities.models import Membership, Officer, Organisation, OrganisationChange
from communities.workflow import ORGANISATION_CHANGE
from evaluation import drawing, engaging, filing, permissions
from evaluation.models import Engagement, Project
from evaluation.workflow import APPLICATION, ASSIGNMENT
from experts.models import Expert, Recusal
from portal.demo import names, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
YESTERDAY = TODAY - timedelta(days=1)
SCOPE = "示例：整理佐证"
# The states in which a case stands before, during and after its panel; one case of the module at each.
STATES = ("draft", "drawing", "cosigning", "inviting", "review", "approval", "notice")


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    with scenes.kept(django_db_blocker, tmp_path_factory, experts=40, employers=24) as world:
        yield world


@pytest.fixture(autouse=True)
def own_files():
    """The files of this module are shared like its rows."""


@pytest.fixture(scope="module")
def cases(world):
    return {state: world.case_at(state).pk for state in STATES}


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


def engage(world, application, **values):
    """The applicant engages the consulting unit of the world."""
    by = scenes.person(values.pop("by", world.applicant.username))
    said = {"credit_code": world.consulting.credit_code, "scope": SCOPE, **values}
    return engaging.engage(by, Project.objects.get(pk=application.project_id), **said)


def sees(username, application):
    user = scenes.person(username)
    listed = permissions.visible_to(user).filter(pk=application.pk).exists()
    project = permissions.projects_visible_to(user).filter(pk=application.project_id).exists()
    assert listed == permissions.can_view(user, application)
    assert project == permissions.can_view_project(user, application.project)
    return listed, project


# --- engaging ---------------------------------------------------------------------------------------------------------


def test_an_engaged_unit_sees_and_writes_just_that_case(world, at):
    draft, other = at("draft"), at("drawing")
    assert (sees("consultant", draft), sees("consultant", other)) == ((False, False), (False, False))
    row = engage(world, draft, credit_code=f" {world.consulting.credit_code.lower()} ", scope=f" {SCOPE} ")
    assert (row.scope, row.since, row.until, row.engaged_by) == (SCOPE, TODAY, None, world.applicant)
    assert (sees("consultant", draft), sees("consultant", other)) == ((True, True), (False, False))
    filing.save_claim(scenes.person("consultant"), draft, "4.1.1", value=True, note="", revision=0)
    assert permissions.acting_for(scenes.person("consultant"), draft.project) == (world.consulting, "consultant")
    told = Notification.objects.filter(user=world.consultant, link=draft.project.get_absolute_url())
    assert (told.count(), Event.objects.of(draft.project).last().verb) == (1, "project.engage")


ROLES = {
    "applicant": True, "other-applicant": False, "consultant": False, "intake": False, "organiser": False,
    "supervisor": False, "district-1": False,
}  # fmt: skip


@pytest.mark.parametrize("username,may", ROLES.items())
def test_only_the_applicant_engages(world, at, username, may):
    if may:
        assert engage(world, at("draft"), by=username).pk
    else:
        with pytest.raises(NotAllowed):
            engage(world, at("draft"), by=username)


def test_an_engaged_unit_engages_nobody(world, at):
    engage(world, at("draft"))
    with pytest.raises(NotAllowed):
        engage(world, at("draft"), by="consultant")


@pytest.mark.parametrize(
    "case,problem",
    [
        ("short", ("credit_code_length", "credit_code")),
        ("unknown", ("unknown", "credit_code")),
        ("own", ("consultant_is_applicant", "credit_code")),
        ("developer", ("not_consulting", "credit_code")),
        ("inactive", ("unknown", "credit_code")),
        ("engaged", ("engaged_already", "credit_code")),
        ("officer", ("consultant_has_officer", "credit_code")),
        ("speechless", ("required", "scope")),
        ("verbose", ("too_long", "scope")),
    ],
)
def test_who_cannot_be_engaged(world, at, case, problem):
    said = {
        "short": {"credit_code": "123"},
        "unknown": {"credit_code": names.code("500101", "C", 99)},
        "own": {"credit_code": world.unit.credit_code},
        "developer": {"credit_code": world.other_unit.credit_code},
        "speechless": {"scope": " "},
        "verbose": {"scope": "字" * 201},
    }
    if case == "inactive":
        Organisation.objects.filter(pk=world.consulting.pk).update(state="banned")
    elif case == "engaged":
        engage(world, at("draft"))
    elif case == "officer":
        Officer.objects.create(user=world.consultant, duty="intake", since=TODAY)
    with scenes.refused() as problems:
        engage(world, at("draft"), **said.get(case, {}))
    assert [place for _code, place in problems] == [problem[1]]
    assert case == "short" or problems == [problem]


def test_several_units_advise_at_a_time(world, at):
    second = people.make_unit(2, "consulting", "示例第二咨询有限公司", world.district, "consultant-2", "示例咨询员二")
    for unit in (world.consulting, second):
        engage(world, at("draft"), credit_code=unit.credit_code)
    assert [row.organisation for row in at("draft").project.consultants] == [world.consulting, second]
    assert (sees("consultant", at("draft")), sees("consultant-2", at("draft"))) == ((True, True), (True, True))


@pytest.mark.parametrize("state", STATES)
def test_while_a_panel_sits_nobody_joins_the_case(world, at, state):
    if state in engaging.PANEL_SITS:
        with scenes.refused() as problems:
            engage(world, at(state))
        assert problems == [("panel_sits", "")]
    else:
        assert engage(world, at(state)).pk


def test_the_states_in_which_a_panel_sits_are_states():
    assert set(APPLICATION.states) >= engaging.PANEL_SITS


# --- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who,may",
    [("applicant", True), ("consultant", True), ("colleague", False), ("other-applicant", False), ("intake", False)],
)
def test_the_applicant_and_the_units_administrator_end_it(world, at, who, may):
    row = engage(world, at("draft"))
    colleague = people.user("colleague", "示例咨询员乙")
    colleague.save()
    Membership.objects.create(user=colleague, organisation=world.consulting, role="member", since=TODAY)
    assert engaging.may_end(scenes.person(who), row) is may
    if may:
        engaging.end_engagement(scenes.person(who), row)
        assert (row.until, sees("consultant", at("draft"))) == (YESTERDAY, (False, False))
    else:
        with pytest.raises(NotAllowed):
            engaging.end_engagement(scenes.person(who), row)


def test_an_ended_engagement_takes_access_with_the_next_request(world, at, client):
    draft = at("draft")
    row = engage(world, draft)
    client.force_login(world.consultant)
    pages = [draft.project.get_absolute_url(), draft.get_absolute_url(), reverse("evidence", args=[draft.pk])]
    assert [client.get(page).status_code for page in pages] == [200, 200, 200]
    engaging.end_engagement(scenes.person("applicant"), row)
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]
    save = reverse("claim-save", args=[draft.pk, "4.1.1"])
    assert client.post(save, {"value": "true", "revision": "0"}).status_code == 404


def test_it_ends_once_and_can_begin_again_the_same_day(world, at):
    row = engage(world, at("draft"))
    same = Engagement.objects.get(pk=row.pk)
    engaging.end_engagement(scenes.person("applicant"), row)
    with pytest.raises(Stale):
        engaging.end_engagement(scenes.person("applicant"), same)
    assert engage(world, at("draft")).pk != row.pk


def test_who_leaves_the_consulting_unit_loses_its_cases(world, at):
    engage(world, at("draft"))
    Membership.objects.filter(user=world.consultant).update(until=YESTERDAY)
    assert sees("consultant", at("draft")) == (False, False)


# --- conflicts and draws ----------------------------------------------------------------------------------------------


@pytest.fixture
def expert():
    return Expert.objects.get(number="ZJ-0002")


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("tie", ["employer", "member", "recusal"])
def test_an_engagement_is_a_conflict_in_the_draw_also_once_it_has_ended(world, at, expert, ended, tie):
    application = at("drawing")
    if tie == "employer":
        Expert.objects.filter(pk=expert.pk).update(employer_code=world.consulting.credit_code)
    elif tie == "member":
        Membership.objects.create(user=expert.user, organisation=world.consulting, role="member", since=TODAY)
    else:
        code = world.consulting.credit_code
        Recusal.objects.create(expert=expert, party_code=code, reason="kinship", declared_by=expert.user)
    assert expert.pk not in drawing.conflicts(application, TODAY)
    row = engage(world, application)
    if ended:
        engaging.end_engagement(scenes.person("applicant"), row)
    reason = {"employer": "same_consulting_unit", "member": "employed_by_party", "recusal": "kinship"}[tie]
    assert drawing.conflicts(at("drawing"), TODAY)[expert.pk] == reason
    excluded = {one.expert_id: one.excluded for one in drawing.candidates(at("drawing"))}
    assert excluded[expert.number] == reason


def test_a_frozen_pool_is_frozen_anew_when_a_party_joins(world, at):
    application = at("cosigning")
    engage(world, application)
    application = at("cosigning")
    event = Event.objects.of(application).last()
    assert (application.state, application.draws.count()) == ("drawing", 0)
    assert (event.verb, event.role, event.actor) == ("application.recheck_parties", "system", None)
    APPLICATION.perform(application, "propose_draw", by=world.organiser)
    assert at("cosigning").state == "cosigning"


@pytest.mark.parametrize("answer", ["invited", "accepted"])
def test_who_was_asked_and_now_conflicts_is_replaced_and_both_are_told(world, at, answer):
    application = at("inviting")
    before = people.panel_of(application, "invited")
    gone = before[0]
    if answer == "accepted":
        ASSIGNMENT.perform(gone, "accept", by=gone.expert.user, no_conflict=True)
    Expert.objects.filter(pk=gone.expert_id).update(employer_code=world.consulting.credit_code)
    engage(world, application)
    after = people.panel_of(at("inviting"), "invited", "accepted")
    gone.refresh_from_db()
    assert (gone.state, len(after), gone.expert_id in {row.expert_id for row in after}) == ("recused", 5, False)
    event = Event.objects.of(gone).last()
    assert (event.verb, event.role, bool(event.data["next"])) == ("assignment.exclude", "system", True)
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", flat=True)
    assert set(told) == {application.organiser_id, gone.expert.user_id}


def test_a_substitute_who_conflicts_too_is_passed_over(world, at):
    """Everybody of the pool but the seated works for the new party: none of them comes in, whomever the lots name."""
    application = at("inviting")
    seated = people.panel_of(application, "invited")
    gone = next(row for row in seated if not row.is_leader)
    spared = {row.expert_id for row in seated if row.pk != gone.pk}
    Expert.objects.exclude(pk__in=spared).update(employer_code=world.consulting.credit_code)
    engage(world, application)
    application = at("inviting")
    asked = {row.expert_id for row in people.panel_of(application, "invited", "accepted")}
    assert asked <= spared
    assert bool(application.fault)  # the pool ran dry, and the organiser sees it


def test_nobody_who_has_no_tie_is_replaced(world, at):
    before = [row.pk for row in people.panel_of(at("inviting"), "invited")]
    engage(world, at("inviting"))
    assert [row.pk for row in people.panel_of(at("inviting"), "invited")] == before


def test_a_party_that_changes_its_credit_code_keeps_its_old_conflicts_and_gets_new_ones(world, at, expert):
    application, old, new = at("cosigning"), world.unit.credit_code, names.code("500101", "D", 77)
    unit = Organisation.objects.get(pk=world.unit.pk)
    values = {name: getattr(unit, name) for name in ("name", "kind", "district", "address")}
    values |= {"credit_code": new, "undertaking": True}
    change = changes.propose_change(scenes.person("applicant"), unit, values, papers.pdf("营业执照", f"{unit} {new}"))
    ORGANISATION_CHANGE.perform(change, "approve", by=world.intake)
    application = at("cosigning")
    assert (application.project.party_codes, application.state) == ((new, old), "drawing")
    for code in (old, new):
        Expert.objects.filter(pk=expert.pk).update(employer_code=code)
        assert drawing.conflicts(application, TODAY)[expert.pk] == "employed_by_party"
    assert OrganisationChange.objects.former_codes([unit.pk]) == [old]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_case_page_engages_and_ends(world, at, client):
    project = at("draft").project
    client.force_login(world.applicant)
    address = reverse("engagement-new", args=[project.pk])
    wrong = client.post(address, {"credit_code": "123", "scope": ""})
    assert (wrong.status_code, 'value="123"' in wrong.content.decode()) == (422, True)
    refused = client.post(address, {"credit_code": world.other_unit.credit_code, "scope": SCOPE})
    assert (refused.status_code, "不是咨询服务单位" in refused.content.decode()) == (422, True)
    made = client.post(address, {"credit_code": world.consulting.credit_code, "scope": SCOPE})
    page = client.get(made.url).content.decode()
    assert (made.url, world.consulting.name in page, SCOPE in page) == (project.get_absolute_url(), True, True)
    assert f"您代表{world.unit.name}（申报单位）办理本案。" in page
    row = Engagement.objects.get(project=project)
    client.force_login(world.consultant)
    page = client.get(made.url).content.decode()
    assert f"您代表{world.consulting.name}（咨询服务单位）办理本案。" in page
    assert ("委托咨询服务单位</summary>" in page, reverse("engagement-end", args=[row.pk]) in page) == (False, True)
    assert client.post(reverse("engagement-end", args=[row.pk])).url == reverse("projects")
    assert client.get(made.url).status_code == 404
    client.force_login(world.applicant)
    assert "委托已终止" in client.get(made.url).content.decode()


@pytest.mark.parametrize("who,status", [("other-applicant", 404), ("intake", 403), ("consultant", 404)])
def test_the_acts_are_closed_to_others(world, at, client, who, status):
    application = at("notice")
    row = engage(world, application)
    Engagement.objects.filter(pk=row.pk).update(until=YESTERDAY if who == "consultant" else None)
    client.force_login(scenes.person(who))
    assert client.post(reverse("engagement-new", args=[application.project_id]), {}).status_code == status
    assert client.post(reverse("engagement-end", args=[row.pk])).status_code == status


def test_the_case_page_asks_as_often_with_ten_engagements_as_with_one(world, at, client):
    application = at("draft")
    engage(world, application)
    client.force_login(world.applicant)

    def asked():
        with CaptureQueriesContext(connection) as seen:
            client.get(application.project.get_absolute_url())
        return len(seen)

    few = asked()
    for number in range(3, 12):
        unit = Organisation.objects.create(
            credit_code=names.code("500101", "C", number), name=f"示例{number}", kind="consulting", state="active",
            district=world.district, address="示例", contact="示例", phone="1",
        )  # fmt: skip
        engage(world, application, credit_code=unit.credit_code)
    assert asked() == few


# --- what was before --------------------------------------------------------------------------------------------------


BEFORE = """
import datetime, django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
executor = MigrationExecutor(connection)
executor.migrate([("evaluation", "0004_engagements")])
old = executor.loader.project_state([("evaluation", "0004_engagements")]).apps
model = lambda app, name: old.get_model(app, name)
district = model("communities", "District").objects.create(code="500101", name="示例区")
unit = dict(district=district, address="", contact="", phone="", state="active")
made = model("communities", "Organisation").objects
units = [made.create(credit_code=code, name=code, kind="other", **unit) for code in "AB"]
user = model("portal", "User").objects.create(username="u", name="u")
standard = model("evaluation", "Standard").objects.create(
    code="S", version="1", name="S", kind="star", document={}, sha256="0", is_official=False)
programme = model("evaluation", "Programme").objects.create(
    code="p", name="p", standard=standard, number_prefix="P", panel_size=5, panel_seats={}, guidance_nodes=[])
community = model("communities", "Community").objects.create(
    organisation=units[0], name="c", district=district, address="", floor_area=1, households=1, buildings=1)
for number, consultant in enumerate([units[1], None]):
    model("evaluation", "Project").objects.create(
        number=str(number), programme=programme, standard=standard, community=community, organisation=units[0],
        consultant=consultant, target_level=2, created_by=user,
        created_at=timezone.make_aware(datetime.datetime(2026, 3, 4, 0, 30)))
executor = MigrationExecutor(connection)
executor.migrate([("evaluation", "0006_project_without_consultant")])
new = executor.loader.project_state([("evaluation", "0006_project_without_consultant")]).apps
for row in new.get_model("evaluation", "Engagement").objects.all():
    print(row.project.number, row.organisation.name, row.engaged_by.username, row.since, row.until)
print("consultant" in [field.name for field in new.get_model("evaluation", "Project")._meta.fields])
"""


def test_the_consultant_that_a_case_had_becomes_its_first_engagement(tmp_path):
    """In a database of its own, as it was before the change."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", BEFORE],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, ["0 B u 2026-03-04 None", "False"]), done.stderr
