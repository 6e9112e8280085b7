"""What is really inside a file, kind by kind: pages, size of a picture, when and where a photo was taken.

Hides: pypdf, Pillow, openpyxl, the box and archive formats, and the limits within which each may be opened. Every look
reads from a seekable binary stream, keeps to ``Limits`` and either returns ``Facts`` or raises ``Refused`` with a
sentence that says what is wrong and how to mend it. Plain Python; nothing here writes or decides who may upload what.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO
from xml.parsers import expat

from openpyxl import load_workbook
from PIL import ExifTags, Image
from pypdf import PdfReader
from pypdf.errors import DependencyError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from portal.problems import Problem, Refused, gettext_noop

MEGABYTE = 1024 * 1024
TAIL = 2048  # bytes at the end of a PDF in which its end mark must stand


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a look may go. pages, entries, nodes: counts; pixels: width x height; unpacked: bytes; ratio: times."""

    pages: int = 5_000
    nodes: int = 500_000
    pixels: int = 64_000_000
    entries: int = 5_000
    unpacked: int = 300 * MEGABYTE
    ratio: int = 200


LIMITS = Limits()
# Pillow warns above this and refuses above twice this, before it decodes; ``_open_image`` refuses both in a sentence.
Image.MAX_IMAGE_PIXELS = LIMITS.pixels


@dataclass(frozen=True, slots=True)
class Facts:
    """What a look found. pages: of a PDF, slides or sheets of an office document; width, height: upright pixels.

    taken_at: on the camera's clock, aware only where it wrote its offset. position: (latitude, longitude) in degrees.
    """

    pages: int | None = None
    width: int | None = None
    height: int | None = None
    taken_at: datetime | None = None
    position: tuple[float, float] | None = None


def _refuse(code: str, message: str, **params: object) -> Refused:
    return Refused([Problem(code, "", message, params)])


@contextmanager
def _reading(code: str, message: str) -> Iterator[None]:
    """Turn whatever a reader library throws at hostile bytes into one refusal."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except Exception as error:  # the libraries answer damage with almost any exception, RecursionError included
        raise _refuse(code, message) from error


# --- PDF ----------------------------------------------------------------------------------------------------------

# Parts that are large and in which no reader looks for actions or attachments.
QUIET_PARTS = frozenset({"/Parent", "/Contents", "/Resources", "/StructTreeRoot", "/Metadata", "/AP", "/OutputIntents"})
SCRIPT = Problem(
    "pdf_with_script",
    "",
    gettext_noop("PDF 内含脚本（JavaScript）；请用“打印为 PDF”重新生成一份不含脚本的文件。"),
)
LAUNCH = Problem(
    "pdf_with_launch",
    "",
    gettext_noop("PDF 内含启动程序或打开外部文件的动作；请用“打印为 PDF”重新生成一份不含动作的文件。"),
)
ATTACHED = Problem(
    "pdf_with_attachment",
    "",
    gettext_noop("PDF 内嵌了其他文件或多媒体；请去掉附件，把需要的文件单独上传。"),
)
DYNAMIC_FORM = Problem(
    "pdf_with_form",
    "",
    gettext_noop("PDF 是动态表单（XFA），不能长期保存；请用“打印为 PDF”重新生成。"),
)
ACTIONS = {"/JavaScript": SCRIPT, "/Launch": LAUNCH, "/ImportData": LAUNCH, "/GoToE": LAUNCH}
MULTIMEDIA = frozenset({"/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"})


def look_into_pdf(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Return the page count. Refused: cut off, encrypted, no page, too many pages, scripts, actions, attachments."""
    _refuse_cut_pdf(stream)
    with _reading("pdf_unreadable", gettext_noop("PDF 打不开，文件可能已损坏；请重新生成后上传。")):
        root = _pdf_root(stream)
        pages = _count_pages(root, limits)
        problems = _active_content(root, limits)
    if problems:
        raise Refused(problems)
    return Facts(pages=pages)


def _refuse_cut_pdf(stream: BinaryIO) -> None:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - TAIL))
    if b"%%EOF" not in stream.read(TAIL):
        raise _refuse("pdf_cut_off", gettext_noop("PDF 不完整，缺少结尾；请检查原文件能否打开，再重新上传。"))
    stream.seek(0)


def _pdf_root(stream: BinaryIO) -> DictionaryObject:
    encrypted = _refuse("pdf_encrypted", gettext_noop("PDF 设有密码或权限限制；请取消后重新保存，再上传。"))
    try:
        reader = PdfReader(stream, strict=False)
    except DependencyError as error:  # an encryption for which pypdf wants another library
        raise encrypted from error
    if reader.is_encrypted:
        raise encrypted
    return reader.root_object


def _count_pages(root: DictionaryObject, limits: Limits) -> int:
    """Count the leaves of the page tree without trusting its /Count and without following a circle."""
    seen: set[tuple[int, int]] = set()
    waiting: list[Any] = [root.raw_get("/Pages")] if "/Pages" in root else []
    pages = 0
    while waiting:
        node = _fresh(waiting.pop(), seen)
        if not isinstance(node, DictionaryObject):
            continue
        if "/Kids" in node:
            kids = node["/Kids"]
            waiting.extend(kids if isinstance(kids, ArrayObject) else [])
        else:
            pages += 1
        if pages > limits.pages:
            message = gettext_noop("PDF 超过 %(limit)s 页；请拆分后上传。")
            raise _refuse("pdf_too_many_pages", message, limit=limits.pages)
    if not pages:
        raise _refuse("pdf_without_pages", gettext_noop("PDF 里没有任何页面；请检查导出设置后重新生成。"))
    return pages


def _fresh(value: Any, seen: set[tuple[int, int]]) -> Any:
    """Resolve a reference once; a second meeting with the same object gives None."""
    if not isinstance(value, IndirectObject):
        return value
    key = (value.idnum, value.generation)
    if key in seen:
        return None
    seen.add(key)
    return value.get_object()


def _active_content(root: DictionaryObject, limits: Limits) -> list[Problem]:
    """Walk everything that a reader could act upon; return each kind of trouble once, in a fixed order."""
    seen: set[tuple[int, int]] = set()
    found: set[str] = set()
    waiting: list[Any] = [root]
    walked = 0
    while waiting:
        node = _fresh(waiting.pop(), seen)
        walked += 1
        if walked > limits.nodes:
            raise _refuse("pdf_too_complex", gettext_noop("PDF 结构过于复杂，无法检查；请用“打印为 PDF”重新生成。"))
        if isinstance(node, DictionaryObject):
            found.update(problem.code for problem in _troubles(node))
            waiting.extend(value for key, value in node.items() if key not in QUIET_PARTS)
        elif isinstance(node, ArrayObject):
            waiting.extend(node)
    return [problem for problem in (SCRIPT, LAUNCH, ATTACHED, DYNAMIC_FORM) if problem.code in found]


def _troubles(node: DictionaryObject) -> Iterator[Problem]:
    action = node.get("/S")
    if "/JS" in node:
        yield SCRIPT
    if isinstance(action, str) and action in ACTIONS:
        yield ACTIONS[action]
    if "/EF" in node or node.get("/Subtype") in MULTIMEDIA:
        yield ATTACHED
    if "/XFA" in node:
        yield DYNAMIC_FORM


# --- pictures -----------------------------------------------------------------------------------------------------

CUT_IMAGE = gettext_noop("图片不完整或已损坏；请检查原图能否打开，再重新上传。")


def open_image(stream: BinaryIO, limits: Limits = LIMITS) -> Image.Image:
    """Open a JPEG or PNG without decoding it. Refused where it is damaged or has too many pixels."""
    stream.seek(0)
    too_large = _refuse(
        "image_too_large",
        gettext_noop("图片像素过多（上限 %(limit)s 万像素）；请在相机或看图软件中改用较低分辨率。"),
        limit=limits.pixels // 10_000,
    )
    with reading_image():
        try:
            image = Image.open(stream, formats=("JPEG", "PNG"))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise too_large from error
    if image.width * image.height > limits.pixels:
        raise too_large
    return image


@contextmanager
def reading_image() -> Iterator[None]:
    """Refuse a picture whose decoding fails on the way."""
    with _reading("image_damaged", CUT_IMAGE):
        yield


def look_into_image(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Return the facts of a JPEG or PNG that decodes to its end. Refused: damaged, cut off, too many pixels."""
    image = open_image(stream, limits)
    facts = facts_of_image(image)
    with reading_image():
        # A JPEG is decoded at an eighth of its size: every byte is read, a fraction of the memory is used.
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    return facts


def facts_of_image(image: Image.Image) -> Facts:
    """Read what the camera wrote. Metadata that makes no sense counts as absent; the picture stays good."""
    width, height = image.size
    try:
        exif = image.getexif()
        details, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        if exif.get(ExifTags.Base.Orientation) in {5, 6, 7, 8}:
            width, height = height, width
        return Facts(None, width, height, _taken_at(exif, details), _position(place))
    except Exception:  # hostile EXIF raises almost anything
        return Facts(None, width, height)


def _taken_at(exif: Image.Exif, details: dict[int, Any]) -> datetime | None:
    """The moment on the camera's clock (EXIF 2.32, DateTimeOriginal with OffsetTimeOriginal), or None."""
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal) or "").strip("\x00 ")
    try:
        moment = datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo) if offset else moment
    except ValueError:
        return moment


def _position(place: dict[int, Any]) -> tuple[float, float] | None:
    """Degrees from EXIF's degrees, minutes, seconds; None where absent, out of range or the empty (0, 0)."""
    try:
        latitude = _degrees(place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] == "S")
        longitude = _degrees(place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] == "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    legal = -90 <= latitude <= 90 and -180 <= longitude <= 180 and (latitude, longitude) != (0, 0)
    return (latitude, longitude) if legal else None


def _degrees(parts: Iterable[Any], negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = round(degrees + minutes / 60 + seconds / 3600, 6)
    return -value if negative else value


# --- workbooks and presentations ----------------------------------------------------------------------------------

WORKBOOK = "xl/workbook.xml"
PRESENTATION = "ppt/presentation.xml"
BROKEN_ARCHIVE = gettext_noop("文件不完整或已损坏；请用办公软件打开并另存后重新上传。")


def office_kind(stream: BinaryIO) -> str:
    """Which office document a zip archive holds: "xlsx", "pptx", "docx", or "zip" for anything else."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError):
        return "zip"
    marks = {WORKBOOK: "xlsx", PRESENTATION: "pptx", "word/document.xml": "docx"}
    return next((kind for mark, kind in marks.items() if {mark, "[Content_Types].xml"} <= names), "zip")


def look_into_workbook(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Return the number of sheets as pages. Refused: damaged, unpacks too large, macros, not readable."""
    _check_archive(stream, limits)
    stream.seek(0)
    with _reading("workbook_unreadable", gettext_noop("工作簿打不开；请用办公软件另存为 .xlsx 后重新上传。")):
        workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in workbook.worksheets:
                next(sheet.iter_rows(max_row=1), None)
            sheets = len(workbook.worksheets)
        finally:
            workbook.close()
    if not sheets:
        raise _refuse("workbook_without_sheets", gettext_noop("工作簿里没有工作表；请检查后重新上传。"))
    return Facts(pages=sheets)


def look_into_presentation(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Return the number of slides as pages. Refused: damaged, unpacks too large, macros, no slide."""
    _check_archive(stream, limits)
    stream.seek(0)
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
    slides = sum(name.startswith("ppt/slides/slide") and name.endswith(".xml") for name in names)
    if not slides:
        raise _refuse("presentation_without_slides", gettext_noop("演示文稿里没有幻灯片；请检查后重新上传。"))
    return Facts(pages=slides)


def _check_archive(stream: BinaryIO, limits: Limits) -> None:
    """Refuse an archive that is damaged, unpacks beyond the limits, or carries macros."""
    stream.seek(0)
    with _reading("archive_damaged", BROKEN_ARCHIVE), zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        _refuse_bomb(entries, limits)
        if any(entry.filename.lower().endswith("vbaproject.bin") for entry in entries):
            message = gettext_noop("文件含有宏；请另存为不含宏的格式（.xlsx、.pptx）后上传。")
            raise _refuse("archive_with_macros", message)
        if archive.testzip() is not None:
            raise _refuse("archive_damaged", BROKEN_ARCHIVE)
        for entry in entries:
            if entry.filename.lower().endswith((".xml", ".rels")):
                with archive.open(entry) as part:
                    _refuse_declarations(part)


def _refuse_declarations(part: IO[bytes]) -> None:
    """No office program writes a document type; with one, a few bytes stand for gigabytes, or for somebody's files."""
    seen: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *said: seen.append(True)
    parser.StartElementHandler = lambda *said: seen.append(False)  # it could only have stood before
    with suppress(expat.ExpatError):  # damage is told by whoever reads the part
        while not seen and (chunk := part.read(4096)):
            parser.Parse(chunk)
    if seen[:1] == [True]:
        message = gettext_noop("文件内含外部声明（DTD）；请用办公软件打开并另存后重新上传。")
        raise _refuse("archive_with_declarations", message)


def _refuse_bomb(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    # zipfile never unpacks more than an entry declares, so the declared sizes are a true bound.
    suspicious = any(
        entry.file_size > MEGABYTE and entry.file_size > limits.ratio * max(1, entry.compress_size) for entry in entries
    )
    if suspicious or len(entries) > limits.entries or sum(entry.file_size for entry in entries) > limits.unpacked:
        message = gettext_noop("文件解压后过大，无法检查；请删去多余内容、减少图片，或拆分后上传。")
        raise _refuse("archive_too_large", message)


# --- films and drawings -------------------------------------------------------------------------------------------

BROKEN_FILM = gettext_noop("视频不完整或不是标准的 MP4；请用手机或剪辑软件重新导出为 MP4 后上传。")
SMALLEST_DRAWING = 1024


def look_into_film(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Check the boxes of an MP4 container (ISO/IEC 14496-12): ftyp first, moov and mdat whole. Refused otherwise."""
    names = []
    for name in _boxes(stream):
        names.append(name)
        if len(names) > limits.entries:
            break
    if names[:1] != [b"ftyp"] or not {b"moov", b"mdat"} <= set(names):
        raise _refuse("film_damaged", BROKEN_FILM)
    return Facts()


def _boxes(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the names of the top-level boxes; Refused where one reaches beyond the end of the file."""
    end = stream.seek(0, io.SEEK_END)
    at = 0
    while at < end:
        stream.seek(at)
        head = stream.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = end - at
        if size < 8 or at + size > end:
            raise _refuse("film_damaged", BROKEN_FILM)
        yield head[4:8]
        at += size


def look_into_drawing(stream: BinaryIO, limits: Limits = LIMITS) -> Facts:
    """Check the version mark of a DWG ("AC10" and two digits) and that more than the header is there.

    The format is not published, so a drawing that was cut off further in cannot be told from a whole one.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(6)
    if head[:4] != b"AC10" or not head[4:].isdigit() or size < SMALLEST_DRAWING:
        message = gettext_noop("图纸不是可识别的 DWG 文件或不完整；请在绘图软件中另存为 DWG（2000 及以上版本）后上传。")
        raise _refuse("drawing_damaged", message)
    return Facts()


LOOKS: dict[str, Callable[[BinaryIO, Limits], Facts]] = {
    "pdf": look_into_pdf,
    "jpg": look_into_image,
    "xlsx": look_into_workbook,
    "pptx": look_into_presentation,
    "mp4": look_into_film,
    "dwg": look_into_drawing,
}
