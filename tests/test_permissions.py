"""Who may do what in which state: the whole matrix, written out by hand and compared for equality with the tables."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from communities.models import Community, District, Membership, Officer, Organisation
from evaluation import permissions
from evaluation.models import Application, Assignment, Draw, Engagement, OfficerConflict, Programme, Project
from evaluation.workflow import APPLICATION
from evaluation.workflow.case import STATES
from experts.models import Expert
from portal.models import User
from tests.evaluation import scenes

# state -> role -> actions. Roles that do not stand here may do nothing.
ACTIONS = {
    "draft": {"applicant": {"submit", "withdraw"}},
    "checking": {"system": {"checked"}},
    "form_check": {
        "applicant": {"withdraw"},
        "intake": {"accept", "request_correction", "refuse"},
    },
    "correction": {"applicant": {"resubmit", "withdraw"}, "system": {"lapse"}},
    "recommendation": {"applicant": {"withdraw"}, "district_officer": {"recommend", "decline_recommendation"}},
    "drawing": {"applicant": {"withdraw"}, "organiser": {"propose_draw"}},
    "cosigning": {"supervisor": {"cosign_draw", "return_draw"}, "system": {"recheck_parties"}},
    "revealing": {
        "organiser": {"reveal_secret", "enter_public_value", "give_up_draw"},
        "supervisor": {"reveal_secret", "give_up_draw"},
        "system": {"hold_draw", "recheck_parties"},
    },
    "inviting": {"supervisor": {"redraw"}, "system": {"convene"}},
    "site_visit": {"leader": {"finish_site_visit"}},
    "review": {"system": {"complete_sheets"}},
    "tallying": {"system": {"tallied"}},
    "deliberation": {
        "leader": {"give_opinion", "ask_revision", "recount"},
        "organiser": {"close_review", "recount"},
    },
    "revision": {"applicant": {"submit_revision"}, "system": {"lapse"}},
    "revision_check": {"leader": {"confirm_revision"}},
    "approval": {"approver": {"approve", "send_back", "not_pass"}},
    "notice": {"system": {"close_notice", "reopen", "annul"}},
    "certifying": {"system": {"certify"}},
    "certified": {},
    "refused": {},
    "not_passed": {},
    "withdrawn": {},
}
# duty that may give the case to a colleague, as the supervisor may; every officer reminds whoever holds it
GIVEN_BY = {
    "form_check": "intake", "correction": "intake", "recommendation": "district_officer", "approval": "approver",
    **dict.fromkeys(
        ("drawing", "cosigning", "revealing", "inviting", "site_visit", "review", "deliberation", "revision", "revision_check"),
        "organiser",
    ),
}  # fmt: skip
for held, duty in GIVEN_BY.items():
    for officer in ("intake", "organiser", "approver", "supervisor", "district_officer"):
        added = {"remind", "assign"} if officer in (duty, "supervisor") else {"remind"}
        ACTIONS[held][officer] = ACTIONS[held].get(officer, set()) | added
SEES_ALL_BUT_DRAFTS = {"intake", "organiser", "approver", "supervisor", "district_officer", "expert", "leader"}
SEES_ALL = {"applicant", "consultant"}
PEOPLE = [
    "applicant", "consultant", "intake", "organiser", "approver", "supervisor", "district_officer", "expert", "leader",
    "other_district", "former_member", "former_intake", "invited", "pool_keeper", "system_administrator",
    "security_administrator", "audit_administrator", "stranger", "officer_of_the_applicant",
    "former_consultant", "barred_intake", "barred_supervisor",
]  # fmt: skip


@pytest.fixture(scope="module")
def application_kept(django_db_setup, django_db_blocker):
    """The id of one application with a person in every relation to it; every test writes in a transaction of its own."""
    with scenes.configured(django_db_blocker):
        yield make_case().pk


@pytest.fixture
def case(application_kept, db):
    """The application, and by their names the people, as the next request finds them."""
    people = {user.username: user for user in User.objects.all()}
    return Application.objects.get(pk=application_kept), {**people, "system": None}


def make_case():
    """One application and a person in every relation to it."""
    people = {name: User.objects.create(username=name, name=f"示例{name}") for name in PEOPLE}
    day = timezone.localdate()
    past = day.replace(year=day.year - 1)
    own, other = District.objects.all()[:2]
    unit = {"district": own, "address": "示例路1号", "contact": "示例", "phone": "1", "state": "active"}
    applicant = Organisation.objects.create(credit_code="A", name="示例置业", kind="developer", **unit)
    consultant = Organisation.objects.create(credit_code="B", name="示例咨询", kind="consulting", **unit)
    left = Organisation.objects.create(credit_code="C", name="示例旧咨询", kind="consulting", **unit)
    for name, organisation, until in (
        ("applicant", applicant, None), ("consultant", consultant, None), ("former_member", applicant, past),
        ("former_consultant", left, None),
        ("officer_of_the_applicant", applicant, None),
    ):  # fmt: skip
        Membership.objects.create(user=people[name], organisation=organisation, role="member", since=past, until=until)
    for duty in Officer.Duty.values:
        if duty != "district_officer":
            Officer.objects.create(user=people[duty], duty=duty, since=past)
            Officer.objects.create(user=people["officer_of_the_applicant"], duty=duty, since=past)
    Officer.objects.create(user=people["former_intake"], duty="intake", since=past, until=past)
    Officer.objects.create(user=people["district_officer"], duty="district_officer", district=own, since=past)
    Officer.objects.create(user=people["other_district"], duty="district_officer", district=other, since=past)
    community = Community.objects.create(
        organisation=applicant,
        name="示例小区",
        district=own,
        address="示例路1号",
        floor_area=1,
        households=1,
        buildings=1,
    )
    programme = Programme.objects.get(pk="smart_community")
    project = Project.objects.create(
        number="P-1", programme=programme, standard=programme.standard, community=community, organisation=applicant,
        target_level=2, created_by=people["applicant"],
    )  # fmt: skip
    for organisation, until in ((consultant, None), (left, past)):
        Engagement.objects.create(
            project=project, organisation=organisation, engaged_by=people["applicant"], since=past, until=until
        )
    for name, what in (("barred_intake", {"project": project}), ("barred_supervisor", {"credit_code": "B"})):
        Officer.objects.create(user=people[name], duty=name.removeprefix("barred_"), since=past)
        OfficerConflict.objects.create(officer=people[name], declared_by=people[name], relation="示例", **what)
    application = Application.objects.create(project=project, stage="design", state="draft")
    draw = Draw.objects.create(
        application=application, review_round=1, frozen={"rules": {"public_source": "示例"}}, commitment="", identities={},
        organiser=people["organiser"],
    )  # fmt: skip
    for seat, (name, state) in enumerate([("leader", "accepted"), ("expert", "signed"), ("invited", "invited")], 1):
        expert = Expert.objects.create(
            state="serving",
            user=people[name],
            number=name,
            employer="示例单位",
            district=own,
            term_from=past,
            term_until=day,
        )
        Assignment.objects.create(
            application=application,
            draw=draw,
            expert=expert,
            field="comm",
            is_leader=name == "leader",
            seat=seat,
            state=state,
        )
    return application


def in_state(application, state):
    Application.objects.filter(pk=application.pk).update(state=state)
    return Application.objects.with_case().get(pk=application.pk)


def test_the_matrix_names_every_state():
    assert set(ACTIONS) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_each_role_may_do_exactly_what_the_matrix_says(case, state):
    application, people = case
    application = in_state(application, state)
    expected = {name: set(ACTIONS[state].get(name, ())) for name in people}
    expected["officer_of_the_applicant"] = expected["applicant"]  # a party's member is never its officer
    found = {
        name: {row.action for row in APPLICATION.available(application, person)} for name, person in people.items()
    }
    assert found == expected


@pytest.mark.parametrize("state", STATES)
def test_what_is_visible_is_what_may_be_viewed_and_what_the_matrix_says(case, state):
    application, people = case
    application = in_state(application, state)
    expected = SEES_ALL | {"officer_of_the_applicant"} | (SEES_ALL_BUT_DRAFTS if state != "draft" else set())
    persons = {**{name: person for name, person in people.items() if person}, "anonymous": AnonymousUser()}
    listed = {name for name, person in persons.items() if permissions.visible_to(person).exists()}
    viewed = {name for name, person in persons.items() if permissions.can_view(person, application)}
    projects = {name for name, person in persons.items() if permissions.projects_visible_to(person).exists()}
    opened = {name for name, person in persons.items() if permissions.can_view_project(person, application.project)}
    assert (listed, viewed, projects, opened) == (expected, expected, expected, expected)


def test_a_case_is_applied_for_by_the_people_of_its_parties_alone(case):
    _application, people = case
    found = {name for name, person in people.items() if permissions.applied_by(person).exists()}
    assert found == {"applicant", "consultant", "officer_of_the_applicant"}


def test_the_list_of_all_cases_asks_about_neither_parties_nor_panels(case):
    _application, people = case
    assert " JOIN " not in str(permissions.visible_to(people["intake"]).query)


@pytest.mark.parametrize("right", permissions.RIGHTS)
def test_a_right_is_held_by_its_roles_in_its_states_only(case, right):
    application, people = case
    roles, states = permissions.RIGHTS[right]
    for state in STATES:
        application = in_state(application, state)
        expected = {name for name in people if name in roles and (not states or state in states)}
        expected |= {"officer_of_the_applicant"} if "applicant" in expected else set()
        expected |= {"leader"} if "expert" in roles and (not states or state in states) else set()
        found = {name for name, person in people.items() if permissions.can(person, right, application)}
        assert found == expected


def test_an_applicant_who_is_also_an_expert_does_not_sit_on_the_own_panel(case):
    application, people = case
    Membership.objects.create(
        user=people["expert"], organisation=application.project.organisation, role="member", since=timezone.localdate()
    )
    assert permissions.roles_of(people["expert"], application) == {"applicant"}


@pytest.mark.parametrize("duty", ["intake", "organiser", "approver", "supervisor", "district_officer"])
def test_who_sat_on_an_earlier_panel_has_no_duty_on_the_case_that_is_judged_anew(case, duty):
    application, people = case
    district = application.project.community.district if duty == "district_officer" else None
    Officer.objects.create(user=people["expert"], duty=duty, district=district, since=timezone.localdate())
    seen = []
    for number in (1, 2):
        Application.objects.filter(pk=application.pk).update(review_round=number, state="form_check")
        row, person = Application.objects.with_case().get(pk=application.pk), User.objects.get(username="expert")
        listed = permissions.visible_to(person).filter(pk=row.pk).exists()
        seats = permissions.assignments_visible_to(person).exclude(expert__user=person).exists()
        seen.append((set(permissions.roles_of(person, row)), permissions.can_view(person, row), listed, seats))
    assert seen == [({"expert"}, True, True, False), (set(), False, False, False)]


def test_an_account_that_was_switched_off_sees_nothing(case):
    application, people = case
    User.objects.filter(username="intake").update(is_active=False)
    intake = User.objects.get(username="intake")
    in_state(application, "form_check")
    assert not permissions.visible_to(intake).exists()
