"""The form of any act: its fields come from the table, its refusals land beside them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from django import forms
from django.utils import translation

from communities.models import Organisation
from communities.workflow import ORGANISATION
from portal.accounts import Confirmed
from portal.forms import ActForm, act_links, add_problems, done_words, field_of
from portal.machine import MACHINES, Ask, Machine, Transition
from portal.models import User
from portal.problems import Problem

ASKS = {
    "text": Ask("said", "说明"),
    "line": Ask("said", "说明", "line"),
    "date": Ask("said", "日期", "date"),
    "yes": Ask("said", "承诺", "yes"),
    "number": Ask("said", "数", "number"),
    "choice": Ask("said", "选择", "choice", choices=lambda obj: [("a", f"{obj}甲"), ("b", "乙")]),
}


def act(*asks, **values):
    return Transition("go", "走", "走了", ("draft",), "open", ("worker",), asks=asks, **values)


@pytest.mark.parametrize(
    "kind,field,typed,value",
    [
        ("text", forms.CharField, "一\n二", "一\n二"),
        ("line", forms.CharField, " 一 ", "一"),
        ("date", forms.DateField, "2026-03-02", date(2026, 3, 2)),
        ("yes", forms.BooleanField, "on", True),
        ("number", forms.DecimalField, "1.50", Decimal("1.50")),
        ("choice", forms.ChoiceField, "b", "b"),
    ],
)
def test_every_kind_of_question_has_its_field(kind, field, typed, value):
    assert type(field_of(ASKS[kind], "物")) is field
    form = ActForm(act(ASKS[kind]), "物", User(), {"said": typed})
    assert (form.is_valid(), form.cleaned_data) == (True, {"said": value})


def test_the_kinds_above_are_all_that_the_tables_ask_on_the_general_page():
    rows = [row for machine in MACHINES.values() for row in machine.transitions if not row.page]
    assert {ask.kind for row in rows for ask in row.asks} <= {*ASKS, "password"}


@pytest.fixture
def signer(db):
    return User.objects.create_user("signer", password="示例密码 8471")


def password_form(user, typed):
    return ActForm(act(Ask("password", "当前密码", "password")), "物", user, {"password": typed})


def test_a_password_becomes_the_proof_that_its_person_gave_it(signer):
    form = password_form(signer, "示例密码 8471")
    assert (form.is_valid(), form.cleaned_data) == (True, {"password": Confirmed(signer.pk)})


def test_a_wrong_password_is_said_beside_its_field_and_does_not_come_back(signer):
    form = password_form(signer, "示例密码 8472")
    assert form.errors == {"password": ["密码不正确，请重新输入。"]}
    assert "8472" not in str(form["password"])


def test_passwords_are_not_tried_for_ever(signer, settings):
    settings.SIGN_IN_ATTEMPTS = 3
    for _attempt in range(3):
        assert password_form(signer, "falsch").errors == {"password": ["密码不正确，请重新输入。"]}
    (sentence,) = password_form(signer, "示例密码 8471").errors["password"]
    assert sentence.startswith("尝试次数过多")


@pytest.mark.parametrize("kind", ASKS)
def test_what_must_be_said_is_required_and_what_may_be_is_not(kind):
    assert ActForm(act(ASKS[kind]), "物", User(), {}).errors.keys() == {"said"}
    ask = ASKS[kind]
    optional = Ask(ask.name, ask.label, ask.kind, required=False, choices=ask.choices)
    assert ActForm(act(optional), "物", User(), {}).is_valid()


def test_a_choice_is_among_those_of_the_thing_itself():
    assert field_of(ASKS["choice"], "物").choices == [("", "请选择"), ("a", "物甲"), ("b", "乙")]
    assert not ActForm(act(ASKS["choice"]), "物", User(), {"said": "c"}).is_valid()


@pytest.mark.parametrize("kind,longest", [("line", 200), ("text", 5000)])
def test_words_have_an_end(kind, longest):
    assert ActForm(act(ASKS[kind]), "物", User(), {"said": "字" * longest}).is_valid()
    assert not ActForm(act(ASKS[kind]), "物", User(), {"said": "字" * (longest + 1)}).is_valid()


def test_an_act_that_asks_nothing_only_confirms():
    form = ActForm(act(), "物", User(), {})
    assert (form.is_valid(), list(form.fields)) == (True, [])


class TestProblems:
    @pytest.fixture
    def form(self):
        form = ActForm(act(Ask("reason", "理由"), Ask("until", "期限", "date")), "物", User(), {})
        form.is_valid()
        form.errors.clear()
        return form

    def test_each_stands_beside_its_field_or_above_the_form_with_its_place(self, form):
        add_problems(
            form,
            [
                Problem("a", "reason", "太短，至少%(least)s字。", {"least": 5}),
                Problem("b", "D04", "缺少签章。"),
                Problem("c", "4.1.1", "条目4.1.1尚未自评。"),
                Problem("d", "", "案卷已关闭。"),
                Problem("e", "reason", "没有日期。"),
            ],
        )
        assert form.errors == {
            "reason": ["太短，至少5字。", "没有日期。"],
            "__all__": ["D04：缺少签章。", "条目4.1.1尚未自评。", "案卷已关闭。"],
        }

    def test_they_are_shown_in_the_readers_language_where_it_is_known(self, form):
        with translation.override("en"):
            add_problems(form, [Problem("x", "reason", "没有译文的句子%(n)s。", {"n": 1})])
        assert form.errors == {"reason": ["没有译文的句子1。"]}


@pytest.mark.django_db
class TestLinks:
    @pytest.fixture
    def unit(self):
        return Organisation.objects.create(credit_code="X", name="示例", kind="other", state="draft")

    def machine(self, *transitions):
        return Machine(
            name="organisation", model=Organisation, initial="draft", states={}, transitions=transitions,
            roles_of=lambda user, obj: frozenset({user.username}), visible_to=lambda user: Organisation.objects.all(),
        )  # fmt: skip

    def test_an_act_is_done_on_its_own_page_or_on_the_general_one(self, unit):
        own = Transition("own", "自", "自了", ("draft",), None, ("worker",), page="organisation")
        closed = Transition("shut", "关", "关了", ("shut",), None, ("worker",))
        machine = self.machine(act(), own, closed)
        links = act_links(machine, unit, User(username="worker"))
        assert [(row.action, address) for row, address in links] == [
            ("go", f"/act/organisation/{unit.pk}/go/"),
            ("own", unit.get_absolute_url()),
        ]
        assert act_links(machine, unit, User(username="stranger")) == []

    def test_a_stranger_is_offered_nothing(self, unit):
        stranger = User.objects.create(username="stranger")
        assert act_links(ORGANISATION, unit, stranger) == []


def test_whoever_did_an_act_is_told_so_in_its_own_sentence_or_by_its_label():
    said = [done_words(act(told=told), "示例小区") for told in ("", "已办妥：%(subject)s的事。")]
    assert said == ["已走：示例小区。", "已办妥：示例小区的事。"]


def test_every_act_tells_what_it_was_done_to():
    rows = [row for machine in MACHINES.values() for row in machine.transitions]
    assert len(rows) > 50
    said = {done_words(row, "示例小区") for row in rows}
    assert [words for words in said if not re.fullmatch(".+示例小区.*。", words)] == []
