"""What the applicant may expect: in every state that others hold one sentence, with the limits of the configuration."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import translation

from evaluation import expecting
from evaluation.clocks import HOLDERS
from evaluation.models import Application, Project
from evaluation.models.case import FINAL_STATES
from evaluation.workflow import APPLICATION
from portal.models import Limit
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def an_application(**values):
    return Application(project=Project(programme_id="smart_community"), **values)


def test_every_state_that_others_hold_has_its_sentence_and_no_other_state_has_one():
    held = {state for state in APPLICATION.states if HOLDERS.get(state) != "applicant"} - set(FINAL_STATES)
    told = {state for state in APPLICATION.states if expecting.expectation(an_application(state=state))}
    assert told == held - {"certified"}


@pytest.mark.parametrize(
    "state, step",
    [("checking", "form_check"), ("drawing", "invitation"), ("inviting", "review"), ("approval", "notice")],
)
def test_the_days_are_those_of_the_configuration(state, step):
    Limit.objects.filter(step=step).update(days=37)
    assert "37 个工作日" in expecting.expectation(an_application(state=state))


def test_a_step_that_failed_promises_no_minutes():
    told = expecting.expectation(an_application(state="checking", fault="OSError: 盘满了"))
    assert ("管理人员会处理" in told, "分钟" in told, "工作日" in told, "盘满了" in told) == (True, False, False, False)


def test_after_a_correction_the_form_check_has_the_days_that_were_left():
    assert "在 2 个工作日内完成形式审查" in expecting.expectation(an_application(state="checking", days_left=2))
    assert "在 0 个工作日内完成形式审查" in expecting.expectation(an_application(state="checking", days_left=-1))


def test_the_day_by_which_the_step_ends_is_told_in_the_reader_s_language():
    application = an_application(state="form_check", due_on=date(2026, 11, 25))
    assert expecting.expectation(application).endswith("本环节期限为11月25日。")
    with translation.override("en"):
        assert "25\N{NO-BREAK SPACE}November" in expecting.expectation(application)
