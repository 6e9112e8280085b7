"""On site: the panel's visit with its two signatures, guidance visits, opinions and replies, and who sees the photos."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation.models import GuidanceOpinion, GuidanceVisit, Photo, SiteVisit
from portal.demo import construction, papers, people
from portal.demo import scenes as demo
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    """A completion review waiting for its site visit; a certified design whose guidance has begun; a design review."""
    found = {"site_visit": world.case_at("site_visit", "completion").pk, "review": world.case_at("review").pk}
    certified = world.case_at("certified")
    demo.guidance_begun(certified)
    return {**found, "guided": certified.pk}


@pytest.fixture
def at(cases):
    return lambda name: scenes.case(cases[name])


@pytest.fixture
def signed_in(client):
    def sign_in(username):
        client.force_login(scenes.person(username))
        return client

    return sign_in


def leader(application):
    rows = people.panel_of(application, "accepted", "signed")
    return next(row.expert.user.username for row in rows if row.is_leader)


def today():
    return timezone.localdate()


# --- the panel's visit --------------------------------------------------------------------------------------------


def post(client, name, application, **said):
    return client.post(reverse(f"site-visit-{name}", args=[application.pk]), said)


def visit_of(application):
    return SiteVisit.objects.get(application=application, review_round=application.review_round)


@pytest.mark.parametrize(
    "username,status",
    [("applicant", 200), ("organiser", 200), ("district-1", 200), ("other-applicant", 404), ("pool-keeper", 404)],
)
def test_the_record_is_read_by_both_sides_and_the_officers(at, signed_in, username, status):
    assert signed_in(username).get(reverse("site-visit", args=[at("site_visit").pk])).status_code == status


def test_a_case_without_a_site_visit_has_no_such_page(at, signed_in):
    assert signed_in("organiser").get(reverse("site-visit", args=[at("review").pk])).status_code == 404


def test_who_is_not_signed_in_is_asked_to(at, client):
    assert client.get(reverse("site-visit", args=[at("site_visit").pk])).status_code == 302


def test_the_panel_writes_the_record(at, signed_in):
    case = at("site_visit")
    client = signed_in(leader(case))
    assert post(client, "record", case, visited_on=today(), summary="设备齐全").status_code == 302
    code = case.standard.items(case.stage)[0].code
    assert post(client, "finding", case, item_code=code, agrees="no", text="数量不符").status_code == 302
    assert post(client, "photo", case, photo=papers.photo("现场", "示例一"), caption="机房").status_code == 302
    visit = visit_of(case)
    finding = visit.findings.get()
    assert (visit.visited_on, visit.summary) == (today(), "设备齐全")
    assert (finding.item_code, finding.agrees, finding.text) == (code, False, "数量不符")
    assert visit.photos.get().caption == "机房"


@pytest.mark.parametrize("username", ["applicant", "organiser"])
def test_only_who_visits_writes_the_record(at, signed_in, username):
    assert post(signed_in(username), "record", at("site_visit"), visited_on=today(), summary="齐全").status_code == 403


@pytest.mark.parametrize(
    "said,places",
    [
        ({"visited_on": "", "summary": "齐全"}, ["visited_on"]),
        ({"visited_on": "tomorrow", "summary": "齐全"}, ["visited_on"]),
        ({"visited_on": "later", "summary": "齐全"}, ["visited_on"]),
    ],
)
def test_a_refused_record_keeps_what_was_typed(at, signed_in, said, places):
    case = at("site_visit")
    if said["visited_on"] == "later":
        said = {**said, "visited_on": today() + timedelta(days=1)}
    response = post(signed_in(leader(case)), "record", case, **said)
    form = response.context["record_form"]
    assert (response.status_code, list(form.errors), form["summary"].value()) == (422, places, "齐全")


def test_a_finding_names_an_item_and_what_was_seen(at, signed_in):
    case = at("site_visit")
    response = post(signed_in(leader(case)), "finding", case, item_code="0.0.0", agrees="yes", text="")
    assert (response.status_code, set(response.context["finding_form"].errors)) == (422, {"item_code", "text"})


def test_a_photo_is_a_picture(at, signed_in):
    case = at("site_visit")
    response = post(signed_in(leader(case)), "photo", case, photo=papers.pdf("说明", "示例"))
    assert response.status_code == 422
    assert list(response.context["photo_form"].errors) != []
    assert not visit_of(case).photos.exists()


def test_nobody_signs_what_is_not_written(at, signed_in):
    case = at("site_visit")
    response = post(signed_in("applicant"), "sign", case)
    assert response.status_code == 422
    assert response.context["sentences"] == ["请先填写核查日期与核查情况。", "请至少上传一张现场照片。"]


def write(client, case):
    post(client, "record", case, visited_on=today(), summary="设备齐全")
    post(client, "photo", case, photo=papers.photo("现场", "示例二"))


def test_the_review_begins_once_both_sides_have_signed(at, signed_in):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    address = reverse("site-visit", args=[case.pk])
    assert post(signed_in(leader(case)), "sign", case).status_code == 302
    response = signed_in(leader(case)).post(address, {"action": "finish_site_visit"})
    assert response.status_code == 422
    assert dict(response.context["acts"]["finish_site_visit"].errors) == {"__all__": ["申报单位尚未签字。"]}
    assert post(signed_in("applicant"), "sign", case).status_code == 302
    assert signed_in(leader(case)).post(address, {"action": "finish_site_visit"}).status_code == 302
    assert at("site_visit").state == "review"


def test_a_changed_record_must_be_signed_again(at, signed_in):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    post(signed_in("applicant"), "sign", case)
    assert visit_of(case).applicant_signed_at is not None
    post(signed_in(leader(case)), "record", case, visited_on=today(), summary="另有出入")
    assert visit_of(case).applicant_signed_at is None


def test_the_applicant_does_not_finish_the_visit(at, signed_in):
    case = at("site_visit")
    response = signed_in("applicant").post(reverse("site-visit", args=[case.pk]), {"action": "finish_site_visit"})
    assert response.status_code == 403


@pytest.mark.parametrize("name", ["photo-file", "photo-thumbnail"])
@pytest.mark.parametrize(
    "username,status", [("applicant", 200), ("organiser", 200), ("other-applicant", 404), ("pool-keeper", 404)]
)
def test_a_photo_is_seen_by_who_sees_the_case(at, signed_in, name, username, status):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    photo = visit_of(case).photos.get()
    response = signed_in(username).get(reverse(name, args=[photo.pk]))
    content = response.getvalue()
    assert response.status_code == status
    if status == 200:
        assert (response["Content-Type"], content[:2]) == ("image/jpeg", b"\xff\xd8")


# --- guidance -----------------------------------------------------------------------------------------------------


def visits(application, state):
    return GuidanceVisit.objects.get(project=application.project, state=state)


@pytest.mark.parametrize(
    "username,status",
    [("district-1", 200), ("applicant", 200), ("supervisor", 200), ("district-2", 404), ("other-applicant", 404)],
)
def test_guidance_is_seen_by_who_sees_the_case(at, signed_in, username, status):
    case = at("guided")
    client = signed_in(username)
    assert client.get(reverse("guidance", args=[case.project_id])).status_code == status
    assert client.get(reverse("guidance-visit", args=[visits(case, "open").pk])).status_code == status


def test_the_list_shows_each_visit_with_its_opinions(at, signed_in):
    page = signed_in("applicant").get(reverse("guidance", args=[at("guided").project_id]))
    rows = [(row.state, row.opinions_made, row.opinions_open) for row in page.context["visits"]]
    assert sorted(rows) == [("closed", 1, 0), ("open", 1, 1), ("planned", 0, 0)]


def test_the_district_officer_plans_a_visit(at, signed_in):
    case = at("guided")
    address = reverse("guidance", args=[case.project_id])
    said = {"node": case.project.programme.guidance_nodes[0][0], "planned_on": today()}
    assert signed_in("applicant").post(address, said).status_code == 403
    response = signed_in("district-1").post(address, said)
    made = GuidanceVisit.objects.latest("pk")
    assert (response.status_code, response.url, made.state) == (302, made.get_absolute_url(), "planned")


def test_guidance_does_not_begin_before_the_design_passed(at, signed_in):
    case = at("review")
    said = {"node": case.project.programme.guidance_nodes[0][0], "planned_on": today()}
    response = signed_in("district-1").post(reverse("guidance", args=[case.project_id]), said)
    assert response.status_code == 422
    assert dict(response.context["form"].errors) == {"node": ["设计评价通过后才开始过程指导。"]}


def test_a_visit_is_recorded_with_a_photo(at, signed_in):
    visit = visits(at("guided"), "planned")
    client, address = signed_in("district-1"), visit.get_absolute_url()
    said = {"action": "record", "visited_on": today(), "notes": "进度相符"}
    response = client.post(address, said)
    assert response.status_code == 422
    assert dict(response.context["acts"]["record"].errors) == {"__all__": ["请至少上传一张现场照片。"]}
    assert response.context["acts"]["record"]["notes"].value() == "进度相符"
    photo = {"photo": papers.photo("现场", "示例三"), "caption": "弱电间"}
    assert client.post(reverse("guidance-photo", args=[visit.pk]), photo).status_code == 302
    assert client.post(address, said).status_code == 302
    assert GuidanceVisit.objects.get(pk=visit.pk).state == "open"


def test_an_opinion_says_what_must_be_mended_by_when(at, signed_in):
    visit = visits(at("guided"), "open")
    address = reverse("opinion-add", args=[visit.pk])
    late = {"text": "补齐标识", "due_on": today() - timedelta(days=1), "item_code": "0.0.0"}
    response = signed_in("district-1").post(address, late)
    assert (response.status_code, set(response.context["opinion_form"].errors)) == (422, {"due_on", "item_code"})
    assert response.context["opinion_form"]["text"].value() == "补齐标识"
    assert signed_in("applicant").post(address, {"text": "补齐标识", "due_on": today()}).status_code == 403
    assert signed_in("district-1").post(address, {"text": "补齐标识", "due_on": today()}).status_code == 302
    assert visit.opinions.latest("pk").text == "补齐标识"


def test_a_reply_is_proved_by_a_photo_and_checked_by_the_district(at, signed_in):
    visit = visits(at("guided"), "open")
    opinion = visit.opinions.get()
    reply = reverse("opinion-reply", args=[opinion.pk])
    said = {"action": "reply", "reply": "已补齐"}
    response = signed_in("applicant").post(reply, said)
    entry = response.context["opinions"][0]
    assert response.status_code == 422
    assert dict(entry["reply"].errors) == {"__all__": ["请上传整改后的照片作为佐证。"]}
    assert entry["reply"]["reply"].value() == "已补齐"
    photo = {"photo": papers.photo("整改", "示例四")}
    assert signed_in("applicant").post(reverse("opinion-photo", args=[opinion.pk]), photo).status_code == 302
    assert signed_in("applicant").post(reply, said).status_code == 302
    page = signed_in("district-1").get(visit.get_absolute_url())
    assert [row.action for row, _address in page.context["opinions"][0]["links"]] == ["close", "return"]


def test_a_visit_is_closed_after_its_opinions(at, signed_in):
    visit = visits(at("guided"), "open")
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
def test_photos_of_guidance_are_seen_by_who_sees_the_case(at, signed_in, username, status):
    photo = Photo.objects.filter(guidance_visit__project=at("guided").project).first()
    proof = Photo.objects.filter(opinion__visit__project=at("guided").project).first()
    client = signed_in(username)
    for response in (
        client.get(reverse("photo-file", args=[photo.pk])),
        client.get(reverse("photo-thumbnail", args=[proof.pk])),
    ):
        assert (response.status_code, response.getvalue()[:2] == b"\xff\xd8") == (status, status == 200)
