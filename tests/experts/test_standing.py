"""The life of an expert: confirmed every year, paused and back, heard before a removal, and whom the draw then finds."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities.models import Officer
from communities.permissions import limit_to
from evaluation.work import waiting_on
from experts import standing
from experts.models import Employment, Expert, Field
from experts.permissions import EXPERT_RIGHTS, can_expert, experts_visible_to
from experts.workflow import EXPERT
from portal import clock, tasks
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.workdays import years_later
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, act, fresh, person

pytestmark = pytest.mark.django_db

PEOPLE = ("zhang", "li", "second_keeper", "district_officer", *newcomers.DUTIES)
SEES = {"zhang", "pool_keeper", "second_keeper", "supervisor", "organiser", "intake", "approver", "district_officer"}


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def expert(keepers):
    return newcomers.expert("zhang", due_on=TODAY + 300 * DAY)


def moved(row, **columns):
    Expert.objects.filter(pk=row.pk).update(**columns)
    return fresh(row)


def told(user):
    return [(row.key.partition("-")[0], row.sentence, row.due_on) for row in waiting_on(person(user.username))]


# (state, columns) -> who -> acts; whoever does not stand here may do nothing
KEEPERS = ("pool_keeper", "second_keeper")
ACTS = [
    ("serving", {}, {"zhang": {"confirm"}, "system": {"lapse", "pause"},
                     **dict.fromkeys(KEEPERS, {"pause", "propose_removal"})}),
    ("paused", {"paused_for": "decision", "due_on": None},
     {"system": {"resume", "readmit"}, **dict.fromkeys(KEEPERS, {"resume", "propose_removal"})}),
    ("paused", {"paused_for": "rule", "due_on": None},
     {"system": {"resume", "readmit"}, **dict.fromkeys(KEEPERS, {"resume", "propose_removal"})}),
    ("paused", {"paused_for": "unconfirmed", "due_on": None},
     {"zhang": {"confirm"}, "system": {"resume", "readmit"}, **dict.fromkeys(KEEPERS, {"resume", "propose_removal"})}),
    ("hearing", {"due_on": TODAY},
     {"zhang": {"state_case"}, "system": {"close_hearing"}, "supervisor": {"keep"}, **dict.fromkeys(KEEPERS, {"keep"})}),
    ("hearing", {"due_on": None}, {"supervisor": {"remove", "keep"}, **dict.fromkeys(KEEPERS, {"keep"})}),
    ("removed", {"due_on": None}, {"system": {"readmit"}}),
]  # fmt: skip


@pytest.mark.parametrize("state, columns, acts", ACTS)
def test_each_person_may_do_exactly_what_the_table_says(expert, state, columns, acts):
    row = moved(expert, state=state, **columns)
    people = {**{name: person(name) for name in PEOPLE}, "system": None}
    found = {name: {one.action for one in EXPERT.available(row, user)} for name, user in people.items()}
    assert found == {name: acts.get(name, set()) for name in people}


def test_the_matrix_names_every_state():
    assert {state for state, _columns, _acts in ACTS} == set(EXPERT.states)


@pytest.mark.parametrize("state", EXPERT.states)
def test_what_is_visible_is_what_may_be_viewed(expert, state):
    row = moved(expert, state=state)
    people = {name: person(name) for name in PEOPLE}
    listed = {name for name, user in people.items() if experts_visible_to(user).filter(pk=row.pk).exists()}
    viewed = {name for name, user in people.items() if can_expert(user, "view", row)}
    assert (listed, viewed) == (SEES, SEES)


@pytest.mark.parametrize("right", EXPERT_RIGHTS)
def test_a_right_is_held_by_its_roles_in_its_states_only(expert, right):
    roles, states = EXPERT_RIGHTS[right]
    for state in EXPERT.states:
        row = moved(expert, state=state)
        holds = {"zhang" if role == "expert" else role for role in roles} if not states or state in states else set()
        holds |= {"second_keeper"} if "pool_keeper" in holds else set()
        assert {name for name in PEOPLE if can_expert(person(name), right, row)} == holds


def test_a_keeper_who_is_an_expert_keeps_nothing_of_their_own(expert):
    for duty in ("pool_keeper", "supervisor"):
        Officer.objects.create(user=expert.user, duty=duty, since=TODAY)
    assert {one.action for one in EXPERT.available(expert, person("zhang"))} == {"confirm"}


def test_a_program_that_acts_for_a_unit_is_no_expert(expert):
    limited = person("zhang")
    limit_to(limited, 1)
    assert (can_expert(limited, "view", expert), experts_visible_to(limited).exists()) == (False, False)
    assert waiting_on(limited) == []


# --- confirmation -----------------------------------------------------------------------------------------------------


def confirm(row, **values):
    said = {"employer": row.employer, "employer_code": row.employer_code, "fields_hold": True, "contact_holds": True}
    return act(row, "confirm", person("zhang"), **{**said, **values})


class TestConfirmation:
    @pytest.mark.parametrize("left, waits", [(19, True), (20, True), (21, False)])
    def test_it_waits_as_long_as_the_limit_gives(self, expert, left, waits):
        due_on = clock.calendar().add_workdays(TODAY, left).date
        row = moved(expert, due_on=due_on)
        assert clock.days_of("expert_confirmation") == 20
        assert standing.confirmation_waits(row, TODAY) == waits
        assert told(expert.user) == ([("expert", "办理年度确认", due_on)] if waits else [])

    def test_nobody_whose_term_is_over_is_asked(self, expert):
        assert not standing.confirmation_waits(moved(expert, due_on=TODAY, term_until=TODAY - DAY), TODAY)

    @pytest.mark.parametrize("missing", ["employer", "employer_code", "fields_hold", "contact_holds"])
    def test_everything_is_confirmed(self, expert, missing):
        with scenes.refused() as found:
            confirm(expert, **{missing: ""})
        assert (found, fresh(expert).confirmed_on) == ([("required", missing)], expert.confirmed_on)

    def test_a_wrong_code_is_refused_at_its_field(self, expert):
        with scenes.refused() as found:
            confirm(expert, employer_code="91")
        assert [place for _code, place in found] == ["employer_code"]

    def test_a_name_that_no_column_holds_is_refused_at_its_field(self, expert):
        with scenes.refused() as found:
            confirm(expert, employer="x" * 121)
        assert found == [("too_long", "employer")]

    def test_it_holds_for_a_year(self, expert):
        row = confirm(moved(expert, confirmed_on=newcomers.years_ago(1), due_on=TODAY))
        next_year = years_later(TODAY, 1)
        assert (row.state, row.confirmed_on) == ("serving", TODAY)
        assert row.due_on == clock.deadline("expert_confirmation", next_year)
        assert Employment.objects.count() == 0

    def test_it_is_not_asked_again_where_the_term_ends_before(self, expert):
        assert confirm(moved(expert, term_until=TODAY + 300 * DAY)).due_on is None

    def test_an_employer_that_was_left_stays_a_conflict_fact(self, expert):
        row = confirm(expert, employer="示例新单位", employer_code=f" {newcomers.code(8).lower()} ")
        assert (row.employer, row.employer_code) == ("示例新单位", newcomers.code(8))
        left = Employment.objects.get()
        assert (left.expert, left.name, left.credit_code, left.since, left.until) == (
            expert, "示例研究院", newcomers.code(2), expert.term_from, TODAY
        )  # fmt: skip
        assert Event.objects.of(expert).last().data["fields"] == ["employer", "employer_code"]

    def test_a_mere_change_of_name_is_no_change_of_employer(self, expert):
        confirm(expert, employer="示例研究院有限公司")
        assert Employment.objects.count() == 0

    def test_who_does_not_confirm_is_paused_by_the_system_and_comes_back_by_confirming(self, expert):
        moved(expert, due_on=TODAY)
        assert tasks.enforce_deadlines(EXPERT) == 0
        moved(expert, due_on=TODAY - DAY, confirmed_on=newcomers.years_ago(2))
        assert tasks.enforce_deadlines(EXPERT) == 1
        row = fresh(expert)
        assert (row.state, row.paused_for, row.due_on) == ("paused", "unconfirmed", None)
        assert not Expert.objects.serving(TODAY).exists()
        assert [(one.kind, one.user) for one in Notification.objects.all()] == [("pool", expert.user)]
        assert told(expert.user) == [("expert", "补办年度确认，恢复专家资格", None)]
        row = confirm(row)
        assert (row.state, row.paused_for, row.confirmed_on) == ("serving", "", TODAY)
        assert row.due_on == clock.deadline("expert_confirmation", years_later(TODAY, 1))

    def test_the_keeper_who_resumes_gives_the_limit_anew(self, expert, keepers):
        row = moved(expert, state="paused", paused_for="unconfirmed", due_on=None, confirmed_on=newcomers.years_ago(2))
        row = act(row, "resume", keepers["pool_keeper"])
        assert (row.state, row.paused_for, row.due_on) == (
            "serving", "", clock.deadline("expert_confirmation", TODAY)
        )  # fmt: skip

    def test_the_expert_is_reminded(self, expert):
        moved(expert, due_on=TODAY)
        assert tasks.remind(EXPERT) == 1
        assert [(one.kind, one.user) for one in Notification.objects.all()] == [("due", expert.user)]


# --- pause ------------------------------------------------------------------------------------------------------------


class TestPause:
    @pytest.mark.parametrize("days, problems", [(0, [("date_past", "until")]), (-1, [("date_past", "until")]), (1, [])])
    def test_it_ends_later_than_today(self, expert, keepers, days, problems):
        until = TODAY + days * DAY
        if problems:
            with scenes.refused() as found:
                act(expert, "pause", keepers["pool_keeper"], until=until)
            assert (found, fresh(expert).state) == (problems, "serving")
        else:
            row = act(expert, "pause", keepers["pool_keeper"], until=until)
            assert (row.state, row.due_on, row.paused_for) == ("paused", until, "decision")

    def test_it_is_given_with_its_reason(self, expert, keepers):
        with scenes.refused() as found:
            act(expert, "pause", keepers["pool_keeper"], reason="")
        assert found == [("required", "reason")]

    def test_the_system_pauses_by_a_rule(self, expert):
        row = act(expert, "pause", None, reason="一年内两次无故谢绝评审邀请。")
        assert (row.state, row.due_on, row.paused_for) == ("paused", None, "rule")
        assert Notification.objects.get().body.count("两次无故谢绝") == 1

    def test_its_last_day_belongs_to_it_and_it_ends_by_itself(self, expert):
        row = moved(expert, state="paused", paused_for="decision", due_on=TODAY)
        assert tasks.enforce_deadlines(EXPERT) == 0
        moved(row, due_on=TODAY - DAY)
        assert tasks.enforce_deadlines(EXPERT) == 1
        row = fresh(row)
        assert (row.state, row.paused_for) == ("serving", "")
        assert row.due_on == clock.deadline("expert_confirmation", years_later(TODAY, 1))

    def test_nobody_must_act_by_its_last_day(self, expert):
        moved(expert, state="paused", paused_for="decision", due_on=TODAY)
        assert (tasks.remind(EXPERT), told(expert.user)) == (0, [])

    @pytest.mark.parametrize(
        "columns, serves",
        [
            ({}, True),
            ({"state": "paused", "due_on": None}, False),
            ({"state": "paused", "due_on": TODAY}, False),
            ({"state": "paused", "due_on": TODAY - DAY}, True),  # over, swept by then or not
            ({"state": "hearing", "due_on": TODAY - DAY}, False),
            ({"state": "removed", "due_on": None}, False),
            ({"due_on": TODAY - DAY}, True),
            ({"term_until": TODAY - DAY}, False),
            ({"term_from": TODAY + DAY}, False),
            ({"term_from": TODAY, "term_until": TODAY}, True),
        ],
    )
    def test_whom_the_draw_finds(self, expert, columns, serves):
        moved(expert, **columns)
        assert Expert.objects.serving(TODAY).exists() == serves


# --- removal ----------------------------------------------------------------------------------------------------------


class TestRemoval:
    def test_the_person_is_heard_before_the_supervisor_decides(self, expert, keepers):
        row = act(expert, "propose_removal", keepers["pool_keeper"], reason="示例：泄露评审情况。")
        assert (row.state, row.due_on, row.removal_proposed_by) == (
            "hearing", clock.deadline("expert_hearing", TODAY), keepers["pool_keeper"]
        )  # fmt: skip
        message = Notification.objects.get(user=expert.user)
        assert ("泄露评审情况" in message.body, "可以在期限内陈述申辩" in message.body) == (True, True)
        assert told(expert.user) == [("expert", "陈述申辩", row.due_on)]
        assert told(keepers["supervisor"]) == []
        with pytest.raises(Stale):
            act(row, "remove", keepers["supervisor"])
        row = act(row, "state_case", person("zhang"), statement="示例：并无此事。")
        assert (row.state, row.due_on, told(expert.user)) == ("hearing", None, [])
        assert told(keepers["supervisor"]) == [("expert", "决定是否移出专家库", None)]
        row = act(row, "remove", keepers["supervisor"])
        assert (row.state, row.term_until, row.due_on) == ("removed", TODAY - DAY, None)
        assert not Expert.objects.serving(TODAY - DAY).exists()

    def test_whoever_lets_the_day_pass_is_heard_no_more(self, expert, keepers):
        row = act(expert, "propose_removal", keepers["pool_keeper"])
        moved(row, due_on=TODAY - DAY)
        with scenes.refused() as found:
            act(fresh(row), "state_case", person("zhang"))
        assert found == [("late", "")]
        assert tasks.enforce_deadlines(EXPERT) == 1
        assert fresh(row).due_on is None
        assert [one.user for one in Notification.objects.filter(kind="waiting")] == [keepers["supervisor"]]
        assert act(fresh(row), "remove", keepers["supervisor"]).state == "removed"

    def test_who_proposed_it_does_not_decide_it(self, expert, keepers):
        Officer.objects.create(user=keepers["pool_keeper"], duty="supervisor", since=TODAY)
        row = act(expert, "propose_removal", person("pool_keeper"))
        row = act(row, "state_case", person("zhang"))
        assert told(keepers["pool_keeper"]) == []
        with pytest.raises(NotAllowed):
            act(row, "remove", person("pool_keeper"))
        assert fresh(row).state == "hearing"

    @pytest.mark.parametrize("action, by", [("propose_removal", "pool_keeper"), ("remove", "supervisor")])
    def test_each_step_has_its_reason(self, expert, keepers, action, by):
        row = moved(expert, state="hearing", due_on=None) if action == "remove" else expert
        with scenes.refused() as found:
            act(row, action, keepers[by], reason="")
        assert found == [("required", "reason")]

    @pytest.mark.parametrize("by", ["pool_keeper", "supervisor"])
    @pytest.mark.parametrize("state, paused_for", [("serving", ""), ("paused", "decision")])
    def test_whoever_is_kept_stands_as_before(self, expert, keepers, by, state, paused_for):
        row = moved(expert, state=state, paused_for=paused_for)
        row = act(act(row, "propose_removal", keepers["second_keeper"]), "keep", keepers[by])
        assert (row.state, row.paused_for, row.removal_proposed_by) == (state, paused_for, None)
        assert (row.due_on is None) == (state == "paused")

    def test_a_pause_with_an_end_still_ends_on_that_day(self, expert, keepers):
        until = TODAY + 30 * DAY
        row = act(act(expert, "pause", keepers["pool_keeper"], until=until), "propose_removal", keepers["pool_keeper"])
        row = act(row, "keep", keepers["supervisor"])
        assert (row.state, row.due_on) == ("paused", until)

    def test_a_term_that_is_over_is_not_made_longer(self, expert, keepers):
        row = moved(expert, state="hearing", due_on=None, term_until=TODAY - 50 * DAY)
        assert act(row, "remove", keepers["supervisor"]).term_until == TODAY - 50 * DAY


# --- fields -----------------------------------------------------------------------------------------------------------


class TestFields:
    def test_the_keeper_changes_them_with_a_reason(self, expert, keepers):
        wanted = list(Field.objects.order_by("pk")[1:3])
        standing.change_fields(keepers["pool_keeper"], expert, wanted, "示例：取得新职称。")
        assert list(expert.fields.order_by("pk")) == wanted
        event = Event.objects.of(expert).last()
        assert (event.verb, event.data["fields"], event.data["reason"]) == (
            "expert.fields", [field.pk for field in wanted], "示例：取得新职称。"
        )  # fmt: skip

    def test_none_and_without_a_reason_is_refused_at_once(self, expert, keepers):
        with scenes.refused() as found:
            standing.change_fields(keepers["pool_keeper"], expert, [], " ")
        assert found == [("required", "fields"), ("required", "reason")]

    @pytest.mark.parametrize("name", ["zhang", "supervisor", "organiser"])
    def test_nobody_else_does(self, expert, keepers, name):
        with pytest.raises(NotAllowed):
            standing.change_fields(person(name), expert, Field.objects.all()[:1], "示例")


# --- pages ------------------------------------------------------------------------------------------------------------


class TestPages:
    def test_who_sees_the_page_of_an_expert_and_what_of_it(self, expert, keepers, client):
        act(expert, "pause", keepers["pool_keeper"], reason="只给管理员看的理由")
        seen = {}
        for name in PEOPLE:
            client.force_login(person(name))
            answer = client.get(expert.get_absolute_url())
            page = answer.content.decode()
            if answer.status_code == 200:
                seen[name] = (expert.user.email in page, "只给管理员看的理由" in page)
            else:
                assert (name, answer.status_code) == (name, 404)
        both, neither = (True, True), (False, False)
        assert seen == {
            "zhang": both, "pool_keeper": both, "second_keeper": both, "supervisor": (False, True), "organiser": (True, False),
            "intake": neither, "approver": neither, "district_officer": neither,
        }  # fmt: skip

    def test_the_list_leads_to_the_pages_and_says_who_is_away(self, expert, keepers, client):
        moved(expert, state="paused", due_on=date(2099, 1, 2))
        client.force_login(keepers["intake"])
        page = client.get(reverse("experts")).content.decode()
        assert (expert.get_absolute_url() in page, "暂停至 2099-01-02" in page) == (True, True)

    @pytest.mark.parametrize(
        "asked, found",
        [
            ({"state": "paused"}, True),
            ({"state": "serving"}, False),
            ({"q": "zhan"}, True),
            ({"q": "没有"}, False),
            ({"field": "comm"}, False),
            ({"state": "none"}, True),
        ],
    )
    def test_the_list_is_narrowed(self, expert, keepers, client, asked, found):
        moved(expert, state="paused")
        client.force_login(keepers["intake"])
        assert (expert.number in client.get(reverse("experts"), asked).content.decode()) == found

    def test_the_act_page_shows_what_is_known_of_the_employer(self, expert, client):
        client.force_login(expert.user)
        page = client.get(reverse("act", args=["expert", expert.pk, "confirm"])).content.decode()
        assert (f'value="{expert.employer}"' in page, f'value="{expert.employer_code}"' in page) == (True, True)

    def test_renewal_is_offered_in_its_window(self, expert, client):
        client.force_login(expert.user)
        address = reverse("expert-renewal", args=[expert.number])
        assert address not in client.get(expert.get_absolute_url()).content.decode()
        moved(expert, term_until=TODAY + 30 * DAY)
        assert address in client.get(expert.get_absolute_url()).content.decode()
        begun = client.post(address)
        (renewal,) = expert.admissions.all()
        assert begun.url == reverse("admission-edit", args=[renewal.pk])
        values = {"statement": "示例", "employer": "别处"}
        client.post(begun.url, values)
        assert (fresh(renewal).statement, fresh(renewal).employer) == ("示例", expert.employer)

    def test_the_keeper_changes_fields_through_the_form(self, expert, keepers, client):
        address = reverse("expert-fields", args=[expert.number])
        client.force_login(keepers["supervisor"])
        assert client.get(address).status_code == 403
        client.force_login(keepers["pool_keeper"])
        assert client.post(address, {"reason": "示例"}).status_code == 422
        assert client.post(address, {"reason": "示例", "fields": ["comm"]}).url == expert.get_absolute_url()
        assert [field.pk for field in expert.fields.all()] == ["comm"]

    def test_the_list_costs_the_same_for_one_and_for_many(self, expert, keepers, client):
        client.force_login(keepers["pool_keeper"])
        client.get(reverse("experts"))
        counts = []
        for number in range(2):
            for other in range(number * 12):
                newcomers.expert(f"other{other}", number=f"ZJ-8{other:03d}")
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("experts"))
            counts.append(len(queries))
        assert counts[0] == counts[1]
