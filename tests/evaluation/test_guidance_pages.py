"""The pages of guidance: the plan, a visit with its opinions and replies, major changes, the timeline, and who sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluation.models import GuidanceOpinion, GuidanceVisit, MajorChange, Photo
from evaluation.workflow import GUIDANCE_OPINION, MAJOR_CHANGE
from portal.demo import construction, papers
from portal.demo import scenes as demo
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """A certified design whose guidance has begun, and a design that is still judged."""
    certified = world.case_at("certified")
    demo.guidance_begun(certified)
    return {"guided": certified.pk, "review": world.case_at("review").pk}


@pytest.fixture
def at(pks):
    return lambda name: scenes.case(pks[name])


@pytest.fixture
def project(at):
    return at("guided").project


@pytest.fixture
def signed_in(client):
    def sign_in(username):
        client.force_login(scenes.person(username))
        return client

    return sign_in


def today():
    return timezone.localdate()


def visit_of(project, state):
    return GuidanceVisit.objects.get(project=project, state=state)


@pytest.mark.parametrize(
    "username,status",
    [("district-1", 200), ("applicant", 200), ("supervisor", 200), ("district-2", 404), ("other-applicant", 404)],
)
def test_guidance_is_seen_by_who_sees_the_case(project, signed_in, username, status):
    client = signed_in(username)
    change = project.major_changes.get()
    for address in (
        reverse("guidance", args=[project.pk]),
        reverse("guidance-timeline", args=[project.pk]),
        reverse("guidance-visit", args=[visit_of(project, "open").pk]),
        reverse("major-change", args=[change.pk]),
        reverse("change-proof-file", args=[change.proofs.get().pk]),
    ):
        response = client.get(address)
        assert response.status_code == status, address
        if response.streaming:  # a file is read to its end
            assert response.getvalue()[:5] == b"%PDF-"


def test_the_plan_shows_each_node_with_its_days_and_its_visits(project, signed_in):
    page = signed_in("applicant").get(reverse("guidance", args=[project.pk]))
    found = [
        [(row.state, row.opinions_made, row.opinions_open) for row in plan.visits]
        for plan, _form in page.context["nodes"]
    ]
    assert found == [[("closed", 1, 0)], [("open", 1, 1)], [("planned", 0, 0)]]
    assert [form is not None for _plan, form in page.context["nodes"]] == [True] * 3
    assert (page.context["may_plan"], page.context["may_declare"], page.context["may_demand"]) == (False, False, False)
    MAJOR_CHANGE.perform(project.major_changes.get(), "withdraw", by=scenes.person("applicant"), reason="不改了")
    page = signed_in("applicant").get(reverse("guidance", args=[project.pk]))
    assert (page.context["may_declare"], page.context["may_demand"]) == (True, False)  # one waits at a time


def test_the_applicant_gives_the_days_of_a_node(project, signed_in):
    address = reverse("guidance-schedule", args=[project.pk, "conduits"])
    said = {"begins_on": today(), "ends_on": today() - timedelta(days=1)}
    response = signed_in("applicant").post(address, said)
    assert response.status_code == 422
    (form,) = [form for plan, form in response.context["nodes"] if plan.node == "conduits"]
    assert dict(form.errors) == {"ends_on": ["完工日期不能早于开工日期。"]}
    said["ends_on"] = today() + timedelta(days=9)
    assert signed_in("district-1").post(address, said).status_code == 403
    response = signed_in("applicant").post(address, said)
    assert (response.status_code, response.url) == (302, reverse("guidance", args=[project.pk]) + "#node-conduits")
    assert project.schedules.get(node="conduits").ends_on == said["ends_on"]


def test_the_district_officer_plans_a_visit(project, signed_in):
    address = reverse("guidance", args=[project.pk])
    said = {"node": "conduits", "planned_on": today()}
    assert signed_in("applicant").post(address, said).status_code == 403
    response = signed_in("district-1").post(address, said)
    made = GuidanceVisit.objects.latest("pk")
    assert (response.status_code, response.url, made.state) == (302, made.get_absolute_url(), "planned")


def test_guidance_does_not_begin_before_the_design_passed(at, signed_in):
    case = at("review")
    response = signed_in("district-1").post(
        reverse("guidance", args=[case.project_id]), {"node": "conduits", "planned_on": today()}
    )
    assert response.status_code == 422
    assert dict(response.context["form"].errors) == {"node": ["设计评价通过后才开始过程指导。"]}


def test_a_visit_is_recorded_with_a_photo_and_notes(project, signed_in):
    visit = visit_of(project, "planned")
    client, address = signed_in("district-1"), visit.get_absolute_url()
    said = {"action": "record", "visited_on": today(), "notes": "进度相符"}
    response = client.post(address, said)
    assert response.status_code == 422
    assert dict(response.context["acts"]["record"].errors) == {"__all__": ["请至少上传一张现场照片。"]}
    assert response.context["acts"]["record"]["notes"].value() == "进度相符"
    photo = {"photo": papers.photo("现场", "示例三"), "caption": "弱电间"}
    assert client.post(reverse("guidance-photo", args=[visit.pk]), photo).status_code == 302
    assert client.post(reverse("guidance-note", args=[visit.pk]), {"text": "施工方到场"}).status_code == 302
    assert client.post(address, said).status_code == 302
    assert GuidanceVisit.objects.get(pk=visit.pk).state == "open"
    page = client.get(address).content.decode()
    assert Photo.objects.get(guidance_visit=visit).sha256[:12] in page
    assert "施工方到场" in page


def test_an_expert_is_asked_along_by_number(project, signed_in):
    address = reverse("guidance-companion", args=[visit_of(project, "planned").pk])
    response = signed_in("district-1").post(address, {"expert": "无此人"})
    assert response.status_code == 422
    assert dict(response.context["companion_form"].errors) == {"expert": ["没有这个编号的专家。"]}
    assert signed_in("applicant").post(address, {"expert": "无此人"}).status_code in (403, 422)


def test_an_opinion_says_what_must_be_mended_by_when(project, signed_in):
    visit = visit_of(project, "open")
    address = reverse("opinion-add", args=[visit.pk])
    late = {"text": "补齐标识", "severity": "major", "due_on": today() - timedelta(days=1), "item_code": "0.0.0"}
    response = signed_in("district-1").post(address, late)
    assert (response.status_code, set(response.context["opinion_form"].errors)) == (422, {"due_on", "item_code"})
    assert response.context["opinion_form"]["text"].value() == "补齐标识"
    said = {"text": "补齐标识", "severity": "major", "due_on": today()}
    assert signed_in("applicant").post(address, said).status_code == 403
    assert signed_in("district-1").post(address, said).status_code == 302
    row = visit.opinions.latest("pk")
    assert (row.text, row.severity) == ("补齐标识", "major")


def test_a_reply_is_proved_by_a_photo_or_a_document_and_checked_by_the_district(project, signed_in):
    visit = visit_of(project, "open")
    opinion = visit.opinions.get()
    reply = reverse("opinion-reply", args=[opinion.pk])
    said = {"action": "reply", "reply": "已补齐"}
    response = signed_in("applicant").post(reply, said)
    entry = response.context["opinions"][0]
    assert response.status_code == 422
    assert dict(entry["reply"].errors) == {"__all__": ["请上传本次整改后的照片或文件作为佐证。"]}
    assert entry["reply"]["reply"].value() == "已补齐"
    assert [row.action for row, _address in entry["links"]] == ["decline"]
    paper = reverse("opinion-paper", args=[opinion.pk])
    wrong = signed_in("applicant").post(paper, {"file": SimpleUploadedFile("a.pdf", b"<script>")})
    assert (wrong.status_code, bool(wrong.context["opinions"][0]["paper"].errors)) == (422, True)
    assert signed_in("applicant").post(paper, {"file": papers.pdf("整改", "示例四")}).status_code == 302
    assert signed_in("applicant").post(reply, said).status_code == 302
    file = opinion.files.get()
    sent = signed_in("district-1").get(reverse("opinion-file", args=[file.pk]))
    assert (sent.getvalue()[:5], sent["Content-Disposition"].startswith("attachment")) == (b"%PDF-", True)
    assert signed_in("district-2").get(reverse("opinion-file", args=[file.pk])).status_code == 404
    page = signed_in("district-1").get(visit.get_absolute_url())
    actions = [row.action for row, _address in page.context["opinions"][0]["links"]]
    assert actions == ["close", "return", "escalate"]


def test_a_visit_is_closed_after_its_opinions(project, signed_in):
    visit = visit_of(project, "open")
    client, address = signed_in("district-1"), visit.get_absolute_url()
    response = client.post(address, {"action": "close"})
    assert (response.status_code, list(response.context["acts"]["close"].errors)) == (422, ["__all__"])
    construction.answer(visit)
    for opinion in GuidanceOpinion.objects.filter(visit=visit):
        client.post(reverse("act", args=["guidance_opinion", opinion.pk, "close"]))
    assert client.post(address, {"action": "close"}).status_code == 302
    assert GuidanceVisit.objects.get(pk=visit.pk).state == "closed"


@pytest.mark.parametrize(
    "username,status", [("applicant", 200), ("district-1", 200), ("district-2", 404), ("other-applicant", 404)]
)
def test_photos_of_guidance_are_seen_by_who_sees_the_case(project, signed_in, username, status):
    photo = Photo.objects.filter(guidance_visit__project=project).first()
    proof = Photo.objects.filter(opinion__visit__project=project).first()
    client = signed_in(username)
    for response in (
        client.get(reverse("photo-file", args=[photo.pk])),
        client.get(reverse("photo-thumbnail", args=[proof.pk])),
    ):
        assert (response.status_code, response.getvalue()[:2] == b"\xff\xd8") == (status, status == 200)


def test_what_the_city_decided_stands_at_the_opinion_and_above_the_timeline(project, signed_in):
    opinion = visit_of(project, "open").opinions.get()
    GUIDANCE_OPINION.perform(opinion, "decline", by=scenes.person("applicant"), reason="已按图施工")
    GUIDANCE_OPINION.perform(opinion, "escalate", by=scenes.person("district-1"), reason="影响验收")
    client = signed_in("supervisor")
    page = client.get(opinion.get_absolute_url()).content.decode()
    assert ("已按图施工" in page, "影响验收" in page) == (True, True)
    address = reverse("act", args=["guidance_opinion", opinion.pk, "note"])
    assert client.post(address, {"reason": "竣工时核对标识"}).status_code == 302
    shown = signed_in("applicant").get(reverse("guidance-timeline", args=[project.pk]))
    assert [row.pk for row in shown.context["noted"]] == [opinion.pk]
    assert "竣工时核对标识" in shown.content.decode()


def test_a_change_is_written_proved_and_handed_in(project, signed_in):
    MAJOR_CHANGE.perform(project.major_changes.get(), "withdraw", by=scenes.person("applicant"), reason="重填")
    client = signed_in("applicant")
    response = client.post(reverse("change-new", args=[project.pk]))
    change = MajorChange.objects.latest("pk")
    assert (response.status_code, response.url, change.state) == (302, change.get_absolute_url(), "draft")
    write = reverse("change-write", args=[change.pk])
    response = client.post(write, {"declare": "yes", "revision": 1})
    errors = response.context["form"].errors
    assert (response.status_code, set(errors)) == (422, {"summary", "reason", "items", "file"})
    said = {"summary": "改位置", "reason": "消防", "items": ["4.1.1"], "revision": 1}
    assert client.post(write, {**said, "items": ["0.0"]}).status_code == 422
    assert client.post(write, said).status_code == 302
    assert client.post(write, {**said, "summary": "另写"}).status_code == 409
    said["revision"] = 2
    response = client.post(write, {**said, "summary": "另写", "file": SimpleUploadedFile("a.pdf", b"<script>")})
    form = response.context["form"]
    assert (response.status_code, set(form.errors), form["revision"].value()) == (422, {"__all__"}, "3")
    assert signed_in("district-1").get(change.get_absolute_url()).status_code == 404
    said |= {"revision": 3, "declare": "yes", "file": papers.pdf("图纸", "改")}
    assert signed_in("applicant").post(write, said).status_code == 302
    assert MajorChange.objects.get(pk=change.pk).state == "examining"
    assert signed_in("district-1").get(change.get_absolute_url()).status_code == 200
    del said["file"]
    assert signed_in("applicant").post(write, said).status_code == 409


def test_the_district_demands_a_declaration(project, signed_in):
    MAJOR_CHANGE.perform(project.major_changes.get(), "withdraw", by=scenes.person("applicant"), reason="重填")
    address = reverse("change-new", args=[project.pk])
    assert signed_in("intake").get(address).status_code == 403
    response = signed_in("district-1").post(address, {"reason": ""})
    assert (response.status_code, set(response.context["form"].errors)) == (422, {"reason"})
    assert signed_in("district-1").post(address, {"reason": "机房位置不符"}).status_code == 302
    assert MajorChange.objects.latest("pk").state == "demanded"


def test_the_organiser_proposes_and_the_approver_decides_on_the_page(project, signed_in):
    change = project.major_changes.get()
    said = {"action": "propose", "proposal": "keep", "grounds": "不影响"}
    address = change.get_absolute_url()
    assert signed_in("approver").post(address, said).status_code in (403, 409)
    assert signed_in("organiser").post(address, said).status_code == 302
    page = signed_in("approver").get(address)
    assert (list(page.context["acts"]), [row.action for row, _link in page.context["links"]]) == (
        ["keep"],
        ["send_back"],
    )
    assert signed_in("approver").post(address, {"action": "keep", "ruling": "同意"}).status_code == 302
    assert MajorChange.objects.get(pk=change.pk).state == "kept"
    assert "同意" in signed_in("applicant").get(address).content.decode()


def test_thirty_visits_cost_the_plan_as_many_questions_as_three(project, signed_in):
    client, address = signed_in("district-1"), reverse("guidance", args=[project.pk])

    def cost():
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        return len(found)

    before = cost()
    for _number in range(30):
        construction.plan(project, "conduits")
    assert cost() == before
