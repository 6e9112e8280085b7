"""A sealed version downloaded as one archive: whole, for the right people, on the page and through the API."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from pypdf import PdfReader

from evaluation import archive, manifest, proofs
from evaluation.snapshot import build, canonical, latest
from portal.demo import papers
from portal.models import User
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db
MAY = {"applicant", "consultant", "intake", "organiser", "approver", "supervisor", "district_officer"}


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker, tmp_path_factory):
    with scenes.kept(django_db_blocker, tmp_path_factory) as world:
        yield world, world.case_at("review", advised=True).pk


@pytest.fixture(autouse=True)
def own_files():
    """The files of this module are shared like its rows."""


@pytest.fixture
def world(kept):
    return kept[0]


@pytest.fixture
def application(kept):
    return scenes.case(kept[1])


@pytest.fixture
def submission(application):
    found = latest(application)
    found.application = application
    return found


def people_of(world, application):
    seat = application.assignments.filter(state="accepted").select_related("expert__user").first()
    names = ("applicant", "consultant", "intake", "organiser", "approver", "supervisor", "district_officer")
    return {name: getattr(world, name) for name in names} | {
        "expert": seat.expert.user,
        "stranger": User.objects.create(username="stranger", name="示例路人"),
    }


@contextmanager
def stored(proof, change):
    """The stored file of a proof changed while the block runs: ``change`` gets its bytes; None deletes it."""
    name = proof.file.name
    with default_storage.open(name) as file:
        content = file.read()
    default_storage.delete(name)
    changed = change(content)
    if changed is not None:
        default_storage.save(name, io.BytesIO(changed))
    yield
    default_storage.delete(name)
    default_storage.save(name, io.BytesIO(content))


def downloaded(response):
    content = b"".join(response.streaming_content)
    assert int(response["Content-Length"]) == len(content)
    return content


def test_what_is_downloaded_is_whole_and_holds_every_file(submission, tmp_path):
    path = tmp_path / archive.archive_name(submission)
    path.write_bytes(b"".join(archive.archive(submission)))
    verdict = manifest.verify(path, submission.sha256)
    named = [row for rows in submission.data["documents"].values() for row in rows] + submission.data["evidence"]
    assert (verdict.sealed, verdict.differences, verdict.files) == (submission.sha256, (), len(named) + 2)
    with zipfile.ZipFile(path) as opened:
        assert opened.read("data.json") == canonical(submission.data)
        assert opened.namelist()[:3] == ["manifest.json", "data.json", "data.pdf"]


def test_the_same_version_gives_the_same_manifest_whoever_reads_it_in_which_language(submission):
    def listing() -> bytes:
        with zipfile.ZipFile(io.BytesIO(b"".join(archive.archive(submission)))) as opened:
            return opened.read("manifest.json")

    chinese = listing()
    with translation.override("en"):
        assert listing() == chinese


def test_the_summary_prints_the_case_its_claims_and_the_digest(submission):
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(archive.summary_pdf(submission))).pages)
    flat = "".join(text.split())
    for words in (
        submission.data["project"]["number"],
        submission.sha256,
        submission.data["community"]["name"],
        "4.1.1",
    ):
        assert "".join(words.split()) in flat
    assert "\u200b" not in flat  # a digest that is copied from the print is the digest


@pytest.mark.parametrize("name", sorted(MAY | {"expert", "stranger"}))
def test_the_archive_is_for_the_applicant_and_officers(world, application, submission, name):
    client = Client()
    client.force_login(people_of(world, application)[name])
    page = client.get(reverse("snapshot-zip", args=[application.pk, submission.version]))
    endpoint = client.get(f"/api/v1/applications/{application.pk}/submissions/{submission.version}/archive/")
    expected = 200 if name in MAY else {"expert": 403, "stranger": 404}[name]
    assert (page.status_code, endpoint.status_code) == (expected, expected)
    if expected == 200:
        assert (page["Content-Type"], downloaded(page)[:2], downloaded(endpoint)[:2]) == (
            "application/zip",
            b"PK",
            b"PK",
        )
    versions = client.get(reverse("application-versions", args=[application.pk]))
    assert (reverse("snapshot-zip", args=[application.pk, submission.version]) in versions.content.decode()) == (
        expected == 200
    )


def test_a_version_that_was_never_sealed_is_not_found(world, application, submission):
    client = Client()
    client.force_login(world.applicant)
    assert client.get(reverse("snapshot-zip", args=[application.pk, submission.version + 1])).status_code == 404


def test_files_that_the_storage_lost_are_named_before_anything_is_sent(world, application, submission):
    lost = application.evidence.order_by("pk").first()
    client = Client()
    client.force_login(world.applicant)
    with stored(lost, lambda content: None):
        with scenes.refused() as problems:
            archive.archive(submission)
        answer = client.get(reverse("snapshot-zip", args=[application.pk, submission.version]), follow=True)
    assert (lost.name in answer.content.decode(), set(problems)) == (True, {("file_lost", "evidence")})


def test_a_file_changed_in_the_storage_is_found(application, submission, tmp_path):
    path = tmp_path / "snapshot.zip"
    with stored(application.evidence.order_by("pk").first(), lambda content: content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(b"".join(archive.archive(submission)))
    assert {difference.kind for difference in manifest.verify(path, submission.sha256).differences} == {"changed"}


def test_a_file_taken_out_later_stays_in_the_version_that_names_it(application, submission):
    before = len(archive.archive(submission))
    application.evidence.filter(pk=submission.data["evidence"][0]["id"]).update(removed_at=submission.at)
    assert len(archive.archive(submission)) == before


def test_as_many_queries_are_asked_for_many_files_as_for_few(submission):
    with CaptureQueriesContext(connection) as captured:
        archive.archive(submission)
    assert len(captured) <= 4


def test_no_more_than_a_piece_of_a_file_is_in_memory_at_once(application, submission):
    """A chunk of the stream is never longer than a piece, however long the file is."""
    with stored(application.evidence.order_by("pk").first(), lambda content: content + bytes(3_000_000)):
        longest = max(len(chunk) for chunk in archive.archive(submission))
    assert longest <= max(64 * 1024, len(canonical(submission.data)), len(archive.summary_pdf(submission)))


def test_two_files_of_one_name_do_not_meet(world, tmp_path):
    draft = world.case_at("draft")
    for number in range(2):
        proofs.add_evidence(
            draft.project.created_by, draft, "drawing", papers.pdf("图纸", str(number)), ["4.1.1"], "总图"
        )
    data = build(draft)
    paths = [entry.path for entry, _ in manifest.files_of(data)]
    assert len(set(paths)) == len(paths) == 2
