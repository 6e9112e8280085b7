"""Minutes of the meeting that approves a result: who attaches them and until when, who reads them, what is refused."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from communities.models import Officer
from evaluation import minutes
from evaluation.workflow import APPLICATION
from portal.demo import papers
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Refused
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pk(world):
    """A case whose result awaits approval."""
    return world.case_at("approval").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def approver(world):
    return scenes.person(world.approver.username)


def paper(number=1):
    return papers.pdf(f"会议纪要{number}", f"示例第{number}次审定会")


def signed_in(world, name):
    client = Client()
    client.force_login(scenes.person(getattr(world, name).username))
    return client


def status_of(client, address):
    answer = client.get(address)
    assert not answer.streaming or b"".join(answer.streaming_content)  # read to its end, a file is closed
    return answer.status_code


def refusals(act):
    with pytest.raises(Refused) as refused:
        act()
    return [problem.code for problem in refused.value.problems]


def test_an_approver_attaches_reads_and_removes_them_before_the_decision(world, case, approver):
    client = signed_in(world, "approver")
    page = reverse("approval", args=[case.pk])
    assert client.post(reverse("minutes-add", args=[case.pk]), {"file": paper()}).url == page + "#minutes"
    row = minutes.kept(case).get()
    read = client.get(reverse("minutes-file", args=[case.pk, row.pk]))
    assert (read.status_code, b"".join(read.streaming_content)[:5]) == (200, b"%PDF-")
    assert row.name in client.get(page).content.decode()
    client.post(reverse("minutes-remove", args=[case.pk, row.pk]))
    assert status_of(client, reverse("minutes-file", args=[case.pk, row.pk])) == 404
    verbs = Event.objects.of(case).filter(verb__endswith="_minutes").order_by("pk")
    assert [(event.verb, event.data["sha256"]) for event in verbs] == [
        ("application.attach_minutes", row.sha256), ("application.remove_minutes", row.sha256)
    ]  # fmt: skip


def test_once_it_is_decided_they_stand(world, case, approver):
    row = minutes.add(approver, case, paper())
    APPLICATION.perform(case, "approve", by=approver, opinion="示例：同意。")
    later = scenes.case(case.pk)
    row.application = later
    for act in (lambda: minutes.add(approver, later, paper(2)), lambda: minutes.remove(approver, row)):
        with pytest.raises(NotAllowed):
            act()
    client = signed_in(world, "approver")
    assert client.post(reverse("minutes-remove", args=[case.pk, row.pk])).status_code == 403
    assert status_of(client, reverse("minutes-file", args=[case.pk, row.pk])) == 200


def test_who_ran_the_panel_attaches_nothing(world, case):
    organiser = scenes.person(world.organiser.username)
    Officer.objects.create(user=organiser, duty="approver", since=case.created_at.date())
    with pytest.raises(NotAllowed):
        minutes.add(scenes.person(organiser.username), case, paper())


@pytest.mark.parametrize(
    "name, status",
    [("organiser", 200), ("supervisor", 200), ("intake", 403), ("applicant", 403), ("other_applicant", 404)],
)
def test_who_sees_the_sheets_reads_them_and_nobody_else(world, case, approver, name, status):
    row = minutes.add(approver, case, paper())
    client = signed_in(world, name)
    addresses = [
        reverse("minutes-file", args=[case.pk, row.pk]),
        f"/api/v1/applications/{case.pk}/minutes/{row.pk}/file/",
    ]
    assert [status_of(client, address) for address in addresses] == [status] * 2
    refused = 404 if status == 404 else 403
    assert client.post(reverse("minutes-add", args=[case.pk]), {"file": paper(2)}).status_code == refused


def test_neither_their_name_nor_that_there_are_any_reaches_the_applicant(world, case, approver):
    minutes.add(approver, case, paper())
    client = signed_in(world, "applicant")
    pages = (case.get_absolute_url(), case.project.get_absolute_url(), f"/api/v1/projects/{case.project_id}/events/")
    told = [client.get(address).content.decode() for address in pages]
    assert [("会议纪要" in page, "attach_minutes" in page) for page in told] == [(False, False)] * 3


@pytest.mark.parametrize(
    "content",
    [b"<html><script>alert(1)</script></html>", b"MZ" + b"\0" * 200, b"%PDF-1.7\n" + b"garbage " * 40, b""],
    ids=["script", "program", "broken PDF", "empty"],
)
def test_what_is_no_pdf_is_refused_beside_the_field(world, case, content):
    client = signed_in(world, "approver")
    upload = SimpleUploadedFile("会议纪要.pdf", content, "application/pdf")
    answer = client.post(reverse("minutes-add", args=[case.pk]), {"file": upload})
    assert (answer.status_code, minutes.kept(case).count()) == (422, 0)
    assert "errorlist" in answer.content.decode() or 'aria-invalid="true"' in answer.content.decode()


def test_the_same_file_and_a_sixth_one_are_refused(case, approver):
    minutes.add(approver, case, paper())
    assert refusals(lambda: minutes.add(approver, case, paper())) == ["double"]
    for number in range(2, minutes.AT_MOST + 1):
        minutes.add(approver, case, paper(number))
    assert refusals(lambda: minutes.add(approver, case, paper(99))) == ["too_many"]


def test_the_api_does_the_same(world, case):
    client, at = signed_in(world, "approver"), f"/api/v1/applications/{case.pk}/minutes/"
    made = client.post(at, {"file": paper()})
    assert made.status_code == 201
    assert [row["id"] for row in client.get(at).json()["results"]] == [made.json()["id"]]
    assert client.post(at, {"file": paper()}).status_code == 422
    assert client.delete(f"{at}{made.json()['id']}/").status_code == 204
    assert client.get(at).json()["results"] == []
