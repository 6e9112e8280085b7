"""Life after award through the API: what the pages do, by the same functions, with the same refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communities.models import District
from evaluation import supervising
from evaluation.models import Inspection, InspectionDraw, OperatingReport, Rectification
from experts.draw import verify_bytes
from portal.demo import papers
from portal.models import User
from portal.workdays import years_later
from tests.api.conftest import Client
from tests.evaluation import published, scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]


def today():
    return timezone.localdate()


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def of():
    """A client that is signed in as somebody of these."""
    certificate = published.certificate(issued_on=years_later(today(), -1))
    published.member(certificate.application.project.organisation, "unit")
    published.user("stranger")
    for duty in ("organiser", "supervisor", "intake"):
        published.officer(duty)
    published.officer("district_officer", District.objects.get(name="渝北区"))
    supervising.open_reports()

    def client(name):
        made = Client()
        made.force_login(User.objects.get(username=name))
        return made

    return client


def drawn(of):
    said = {"programme": "smart_community", "year": today().year}
    made = of("organiser").post("inspection-draws/", said)
    assert made.status_code == 201, made.json()
    done = of("supervisor").post(f"inspection-draws/{made.json()['id']}/acts/cosign/", {})
    assert done.status_code == 200, done.json()
    return Inspection.objects.get()


def test_a_report_from_the_first_word_to_being_accepted(of):
    unit, officer = of("unit"), of("district_officer")
    report = OperatingReport.objects.get()
    at = f"operating-reports/{report.pk}/"
    refused = unit.post(f"{at}acts/submit/", {})
    assert (refused.status_code, len(refused.json()["problems"])) == (422, 6)
    answers = {code: "正常" for code, _label in report.questions}
    written = unit.put(at, {"answers": answers, "revision": 1}).json()
    assert (written["answers"], written["revision"], written["handed"]) == (answers, 2, [])
    assert unit.put(at, {"answers": answers, "revision": 1}).status_code == 409
    assert unit.upload(f"{at}proofs/", file=papers.pdf("记录", "x")).status_code == 201
    seen = officer.get(at).json()
    assert (seen["answers"], officer.get(f"{at}proofs/").json()["count"]) == ({}, 0)
    assert unit.post(f"{at}acts/submit/", {}).status_code == 200
    assert officer.get(f"{at}proofs/").json()["count"] == 1
    assert officer.post(f"{at}acts/accept/", {}).status_code == 200
    assert officer.get("operating-reports/?state=accepted").json()["count"] == 1


def test_an_inspection_from_the_draw_to_the_end(of):
    row = drawn(of)
    unit, officer = of("unit"), of("district_officer")
    at = f"inspections/{row.pk}/"
    due = (today() + timedelta(days=9)).isoformat()
    assert officer.post(f"{at}findings/", {"text": "门禁停用", "mend_by": due}).status_code == 201
    assert officer.upload(f"{at}photos/", file=papers.photo("现场", "x"), caption="机房").status_code == 201
    before = [unit.get(f"{at}{part}/").json()["count"] for part in ("findings", "photos")]
    recorded = officer.post(f"{at}acts/record/", {"visited_on": today().isoformat(), "notes": "已到场"})
    after = [unit.get(f"{at}{part}/").json()["count"] for part in ("findings", "photos")]
    assert (recorded.status_code, before, after) == (200, [0, 0], [1, 1])
    fault = Rectification.objects.get()
    of_fault = f"rectifications/{fault.pk}/"
    assert unit.post(f"{of_fault}acts/reply/", {"reply": "已恢复"}).status_code == 422
    assert unit.upload(f"{of_fault}proofs/", file=papers.pdf("整改", "x")).status_code == 201
    assert unit.post(f"{of_fault}acts/reply/", {"reply": "已恢复"}).status_code == 200
    assert officer.post(f"{of_fault}acts/close/", {}).status_code == 200
    assert officer.get(at).json()["state"] == "closed"


def test_the_receipt_is_everybodys_and_the_draw_the_officers(of):
    drawn(of)
    draw = InspectionDraw.objects.get()
    receipt = Client().get(f"inspection-draws/{draw.pk}/receipt/")
    assert (receipt.status_code, verify_bytes(receipt.content)) == (200, [])
    answers = {
        name: of(name).get(f"inspection-draws/{draw.pk}/").status_code
        for name in ("unit", "district_officer", "intake")
    }
    assert answers == {"unit": 404, "district_officer": 404, "intake": 200}
    told = of("intake").get(f"inspection-draws/{draw.pk}/").json()
    assert (told["listed"], told["size"], told["missing"]) == (1, 1, [])


def test_a_draw_that_is_wrong_names_every_problem(of):
    said = {"programme": "smart_community", "year": 2001, "secret": "x"}
    refused = of("organiser").post("inspection-draws/", said)
    assert refused.status_code == 422
    assert [(one["code"], one["place"]) for one in refused.json()["problems"]] == [
        ("secret_form", "secret"),
        ("year", "year"),
    ]
    assert of("supervisor").post("inspection-draws/", {**said, "year": today().year}).status_code == 403


def test_whoever_has_nothing_to_do_with_it_finds_nothing(of):
    row = drawn(of)
    stranger = of("stranger")
    report = OperatingReport.objects.get()
    fault = Rectification.objects.create(inspection=row, text="x", mend_by=today(), state="open")
    for address in (
        f"operating-reports/{report.pk}/", f"operating-reports/{report.pk}/proofs/", f"inspections/{row.pk}/",
        f"inspections/{row.pk}/photos/", f"inspections/{row.pk}/findings/", f"rectifications/{fault.pk}/",
        f"rectifications/{fault.pk}/proofs/",
    ):  # fmt: skip
        assert stranger.get(address).status_code == 404
    for address in ("operating-reports/", "inspections/", "rectifications/", "inspection-draws/"):
        assert stranger.get(address).json()["count"] == 0


@pytest.mark.parametrize(
    "query", ["state=none", "year=99999999999999999999999", "district=%27", "certificate=%00", "ordering=x", "page=0"]
)
def test_a_filter_takes_whatever_is_sent(of, query):
    assert of("supervisor").get(f"operating-reports/?{query}").status_code in (200, 400, 404, 422)


def test_whoever_is_not_signed_in_writes_nothing(of):
    report = OperatingReport.objects.get()
    assert Client().put(f"operating-reports/{report.pk}/", {"answers": {}}).status_code == 401


@pytest.mark.parametrize("address", ["operating-reports/", "inspections/", "rectifications/", "inspection-draws/"])
def test_a_list_asks_as_many_queries_for_one_row_as_for_many(of, address):
    row = drawn(of)
    Rectification.objects.create(inspection=row, text="x", mend_by=today(), state="open")
    client, counts = of("supervisor"), []
    for more in (False, True):
        for number in range(2, 7) if more else ():
            certificate = published.certificate(f"示例·第{number}小区", number=number)
            OperatingReport.objects.create(certificate=certificate, year=1, opened_on=today(), state="due")
            draw = InspectionDraw.objects.get(pk=row.draw_id)
            draw.pk, draw.year = None, 2000 + number
            draw.save()
            other = Inspection.objects.create(draw=draw, certificate=certificate, place=1, state="rectifying")
            Rectification.objects.create(inspection=other, text="x", mend_by=today(), state="open")
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            counts.append((client.get(address).json()["count"], len(queries)))
    assert (counts[0][0], counts[1][0], counts[0][1]) == (1, 6, counts[1][1])
