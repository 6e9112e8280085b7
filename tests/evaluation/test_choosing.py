"""One proof for many items: the page with all of them to tick, one save, what is closed, and what others did meanwhile."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import filing, findings, proofs
from evaluation.models import Evidence, EvidenceLink
from evaluation.workflow import APPLICATION
from portal.demo import journey, papers, people
from portal.machine import NotAllowed
from portal.problems import Refused
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

REGION = (0.1, 0.2, 0.3, 0.4)
NOTICED = ("4.1.1", "4.2.2")


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """A proof of three items in a draft, and one in a correction that names ``NOTICED``."""
    found = {}
    for state in ("draft", "correction"):
        application = world.case_at("draft")
        by, text = application.project.created_by, application.project.number
        proof = proofs.add_evidence(by, application, "drawing", papers.pdf("甲", text, pages=3), ["4.1.1", "4.1.2"])
        proofs.link_evidence(by, proof, "4.2.1", 2, REGION)
        filing.save_claim(by, application, "4.1.1", True)
        proofs.add_document(by, application, "D04", papers.pdf("规划", text, pages=2))
        found[state] = proof.pk
        if state == "correction":
            send_back(application, by)
    return found


def send_back(application, by):
    APPLICATION.perform(application, "submit", by=by)
    journey.work(application)
    intake, application = people.officer("intake"), journey.fresh(application)
    for code in NOTICED:
        findings.add_finding(intake, application, "item", code, f"请改正{code}")
    APPLICATION.perform(application, "request_correction", by=intake)


@pytest.fixture
def proof(pks):
    return loaded(pks["draft"])


@pytest.fixture
def noticed(pks):
    return loaded(pks["correction"])


def loaded(pk):
    found = Evidence.objects.get(pk=pk)
    found.application = scenes.case(found.application_id)
    return found


@pytest.fixture
def applicant():
    return scenes.person("applicant")


@pytest.fixture
def browser(client, applicant):
    client.force_login(applicant)
    return client


def proved(proof):
    return dict(proof.links.values_list("item_code", "page"))


def address_of(proof, query=""):
    return reverse("evidence-items", args=[proof.pk]) + query


# --- the rule -----------------------------------------------------------------------------------------------------


def test_one_save_ties_and_unties_and_leaves_the_places_of_what_stays(applicant, proof):
    proofs.prove_items(applicant, proof, ["4.1.1", "4.2.1", "4.2.2", "4.2.3"], page=3)
    assert proved(proof) == {"4.1.1": None, "4.2.1": 2, "4.2.2": 3, "4.2.3": 3}
    assert proof.links.get(item_code="4.2.1").region == REGION
    proofs.prove_items(applicant, proof, [])
    assert proved(proof) == {}


def test_what_others_did_since_the_page_was_drawn_stays_as_they_left_it(applicant, proof):
    seen = ["4.1.1", "4.1.2", "4.2.1"]
    proofs.link_evidence(applicant, proof, "4.3.1")
    proofs.unlink_evidence(applicant, proof, "4.1.2")
    proofs.prove_items(applicant, proof, [*seen, "4.2.2"], seen=seen)
    assert proved(proof) == {"4.1.1": None, "4.2.1": 2, "4.2.2": None, "4.3.1": None}
    proofs.prove_items(applicant, proof, ["4.1.1"], seen=[*seen, "4.2.2"])
    assert proved(proof) == {"4.1.1": None, "4.3.1": None}


@pytest.mark.parametrize(
    "codes, page, found",
    [
        (["4.1.1", "1.1", "x"], None, [("item_unknown", "1.1"), ("item_unknown", "x")]),
        (["4.1.1", "4.2.2"], 4, [("page", "page")]),
        (["4.1.1", "4.2.2"], 0, [("page", "page")]),
    ],
)
def test_everything_that_is_wrong_is_said_and_nothing_changed(applicant, proof, codes, page, found):
    before = proved(proof)
    with scenes.refused() as problems:
        proofs.prove_items(applicant, proof, codes, page=page)
    assert (problems, proved(proof)) == (found, before)


def test_in_a_correction_only_the_items_of_the_notice_change(applicant, noticed):
    with scenes.refused() as problems:
        proofs.prove_items(applicant, noticed, ["4.1.1", "4.2.2", "4.3.1"])
    assert problems == [("closed", "4.1.2"), ("closed", "4.2.1"), ("closed", "4.3.1")]
    proofs.prove_items(applicant, noticed, ["4.1.2", "4.2.1", "4.2.2"])
    assert proved(noticed) == {"4.1.2": None, "4.2.1": 2, "4.2.2": None}


def test_a_proof_that_was_removed_proves_nothing_more(applicant, proof):
    proofs.remove_evidence(applicant, proof)
    with pytest.raises(Refused) as caught:
        proofs.prove_items(applicant, loaded(proof.pk), ["4.2.2"])
    assert [problem.code for problem in caught.value.problems] == ["removed"]


@pytest.mark.parametrize("name", ["other-applicant", "intake"])
def test_nobody_else_says_what_a_proof_is_for(name, proof):
    with pytest.raises(NotAllowed):
        proofs.prove_items(scenes.person(name), proof, ["4.2.2"])


# --- the page -----------------------------------------------------------------------------------------------------


def boxes(text):
    """Code -> (ticked, closed) of every box of the page."""
    found = re.findall(r'name="items" value="([^"]+)"( checked)?( disabled)?', text)
    return {code: (bool(ticked), bool(closed)) for code, ticked, closed in found}


def test_the_page_lists_every_item_by_section_with_those_ticked_that_it_proves(browser, proof):
    text = browser.get(address_of(proof)).content.decode()
    drawn, items = boxes(text), proof.application.standard.items("design")
    assert list(drawn) == [item.code for item in items]
    assert {code for code, (ticked, _closed) in drawn.items() if ticked} == {"4.1.1", "4.1.2", "4.2.1"}
    assert "<legend>4.2 固定与移动网络</legend>" in text
    assert 'name="seen" value="4.1.1 4.1.2 4.2.1"' in text


def test_without_a_script_one_form_saves_all_and_goes_back_to_the_proof(browser, proof):
    typed = {"seen": "4.1.1 4.1.2 4.2.1", "items": ["4.1.1", "4.2.1", "4.2.2", "4.2.3"], "page": "1"}
    answer = browser.post(address_of(proof, "?item=4.2.2"), typed)
    assert answer.url == f"{reverse('evidence', args=[proof.application_id])}?item=4.2.2#evidence-{proof.pk}"
    assert proved(proof) == {"4.1.1": None, "4.2.1": 2, "4.2.2": 1, "4.2.3": 1}


def test_what_is_refused_leaves_the_ticks_on_the_page(browser, proof):
    answer = browser.post(address_of(proof), {"seen": "", "items": ["4.2.2"], "page": "9"})
    assert (answer.status_code, boxes(answer.content.decode())["4.2.2"]) == (422, (True, False))
    assert "页码应在 1 至 3 之间。" in answer.content.decode()


def test_in_a_correction_closed_items_are_shown_and_stay(browser, noticed):
    text = browser.get(address_of(noticed)).content.decode()
    assert boxes(text) == {
        "4.1.1": (True, False), "4.1.2": (True, True), "4.2.1": (True, True), "4.2.2": (False, False),
    }  # fmt: skip
    browser.post(address_of(noticed), {"seen": "4.1.1 4.1.2 4.2.1", "items": ["4.2.2"]})
    assert proved(noticed) == {"4.1.2": None, "4.2.1": 2, "4.2.2": None}


@pytest.mark.parametrize("name, status", [("other-applicant", 404), ("intake", 404), ("applicant", 200)])
def test_the_page_is_for_whoever_may_edit(client, name, status, proof):
    client.force_login(scenes.person(name))
    assert client.get(address_of(proof)).status_code == status


def test_a_reader_who_may_not_edit_is_told_so(client, noticed):
    client.force_login(scenes.person("intake"))
    assert client.get(address_of(noticed)).status_code == 403


def test_the_page_costs_the_same_for_one_tie_and_for_many(browser, applicant, proof):
    def count():
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address_of(proof)).status_code == 200
        return len(captured)

    count()
    few = count()
    proofs.prove_items(applicant, proof, [item.code for item in proof.application.standard.items("design")])
    assert EvidenceLink.objects.filter(evidence=proof).count() > 50
    assert count() == few


# --- the page of the proofs ---------------------------------------------------------------------------------------


def test_the_page_for_one_item_names_the_kinds_that_prove_it_and_how_large_a_file_may_be(browser, proof, settings):
    address = reverse("evidence", args=[proof.application_id])
    text = browser.get(address, {"item": "4.2.1"}).content.decode()
    assert "能证明本条的佐证类型：施工图或深化图；点位表、设备表或计算书。" in text
    assert '<optgroup label="本条可用">' in text
    large, small = settings.MAX_DRAWING_MEGABYTES, settings.MAX_UPLOAD_MEGABYTES
    assert f"PDF、DWG、MP4 每个不超过 {large} MB，其他每个不超过 {small} MB" in text
    assert "<optgroup" not in browser.get(address).content.decode()


def test_a_form_without_a_kind_says_where_the_problem_stands(browser, proof):
    answer = browser.post(
        reverse("evidence", args=[proof.application_id]), {"files": [papers.pdf("乙", "乙", pages=1)]}
    )
    assert answer.status_code == 422
    assert "问题标在各栏旁边，您填写的内容都还在；文件须重新选择。" in answer.content.decode()


@pytest.mark.parametrize("state, told", [("draft", False), ("correction", True)])
def test_in_a_correction_it_is_said_what_to_do_with_the_old_proof(browser, pks, state, told):
    text = browser.get(reverse("evidence", args=[loaded(pks[state]).application_id])).content.decode()
    assert ("旧佐证怎么办：" in text) is told


def test_what_was_ticked_is_carried_over_a_session_that_had_ended(client, applicant, proof):
    """Every ticked item, not the last one alone."""
    client.force_login(applicant)
    form = client.get(address_of(proof)).content.decode()
    assert f'name="person" value="{applicant.pk}"' in form
    client.logout()
    applicant.set_password("a long enough word 2026")
    applicant.save()
    typed = {"items": ["4.1.1", "4.2.1"], "seen": "4.1.1 4.1.2 4.2.1", "person": str(applicant.pk)}
    answer = client.post(address_of(proof), typed)
    assert answer.status_code == 401
    signing_in = {"username": applicant.username, "password": "a long enough word 2026"}
    client.post(reverse("sign-in"), {**signing_in, "kept": answer.context["kept"]})
    fields = client.get(reverse("kept")).context["fields"]
    assert [value for name, value, _shown in fields if name == "items"] == ["4.1.1", "4.2.1"]
