"""Files that can really be read, for demonstrations and tests: documents, photos, workbooks, a short film.

Hides: how each is drawn. Everything is invented and says so; the same arguments give the same bytes on every machine, another
seed gives others, so that the papers of two projects never share a hash. There is no sample DWG: the format is not published,
and a file that only begins like a drawing would be a lie.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from openpyxl import Workbook
from PIL import ExifTags, Image, ImageDraw, ImageFont

from portal import sample_film, typesetting

ISSUED_ON = date(2026, 1, 5)
ROOMS = ("弱电间", "消防控制室", "进线间", "物业服务中心", "水泵房", "配电间", "网络机房", "门卫", "架空层", "快递柜")
DRAWINGS = ("弱电系统平面示意", "监控点位示意", "综合布线示意", "出入口布置示意", "机房布置示意")


def _chance(*parts: object) -> random.Random:
    """A source of chance that depends on ``parts`` alone."""
    return random.Random("|".join(map(str, parts)))  # noqa: S311  # nothing here is a secret


# --- documents ----------------------------------------------------------------------------------------------------


def sample_pdf(title: str, lines: Sequence[str], *, pages: int = 1, seed: int = 0) -> bytes:
    """A PDF/A of ``pages`` A4 pages: ``lines`` spread over them in order, a drawing on every page after the first."""
    chance = _chance("pdf", title, seed)
    per_page = -(-len(lines) // pages)
    code = hashlib.sha256(f"{title}|{seed}".encode()).hexdigest()[:12].upper()
    content = [
        {
            "lines": list(lines[page * per_page : (page + 1) * per_page]),
            "drawing": _drawing(chance) if page or pages == 1 else None,
        }
        for page in range(pages)
    ]
    data = {"title": title, "code": f"示例编号 {code}", "issued_on": ISSUED_ON, "pages": content}
    return typesetting.render("sample", data, replace_missing=True)


def _drawing(chance: random.Random) -> dict[str, Any]:
    """A plan of 160 x 100 mm cut into rooms by a random grid."""
    across = [0, *sorted(chance.sample(range(30, 140, 10), 3)), 160]
    down = [0, chance.randrange(30, 70, 5), 100]
    names = chance.sample(ROOMS, 8)
    rooms = [
        {"name": names.pop(), "x": left, "y": top, "width": right - left, "height": bottom - top}
        for left, right in zip(across, across[1:], strict=False)
        for top, bottom in zip(down, down[1:], strict=False)
    ]
    return {"name": chance.choice(DRAWINGS), "rooms": rooms}


# --- photos -------------------------------------------------------------------------------------------------------


def sample_photo(
    title: str,
    *,
    seed: int = 0,
    taken_at: datetime | None = None,
    position: tuple[float, float] | None = None,
    sideways: bool = False,
) -> bytes:
    """A JPEG of 1280 x 960 pixels: a drawn scene that fits ``title``, with a label.

    taken_at (with its offset where aware) and position (latitude, longitude in degrees) stand in the EXIF data. sideways:
    stored turned, with the orientation mark of a phone held upright.
    """
    chance = _chance("photo", title, seed)
    image = Image.new("RGB", (1280, 960), "#dfe6ec")
    pen = ImageDraw.Draw(image)
    _scene_of(title, chance)(pen, chance)
    pen.rectangle((0, 884, 1280, 960), fill="#1d2733")
    label = f"{title}　示例照片 {chance.randrange(10**6):06d}"
    pen.text((28, 898), label, font=_label_font(34), fill="white")
    if taken_at is not None:
        moment, font = f"{taken_at:%Y-%m-%d %H:%M}", _label_font(28)
        pen.text((1252, 40), moment, "#f2b632", font, anchor="ra", stroke_width=2, stroke_fill="#1d2733")
    if sideways:
        image = image.transpose(Image.Transpose.ROTATE_90)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, exif=_exif(taken_at, position, sideways))
    return buffer.getvalue()


@cache
def _label_font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(typesetting.FONTS / "NotoSansCJKsc-Regular.otf", size)


def _exif(taken_at: datetime | None, position: tuple[float, float] | None, sideways: bool) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Example"
    if sideways:
        exif[ExifTags.Base.Orientation] = 6
    if taken_at is not None:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        details[ExifTags.Base.DateTimeOriginal] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
        if taken_at.tzinfo is not None:
            offset = f"{taken_at:%z}"
            details[ExifTags.Base.OffsetTimeOriginal] = f"{offset[:3]}:{offset[3:5]}"
    if position is not None:
        latitude, longitude = position
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        place[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
        place[ExifTags.GPS.GPSLatitude] = _sexagesimal(latitude)
        place[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
        place[ExifTags.GPS.GPSLongitude] = _sexagesimal(longitude)
    return exif


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    """Degrees, minutes and seconds; the seconds to four places, which is finer than a camera knows."""
    whole, rest = divmod(round(abs(degrees) * 36_000_000), 36_000_000)
    minutes, seconds = divmod(rest, 600_000)
    return float(whole), float(minutes), seconds / 10_000


Scene = Callable[[ImageDraw.ImageDraw, random.Random], None]


def _scene_of(title: str, chance: random.Random) -> Scene:
    """The scene whose words occur in the title, else any."""
    fitting = [scene for words, scene in SCENES if re.search(words, title)]
    return chance.choice(fitting or [scene for _, scene in SCENES])


def _elevation(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """A block of flats, some windows lit."""
    pen.rectangle((0, 0, 1280, 620), fill="#bcd3e6")
    pen.rectangle((0, 760, 1280, 884), fill="#9aa88f")
    left = chance.randrange(140, 300)
    floors, columns = chance.randrange(8, 13), chance.randrange(6, 10)
    pen.rectangle((left, 80, left + columns * 90 + 40, 800), fill="#d8c8b4", outline="#6b5d4d", width=4)
    for floor in range(floors):
        for column in range(columns):
            x, y = left + 40 + column * 90, 110 + floor * (640 // floors)
            lit = chance.random() < 0.3
            pen.rectangle((x, y, x + 54, y + 360 // floors), fill="#ffe9a8" if lit else "#5b7486", outline="#3d4c59")


def _pipes(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """Pipes laid before the concrete is poured."""
    pen.rectangle((0, 0, 1280, 884), fill="#b9b2a6")
    for x in range(0, 1280, 64):
        pen.line((x, 0, x, 884), fill="#8d7f6d", width=5)
    for y in range(0, 884, 64):
        pen.line((0, y, 1280, y), fill="#8d7f6d", width=5)
    for _ in range(chance.randrange(5, 9)):
        bend, top, bottom = chance.randrange(160, 1120), chance.randrange(40, 400), chance.randrange(420, 840)
        colour = chance.choice(("#c8372d", "#2d6fc8", "#e7e3d8", "#3a9a5b"))
        pen.line((0, top, bend, top, bend, bottom, 1280, bottom), fill=colour, width=22, joint="curve")


def _cabinet(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """A rack of equipment with lamps."""
    pen.rectangle((0, 0, 1280, 884), fill="#e9ecef")
    pen.rectangle((360, 40, 920, 860), fill="#2b323a", outline="#11161b", width=8)
    for unit in range(chance.randrange(9, 13)):
        y = 70 + unit * 62
        pen.rectangle((390, y, 890, y + 46), fill=chance.choice(("#4a5560", "#3c4650", "#59646f")))
        for lamp in range(16):
            colour = chance.choice(("#35d07f", "#35d07f", "#f2b632", "#20262c"))
            pen.ellipse((410 + lamp * 28, y + 16, 422 + lamp * 28, y + 28), fill=colour)


def _gate(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """An entrance with a barrier and a camera on its pole."""
    pen.rectangle((0, 0, 1280, 520), fill="#cfe0ec")
    pen.rectangle((0, 520, 1280, 884), fill="#7d8790")
    pole = chance.randrange(880, 1080)
    pen.rectangle((pole, 140, pole + 18, 640), fill="#49535c")
    pen.rectangle((pole - 90, 130, pole + 10, 176), fill="#f4f6f8", outline="#2b323a", width=4)
    pen.ellipse((pole - 96, 138, pole - 66, 168), fill="#11161b")
    pen.rectangle((160, 380, 230, 680), fill="#d9822b", outline="#8a4d12", width=4)
    for part in range(10):
        pen.rectangle((230 + part * 60, 430, 290 + part * 60, 458), fill="#c8372d" if part % 2 else "#ffffff")


SCENES: tuple[tuple[str, Scene], ...] = (
    ("外立面|楼|全景|小区|绿化", _elevation),
    ("管|预埋|桥架|布线|线缆", _pipes),
    ("柜|机房|设备|网络|配电|服务器|泵", _cabinet),
    ("门|出入口|道闸|摄像|监控|车", _gate),
)


# --- workbooks ----------------------------------------------------------------------------------------------------


def sample_xlsx(rows: Sequence[Sequence[Any]], *, seed: int = 0, sheet: str = "数据") -> bytes:
    """A workbook with one sheet of ``rows`` and one that says it is invented. Text that begins with = + - @ stays text."""
    workbook = Workbook()
    table: Any = workbook.active
    table.title = sheet
    for row, values in enumerate(rows, start=1):
        for column, value in enumerate(values, start=1):
            cell = table.cell(row, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
    note: Any = workbook.create_sheet("说明")
    note.append(["示例数据，内容虚构", f"编号 {_chance('xlsx', seed).getrandbits(48):012X}"])
    buffer = io.BytesIO()
    workbook.save(buffer)
    return _without_clock(buffer.getvalue())


def _without_clock(archive: bytes) -> bytes:
    """The same archive with every time fixed: openpyxl writes the present moment into it."""
    fixed = io.BytesIO()
    moment = datetime(ISSUED_ON.year, ISSUED_ON.month, ISSUED_ON.day, tzinfo=UTC)
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode(), content)
            target.writestr(zipfile.ZipInfo(entry.filename, moment.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


# --- films --------------------------------------------------------------------------------------------------------


def sample_mp4(title: str, *, seed: int = 0, seconds: int = 3) -> bytes:
    """A film of 320 x 240 pixels that shows one labelled scene for ``seconds``; H.264, plays in any browser."""
    picture = Image.open(io.BytesIO(sample_photo(title, seed=seed))).resize((320, 240), Image.Resampling.LANCZOS)
    return sample_film.film(picture, seconds)
