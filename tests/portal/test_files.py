"""What is taken and what is refused, by content; names; ranges and headers of what is sent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile, TemporaryUploadedFile
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.test import RequestFactory
from PIL import Image

from portal import contents, files, samples
from portal.files import INLINE_TYPES, KINDS, Inspection
from portal.problems import Refused
from tests.portal import hostile

# A response that is closed ends a request, and then the database's connections are looked after.
pytestmark = pytest.mark.django_db

ALL = tuple(KINDS)
MEGABYTE = 1024 * 1024
CHINA = timezone(timedelta(hours=8))
OFFICE = "application/vnd.openxmlformats-officedocument."


def look(content: bytes, name: str, allowed: tuple[str, ...] = ALL, max_bytes: int = MEGABYTE) -> Inspection:
    return files.inspect(io.BytesIO(content), name, allowed=allowed, max_bytes=max_bytes)


def codes_of(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [problem.code for problem in refused.value.problems]


GOOD = {
    "设计说明.pdf": (lambda: samples.sample_pdf("设计说明", ["第一行"]), "pdf", "application/pdf", 1),
    "盖章.PDF": (hostile.with_signature, "pdf", "application/pdf", 1),
    "图纸.dwg": (hostile.drawing, "dwg", "image/vnd.dwg", None),
    "清单.xlsx": (hostile.workbook, "xlsx", f"{OFFICE}spreadsheetml.sheet", 1),
    "照片.jpeg": (lambda: hostile.picture("JPEG"), "jpg", "image/jpeg", None),
    "截图.png": (lambda: hostile.picture("PNG"), "jpg", "image/png", None),
    "手机无扩展名": (lambda: hostile.picture("JPEG"), "jpg", "image/jpeg", None),
    "演示.mp4": (lambda: samples.sample_mp4("东门"), "mp4", "video/mp4", None),
    "汇报.pptx": (lambda: hostile.presentation(3), "pptx", f"{OFFICE}presentationml.presentation", 3),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_taken_for_what_it_is(name: str) -> None:
    make, kind, content_type, pages = GOOD[name]
    content = make()
    seen = look(content, name, allowed=(kind,))
    assert (seen.kind, seen.content_type, seen.pages, seen.safe_name) == (kind, content_type, pages, name)
    assert (seen.size, seen.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("make", [InMemoryUploadedFile, TemporaryUploadedFile, SimpleUploadedFile])
@pytest.mark.parametrize("name", GOOD)
def test_what_django_hands_over_is_read_as_well(name: str, make: type) -> None:
    content = GOOD[name][0]()
    if make is InMemoryUploadedFile:
        upload = make(io.BytesIO(content), "file", name, "text/html", len(content), None)
    elif make is TemporaryUploadedFile:
        upload = make(name, "text/html", len(content), None)
        upload.write(content)
    else:
        upload = make(name, content, "text/html")
    with upload:
        assert files.inspect(upload, name, allowed=ALL, max_bytes=MEGABYTE) == look(content, name)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


REFUSED = {
    "empty": ("a.pdf", lambda: b"", "file_empty"),
    "over the limit": ("a.pdf", lambda: b"%PDF-1.7" + bytes(MEGABYTE), "file_too_large"),
    "a program as a photo": ("a.jpg", lambda: b"MZ" + bytes(5000), "file_type_unknown"),
    "a page as a photo": ("a.jpg", lambda: b"<html><script>alert(1)</script>", "file_type_unknown"),
    "a vector picture": ("a.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "file_type_unknown"),
    "an archive as a PDF": ("a.pdf", lambda: hostile.archive({"a.txt": b"a"}), "file_type_unknown"),
    "a text document": ("a.docx", lambda: hostile.archive(
        {"[Content_Types].xml": b"", "word/document.xml": b""}), "file_type_unknown"),
    "an iPhone film": ("a.mp4", lambda: hostile.film((b"moov", 8), (b"mdat", 8), brand=b"qt  ").replace(b"mp42", b"qt  "),
                       "file_type_unknown"),
    "a photo as a PDF": ("a.pdf", lambda: hostile.picture("JPEG"), "file_extension_differs"),
    "a PDF as a photo": ("a.jpg", lambda: hostile.written(hostile.pdf()), "file_extension_differs"),
    "a double ending": ("a.pdf.exe", lambda: hostile.written(hostile.pdf()), "file_extension_differs"),
    "a PDF cut off": ("a.pdf", lambda: half(hostile.written(hostile.pdf(pages=200))), "pdf_cut_off"),
    "a PDF of nothing": ("a.pdf", lambda: b"%PDF-1.7\n%%EOF", "pdf_unreadable"),
    "a PDF of noise": ("a.pdf", lambda: b"%PDF-1.7\n" + bytes(range(256)) * 50 + b"startxref\n9\n%%EOF", "pdf_unreadable"),
    "a PDF with a password": ("a.pdf", lambda: hostile.encrypted("secret"), "pdf_encrypted"),
    "a PDF with restrictions": ("a.pdf", lambda: hostile.encrypted(""), "pdf_encrypted"),
    "a PDF under AES": ("a.pdf", hostile.encrypted_with_aes, "pdf_encrypted"),
    "a PDF without pages": ("a.pdf", hostile.without_pages, "pdf_without_pages"),
    "a PDF whose pages go round": ("a.pdf", hostile.with_page_circle, "pdf_without_pages"),
    "a script on opening": ("a.pdf", lambda: hostile.with_root_entry("/OpenAction", hostile.SCRIPT), "pdf_with_script"),
    "a script on a page": ("a.pdf", lambda: hostile.with_page_entry(
        "/AA", hostile.names(O=hostile.SCRIPT)), "pdf_with_script"),
    "a script in a bookmark": ("a.pdf", hostile.with_bookmark_script, "pdf_with_script"),
    "a script behind a link": ("a.pdf", hostile.with_chained_script, "pdf_with_script"),
    "a program to launch": ("a.pdf", lambda: hostile.with_root_entry(
        "/OpenAction", hostile.names(S="/Launch")), "pdf_with_launch"),
    "a file in a PDF": ("a.pdf", hostile.with_attachment, "pdf_with_attachment"),
    "a dynamic form": ("a.pdf", lambda: hostile.with_root_entry(
        "/AcroForm", hostile.names(XFA=hostile.ArrayObject([]))), "pdf_with_form"),
    "a photo cut off": ("a.jpg", lambda: half(hostile.noise("JPEG")), "image_damaged"),
    "a screenshot cut off": ("a.png", lambda: half(hostile.noise("PNG")), "image_damaged"),
    "a photo of nothing": ("a.jpg", lambda: b"\xff\xd8\xff\xe0" + bytes(3000), "image_damaged"),
    "an image bomb": ("a.png", lambda: hostile.png_bomb(9000), "image_too_large"),
    "a greater image bomb": ("a.png", lambda: hostile.png_bomb(60000), "image_too_large"),
    "a workbook cut off": ("a.xlsx", lambda: half(hostile.workbook()), "file_type_unknown"),
    "a workbook of nonsense": ("a.xlsx", lambda: hostile.workbook_with(
        xl__workbook_DOT_xml=b"<nonsense"), "workbook_unreadable"),
    "a workbook with macros": ("a.xlsx", lambda: hostile.workbook_with(
        xl__vbaProject_DOT_bin=b"x"), "archive_with_macros"),
    "an archive bomb": ("a.xlsx", lambda: hostile.workbook_with(
        xl__media__a_DOT_bin=bytes(40 * MEGABYTE)), "archive_too_large"),
    "an archive of crumbs": ("a.xlsx", lambda: hostile.workbook_with(
        **{f"crumb{number}": b"" for number in range(contents.LIMITS.entries)}), "archive_too_large"),
    "a presentation without slides": ("a.pptx", lambda: hostile.presentation(0), "presentation_without_slides"),
    "a film cut off": ("a.mp4", lambda: half(samples.sample_mp4("东门")), "film_damaged"),
    "a film without its index": ("a.mp4", lambda: hostile.film((b"mdat", 64)), "film_damaged"),
    "a film whose box has no room for its name": ("a.mp4", lambda: hostile.film_with_box_of(7), "film_damaged"),
    "a film whose box is longer than the file": ("a.mp4", lambda: hostile.film_with_box_of(999), "film_damaged"),
    "a drawing of six bytes": ("a.dwg", lambda: b"AC1032", "drawing_damaged"),
    "a drawing of no version": ("a.dwg", lambda: hostile.drawing(b"AC10xx"), "drawing_damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_with_its_own_reason(case: str) -> None:
    name, make, code = REFUSED[case]
    with pytest.raises(Refused) as refused:
        look(make(), name)
    (problem,) = refused.value.problems
    assert (problem.code, problem.place) == (code, name)
    # The sentence says what is wrong and, after the semicolon, how to mend it.
    assert "；请" in problem.text()
    assert problem.text().endswith("。")


def test_a_damaged_entry_in_an_archive_is_found() -> None:
    content = bytearray(hostile.workbook_with(extra=b"0123456789" * 10))
    at = content.rindex(b"extra", 0, content.rindex(b"extra"))
    content[at + 8] ^= 0xFF
    with pytest.raises(Refused) as refused:
        look(bytes(content), "a.xlsx")
    assert codes_of(refused) == ["archive_damaged"]


def test_a_pdf_with_every_trouble_is_refused_for_all_of_them_at_once() -> None:
    with pytest.raises(Refused) as refused:
        look(hostile.with_everything(), "a.pdf")
    assert codes_of(refused) == ["pdf_with_script", "pdf_with_launch", "pdf_with_attachment", "pdf_with_form"]


def test_an_unwanted_file_with_a_wrong_ending_is_refused_for_both_reasons() -> None:
    with pytest.raises(Refused) as refused:
        look(hostile.picture("PNG"), "a.pdf", allowed=("pdf", "dwg"))
    assert [str(problem) for problem in refused.value.problems] == [
        "a.pdf：此处不接受 JPG、PNG 文件；请上传 PDF、DWG 格式的文件。",
        "a.pdf：扩展名 .pdf 与内容（JPG、PNG）不符；请确认文件无误，改正扩展名后重新上传。",
    ]


def test_more_pages_than_the_limit_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        contents.look_into_pdf(io.BytesIO(hostile.written(hostile.pdf(pages=4))), contents.Limits(pages=3))
    assert codes_of(refused) == ["pdf_too_many_pages"]


def test_a_structure_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        contents.look_into_pdf(io.BytesIO(hostile.written(hostile.pdf(pages=40))), contents.Limits(nodes=30))
    assert codes_of(refused) == ["pdf_too_complex"]


class Endless(io.RawIOBase):
    """A stream that never ends and counts what was taken from it."""

    taken = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.taken += size
        return bytes(size)


def test_reading_stops_at_the_limit_and_never_asks_for_everything() -> None:
    stream = Endless()
    with pytest.raises(Refused) as refused:
        files.inspect(stream, "a.pdf", allowed=ALL, max_bytes=MEGABYTE)
    assert str(refused.value) == "a.pdf：文件超过上限 1 MB；请压缩或拆分后重新上传。"
    assert stream.taken == MEGABYTE + files.CHUNK


def test_the_camera_s_time_and_place_are_read() -> None:
    taken = datetime(2026, 11, 20, 9, 31, 5, tzinfo=CHINA)
    content = samples.sample_photo("管线预埋", taken_at=taken, position=(29.563012, -106.551556), sideways=True)
    seen = look(content, "a.jpg")
    assert (seen.taken_at, seen.position) == (taken, (29.563012, -106.551556))
    assert (seen.width, seen.height) == (1280, 960)


def test_a_camera_without_offset_ran_on_the_city_s_clock() -> None:
    seen = look(samples.sample_photo("管线", taken_at=datetime(2026, 11, 20, 9, 31)), "a.jpg")
    assert seen.taken_at == datetime(2026, 11, 20, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "tag, value",
    [(36867, "not a date"), (36867, "0000:00:00 00:00:00"), (36867, "2026:13:41 99:99:99"), (36881, "+99:99")],
)
def test_senseless_metadata_does_not_spoil_a_photo(tag: int, value: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[tag] = value
    exif.get_ifd(0x8825)[2] = (1000.0, 0.0, 0.0)
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, "JPEG", exif=exif)
    seen = look(buffer.getvalue(), "a.jpg")
    assert (seen.width, seen.height, seen.taken_at, seen.position) == (20, 10, None, None)


# --- pictures as we keep them -------------------------------------------------------------------------------------


def test_a_photo_is_kept_upright_without_metadata_and_its_facts_apart() -> None:
    taken = datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
    content = samples.sample_photo("东门出入口", taken_at=taken, position=(29.5, 106.5), sideways=True)
    with Image.open(io.BytesIO(content)) as stored:
        assert stored.size == (960, 1280)
    picture = files.normalise_image(io.BytesIO(content))
    assert picture.facts == files.ImageFacts(taken, (29.5, 106.5), 1280, 960)
    with Image.open(io.BytesIO(picture.content)) as kept, Image.open(io.BytesIO(picture.thumbnail)) as thumbnail:
        assert (kept.format, kept.size, dict(kept.getexif()), "exif" in kept.info) == ("JPEG", (1280, 960), {}, False)
        assert (thumbnail.format, thumbnail.size, dict(thumbnail.getexif())) == ("JPEG", (480, 360), {})


def test_a_kept_photo_passes_the_inspection() -> None:
    picture = files.normalise_image(io.BytesIO(samples.sample_photo("水泵房")))
    assert look(picture.content, "a.jpg").kind == "jpg"


def test_a_large_picture_is_brought_down_and_keeps_its_shape() -> None:
    picture = files.normalise_image(io.BytesIO(hostile.picture("PNG", (5000, 1000))))
    assert (picture.facts.width, picture.facts.height) == (4000, 800)


@pytest.mark.parametrize("mode, colour", [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0)), ("P", 0), ("L", 255), ("1", 1)])
def test_every_kind_of_picture_becomes_a_white_grounded_jpeg(mode: str, colour: object) -> None:
    image = Image.new(mode, (8, 8), colour)
    if mode == "P":
        image.putpalette([10, 20, 30])
        image.info["transparency"] = 0
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    with Image.open(io.BytesIO(files.normalise_image(buffer).content)) as kept:
        assert (kept.mode, kept.getpixel((4, 4))) == ("RGB", (255, 255, 255))


def test_a_photo_for_print_becomes_a_photo_for_screens() -> None:
    picture = files.normalise_image(io.BytesIO(hostile.picture("JPEG", mode="CMYK", colour=(0, 0, 0, 0))))
    with Image.open(io.BytesIO(picture.content)) as kept:
        assert (kept.mode, kept.getpixel((4, 4))) == ("RGB", (255, 255, 255))


def test_a_broken_picture_is_not_kept() -> None:
    with pytest.raises(Refused) as refused:
        files.normalise_image(io.BytesIO(half(hostile.noise("JPEG"))))
    assert codes_of(refused) == ["image_damaged"]


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, shown",
    [
        ("设计说明.pdf", "设计说明.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\张三\\图纸.dwg", "图纸.dwg"),
        ("a\x00b\r\nc.pdf", "ab c.pdf"),
        ("发票\u202efdp.exe", "发票fdp.exe"),
        ("a\u200b\u2066b.pdf", "ab.pdf"),
        ("  ..隐藏. . ", "隐藏"),
        ("...", "未命名"),
        ("", "未命名"),
        ("e\u0301.pdf", "é.pdf"),
        ("长" * 300 + ".pdf", "长" * 116 + ".pdf"),
        ("a." + "b" * 300, ("a." + "b" * 300)[:120]),
        ("\ud800坏.pdf", "坏.pdf"),
        ('引"号;filename=x.pdf', '引"号;filename=x.pdf'),
    ],
)
def test_a_user_s_name_is_shown_without_what_could_mislead(name: str, shown: str) -> None:
    assert files.display_name(name) == shown


def test_a_stored_name_comes_from_the_hash_alone() -> None:
    sha256 = hashlib.sha256(b"x").hexdigest()
    assert files.storage_name(sha256, "pdf") == f"{sha256[:2]}/{sha256}.pdf"


@pytest.mark.parametrize(
    "sha256, kind", [("../etc/passwd", "pdf"), ("A" * 64, "pdf"), ("0" * 64, "exe"), ("0" * 63, "jpg")]
)
def test_nothing_else_can_become_a_stored_name(sha256: str, kind: str) -> None:
    with pytest.raises(ValueError, match="not a hash and a kind"):
        files.storage_name(sha256, kind)


def test_a_file_field_names_the_endings_it_takes() -> None:
    assert files.accept_attribute(["pdf", "jpg", "online"]) == ".pdf,.jpg,.jpeg,.png"


# --- sending ------------------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "stored.pdf"
    path.write_bytes(CONTENT)
    return path


def answer(stored: object, *, content_type: str = "application/pdf", inline: bool = True, **headers: str):
    return files.send(
        stored,
        name="设计说明 \"终稿\".pdf",
        content_type=content_type,
        inline=inline,
        request=RequestFactory().get("/", headers=headers),
        sha256="ab" * 32,
    )  # fmt: skip


def body(response: object) -> bytes:
    content = b"".join(response) if response.streaming else response.content
    response.close()
    return content


def test_a_whole_file_is_sent_with_every_guard(stored: Path) -> None:
    response = answer(stored)
    headers = dict(response.items())
    assert body(response) == CONTENT
    assert headers == {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(CONTENT)),
        "Content-Disposition": "inline; filename*=utf-8''%E8%AE%BE%E8%AE%A1%E8%AF%B4%E6%98%8E%20%22%E7%BB%88%E7%A8%BF%22.pdf",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": files.PDF_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "ETag": f'"{"ab" * 32}"',
    }


LENGTH = len(CONTENT)


@pytest.mark.parametrize(
    "wanted, status, first, last",
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=100-199", 206, 100, 199),
        ("bytes=255999-", 206, 255_999, 255_999),
        ("bytes=200000-999999999", 206, 200_000, LENGTH - 1),
        ("bytes=-5", 206, LENGTH - 5, LENGTH - 1),
        ("bytes=0-", 200, 0, LENGTH - 1),
        ("bytes=-999999999", 200, 0, LENGTH - 1),
        ("bytes=5-4", 200, 0, LENGTH - 1),
        ("bytes=0-1,5-6", 200, 0, LENGTH - 1),
        ("bytes=-", 200, 0, LENGTH - 1),
        ("bytes=a-b", 200, 0, LENGTH - 1),
        ("pages=1-2", 200, 0, LENGTH - 1),
        ("bytes=" + "9" * 40 + "-", 200, 0, LENGTH - 1),
    ],
)
def test_a_range_is_answered_with_exactly_its_bytes(
    stored: Path, wanted: str, status: int, first: int, last: int
) -> None:
    response = answer(stored, Range=wanted)
    content = body(response)
    assert (response.status_code, response["Content-Length"]) == (status, str(len(content)))
    assert content == CONTENT[first : last + 1]
    assert response.get("Content-Range") == (f"bytes {first}-{last}/{LENGTH}" if status == 206 else None)


@pytest.mark.parametrize("wanted", ["bytes=256000-", "bytes=999999999-1000000000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused_with_the_length(stored: Path, wanted: str) -> None:
    response = answer(stored, Range=wanted)
    assert (response.status_code, response["Content-Range"], response.content) == (416, f"bytes */{LENGTH}", b"")


@pytest.mark.parametrize("condition, status", [(f'"{"ab" * 32}"', 206), ('"other"', 200)])
def test_a_range_of_an_older_file_is_answered_by_the_whole(stored: Path, condition: str, status: int) -> None:
    response = answer(stored, Range="bytes=0-9", **{"If-Range": condition})
    assert (response.status_code, len(body(response))) == (status, 10 if status == 206 else LENGTH)


@pytest.mark.parametrize("known", [f'"{"ab" * 32}"', f'W/"{"ab" * 32}"', f'"x", "{"ab" * 32}"'])
def test_a_known_file_is_not_sent_again(stored: Path, known: str) -> None:
    response = answer(stored, **{"If-None-Match": known})
    assert (response.status_code, body(response)) == (304, b"")


def test_without_a_hash_nothing_is_kept_by_the_browser(stored: Path) -> None:
    response = files.send(stored, name="a.pdf", content_type="application/pdf", inline=False)
    assert (response["Cache-Control"], "ETag" in response) == ("private, no-store", False)
    assert body(response) == CONTENT


SHOWN_AND_NOT = [*((kind, "inline") for kind in sorted(INLINE_TYPES)), ("text/html", "attachment")] + [
    (content_type, "attachment")
    for kind in KINDS.values()
    for content_type in sorted(set(kind.types.values()) - INLINE_TYPES)
]


@pytest.mark.parametrize("content_type, disposition", SHOWN_AND_NOT)
def test_only_what_a_browser_shows_safely_is_shown_in_the_page(
    stored: Path, content_type: str, disposition: str
) -> None:
    response = answer(stored, content_type=content_type)
    assert response["Content-Disposition"].partition(";")[0] == disposition
    policy = files.PDF_POLICY if content_type == "application/pdf" else files.SANDBOX
    assert response["Content-Security-Policy"] == policy
    response.close()


def test_a_hostile_name_cannot_add_a_header(stored: Path) -> None:
    name = 'a"\r\nSet-Cookie: x=1\r\n.pdf'
    response = files.send(stored, name=name, content_type="application/pdf", inline=False)
    assert response["Content-Disposition"] == 'attachment; filename="a\\" Set-Cookie: x=1.pdf"'
    response.close()


def field_file(name: str) -> FieldFile:
    return FieldFile(None, FileField(), name)


def test_a_stored_file_is_read_through_its_storage(settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "x.pdf").write_bytes(CONTENT)
    response = answer(field_file("ab/x.pdf"), Range="bytes=1-3")
    assert (response.status_code, body(response)) == (206, CONTENT[1:4])


def test_behind_a_web_server_the_server_sends_the_bytes(settings) -> None:
    settings.PROTECTED_FILES_PREFIX = "/protected/"
    response = answer(field_file("ab/说 明.pdf"), Range="bytes=1-3")
    assert (response.status_code, response.content) == (200, b"")
    assert response["X-Accel-Redirect"] == "/protected/ab/%E8%AF%B4%20%E6%98%8E.pdf"
    assert response["Content-Type"] == "application/pdf"


def test_every_form_word_of_the_sample_standards_that_means_a_file_is_known() -> None:
    words = {"pdf", "dwg", "xlsx", "jpg", "mp4", "pptx"}
    assert (set(KINDS), set(files.EVIDENCE_KINDS), set(contents.LOOKS)) == (words, words, words)


def mutations(content: bytes, count: int) -> list[bytes]:
    """``content`` with bytes changed, cut out, doubled and moved, always in the same way."""
    chance = random.Random(len(content))  # nothing here is a secret
    mutated = []
    for _ in range(count):
        bent = bytearray(content)
        for _ in range(chance.choice((1, 5, 40))):
            here, there = chance.randrange(len(bent)), chance.randrange(len(bent))
            bent[here] = chance.randrange(256)
            bent[there : there + 20] = bent[here : here + chance.randrange(40)]
        mutated.append(bytes(bent))
    return mutated


@pytest.mark.parametrize("name", GOOD)
def test_whatever_arrives_is_looked_at_or_refused_and_nothing_else_happens(name: str) -> None:
    for content in mutations(GOOD[name][0](), 40):
        with contextlib.suppress(Refused):
            look(content, name)
        with contextlib.suppress(Refused):
            files.normalise_image(io.BytesIO(content))
