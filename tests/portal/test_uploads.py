"""Files that come in piece by piece: the protocol's rules, broken lines and killed processes, and taking in exactly once."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from portal import api_uploads, tasks, uploads
from portal.attachments import Received, attachment_values, largest_bytes, stored
from portal.bounded import TooHeavy, call
from portal.contents import MEGABYTE
from portal.machine import NotAllowed, Stale
from portal.models import Upload, User
from portal.problems import Problem, Refused
from tests.at_once import at_once
from tests.portal import hostile, work

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 40
LENGTH = len(CONTENT)
BODY = "application/offset+octet-stream"
KEPT: list[tuple[str, str]] = []  # (name, SHA-256) of what the trial purpose was given
FAULTS = {
    "refused.pdf": Refused([Problem("unreadable", "", "“%(name)s”打不开。", {"name": "refused.pdf"})]),
    "not-allowed.pdf": NotAllowed("x"),
    "stale.pdf": Stale(None),
    "broken.pdf": ZeroDivisionError("by zero"),
}


def authorise(user, place, details, name):
    if user.username == "stranger":
        raise NotAllowed("upload")
    if details.get("caption") == "不收":
        raise Refused([Problem("closed", "caption", "不收")])


def prepare(upload, file):
    if upload.name in FAULTS:
        raise FAULTS[upload.name]
    return hashlib.sha256(file.read()).hexdigest()


def keep(upload, prepared):
    KEPT.append((upload.name, prepared))
    return len(KEPT), [Problem("look", "", "请看一看。")] if upload.name == "remark.pdf" else []


TRIAL = uploads.Purpose(authorise, lambda user, place: user.username == "colleague", prepare, keep)


@pytest.fixture(autouse=True)
def trial(monkeypatch):
    KEPT.clear()
    monkeypatch.setitem(uploads.PURPOSES, "trial", TRIAL)
    monkeypatch.setattr(tasks.take_in, "apply_async", lambda *said, **more: None)  # nobody hears the bell


@pytest.fixture
def sender():
    return User.objects.create(username="sender", name="示例甲")


def begun(user, name="图.pdf", length=LENGTH, **details):
    return uploads.begin(user, "trial", 7, name, length, details)


def fresh(upload):
    return Upload.objects.get(pk=upload.pk)


def reader(content):
    return io.BytesIO(content).read


def whole(user, name="图.pdf", content=CONTENT):
    """An upload that has come in whole and waits for a worker."""
    upload = begun(user, name, len(content))
    uploads.receive(upload, 0, reader(content))
    return fresh(upload)


def metadata(**values):
    said = {"filename": "图.pdf", "purpose": "trial", "application": "7", **values}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())


class Sender:
    """A tus client that says exactly what a test wants it to."""

    def __init__(self, user):
        self.client = APIClient()
        self.client.force_authenticate(user)

    def say(self, method, address="/api/v1/uploads/", body=b"", version="1.0.0", **headers):
        said = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        kind = said.pop("HTTP_CONTENT_TYPE", BODY if body else "")
        if version:
            said["HTTP_TUS_RESUMABLE"] = version
        return self.client.generic(method, address, body, content_type=kind, **said)

    def begin(self, **values):
        return self.say("POST", upload_length=str(len(CONTENT)), upload_metadata=metadata(**values))


@pytest.fixture
def speaks(sender):
    return Sender(sender)


@pytest.fixture
def address(speaks):
    """Where an upload of CONTENT was opened."""
    return speaks.begin()["Location"]


class TestProtocol:
    def test_the_server_says_what_it_speaks_without_being_asked_in_a_version(self, speaks, settings):
        answer = speaks.say("OPTIONS", version="")
        assert answer.status_code == 204
        told = {name: answer[name] for name in ("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size")}
        assert told == {
            "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Extension": "creation,termination,expiration",
            "Tus-Max-Size": str(settings.MAX_DRAWING_MEGABYTES * MEGABYTE),
        }  # fmt: skip

    @pytest.mark.parametrize("version", ["", "0.2.2", "1.0.1"])
    @pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
    def test_another_version_is_told_which_one_is_spoken(self, speaks, address, method, version):
        answer = speaks.say(method, "/api/v1/uploads/" if method == "POST" else address, version=version)
        assert (answer.status_code, answer["Tus-Version"], answer["Tus-Resumable"]) == (412, "1.0.0", "1.0.0")
        assert uploads.position(Upload.objects.get()) == 0

    def test_an_upload_is_opened_with_an_address_and_an_end(self, speaks, sender):
        answer = speaks.begin(evidence_kind="drawing", items="4.1.1 4.1.2", caption="总图", page="3")
        upload = Upload.objects.get()
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/v1/uploads/{upload.pk}/"
        assert answer["Upload-Expires"].endswith(" GMT")
        assert (upload.user, upload.purpose, upload.place, upload.name) == (sender, "trial", 7, "图.pdf")
        assert upload.details == {"evidence_kind": "drawing", "items": ["4.1.1", "4.1.2"], "caption": "总图", "page": 3}

    @pytest.mark.parametrize(
        "headers, status",
        [
            ({"upload_metadata": metadata()}, 400),
            ({"upload_length": "-1", "upload_metadata": metadata()}, 400),
            ({"upload_length": "1e3", "upload_metadata": metadata()}, 400),
            ({"upload_length": "٣", "upload_metadata": metadata()}, 400),
            ({"upload_length": "9" * 30, "upload_metadata": metadata()}, 400),
            ({"upload_length": str(2**53), "upload_metadata": metadata()}, 400),
            ({"upload_length": "5"}, 422),
            ({"upload_length": "5", "upload_metadata": "filename !!!"}, 400),
            ({"upload_length": "5", "upload_metadata": "filename gA=="}, 400),  # no UTF-8
            ({"upload_length": "5", "upload_metadata": "filename YQBi"}, 400),  # a NUL within
            ({"upload_length": "5", "upload_metadata": f"{metadata()},filename YQ=="}, 400),
            ({"upload_length": "5", "upload_metadata": metadata(purpose="other")}, 422),
            ({"upload_length": "5", "upload_metadata": metadata(application="x")}, 422),
            ({"upload_length": "5", "upload_metadata": metadata(page="0")}, 422),
            ({"upload_length": "5", "upload_metadata": metadata(caption="不收")}, 422),
            ({"upload_length": "0", "upload_metadata": metadata()}, 422),
            ({"upload_length": str(501 * MEGABYTE), "upload_metadata": metadata()}, 422),
            ({"upload_length": str(101 * MEGABYTE), "upload_metadata": metadata(filename="表.xlsx")}, 422),
        ],
    )
    def test_what_cannot_be_opened_is_refused(self, speaks, headers, status):
        answer = speaks.say("POST", **headers)
        assert (answer.status_code, answer["Tus-Resumable"]) == (status, "1.0.0")
        assert Upload.objects.count() == 0

    def test_whoever_may_not_write_there_opens_nothing(self, db):
        stranger = User.objects.create(username="stranger")
        assert Sender(stranger).begin().status_code == 403
        assert APIClient().post("/api/v1/uploads/", headers={"Tus-Resumable": "1.0.0"}).status_code == 401
        assert Upload.objects.count() == 0

    def test_the_position_is_asked_and_never_kept(self, speaks, address):
        speaks.say("PATCH", address, CONTENT[:100], upload_offset="0")
        answer = speaks.say("HEAD", address)
        assert (answer.status_code, answer["Upload-Offset"], answer["Upload-Length"]) == (200, "100", str(len(CONTENT)))
        assert (answer["Cache-Control"], answer.content) == ("no-store", b"")

    def test_pieces_make_the_whole(self, speaks, address):
        first = speaks.say("PATCH", address, CONTENT[:4000], upload_offset="0")
        assert (first.status_code, first["Upload-Offset"], "Upload-Expires" in first) == (204, "4000", True)
        assert speaks.say("PATCH", address, CONTENT[4000:], upload_offset="4000")["Upload-Offset"] == str(len(CONTENT))
        upload = Upload.objects.get()
        assert uploads.path_of(upload.pk).read_bytes() == CONTENT
        assert (upload.state, upload.offset) == ("checking", len(CONTENT))

    @pytest.mark.parametrize(
        "body, headers, status",
        [
            (b"x", {"upload_offset": "0", "content_type": "text/plain"}, 415),
            (b"x", {}, 400),
            (b"x", {"upload_offset": "-1"}, 400),
            (b"x", {"upload_offset": "99"}, 409),
            (b"x", {"upload_offset": "101"}, 409),
            (CONTENT, {"upload_offset": "100"}, 413),
        ],
    )
    def test_a_piece_that_does_not_fit_changes_nothing(self, speaks, address, body, headers, status):
        speaks.say("PATCH", address, CONTENT[:100], upload_offset="0")
        answer = speaks.say("PATCH", address, body, **headers)
        assert answer.status_code == status
        assert speaks.say("HEAD", address)["Upload-Offset"] == "100"
        if status == 409:
            assert answer["Upload-Offset"] == "100"

    def test_after_the_last_byte_there_is_no_more_to_send(self, speaks, address):
        speaks.say("PATCH", address, CONTENT, upload_offset="0")
        assert speaks.say("PATCH", address, b"x", upload_offset=str(len(CONTENT))).status_code == 413
        assert speaks.say("PATCH", address, b"x", upload_offset="0").status_code == 409
        assert uploads.path_of(Upload.objects.get().pk).read_bytes() == CONTENT

    def test_an_upload_that_was_given_up_is_gone_with_its_bytes(self, speaks, address):
        speaks.say("PATCH", address, CONTENT[:10], upload_offset="0")
        path = uploads.path_of(Upload.objects.get().pk)
        assert speaks.say("DELETE", address).status_code == 204
        assert not path.exists()
        assert [speaks.say(method, address).status_code for method in ("HEAD", "PATCH", "DELETE")] == [404, 404, 404]

    def test_an_upload_past_its_time_is_gone(self, speaks, address):
        Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert speaks.say("HEAD", address).status_code == 410
        assert speaks.say("PATCH", address, b"x", upload_offset="0").status_code == 410

    def test_who_cannot_say_patch_says_it_in_a_header(self, speaks, address):
        answer = speaks.say("POST", address, CONTENT[:7], upload_offset="0", x_http_method_override="PATCH")
        assert (answer.status_code, answer["Upload-Offset"]) == (204, "7")
        assert speaks.say("POST", address, x_http_method_override="DELETE").status_code == 204

    @pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE", "GET"])
    def test_an_upload_of_somebody_else_is_unknown(self, address, method):
        other = Sender(User.objects.create(username="other"))
        assert other.say(method, address, CONTENT if method == "PATCH" else b"", upload_offset="0").status_code == 404
        assert uploads.position(Upload.objects.get()) == 0

    def test_a_colleague_sees_and_gives_up_but_does_not_send(self, address):
        colleague = Sender(User.objects.create(username="colleague"))
        assert colleague.say("GET", address).json()["state"] == "uploading"
        assert colleague.say("PATCH", address, CONTENT, upload_offset="0").status_code == 404
        assert colleague.say("DELETE", address).status_code == 204

    def test_a_page_must_prove_that_it_is_ours(self, sender):
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(sender)
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata()}
        assert client.post("/api/v1/uploads/", headers=headers).status_code == 403
        client.cookies["csrftoken"] = "c" * 32
        assert client.post("/api/v1/uploads/", headers={**headers, "X-CSRFToken": "c" * 32}).status_code == 201

    def test_what_became_of_it_is_told_in_words(self, speaks, sender):
        upload = whole(sender, "refused.pdf")
        uploads.take_in(upload.pk)
        told = speaks.say("GET", f"/api/v1/uploads/{upload.pk}/").json()
        assert (told["state"], told["problems"]) == ("refused", ["“refused.pdf”打不开。"])


class TestBounds:
    def test_so_many_open_uploads_and_no_more(self, sender, settings):
        settings.MAX_OPEN_UPLOADS = 2
        first = begun(sender)
        begun(sender)
        with pytest.raises(Refused) as caught:
            begun(sender)
        assert [problem.code for problem in caught.value.problems] == ["too_many_uploads"]
        uploads.give_up(sender, first)
        assert begun(sender).pk
        assert begun(User.objects.create(username="other")).pk

    def test_so_many_bytes_and_no_more(self, sender, settings):
        settings.MAX_OPEN_UPLOAD_MEGABYTES = 3
        begun(sender, length=2 * MEGABYTE)
        with pytest.raises(Refused) as caught:
            begun(sender, length=MEGABYTE + 1)
        assert [problem.code for problem in caught.value.problems] == ["uploads_too_large"]
        assert begun(sender, length=MEGABYTE).pk

    @pytest.mark.parametrize(
        "name, limit", [("a.PDF", 500), ("a.dwg", 500), ("a.mp4", 500), ("a.xlsx", 100), ("a", 100)]
    )
    def test_drawings_and_films_may_be_larger(self, name, limit):
        assert largest_bytes(name) == limit * MEGABYTE

    def test_the_name_is_shown_without_tricks(self, sender):
        assert begun(sender, "C:\\路径\\\u202efdp.exe.pdf").name == "fdp.exe.pdf"


def cut_reader(content, cuts):
    """Gives what was sent until the line breaks: by an end or by an error, as ``cuts`` says."""
    stream = io.BytesIO(content)

    def read(size):
        block = stream.read(size)
        if not block and cuts:
            raise OSError("connection reset")
        return block

    return read


@pytest.mark.long
class TestBroken:
    @hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=6), by_error=st.booleans(), killed=st.booleans())
    def test_broken_at_any_byte_it_arrives_intact(self, sender, cuts, by_error, killed):
        upload = begun(sender)
        for cut in sorted(cuts):
            at = uploads.position(upload)
            if killed:  # the bytes are on disk, and nobody was left to write down that they came
                with uploads.path_of(upload.pk).open("ab") as file:
                    file.write(CONTENT[at:cut])
            elif at < cut:
                uploads.receive(fresh(upload), at, cut_reader(CONTENT[at:cut], by_error))
            assert uploads.position(fresh(upload)) == max(at, cut)
        at = uploads.position(upload)
        if not fresh(upload).finished_at:
            assert uploads.receive(fresh(upload), at, reader(CONTENT[at:])) == len(CONTENT)
        KEPT.clear()
        uploads.take_in(upload.pk)
        assert [("图.pdf", hashlib.sha256(CONTENT).hexdigest())] == KEPT

    def test_a_line_is_asked_for_as_much_as_it_has_brought_so_that_a_break_never_loses_more(self, sender):
        asked = []

        def read(size):
            asked.append(size // 1024)
            return bytes(size) if len(asked) not in (5, 10) else b""

        upload = begun(sender, length=4 * MEGABYTE)
        assert uploads.receive(upload, 0, read) == MEGABYTE // 2
        assert uploads.receive(fresh(upload), MEGABYTE // 2, read) == MEGABYTE
        assert uploads.receive(fresh(upload), MEGABYTE, read) == 4 * MEGABYTE
        assert asked == [64, 64, 128, 256, 512, *[64, 64, 128, 256, 512], *[64, 64, 128, 256, 512, 1024, 1024]]

    def test_what_the_disk_lost_is_sent_again(self, sender):
        upload = begun(sender)
        uploads.receive(upload, 0, reader(CONTENT[:5000]))
        uploads.path_of(upload.pk).unlink()
        assert uploads.position(fresh(upload)) == 0
        with pytest.raises(uploads.OtherOffset) as caught:
            uploads.receive(fresh(upload), 5000, reader(CONTENT[5000:]))
        assert caught.value.at == 0
        uploads.receive(fresh(upload), 0, reader(CONTENT))
        assert uploads.path_of(upload.pk).read_bytes() == CONTENT

    def test_a_whole_file_that_the_disk_cut_goes_back_to_its_sender(self, sender):
        upload = whole(sender)
        with uploads.path_of(upload.pk).open("r+b") as file:
            file.truncate(77)
        uploads.take_in(upload.pk)
        assert (fresh(upload).state, fresh(upload).offset, KEPT) == ("uploading", 77, [])
        uploads.receive(fresh(upload), 77, reader(CONTENT[77:]))
        uploads.take_in(upload.pk)
        assert [("图.pdf", hashlib.sha256(CONTENT).hexdigest())] == KEPT

    def test_a_sender_that_says_more_than_it_announced_is_cut(self, sender):
        upload = begun(sender)
        assert uploads.receive(upload, 0, reader(CONTENT + b"more")) == len(CONTENT)
        assert uploads.path_of(upload.pk).read_bytes() == CONTENT

    def test_an_upload_given_up_while_its_bytes_come_leaves_nothing(self, sender):
        upload = begun(sender)

        def read(size):
            uploads.give_up(sender, upload)
            return CONTENT[:size]

        with pytest.raises(Upload.DoesNotExist):
            uploads.receive(upload, 0, read)
        assert not uploads.path_of(upload.pk).exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_senders_one_wins_and_the_other_is_told(self, sender):
        upload, inside, told = begun(sender), threading.Event(), threading.Event()

        def slowly(size):
            inside.set()
            assert told.wait(30)
            return CONTENT[:size]

        def first():
            return uploads.receive(fresh(upload), 0, slowly)

        def second():
            assert inside.wait(30)
            try:
                return uploads.receive(fresh(upload), 0, reader(CONTENT))
            finally:
                told.set()

        won, lost = at_once(first, second)
        assert (won, type(lost)) == (len(CONTENT), uploads.Busy)
        assert uploads.path_of(upload.pk).read_bytes() == CONTENT

    def test_the_second_sender_gets_423(self, sender):
        upload = begun(sender)
        uploads.receive(upload, 0, reader(b""))
        with uploads.path_of(upload.pk).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            address = f"/api/v1/uploads/{upload.pk}/"
            answer = Sender(sender).say("PATCH", address, CONTENT, upload_offset="0")
        assert answer.status_code == 423

    def test_slow_lines_never_take_every_thread(self, sender, monkeypatch):
        monkeypatch.setattr(api_uploads, "TURNS", threading.BoundedSemaphore(1))
        slow, other = begun(sender), begun(sender)
        client, answers = Sender(sender), []

        def meanwhile(upload, offset, read):
            answers.append(client.say("PATCH", f"/api/v1/uploads/{other.pk}/", CONTENT, upload_offset="0"))
            return LENGTH

        with monkeypatch.context() as patch:
            patch.setattr(uploads, "receive", meanwhile)
            assert client.say("PATCH", f"/api/v1/uploads/{slow.pk}/", CONTENT, upload_offset="0").status_code == 204
        assert [(answer.status_code, answer["Retry-After"]) for answer in answers] == [(503, "5")]
        answer = client.say("PATCH", f"/api/v1/uploads/{other.pk}/", CONTENT, upload_offset="0")
        assert (answer.status_code, fresh(other).offset) == (204, LENGTH)

    def test_a_worker_who_hears_the_bell_at_once_does_not_find_the_file_held(self, sender, monkeypatch):
        monkeypatch.setattr(tasks.take_in, "apply_async", lambda said, **more: uploads.take_in(UUID(said[0])))
        assert fresh(whole(sender)).state == "taken"

    def test_many_workers_at_once_take_it_in_once(self, sender):
        upload = whole(sender)
        at_once(*[lambda: uploads.take_in(upload.pk)] * 4)
        assert [("图.pdf", hashlib.sha256(CONTENT).hexdigest())] == KEPT

    def test_the_last_place_is_given_once(self, sender, settings):
        settings.MAX_OPEN_UPLOADS = 1
        outcomes = at_once(*[lambda: begun(sender)] * 3)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "Refused", "Upload"]


class TestTakingIn:
    def test_what_came_is_kept_once_and_its_bytes_go(self, sender):
        upload = whole(sender, "remark.pdf")
        for _ in range(10):
            uploads.take_in(upload.pk)
        row = fresh(upload)
        assert [("remark.pdf", hashlib.sha256(CONTENT).hexdigest())] == KEPT
        assert (row.state, row.made, [remark["code"] for remark in row.remarks]) == ("taken", 1, ["look"])
        assert not uploads.path_of(upload.pk).exists()
        assert uploads.position(row) == len(CONTENT)

    @pytest.mark.parametrize(
        "name, code", [("refused.pdf", "unreadable"), ("not-allowed.pdf", "not_allowed"), ("stale.pdf", "stale")]
    )
    def test_a_refused_file_keeps_its_sentence_and_nothing_else(self, sender, name, code):
        upload = whole(sender, name)
        uploads.take_in(upload.pk)
        assert (fresh(upload).state, [problem["code"] for problem in fresh(upload).problems]) == ("refused", [code])
        assert not uploads.path_of(upload.pk).exists()
        uploads.take_in(upload.pk)
        assert fresh(upload).attempts == 1

    def test_a_fault_of_ours_is_tried_again_and_in_the_end_told(self, sender, settings):
        upload = whole(sender, "broken.pdf")
        for _ in range(settings.WORK_ATTEMPTS):
            uploads.take_in(upload.pk)
            assert (fresh(upload).state, uploads.path_of(upload.pk).exists()) == ("checking", True)
        uploads.take_in(upload.pk)
        assert [problem["code"] for problem in fresh(upload).problems] == ["upload_failed"]

    def test_a_row_that_another_worker_holds_is_left_alone_until_its_lease_ends(self, sender):
        upload = whole(sender)
        Upload.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
        uploads.take_in(upload.pk)
        assert (KEPT, uploads.waiting_for_worker()) == ([], [])
        Upload.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert uploads.waiting_for_worker() == [upload.pk]
        uploads.take_in(upload.pk)
        assert len(KEPT) == 1

    def test_a_worker_slower_than_its_lease_is_not_taken_for_dead(self, sender, monkeypatch):
        upload, looks = whole(sender), []

        def slowly(row, file):
            looks.append(row.pk)
            if len(looks) == 1:
                Upload.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
                uploads.take_in(upload.pk)
            return hashlib.sha256(file.read()).hexdigest()

        monkeypatch.setitem(uploads.PURPOSES, "trial", replace(TRIAL, prepare=slowly))
        uploads.take_in(upload.pk)
        assert (len(looks), fresh(upload).state, fresh(upload).attempts) == (1, "taken", 1)

    def test_what_has_not_come_whole_is_not_looked_at(self, sender):
        upload = begun(sender)
        uploads.receive(upload, 0, reader(CONTENT[:9]))
        uploads.take_in(upload.pk)
        uploads.take_in(uuid4())
        assert (KEPT, uploads.waiting_for_worker()) == ([], [])

    def test_the_sweep_rings_again_and_forgets_what_is_too_old(self, sender, monkeypatch):
        heard = []
        monkeypatch.setattr(tasks.take_in, "apply_async", lambda said, **more: heard.append(said))
        waits, late, taken = whole(sender, "等.pdf"), begun(sender, "旧.pdf"), whole(sender, "收.pdf")
        uploads.receive(late, 0, reader(b"abc"))
        uploads.take_in(taken.pk)
        Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        heard.clear()
        tasks.see_to_uploads()
        assert heard == [(str(waits.pk),)]
        assert list(Upload.objects.all()) == [waits]
        assert [uploads.path_of(row.pk).exists() for row in (waits, late)] == [True, False]

    def test_the_last_byte_rings_the_bell(self, sender, monkeypatch, django_capture_on_commit_callbacks):
        heard = []
        monkeypatch.setattr(tasks.take_in, "apply_async", lambda said, **more: heard.append(said))
        with django_capture_on_commit_callbacks(execute=True):
            upload = whole(sender)
        assert heard == [(str(upload.pk),)]


# --- hostile files ------------------------------------------------------------------------------------------------

ANY = ("pdf", "jpg", "xlsx", "mp4", "dwg", "pptx")
HOSTILE = {
    "bomb.xlsx": (lambda: hostile.workbook_with(xl__bomb_DOT_xml=bytes(400 * MEGABYTE)), "archive_too_large"),
    "pages.pdf": (lambda: hostile.with_many_pages(100_000), "pdf_too_many_pages"),
    "large.png": (lambda: hostile.png_bomb(60_000), "image_too_large"),
    "cut.pdf": (lambda: hostile.written(hostile.pdf())[:-60], "pdf_cut_off"),
    "cut.png": (lambda: hostile.noise("PNG")[:-5000], "image_damaged"),
    "renamed.pdf": (lambda: hostile.picture("PNG"), "file_extension_differs"),
    "laughs.xlsx": (hostile.workbook_with_declarations, "archive_with_declarations"),
    "circle.pdf": (hostile.with_page_circle, "pdf_without_pages"),
    "nothing.pdf": (lambda: b"", "file_empty"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_process_of_its_own(tmp_path, sender, settings, name):
    settings.OPENING_SECONDS = 20
    make, code = HOSTILE[name]
    path = tmp_path / "upload.part"
    path.write_bytes(make())
    with Received(path, name) as file, pytest.raises(Refused) as caught:
        attachment_values(file, ANY, sender)
    assert [(problem.code, problem.place) for problem in caught.value.problems] == [(code, name)]


@pytest.mark.long
@pytest.mark.parametrize("asked", [work.spin, work.hoard, work.repeat])
def test_work_that_takes_too_much_ends_alone(settings, asked):
    settings.OPENING_SECONDS = 1
    with pytest.raises(TooHeavy) as caught:
        call(asked)
    assert [problem.code for problem in caught.value.problems] == ["file_too_heavy"]


def test_work_that_ends_well_is_answered_and_a_fault_of_ours_is_told_as_one():
    assert call(work.count, "“示例”") == 4
    with pytest.raises(RuntimeError, match="by zero"):
        call(work.fail)


def test_a_refusal_comes_through_whole():
    with pytest.raises(Refused) as caught:
        call(work.give_in)
    assert caught.value.problems == (Problem("no", "here", "不行：%(why)s", {"why": "示例"}),)


def test_a_good_file_is_what_it_is_wherever_it_is_opened(tmp_path, sender):
    path = tmp_path / "upload.part"
    path.write_bytes(hostile.written(hostile.pdf(pages=3)))
    with Received(path, "图纸.pdf") as file:
        values = stored(attachment_values(file, ANY, sender))
        again = stored(attachment_values(file, ANY, sender))
    assert (values["kind"], values["pages"], values["size"]) == ("pdf", 3, path.stat().st_size)
    assert values["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert values["file"] == again["file"] == f"{values['sha256'][:2]}/{values['sha256']}.pdf"
