"""Lists: pages, filters, order, and as many queries for one row as for thirty."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from evaluation.models import Application, Certificate, Engagement, Project, PublicNotice
from evaluation.outcome import file_objection
from portal.demo import construction, people

pytestmark = pytest.mark.long

CASES = ("completion/certified", "draft", "correction", "inviting", "deliberation", "notice")
PERSON = {"kind": "person", "name": "示例", "identity": "示例1", "contact": "023-00000000", "text": "示例：异议。"}


@pytest.fixture
def crowd(at, world):
    """More than one row of everything, and thirty more cases that have just begun."""
    star = Certificate.objects.get(application=at("completion/certified"))
    Certificate.objects.create(
        **{
            field.attname: getattr(star, field.attname)
            for field in Certificate._meta.concrete_fields
            if field.name not in ("id", "number", "application")
        },
        number="X-2",
        application=at("notice"),
    )
    notice = PublicNotice.objects.get(application=at("notice"))
    for _ in range(2):
        file_objection(notice, PERSON, [])
    visits = star.application.project.guidance_visits.all()
    assert visits.count() > 1
    project = at("draft").project
    for number in range(30):
        made = Project.objects.create(
            number=f"CQ-LIST-{number:02d}", programme=project.programme, standard=project.standard,
            community=project.community, organisation=project.organisation,
            target_level=2, created_by=world.applicant,
        )  # fmt: skip
        for row in project.consultants:
            Engagement.objects.create(
                project=made, organisation=row.organisation, engaged_by=world.applicant, since=row.since
            )
        due_on = timezone.localdate() + timedelta(days=number % 7) if number % 3 else None
        Application.objects.create(project=made, stage="design", state="form_check", version=1, due_on=due_on)


def queries(client, address):
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return len(seen), len(answer.json()["results"])


LISTS = [
    ("intake", "applications/"), ("applicant", "applications/"), ("district_officer", "applications/"),
    ("intake", "projects/"), ("intake", "organisations/"), ("intake", "communities/"), ("organiser", "assignments/"),
    ("intake", "guidance-visits/"), ("intake", "guidance-opinions/"), ("intake", "notices/"), ("intake", "certificates/"),
    ("supervisor", "objections/"), ("organiser", "experts/"), ("intake", "standards/"), ("intake", "programmes/"),
    ("applicant", "notifications/"), ("intake", "work/"), ("intake", "districts/"),
    ("intake", "applications/{correction}/claims/"), ("intake", "applications/{correction}/documents/"),
    ("intake", "applications/{correction}/evidence/"), ("intake", "applications/{correction}/findings/"),
    ("intake", "applications/{correction}/events/"), ("organiser", "applications/{deliberation}/panel/"),
    ("applicant", "applications/{draft}/claims/"), ("supervisor", "applications/{deliberation}/events/"),
]  # fmt: skip


@pytest.mark.parametrize("role, address", LISTS)
def test_one_row_takes_as_many_queries_as_many(crowd, cases, world, by_token, role, address):
    address, client = address.format(**cases), by_token(getattr(world, role))
    client.get(address)  # what is kept in memory for good, such as parsed standards, is read now
    one, many = (queries(client, f"{address}?page_size={size}") for size in (1, 30))
    assert (one[0], one[1], many[1] > 1 or "draft" in address) == (many[0], 1, True)


def test_a_page_says_how_many_there_are_and_where_the_next_one_is(crowd, world, by_token):
    client = by_token(world.intake)
    first = client.get("applications/?page_size=20").json()
    second = client.get(first["next"].removeprefix("http://testserver")).json()
    seen = [row["id"] for row in first["results"] + second["results"]]
    count = Application.objects.exclude(state="draft").count()
    assert (len(seen), len(set(seen)), first["count"]) == (count, count, count)
    assert len(client.get("applications/?page_size=5000").json()["results"]) == count


def test_the_most_urgent_comes_first_and_without_a_deadline_last(crowd, world, by_token):
    client = by_token(world.intake)
    for query in ("", "?ordering=due_on"):
        days = [row["due_on"] for row in client.get(f"applications/{query}").json()["results"]]
        assert days == sorted(days, key=lambda day: (day is None, day))
    days = [row["due_on"] for row in client.get("applications/?ordering=-due_on").json()["results"]]
    known = [day for day in days if day]
    assert days == sorted(known, reverse=True) + [None] * (len(days) - len(known))


def test_applications_are_filtered_by_what_a_queue_needs(crowd, at, world, by_token):
    client = by_token(world.intake)
    project = at("notice").project
    visible = Application.objects.exclude(state="draft")
    expected = {
        "state=form_check": visible.filter(state="form_check"),
        "stage=completion": visible.filter(stage="completion"),
        "open=true": visible.open(),
        "open=false": visible.done(),
        "programme=smart_community": visible,
        "programme=innovation": visible.none(),
        f"district={world.district.pk}": visible.filter(project__community__district=world.district),
        f"district={world.other_district.pk}": visible.none(),
        f"organisation={world.unit.pk}": visible.filter(project__organisation=world.unit),
        f"project={project.pk}": visible.filter(project=project),
        f"community={project.community_id}": visible.filter(project__community=project.community_id),
        "search=LIST-07": visible.filter(project__number="CQ-LIST-07"),
        f"search={project.community.name[2:4]}": visible.filter(
            project__community__name__contains=project.community.name[2:4]
        ),
        f"due_before={timezone.localdate()}": visible.filter(due_on__lte=timezone.localdate()),
        "mine=true": visible.filter(state="form_check"),
    }
    found = {
        query: {row["id"] for row in client.get(f"applications/?page_size=200&{query}").json()["results"]}
        for query in expected
    }
    assert found == {query: set(rows.values_list("pk", flat=True)) for query, rows in expected.items()}


def test_a_filter_of_a_list_does_not_hide_a_single_row(at, world, by_token):
    case = at("notice")
    assert by_token(world.intake).get(f"applications/{case.pk}/?state=draft").status_code == 200


def test_assignments_are_found_by_state_and_by_case(at, world, by_token):
    client = by_token(world.organiser)
    for query, count in (("state=invited", 5), (f"application={at('deliberation').pk}", 5), ("state=declined", 0)):
        assert (query, client.get(f"assignments/?{query}").json()["count"]) == (query, count)


def test_experts_are_for_officers_and_tell_no_address(world, by_token):
    rows = by_token(world.organiser).get("experts/?field=comm&page_size=200").json()["results"]
    assert rows != []
    assert all("comm" in {field["code"] for field in row["fields"]} for row in rows)
    assert set(rows[0]) == {
        "number", "name", "education", "title", "experience_years", "employer", "district", "fields", "term_from",
        "term_until", "confirmed_on", "load", "state", "state_name", "state_since", "due_on",
    }  # fmt: skip
    assert by_token(world.organiser).get(f"experts/{rows[0]['number']}/").json() == rows[0]
    assert by_token(world.applicant).get("experts/").status_code == 403


def test_guidance_is_seen_by_the_parties_and_the_district(at, world, by_token):
    case = at("completion/certified")
    found = {
        who: by_token(getattr(world, who)).get(f"guidance-visits/?project={case.project_id}").json()["count"]
        for who in ("applicant", "consultant", "district_officer", "intake", "other_applicant", "other_officer")
    }
    assert found == {
        "applicant": 3, "consultant": 3, "district_officer": 3, "intake": 3, "other_applicant": 0, "other_officer": 0,
    }  # fmt: skip


def test_photos_of_a_visit_are_not_for_strangers(at, world, by_token):
    visit = at("completion/certified").project.guidance_visits.first()
    photo = visit.photos.first()
    for part in (f"guidance-visits/{visit.pk}/photos/", f"guidance-visits/{visit.pk}/photos/{photo.pk}/thumbnail/"):
        assert by_token(world.other_applicant).get(part).status_code == 404
    row = by_token(world.applicant).get(f"guidance-visits/{visit.pk}/photos/").json()["results"][0]
    assert (row["id"], "uploaded_by" in row, row["latitude"] is not None) == (photo.pk, False, True)


def test_only_the_district_plans_and_only_the_applicant_replies(at, world, by_token):
    case = at("completion/certified")
    body = {"node": "conduits", "planned_on": str(timezone.localdate())}
    answers = {
        who: by_token(getattr(world, who)).post(f"projects/{case.project_id}/guidance-visits/", body).status_code
        for who in ("applicant", "intake", "other_officer", "district_officer")
    }
    assert answers == {"applicant": 403, "intake": 403, "other_officer": 404, "district_officer": 201}
    visit = construction.plan(case.project, "joint_test")
    address = f"guidance-visits/{visit.pk}/opinions/"
    opinion = {"text": "示例", "due_on": "2020-01-01", "item_code": "0.0"}
    wrong = by_token(world.district_officer).post(address, opinion)
    assert [row["place"] for row in wrong.json()["problems"]] == ["due_on", "item_code"]
    assert by_token(people.applicant_of(case.project)).post(address, opinion).status_code == 403
