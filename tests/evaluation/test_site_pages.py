"""The panel's visit on its page: forms and what a script sends, two signatures, the paper, and who sees which of it."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluation.models import SiteVisit
from portal.demo import papers, people
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    """A completion review waiting for its site visit, and a design review that has none."""
    return {"site_visit": world.case_at("site_visit", "completion").pk, "review": world.case_at("review").pk}


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


def post(client, name, application, /, **said):
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
    assert post(client, "finding", case, item_code=code, seen="differs", text="数量不符").status_code == 302
    assert post(client, "photo", case, photo=papers.photo("现场", "示例一"), caption="机房").status_code == 302
    visit = visit_of(case)
    finding = visit.findings.exclude(line="record").get()
    assert (visit.visited_on, visit.summary) == (today(), "设备齐全")
    assert (finding.item_code, finding.seen, finding.text) == (code, "differs", "数量不符")
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
    response = post(signed_in(leader(case)), "finding", case, item_code="0.0.0", seen="agrees", text="")
    assert (response.status_code, set(response.context["finding_form"].errors)) == (422, {"item_code", "text"})


def test_a_photo_is_a_picture(at, signed_in):
    case = at("site_visit")
    response = post(signed_in(leader(case)), "photo", case, photo=papers.pdf("说明", "示例"))
    assert response.status_code == 422
    assert list(response.context["photo_form"].errors) != []
    assert not visit_of(case).photos.exists()


def test_nobody_signs_what_is_not_written(at, signed_in):
    case = at("site_visit")
    response = sign(signed_in("applicant"), "applicant", case)
    assert response.status_code == 422
    assert response.context["own_sign"].non_field_errors() == [
        "请先填写核查日期与核查情况。",
        "请至少上传一张现场照片。",
    ]


STROKES = json.dumps([[[100 + step * 10, 200] for step in range(20)]])


def sign(client, username, application, **said):
    """Draw the own name on the glass."""
    said = {"name": scenes.person(username).name, "strokes": STROKES, **said}
    return post(client, "sign", application, **said)


def write(client, case):
    post(client, "record", case, visited_on=today(), summary="设备齐全")
    post(client, "photo", case, photo=papers.photo("现场", "示例二"))


def test_the_review_begins_once_both_sides_have_signed(at, signed_in):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    address = reverse("site-visit", args=[case.pk])
    assert sign(signed_in(leader(case)), leader(case), case).status_code == 302
    response = signed_in(leader(case)).post(address, {"action": "finish_site_visit"})
    assert response.status_code == 422
    assert dict(response.context["acts"]["finish_site_visit"].errors) == {"__all__": ["申报单位尚未签字。"]}
    assert sign(signed_in("applicant"), "applicant", case).status_code == 302
    assert signed_in(leader(case)).post(address, {"action": "finish_site_visit"}).status_code == 302
    assert at("site_visit").state == "review"


def test_a_changed_record_must_be_signed_again(at, signed_in):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    sign(signed_in("applicant"), "applicant", case)
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


# --- what a script sends ------------------------------------------------------------------------------------------


def sends(client, name, application, /, **said):
    address = reverse(f"site-visit-{name}", args=[application.pk])
    return client.post(address, said, headers={"accept": "application/json"})


def test_a_script_is_told_what_it_saved_once_however_often_it_sends(at, signed_in):
    case = at("site_visit")
    client, key = signed_in(leader(case)), str(uuid4())
    said = {"line": "item:4.1.1", "seen": "agrees", "text": "一致", "after": "", "save_key": key}
    answers = [sends(client, "finding", case, **said) for _time in range(2)]
    assert [(one.status_code, one.json()["save_key"], one.json()["revision"]) for one in answers] == [(200, key, 1)] * 2
    assert visit_of(case).findings.count() == 1


def test_a_script_that_builds_on_an_older_version_is_told_what_stands_there(at, signed_in):
    case = at("site_visit")
    client = signed_in(leader(case))
    for text, status in (("甲", 200), ("乙", 409)):
        said = {"line": "item:4.1.1", "seen": "agrees", "text": text, "after": "", "save_key": str(uuid4())}
        answer = sends(client, "finding", case, **said)
        assert answer.status_code == status
    assert answer.json()["current"]["text"] == "甲"


@pytest.mark.parametrize(
    "name,said,place",
    [
        ("record", {"visited_on": "x", "summary": "齐全"}, "visited_on"),
        ("finding", {"line": "item:4.1.1", "seen": "agrees", "text": ""}, "text"),
        ("finding", {"line": "own:1", "seen": "agrees", "text": "x"}, "line"),
        ("sign", {"name": "", "strokes": STROKES}, "name"),
    ],
)
def test_a_script_is_told_why_nothing_was_saved(at, signed_in, name, said, place):
    case = at("site_visit")
    answer = sends(signed_in(leader(case)), name, case, **said)
    assert answer.status_code == 422
    assert place in [problem["place"] for problem in answer.json()["problems"]]


@pytest.mark.parametrize("strokes", ["[", "[[[1,2]]]", '{"a":1}', "[" * 5000, '"x"', "[[1,2]]"])
def test_hostile_strokes_are_refused(at, signed_in, strokes):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    name = scenes.person(leader(case)).name
    answer = sends(signed_in(leader(case)), "sign", case, name=name, strokes=strokes)
    assert (answer.status_code, visit_of(case).expert_signed_at) == (422, None)


def test_a_photo_is_withdrawn_with_a_reason_on_the_page(at, signed_in):
    case = at("site_visit")
    client = signed_in(leader(case))
    write(client, case)
    key = visit_of(case).photos.get().key
    assert post(client, "withdraw", case, photo=key, reason="").status_code == 422
    assert post(signed_in("applicant"), "withdraw", case, photo=key, reason="x").status_code == 403
    assert post(signed_in(leader(case)), "withdraw", case, photo=key, reason="拍到住户").status_code == 302
    assert visit_of(case).photos.get().withdrawn_reason == "拍到住户"
    assert post(signed_in(leader(case)), "withdraw", case, photo="", reason="x").status_code == 404


def test_the_state_tells_a_script_who_is_signed_in_and_which_photos_are_there(at, signed_in):
    case = at("site_visit")
    client = signed_in(leader(case))
    write(client, case)
    told = client.get(reverse("site-visit", args=[case.pk]) + "?fragment=state").json()
    assert told == {"person": scenes.person(leader(case)).pk, "photos": [visit_of(case).photos.get().key], "coming": {}}


def test_the_worker_is_served_below_the_page_and_nowhere_else(at, client):
    response = client.get(reverse("site-visit-worker", args=[at("site_visit").pk]))
    assert (response["Content-Type"], response["Cache-Control"]) == ("text/javascript; charset=utf-8", "no-cache")
    assert "Service-Worker-Allowed" not in response


@pytest.mark.parametrize(
    "username,status", [("organiser", 200), ("applicant", 403), ("district-1", 403), ("other-applicant", 404)]
)
def test_the_paper_names_the_panel_to_nobody_who_may_not_know_it(at, signed_in, username, status):
    case = at("site_visit")
    write(signed_in(leader(case)), case)
    response = signed_in(username).get(reverse("site-visit-paper", args=[case.pk]))
    assert response.status_code == status
    assert (response.getvalue()[:5] == b"%PDF-") is (status == 200)


def test_the_page_takes_as_many_questions_for_many_lines_as_for_one(at, signed_in):
    case = at("site_visit")
    client, address = signed_in(leader(case)), reverse("site-visit", args=[case.pk])
    write(client, case)
    counts = []
    for number in (1, 30):
        for _time in range(number):
            sends(client, "finding", case, seen="agrees", text=f"所见 {number}")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
