"""From the certified design to completion: what is taken over, what it proves, and who reads the comparison."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import carrying, checks, filing, marking, proofs, snapshot
from evaluation.models import Application
from portal.demo import papers
from portal.machine import NotAllowed
from portal.models import Event
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker, tmp_path_factory):
    """A certified design, and a draft for completion in which nothing is written."""
    with scenes.kept(django_db_blocker, tmp_path_factory) as world:
        design = world.case_at("certified", advised=True)
        draft = filing.open_application(world.applicant, design.project, "completion")
        yield world, design.pk, draft.pk


@pytest.fixture(autouse=True)
def own_files():
    """The files of this module are shared like its rows."""


@pytest.fixture
def world(kept):
    return kept[0]


@pytest.fixture
def design(kept):
    return snapshot.latest(scenes.case(kept[1]))


@pytest.fixture
def draft(kept):
    return scenes.case(kept[2])


@pytest.fixture
def carried(world, draft):
    carrying.carry(world.applicant, draft)
    return scenes.case(draft.pk)


def claimed(design, draft):
    codes = {item.code for item in draft.standard.items("completion")}
    return {code: told for code, told in design.data["claims"].items() if code in codes and told["value"] is not None}


def proved_item(application, *, left_out=False):
    """A won item of several marks with a carried proof, made of a kind that the completion stage accepts too.

    left_out: one that may be said not to apply.
    """
    data = snapshot.build(application)
    for item in application.standard.items("completion"):
        if left_out and not item.not_applicable:
            continue
        proofs_of_it = [row["id"] for row in snapshot.evidence_of(data, item.code) if row.get("carried")]
        if item.mode == "tier" and proofs_of_it and data["claims"][item.code]["value"]:
            application.evidence.filter(pk__in=proofs_of_it).update(evidence_kind=item.evidence["completion"][0])
            return item
    raise LookupError("no such item")


def other_mark(item, value):
    return float(next(points for points in sorted(item.legal, reverse=True) if points and points != value))


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def lacking(application):
    look = checks.Look(application, snapshot.build(application))
    return {problem.place: problem.message for problem in checks.won_items_are_proved(look)}


# --- taking over --------------------------------------------------------------------------------------------------


def test_marks_and_notes_of_the_design_are_taken_over(design, carried):
    told = snapshot.build(carried)["claims"]
    assert told == {
        code: {"value": was["value"], "note": was["note"], "carried": True}
        for code, was in claimed(design, carried).items()
    }


def test_proofs_share_the_stored_file_and_name_where_they_come_from(design, carried):
    originals = {row.pk: row for row in Application.objects.get(pk=design.application_id).evidence.all()}
    rows = list(carried.evidence.select_related("carried_from").prefetch_related("links"))
    assert rows
    codes = claimed(design, carried)
    for row in rows:
        original = originals[row.carried_from_id]
        assert (row.file.name, row.sha256, row.evidence_kind) == (
            original.file.name, original.sha256, original.evidence_kind
        )  # fmt: skip
        assert {(link.item_code, link.page) for link in row.links.all()} == {
            (link.item_code, link.page) for link in original.links.all() if link.item_code in codes
        }


def test_documents_are_not_taken_over(carried):
    assert (carried.documents.count(), carried.statements.count()) == (0, 0)


def test_a_second_time_takes_nothing_over_and_brings_nothing_back(world, carried):
    gone = carried.evidence.first()
    proofs.remove_evidence(world.applicant, gone)
    before = snapshot.build(carried)
    assert carrying.carry(world.applicant, carried) == carrying.Carried(0, 0)
    assert snapshot.build(carried) == before


def test_what_the_applicant_has_written_already_is_kept(world, design, draft):
    item = next(
        item
        for item in draft.standard.items("completion")
        if item.mode == "tier" and claimed(design, draft).get(item.code, {}).get("value")
    )
    mine = other_mark(item, claimed(design, draft)[item.code]["value"])
    filing.save_claim(world.applicant, draft, item.code, mine, "竣工时减少")
    carrying.carry(world.applicant, draft)
    told = snapshot.build(scenes.case(draft.pk))
    assert told["claims"][item.code] == {"value": mine, "note": "竣工时减少"}
    assert snapshot.evidence_of(told, item.code) == []


def test_it_is_written_in_the_history(carried):
    event = Event.objects.get(verb="application.carry", subject_id=carried.pk)
    assert event.data["claims"] == carried.claims.filter(carried=True).count()


@pytest.mark.parametrize("person", ["intake", "other_applicant"])
def test_only_who_fills_in_the_application_takes_over(world, draft, person):
    with pytest.raises(NotAllowed):
        carrying.carry(getattr(world, person), draft)


def test_without_a_certified_design_there_is_nothing_to_take_over(world):
    draft = world.case_at("draft")
    with scenes.refused() as problems:
        carrying.carry(world.applicant, draft)
    assert (problems, carrying.is_offered(draft)) == ([("no_design", "")], False)


@pytest.mark.parametrize("answer", ["carry", "decline"])
def test_the_question_is_asked_once_on_the_overview(world, draft, answer):
    client, address = signed_in(world.applicant), reverse("application-carry", args=[draft.pk])
    assert address in client.get(draft.get_absolute_url()).content.decode()
    client.post(address, {"answer": answer})
    assert address not in client.get(draft.get_absolute_url()).content.decode()
    assert scenes.case(draft.pk).carries is (answer == "carry")
    assert scenes.case(draft.pk).claims.exists() is (answer == "carry")


# --- what it proves -----------------------------------------------------------------------------------------------


def test_files_of_the_own_design_are_not_another_case_s_files(carried):
    look = checks.Look(carried, snapshot.build(carried))
    assert list(checks.files_are_not_used_elsewhere(look)) == []


def test_carried_proofs_count_until_the_mark_differs_and_again_when_it_does_not(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    assert item.code not in lacking(carried)
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "改用另一方案")
    assert "沿用的佐证不再作数" in lacking(carried)[item.code]
    filing.save_claim(world.applicant, carried, item.code, value, "")
    assert item.code not in lacking(carried)


def test_a_new_note_alone_changes_nothing(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, value, "补充说明")
    assert (item.code in lacking(carried), carried.claims.get(item_code=item.code).carried) == (False, True)


def test_a_changed_item_is_proved_by_a_proof_of_its_own(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "改用另一方案")
    kind = item.evidence["completion"][0]
    proofs.add_evidence(world.applicant, carried, kind, papers.pdf("竣工实测", "新"), [item.code], "实测")
    assert item.code not in lacking(carried)


def test_the_same_file_uploaded_again_is_no_new_proof(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "改用另一方案")
    carried.evidence.filter(links__item_code=item.code).update(carried_from=None)
    assert item.code in lacking(carried)


def test_a_carried_proof_proves_no_item_of_which_the_design_said_nothing(world, carried):
    new = next(row.item for row in carrying.comparison(carried) if row.before is None and row.item.mode != "linear")
    proof = carried.evidence.first()
    carried.evidence.filter(pk=proof.pk).update(evidence_kind=new.evidence["completion"][0])
    filing.save_claim(world.applicant, carried, new.code, True if new.mode == "pass" else float(new.points))
    proofs.link_evidence(world.applicant, proof, new.code)
    assert new.code in lacking(carried)


def test_a_page_that_saves_a_changed_mark_learns_that_the_proof_is_lacking(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    client = signed_in(world.applicant)
    address = reverse("claim-save", args=[carried.pk, item.code])
    changed = {"value": str(other_mark(item, value)).removesuffix(".0"), "note": "改用另一方案"}
    told = client.post(address, changed, headers={"Accept": "application/json"}).json()
    assert "unproved" in told["shows"]


# --- the comparison -----------------------------------------------------------------------------------------------


def test_the_comparison_says_of_every_item_what_was_and_what_is(world, design, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "改用另一方案")
    rows = {row.item.code: row for row in carrying.comparison(carried)}
    assert list(rows) == [one.code for one in carried.standard.items("completion")]
    assert [code for code, row in rows.items() if row.changed] == [item.code]
    row = rows[item.code]
    assert (row.before.note, row.now.note, row.proved_anew) == (
        design.data["claims"][item.code]["note"], "改用另一方案", False
    )  # fmt: skip
    assert [proof["name"] for proof in row.before.proofs] == [
        proof["name"] for proof in snapshot.evidence_of(design.data, item.code)
    ]
    assert {proof["counts"] for proof in row.now.proofs} == {False}
    assert {code for code, one in rows.items() if one.before is None} == rows.keys() - claimed(design, carried).keys()


def test_what_is_sealed_holds_the_comparison_and_later_readers_see_that_one(world, carried):
    sealed = snapshot.seal(carried, world.applicant)
    before = carrying.comparison(carried, sealed.data)
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "以后改的")
    assert carrying.comparison(carried, sealed.data) == before
    assert not any(row.changed for row in before)


def test_every_part_of_what_is_sealed_is_documented(carried):
    document = Path(settings.BASE_DIR, "docs", "snapshot.md").read_text(encoding="utf-8")
    table = document.split("## data.json")[1].split("## manifest.json")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(snapshot.build(carried))


def test_a_version_sealed_before_comparisons_were_is_compared_all_the_same(carried):
    data = snapshot.build(carried)
    told = {key: value for key, value in data.items() if key != "comparison"}
    assert carrying.comparison(carried, told) == carrying.comparison(carried, data)


def test_a_design_is_compared_with_nothing(world):
    draft = world.case_at("draft")
    assert (carrying.comparison(draft), "comparison" in snapshot.build(draft)) == ([], False)
    assert signed_in(world.applicant).get(reverse("application-comparison", args=[draft.pk])).status_code == 404


def test_the_page_shows_the_changed_items_and_on_demand_all(world, carried):
    item = proved_item(carried)
    value = carried.claims.get(item_code=item.code).value
    filing.save_claim(world.applicant, carried, item.code, other_mark(item, value), "改用另一方案")
    client, address = signed_in(world.applicant), reverse("application-comparison", args=[carried.pk])
    page, whole = client.get(address), client.get(address, {"show": "all"})
    assert [row.item.code for row in page.context["rows"]] == [item.code]
    assert len(whole.context["rows"]) == len(carried.standard.items("completion"))
    assert "没有新佐证" in page.content.decode()


def difference(client, draft, code):
    """What one line of the page says of its item: its link and its conclusions."""
    page = client.get(reverse("application-comparison", args=[draft.pk]), {"show": "all"}).content.decode()
    line = next(row for row in page.split("<tr>") if f"{code} " in row[:400])
    tags = re.findall(r'<span class="tag \w+">([^<]*)</span>', line.split("<td")[-1])
    return re.search(r'<a href="([^"]*)"', line)[1], tags


@pytest.mark.parametrize(
    "write, differs, conclusions",
    [
        (lambda item, value: (value, None), (), ["一致"]),
        (lambda item, value: (value, "共 18 处"), ("note",), ["自评一致", "说明有变化"]),
        (lambda item, value: (other_mark(item, value), None), ("mark",), ["自评有变化", "没有新佐证"]),
        (lambda item, value: (0.0, None), ("mark",), ["自评有变化"]),
        (lambda item, value: ("na", "示例理由"), ("mark", "note"), ["自评有变化", "说明有变化"]),
    ],
    ids=["the same", "another note", "another mark", "nothing claimed", "not applicable"],
)
def test_everything_that_is_another_now_is_said_and_a_proof_asked_for_only_where_something_is_claimed(
    world, carried, write, differs, conclusions
):
    item = proved_item(carried, left_out=True)
    claim = carried.claims.get(item_code=item.code)
    value, note = write(item, claim.value)
    filing.save_claim(world.applicant, carried, item.code, value, claim.note if note is None else note)
    (row,) = carrying.comparison(carried, only=item.code)
    assert row.differs == differs
    address = f"{reverse('application-items', args=[carried.pk])}#item-{item.code}"
    assert difference(signed_in(world.applicant), carried, item.code) == (address, conclusions)


def test_another_number_of_proofs_is_said_and_listed_among_the_differences(world, carried):
    item = proved_item(carried)
    proofs.add_evidence(
        world.applicant, carried, item.evidence["completion"][0], papers.pdf("竣工实测", "新"), [item.code], "实测"
    )
    (row,) = carrying.comparison(carried, only=item.code)
    assert (row.differs, row.changed) == (("proofs",), False)
    client = signed_in(world.applicant)
    before, now = len(row.before.proofs), len(row.now.proofs)
    assert difference(client, carried, item.code)[1] == ["自评一致", f"佐证 {before} → {now} 件"]
    listed = client.get(reverse("application-comparison", args=[carried.pk])).context["rows"]
    assert item.code in [one.item.code for one in listed]


def test_the_page_asks_as_many_questions_for_every_item_as_for_none(world, carried):
    client, address = signed_in(world.applicant), reverse("application-comparison", args=[carried.pk])
    client.get(address)
    counts = []
    for query in ({}, {"show": "all"}):
        with CaptureQueriesContext(connection) as captured:
            client.get(address, query)
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.fixture(scope="module")
def judged(kept, django_db_blocker):
    """Another case of the same world at review of its completion."""
    world = kept[0]
    return world.case_at("review", "completion").pk


def test_the_panel_reads_it_at_every_item_that_it_has_marked(world, judged):
    application = scenes.case(judged)
    seat = application.assignments.filter(state="accepted").select_related("expert__user").first()
    client, address = signed_in(seat.expert.user), reverse("scoring", args=[seat.pk])
    assert 'id="compared"' not in client.get(address, {"item": "4.2.1"}).content.decode()
    marking.save_mark(seat.expert.user, seat, "4.2.1", value=0, reason="未见")
    page = client.get(address, {"item": "4.2.1"})
    assert page.context["compared"].item.code == "4.2.1"
    assert 'id="compared"' in page.content.decode()


def test_officers_read_it_at_the_form_check(world, judged):
    page = signed_in(world.intake).get(reverse("form-check", args=[judged]))
    assert page.context["compared"] == [
        row
        for row in carrying.comparison(scenes.case(judged), snapshot.latest(scenes.case(judged)).data)
        if row.changed
    ]


def test_the_api_takes_over_once_and_compares(world, draft):
    client = signed_in(world.applicant)
    address = f"/api/v1/applications/{draft.pk}/carrying/"
    first = client.post(address, {"carry": True}, content_type="application/json").json()
    again = client.post(address, {"carry": True}, content_type="application/json").json()
    assert (first["claims"] > 0, first["proofs"] > 0, again) == (True, True, {"claims": 0, "proofs": 0})
    rows = client.get(f"/api/v1/applications/{draft.pk}/comparison/").json()
    assert rows["count"] == len(draft.standard.items("completion"))
    assert rows["results"][0].keys() == {
        "item", "before", "now", "changed", "differs", "carried", "proved_anew"
    }  # fmt: skip
