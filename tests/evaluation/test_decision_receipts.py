"""Who is given the receipt of a decision and when, that it names nobody, and that page, file and API tell the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from evaluation import decision_receipts, marking
from evaluation.models import Result
from evaluation.workflow import APPLICATION
from portal.demo import journey
from portal.problems import Refused
from tests.evaluation import scenes
from tests.evaluation.test_recompute import told_of

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world(experts=30, employers=20)
ADDRESSES = ("decision", "decision-receipt")
READERS = ("applicant", "consultant", "organiser", "approver", "supervisor")


@pytest.fixture(scope="module")
def pks(world):
    """A case whose result awaits approval, and another on public notice."""
    return {"approval": world.case_at("approval", advised=True).pk, "notice": world.case_at("notice", advised=True).pk}


@pytest.fixture
def waiting(pks):
    return scenes.case(pks["approval"])


@pytest.fixture
def published(pks):
    return scenes.case(pks["notice"])


def as_of(world, name):
    client = Client()
    if name:
        client.force_login(scenes.person(getattr(world, name).username))
    return client


def statuses(world, name, case):
    client = as_of(world, name)
    found = [client.get(reverse(address, args=[case.pk])).status_code for address in ADDRESSES]
    return [*found, client.get(f"/api/v1/applications/{case.pk}/result/receipt/").status_code]


@pytest.mark.parametrize("name", READERS)
def test_parties_and_who_decided_are_given_it_once_the_result_is_announced(world, waiting, published, name):
    assert statuses(world, name, waiting) == [403, 403, 403]
    assert statuses(world, name, published) == [200, 200, 200]


@pytest.mark.parametrize("name", ["intake", "district_officer"])
def test_officers_who_see_no_sheets_are_refused(world, published, name):
    assert statuses(world, name, published) == [403, 403, 403]


def test_who_sees_no_case_sees_no_receipt(world, published):
    assert statuses(world, "other_applicant", published) == [404, 404, 404]
    assert statuses(world, "", published) == [302, 302, 401]


def test_a_member_of_the_panel_is_refused(world, published):
    client = Client()
    client.force_login(scenes.person(journey.leader_of(published).username))
    assert client.get(reverse("decision", args=[published.pk])).status_code == 403


def test_who_did_not_pass_is_given_it_too(world, waiting):
    APPLICATION.perform(waiting, "not_pass", by=world.approver, reason="示例：不予通过。")
    answer = as_of(world, "applicant").get(reverse("decision-receipt", args=[waiting.pk]))
    about = json.loads(answer.content)["about"]
    assert (about["decision"], about["notice"]) == ("not_passed", None)
    assert statuses(world, "applicant", waiting) == [200, 200, 200]


def test_the_file_is_recomputed_right_and_stays_the_same_until_the_certificate(world, published, tmp_path: Path):
    client, address = as_of(world, "applicant"), reverse("decision-receipt", args=[published.pk])
    first = client.get(address)
    result = marking.result_of(published)
    words = f"总分 total {result.trace['total']}，等级 level {result.level}"
    assert told_of(tmp_path, first.content) == (0, [words])
    journey.to_state(published, "certified")
    assert client.get(address).content == first.content
    assert as_of(world, "approver").get(address).content == first.content
    assert client.get(f"/api/v1/applications/{published.pk}/result/receipt/").content == first.content


def test_it_names_no_expert_and_tells_no_word_of_theirs(world, published):
    result = marking.result_of(published)
    told = decision_receipts.receipt_bytes(published, result).decode()
    seats = published.assignments.filter(state="signed")
    hidden = {row.expert.number for row in seats} | {row.expert.user.name for row in seats}
    hidden |= {row.expert.employer for row in seats}
    said = {reason for sheet in result.sheets for reason in sheet["reasons"].values()}
    assert len(hidden) > 2 * len(seats) > 0
    assert said != set()
    assert [word for word in sorted(hidden | said) if word in told] == []


def test_the_numbers_of_the_roles_are_not_those_of_the_seats(world, published):
    """The notice names the panel in the order of the seats: the receipt must not give the sheets in it."""
    result = marking.result_of(published)
    turned = Result(**{field.attname: getattr(result, field.attname) for field in Result._meta.concrete_fields})
    turned.sheets = result.sheets[::-1]
    made = decision_receipts.receipt_of(published, result)
    assert decision_receipts.receipt_of(published, turned) == made


@pytest.mark.parametrize("what", ["marks", "total", "points", "standard"])
def test_what_no_longer_comes_to_the_decision_is_not_handed_out(world, published, what):
    result = marking.result_of(published)
    if what == "marks":
        code = next(code for code, mark in result.sheets[0]["marks"].items() if mark is True)
        result.sheets[0]["marks"][code] = False
    elif what == "total":
        result.trace["total"] = "100.00"
    elif what == "points":
        next(iter(result.trace["items"].values()))["points"] = "999"
    else:
        result.standard_sha256 = "0" * 64
    with pytest.raises(Refused) as refused:
        decision_receipts.receipt_of(published, result)
    assert [problem.code for problem in refused.value.problems] == ["receipt_differs"]
    result.save()
    assert statuses(world, "applicant", published) == [422, 422, 422]


def test_the_page_tells_the_three_steps_and_the_hashes(world, published):
    page = as_of(world, "applicant").get(reverse("decision", args=[published.pk])).content.decode()
    made = decision_receipts.receipt_of(published, marking.result_of(published))
    wanted = [made["sha256"], published.project.standard.sha256, "python3 recompute.py decision-receipt-", "专家1"]
    assert [words in page for words in wanted] == [True] * len(wanted)
    assert (
        reverse("decision", args=[published.pk])
        in as_of(world, "applicant").get(published.get_absolute_url()).content.decode()
    )


def test_the_program_is_the_file_of_the_documentation(db):
    answer = Client().get(reverse("recompute-program"))
    assert answer.content == (settings.BASE_DIR / "docs" / "recompute.py").read_bytes()
    assert answer["Content-Disposition"] == 'attachment; filename="recompute.py"'
