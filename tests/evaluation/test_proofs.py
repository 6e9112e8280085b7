"""Evidence: files that came in piece by piece, regions of pages, coverage, replacing, and what stops a submission."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.templatetags.static import static
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image
from pypdf import PdfWriter

from evaluation import filing, findings, proofs, receiving, snapshot
from evaluation.coverage import coverage
from evaluation.models import Evidence, EvidenceLink
from evaluation.workflow import APPLICATION
from portal import previews, samples, tasks, uploads
from portal.demo import journey, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Upload
from portal.problems import Refused
from tests.evaluation import scenes
from tests.evaluation.scenes import refused
from tests.portal import hostile

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NOTICED = (("item", "4.1.1"), ("document", "D04"))
REGION = (0.1, 0.2, 0.3, 0.4)


world, own_files = scenes.shared_world()


@pytest.fixture(autouse=True)
def silent_bell(monkeypatch):
    """No broker is asked: every test does the worker's work itself."""
    monkeypatch.setattr(tasks.take_in, "apply_async", lambda *said, **more: None)


@pytest.fixture(scope="module")
def pks(world):
    """A draft with a proof, and the same in a correction that names ``NOTICED``."""
    draft, correction = world.case_at("draft"), world.case_at("draft")
    for application in (draft, correction):
        by, text = application.project.created_by, application.project.number
        claim_and_document(by, application, text)
        proofs.add_evidence(by, application, "drawing", papers.pdf("甲", text, pages=3), ["4.1.1"], "总图", 2)
    APPLICATION.perform(correction, "submit", by=correction.project.created_by)
    journey.work(correction)
    intake = people.officer("intake")
    correction = journey.fresh(correction)
    for kind, place in NOTICED:
        findings.add_finding(intake, correction, kind, place, f"请改正{place}")
    APPLICATION.perform(correction, "request_correction", by=intake)
    return {"draft": draft.pk, "correction": correction.pk}


def claim_and_document(by, application, text):
    filing.save_claim(by, application, "4.1.1", True)
    proofs.add_document(by, application, "D04", papers.pdf("规划", text, pages=2))


@pytest.fixture
def draft(pks):
    return scenes.case(pks["draft"])


@pytest.fixture
def correction(pks):
    return scenes.case(pks["correction"])


@pytest.fixture
def applicant():
    return scenes.person("applicant")


@pytest.fixture
def proof(draft):
    found = draft.evidence.get(evidence_kind="drawing", removed_at=None)
    found.application = draft
    return found


def content_of(upload):
    upload.seek(0)
    return upload.read()


def pdf(title, pages=3):
    return content_of(papers.pdf(title, title, pages=pages))


def shaped(*shapes):
    """A PDF whose pages have these widths and heights."""
    writer = PdfWriter()
    for width, height in shapes:
        writer.add_blank_page(width, height)
    return hostile.written(writer)


def send(by, application, name, content, purpose="evidence", **details):
    """A file on its way that came in whole, before a worker has looked."""
    said = {"evidence_kind": "drawing", "items": ["4.1.1"], **details} if purpose == "evidence" else details
    upload = uploads.begin(by, purpose, application.pk, name, len(content), said)
    uploads.receive(upload, 0, io.BytesIO(content).read)
    return upload


def taken(by, application, name, content, purpose="evidence", **details):
    """The same after the worker has looked."""
    upload = send(by, application, name, content, purpose, **details)
    uploads.take_in(upload.pk)
    return Upload.objects.get(pk=upload.pk)


def codes(upload):
    return [problem["code"] for problem in upload.problems]


class TestComingIn:
    def test_a_proof_that_came_in_pieces_is_one_like_any_other(self, applicant, draft):
        upload = taken(applicant, draft, "图纸.pdf", pdf("新图"), caption=" 平面 ", page=3, items=["4.1.1", "4.1.2"])
        row = Evidence.objects.get(pk=upload.made)
        assert (row.application, row.caption, row.pages, row.uploaded_by, row.name) == (
            draft, "平面", 3, applicant, "图纸.pdf",
        )  # fmt: skip
        assert list(row.links.order_by("item_code").values_list("item_code", "page")) == [("4.1.1", 3), ("4.1.2", 3)]
        with row.file.open() as kept:
            assert kept.read() == pdf("新图")

    def test_a_photo_loses_its_metadata_on_this_way_too(self, applicant, draft):
        upload = taken(applicant, draft, "现场.jpg", content_of(papers.photo("现场", "甲")), evidence_kind="photo")
        row = Evidence.objects.get(pk=upload.made)
        assert (row.taken_at is not None, row.latitude is not None, bool(row.thumbnail)) == (True, True, True)
        with row.file.open() as kept:
            assert dict(Image.open(kept).getexif()) == {}

    def test_a_document_goes_where_it_belongs(self, applicant, draft):
        upload = taken(applicant, draft, "许可证.pdf", pdf("许可"), "document", code="D05")
        assert draft.documents.get(code="D05").pk == upload.made

    @pytest.mark.parametrize(
        "name, content, code",
        [
            ("改名.pdf", hostile.picture("PNG"), "file_extension_differs"),
            ("坏.pdf", hostile.written(hostile.pdf())[:-60], "pdf_cut_off"),
            ("空页.pdf", hostile.without_pages(), "pdf_without_pages"),
            ("说笑.xlsx", hostile.workbook_with_declarations(), "archive_with_declarations"),
        ],
    )
    def test_a_file_that_cannot_be_read_keeps_its_sentence_beside_its_name(self, applicant, draft, name, content, code):
        before = draft.evidence.count()
        upload = taken(applicant, draft, name, content)
        assert (upload.state, codes(upload), draft.evidence.count()) == ("refused", [code], before)

    def test_the_same_file_twice_is_recognised_and_the_way_to_more_items_is_said(self, applicant, draft):
        taken(applicant, draft, "甲.pdf", pdf("同一"))
        again = taken(applicant, draft, "乙.pdf", pdf("同一"))
        assert codes(again) == ["double"]
        assert "点“用于其他条目”" in again.problems[0]["message"]

    @pytest.mark.parametrize(
        "name, details, code",
        [
            ("图.exe", {}, ("file_type_not_allowed", "file")),
            ("图.pdf", {"evidence_kind": "none"}, ("evidence_kind", "evidence_kind")),
            ("图.pdf", {"items": ["9.9.9"]}, ("item_unknown", "9.9.9")),
            ("图.pdf", {"replaces": 10**9}, ("removed", "file")),
        ],
    )
    def test_what_can_be_told_before_the_first_byte_is_told_then(self, applicant, draft, name, details, code):
        with refused() as found:
            uploads.begin(applicant, "evidence", draft.pk, name, 9, {"evidence_kind": "note", "items": [], **details})
        assert (found, Upload.objects.count()) == ([code], 0)

    @pytest.mark.parametrize("person", ["other-applicant", "intake", "approver"])
    def test_nobody_but_the_parties_sends(self, draft, person):
        with pytest.raises(NotAllowed):
            uploads.begin(
                scenes.person(person), "evidence", draft.pk, "图.pdf", 9, {"evidence_kind": "note", "items": []}
            )

    def test_who_lost_the_right_meanwhile_hands_in_nothing(self, applicant, draft):
        upload = send(applicant, draft, "图.pdf", pdf("迟到"))
        applicant.is_active = False
        applicant.save()
        uploads.take_in(upload.pk)
        assert codes(Upload.objects.get()) == ["not_allowed"]

    def test_a_case_that_moved_on_takes_nothing(self, applicant, draft):
        upload = send(applicant, draft, "图.pdf", pdf("迟到"))
        APPLICATION.perform(draft, "withdraw", by=applicant, reason="示例")
        uploads.take_in(upload.pk)
        assert codes(Upload.objects.get()) == ["stale"]
        with pytest.raises((Stale, NotAllowed)):
            uploads.begin(applicant, "evidence", draft.pk, "图.pdf", 9, {"evidence_kind": "note", "items": []})

    @pytest.mark.parametrize(
        "purpose, details, place",
        [
            ("evidence", {"evidence_kind": "note", "items": ["5.1.1"]}, "5.1.1"),
            ("evidence", {"evidence_kind": "note", "items": []}, "evidence"),
            ("document", {"code": "D05"}, "D05"),
        ],
    )
    def test_in_a_correction_only_what_the_notice_names_is_open(self, applicant, correction, purpose, details, place):
        with refused() as found:
            uploads.begin(applicant, purpose, correction.pk, "图.pdf", 9, details)
        assert found == [("closed", place)]

    def test_a_file_of_another_project_is_taken_and_left_to_intake(self, applicant, draft, correction):
        content = pdf("两用")
        assert taken(applicant, correction, "图.pdf", content).state == "taken"
        assert taken(applicant, draft, "图.pdf", content).state == "taken"


class TestSubmitting:
    def test_an_application_waits_for_its_files_by_name(self, applicant, draft):
        arriving = uploads.begin(
            applicant, "evidence", draft.pk, "一.pdf", 9, {"evidence_kind": "note", "items": ["4.1.1"]}
        )
        checked = send(applicant, draft, "二.pdf", pdf("二"), "document", code="D05")
        with refused() as found:
            APPLICATION.perform(draft, "submit", by=applicant)
        assert found == [("upload_open", "evidence"), ("upload_open", "document")]
        sentences = [problem.text() for problem in receiving.unfinished(draft)]
        assert sentences == [
            "“一.pdf”还没有传完，请继续上传，或取消它。", "“二.pdf”正在检查，请稍候再提交。",
        ]  # fmt: skip
        uploads.give_up(applicant, arriving)
        uploads.take_in(checked.pk)
        APPLICATION.perform(scenes.case(draft.pk), "submit", by=applicant)
        assert scenes.case(draft.pk).state == "checking"

    def test_a_refused_file_holds_nothing_up(self, applicant, draft):
        taken(applicant, draft, "坏.pdf", b"x" * 50)
        APPLICATION.perform(draft, "submit", by=applicant)
        assert scenes.case(draft.pk).state == "checking"


class TestAnchors:
    def test_an_item_is_proved_in_a_region_of_a_page(self, applicant, draft, proof):
        proofs.link_evidence(applicant, proof, "4.1.1", 2, REGION)
        assert proof.links.get(item_code="4.1.1").region == REGION
        sealed = next(row for row in snapshot.build(draft)["evidence"] if row["id"] == proof.pk)
        assert (sealed["items"], sealed["regions"]) == ({"4.1.1": 2}, {"4.1.1": list(REGION)})
        assert snapshot.evidence_of(snapshot.build(draft), "4.1.1")[0]["region"] == list(REGION)
        proofs.link_evidence(applicant, proof, "4.1.1", 3)
        assert proof.links.get(item_code="4.1.1").region is None

    @pytest.mark.parametrize(
        "page, region, found",
        [
            (None, REGION, ("region_without_page", "page")),
            (4, REGION, ("page", "page")),
            (1, (-0.1, 0, 0.5, 0.5), ("region", "region")),
            (1, (0.5, 0, 0.6, 0.5), ("region", "region")),
            (1, (0, 0.5, 0.5, 0.6), ("region", "region")),
            (1, (0, 0, 0, 0.5), ("region", "region")),
            (1, (0, 0, 0.5, 0), ("region", "region")),
            (1, (1, 0, 0.5, 0.5), ("region", "region")),
        ],
    )
    def test_a_region_lies_on_a_page(self, applicant, proof, page, region, found):
        with refused() as problems:
            proofs.link_evidence(applicant, proof, "4.1.1", page, region)
        assert problems == [found]

    def test_a_table_has_no_regions(self, applicant, draft):
        row = proofs.add_evidence(applicant, draft, "table", papers.table("表", "甲"), ["4.1.1"])
        with refused() as problems:
            proofs.link_evidence(applicant, row, "4.1.1", 1, REGION)
        assert problems == [("region_without_picture", "region")]

    @pytest.mark.parametrize(
        "values",
        [
            {"page": 1, "left": 0.1},
            {"page": 1, "left": 0.1, "top": 0.1, "width": 0.1},
            {"left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1},
            {"page": 1, "left": -0.1, "top": 0.1, "width": 0.1, "height": 0.1},
            {"page": 1, "left": 0.1, "top": 0.1, "width": 0, "height": 0.1},
            {"page": 1, "left": 0.1, "top": 0.1, "width": 0.1, "height": 1.1},
        ],
    )
    def test_the_database_keeps_no_half_region(self, proof, values):
        with pytest.raises(IntegrityError), transaction.atomic():
            EvidenceLink.objects.create(evidence=proof, item_code="4.1.2", **values)


class TestReplacing:
    def replace(self, by, draft, old, new, region=REGION, page=2):
        row = proofs.add_evidence(by, draft, "drawing", ContentFile(old, name="旧.pdf"), ["4.1.1", "4.1.2"], "总图", 1)
        proofs.link_evidence(by, row, "4.1.1", page, region)
        done = proofs.replace_evidence(by, row, SimpleUploadedFile("新.pdf", new))
        links = {link.item_code: (link.page, link.region) for link in done.evidence.links.all()}
        return SimpleNamespace(old=Evidence.objects.get(pk=row.pk), new=done.evidence, done=done, links=links)

    def test_caption_links_and_regions_go_over_and_the_old_file_stays(self, applicant, draft):
        told = self.replace(applicant, draft, shaped(*[(100, 200)] * 3), shaped(*[(50, 100)] * 2))
        assert (told.new.replaces, told.new.caption, told.new.evidence_kind) == (told.old, "总图", "drawing")
        assert (told.old.removed_at is not None, told.old.file.storage.exists(told.old.file.name)) == (True, True)
        assert (told.links, told.done.dropped) == ({"4.1.1": (2, REGION), "4.1.2": (1, None)}, ())

    def test_a_page_of_another_shape_loses_its_region_in_words(self, applicant, draft):
        told = self.replace(applicant, draft, shaped(*[(100, 200)] * 3), shaped((100, 200), (200, 100)))
        assert told.links == {"4.1.1": (2, None), "4.1.2": (1, None)}
        assert [remark.text() for remark in told.done.remarks()] == ["以下锚点需要重新标注：4.1.1（2）"]

    def test_a_page_that_is_gone_is_said(self, applicant, draft):
        told = self.replace(applicant, draft, shaped(*[(100, 200)] * 3), shaped((100, 200)))
        assert (told.links, told.done.dropped) == ({"4.1.1": (None, None), "4.1.2": (1, None)}, (("4.1.1", 2),))

    def test_the_same_file_is_no_replacement(self, applicant, draft):
        taken(applicant, draft, "甲.pdf", pdf("甲甲"))
        other = proofs.add_evidence(applicant, draft, "note", papers.pdf("乙乙", "乙", pages=1), [])
        with refused() as found:
            proofs.replace_evidence(applicant, other, SimpleUploadedFile("甲.pdf", pdf("甲甲")))
        assert found == [("double", "file")]
        assert Evidence.objects.get(pk=other.pk).removed_at is None

    def test_what_is_gone_is_not_replaced(self, applicant, proof):
        proofs.remove_evidence(applicant, proof)
        with refused() as found:
            proofs.replace_evidence(applicant, proof, SimpleUploadedFile("新.pdf", pdf("新")))
        assert found == [("removed", "file")]

    def test_a_proof_of_a_closed_item_is_not_replaced(self, applicant, correction):
        row = correction.evidence.get(evidence_kind="drawing")
        row.application = correction
        assert proofs.replace_evidence(applicant, row, SimpleUploadedFile("新.pdf", pdf("补"))).evidence.pk
        EvidenceLink.objects.filter(evidence__application=correction, evidence__removed_at=None).update(
            item_code="5.1.1"
        )
        row = correction.evidence.get(removed_at=None)
        row.application = correction
        with refused() as found:
            proofs.replace_evidence(applicant, row, SimpleUploadedFile("再.pdf", pdf("再")))
        assert found == [("closed", "5.1.1")]

    def test_a_large_file_replaces_piece_by_piece(self, applicant, draft, proof):
        proofs.link_evidence(applicant, proof, "4.1.1", 2, REGION)
        upload = taken(applicant, draft, "新.pdf", shaped(*[(300, 100)] * 3), replaces=proof.pk)
        row = Evidence.objects.get(pk=upload.made)
        assert (row.replaces, row.links.get().page, row.links.get().region) == (proof, 2, None)
        assert [remark["code"] for remark in upload.remarks] == ["anchors_dropped"]


class TestCoverage:
    def test_items_and_proofs_are_counted(self, applicant, draft, proof):
        idle = proofs.add_evidence(applicant, draft, "note", papers.pdf("闲", "闲", pages=1), [])
        busy = ["4.1.2", "4.2.1", "4.2.2", "4.2.3", "5.1.1"]
        many = proofs.add_evidence(applicant, draft, "note", papers.pdf("多", "多", pages=1), busy)
        table = coverage(draft, snapshot.build(draft))
        assert {row.code: len(row.proofs) for row in table.items if row.proofs} == dict.fromkeys(["4.1.1", *busy], 1)
        assert len(table.items) == len(draft.standard.items("design"))
        assert len(table.unproved) == len(table.items) - 6
        assert [row.proof["id"] for row in table.idle] == [idle.pk]
        assert [row.proof["id"] for row in table.busy] == [many.pk]
        assert table.lacking == ()

    def test_a_won_item_without_a_suitable_proof_is_lacking(self, applicant, draft, proof):
        proofs.unlink_evidence(applicant, proof, "4.1.1")
        assert [row.code for row in coverage(draft, snapshot.build(draft)).lacking] == ["4.1.1"]


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(client, applicant):
    client.force_login(applicant)
    return client


def text_of(answer, status=200):
    assert answer.status_code == status
    return answer.content.decode()


def test_the_viewer_shows_a_page_its_places_and_keeps_a_region(browser, draft, proof):
    address = reverse("evidence-view", args=[proof.pk])
    assert "第 2 页，共 3 页" in text_of(browser.get(address, {"item": "4.1.1"}))
    typed = {"item": "4.1.1", "page": "2", "left": "10", "top": "20", "width": "30", "height": "80.1"}
    kept = browser.post(reverse("evidence-anchor", args=[proof.pk]), typed)
    assert (kept.status_code, kept["Location"]) == (302, f"{address}?item=4.1.1&page=2")
    assert proof.links.get().region == pytest.approx((0.1, 0.2, 0.3, 0.8))
    text = text_of(browser.get(kept["Location"]))
    assert ('<rect x="10.0" y="20.0"' in text, "已标注范围" in text) == (True, True)


@pytest.mark.parametrize(
    "typed, sentence",
    [
        ({"left": "10"}, "标注范围的四个数都要填写，或都不填。"),
        ({"left": "nan", "top": "1", "width": "1", "height": "1"}, "标注范围的四个数都要填写，或都不填。"),
        ({"left": "90", "top": "1", "width": "20", "height": "1"}, "标注范围须在页面之内，宽和高大于零。"),
        ({"page": "9"}, "页码应在 1 至 3 之间。"),
    ],
)
def test_a_place_that_cannot_be_kept_is_told_beside_what_was_typed(browser, proof, typed, sentence):
    answer = browser.post(reverse("evidence-anchor", args=[proof.pk]), {"item": "4.1.1", "page": "2", **typed})
    assert sentence in text_of(answer, 422)
    assert proof.links.get().region is None


def test_pictures_of_pages_are_made_once_and_sent_to_readers_only(browser, proof, world, client):
    address = reverse("evidence-page", args=[proof.pk, 2])
    answer = browser.get(address, {"width": 480})
    picture = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
    assert (answer["Content-Type"], picture.format, picture.width) == ("image/jpeg", "JPEG", 480)
    kept = previews.page_picture(proof, 2, 480)
    made = kept.stat().st_mtime_ns
    assert previews.page_picture(proof, 2, 480).stat().st_mtime_ns == made
    for page, width in ((0, 480), (4, 480), (2, 481)):
        assert browser.get(reverse("evidence-page", args=[proof.pk, page]), {"width": width}).status_code == 404
    client.force_login(scenes.person("other-applicant"))
    assert [client.get(one).status_code for one in (address, reverse("evidence-view", args=[proof.pk]))] == [404, 404]


@pytest.fixture
def sent_by_form(browser, draft, request, django_capture_on_commit_callbacks):
    """A PDF that a form sent, what the worker is rung for, and the address of its small picture.

    Another in each test: pictures bear the name of their content, and the folder is the module's.
    """
    content = SimpleUploadedFile("a.pdf", samples.sample_pdf("示例", ["一", request.node.name]))
    with django_capture_on_commit_callbacks() as bells:
        answer = browser.post(reverse("evidence", args=[draft.pk]), {"files": [content], "evidence_kind": "drawing"})
    row = draft.evidence.latest("pk")
    assert (answer.status_code, row.name) == (302, "a.pdf")
    return row, bells, reverse("evidence-thumbnail", args=[row.pk])


def drawn(row):
    return [path.name for path in Path(default_storage.path("previews")).rglob(f"{row.sha256}-*")]


def test_no_page_of_ours_draws_the_first_page_of_a_pdf_that_a_form_sent(browser, sent_by_form):
    row, bells, address = sent_by_form
    answers = [browser.get(address) for _look in range(3)]
    waiting = static("waiting.svg")
    assert [(answer.status_code, answer.url, answer["Cache-Control"]) for answer in answers] == [
        (302, waiting, "no-store")
    ] * 3
    assert (len(bells), drawn(row)) == (1, [])


def test_a_worker_draws_it_and_then_it_is_shown(browser, sent_by_form):
    row, _bells, address = sent_by_form
    for _time in range(2):  # rung twice it is drawn once
        tasks.draw_thumbnail("evaluation.Evidence", row.pk)
    answer = browser.get(address)
    picture = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
    assert (answer.status_code, picture.format, picture.width) == (200, "JPEG", previews.THUMBNAIL)
    assert drawn(row) == [f"{row.sha256}-1-{previews.THUMBNAIL}.jpg"]


def test_a_lost_bell_is_rung_again_by_whoever_looks(browser, sent_by_form, django_capture_on_commit_callbacks):
    _row, _bells, address = sent_by_form
    with django_capture_on_commit_callbacks() as bells:
        browser.get(address)
    assert len(bells) == 1


def test_what_cannot_be_drawn_ends_the_waiting(browser, sent_by_form, django_capture_on_commit_callbacks):
    row, _bells, address = sent_by_form
    Path(row.file.path).write_bytes(b"nonsense")
    tasks.draw_thumbnail("evaluation.Evidence", row.pk)
    with django_capture_on_commit_callbacks() as bells:
        assert browser.get(address).status_code == 422
    assert bells == []


def test_a_proof_that_went_meanwhile_is_drawn_by_nobody(sent_by_form):
    assert tasks.draw_thumbnail("evaluation.Evidence", 0) is None


def test_a_page_that_could_not_be_drawn_is_not_tried_at_every_look(proof):
    file = Path(proof.file.path)
    content = file.read_bytes()
    file.write_bytes(b"nonsense")
    found = []
    for state in ("damaged", "good, but remembered", "an hour later"):
        if state == "good, but remembered":
            file.write_bytes(content)
        if state == "an hour later":
            (reasons,) = Path(default_storage.path("previews")).rglob(f"{proof.sha256}-3-1440.refused")
            os.utime(reasons, (0, 0))
        try:
            found.append(previews.page_picture(proof, 3, 1440).suffix)
        except Refused as refusal:
            found.append([problem.code for problem in refusal.problems])
    assert found == [["page_unreadable"], ["page_unreadable"], ".jpg"]


def test_a_film_and_a_table_have_no_pages(applicant, draft):
    row = proofs.add_evidence(applicant, draft, "table", papers.table("表", "乙"), ["4.1.1"])
    with pytest.raises(previews.NoPicture):
        previews.page_picture(row, 1, 480)


def test_officers_read_the_sealed_version_and_set_nothing(client, correction):
    client.force_login(scenes.person("intake"))
    row = correction.evidence.get(evidence_kind="drawing")
    text = text_of(client.get(reverse("evidence-view", args=[row.pk]), {"item": "4.1.1"}))
    assert ("第 2 页，共 3 页" in text, "注明位置" in text, "替换文件" in text) == (True, False, False)
    typed = {"item": "4.1.1", "page": "1"}
    assert client.post(reverse("evidence-anchor", args=[row.pk]), typed).status_code == 403


def test_a_file_is_replaced_on_its_page(browser, proof, draft):
    proofs.link_evidence(scenes.person("applicant"), proof, "4.1.1", 2, REGION)
    address = reverse("evidence-replace", args=[proof.pk])
    assert "请先选择文件。" in text_of(browser.post(address), 422)
    answer = browser.post(address, {"files": SimpleUploadedFile("新.pdf", shaped((9, 90), (9, 90)))}, follow=True)
    text = text_of(answer)
    assert ("已用“新.pdf”替换。" in text, "以下锚点需要重新标注：4.1.1（2）" in text) == (True, True)


def test_the_coverage_page_asks_as_much_of_many_proofs_as_of_few(browser, applicant, draft):
    address = reverse("evidence-coverage", args=[draft.pk])

    def count():
        with CaptureQueriesContext(connection) as asked:
            text_of(browser.get(address))
        return len(asked)

    browser.get(address)
    few = count()
    for number in range(5):
        proofs.add_evidence(applicant, draft, "note", papers.pdf(f"甲{number}", "多", pages=1), ["4.1.2", "4.2.1"])
    assert count() == few


@pytest.mark.parametrize("show, there", [("", True), ("unproved", False), ("lacking", False)])
def test_the_coverage_page_can_be_narrowed(browser, draft, show, there):
    text = text_of(browser.get(reverse("evidence-coverage", args=[draft.pk]), {"show": show}))
    assert (f"{reverse('application-items', args=[draft.pk])}#item-4.1.1" in text) is there


def test_what_is_on_its_way_is_shown_until_it_is_dismissed(browser, applicant, draft):
    address = reverse("evidence", args=[draft.pk])
    waiting = uploads.begin(applicant, "evidence", draft.pk, "一.pdf", 200, {"evidence_kind": "note", "items": []})
    uploads.receive(waiting, 0, io.BytesIO(b"x" * 76).read)
    wrong = taken(applicant, draft, "坏.pdf", b"x" * 50)
    text = text_of(browser.get(address))
    assert ("已传 38%，请再次选择同一文件，将从断点继续。" in text, "无法识别文件内容" in text) == (True, True)
    for upload in (waiting, wrong):
        assert browser.post(reverse("upload-dismiss", args=[upload.pk])).status_code == 302
    text = text_of(browser.get(address))
    assert ("一.pdf" in text, "坏.pdf" in text) == (False, False)


def test_nobody_else_dismisses(client, applicant, draft):
    wrong = taken(applicant, draft, "坏.pdf", b"x" * 50)
    client.force_login(scenes.person("other-applicant"))
    assert client.post(reverse("upload-dismiss", args=[wrong.pk])).status_code == 404
    assert Upload.objects.filter(pk=wrong.pk).exists()
