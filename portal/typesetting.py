"""Official documents as PDF/A-2b, from the templates in ``templates/typst`` and the fonts in ``portal/fonts``.

Hides: typst, how data reaches a template without ever becoming markup, and what is done about characters that no font
of ours can draw. The same data gives the same bytes: the date in the file is the document's own, never the clock's.
"""

from __future__ import annotations

import base64
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst
from PIL import Image

from portal.problems import Problem, Refused, gettext_noop

ROOT = Path(__file__).resolve().parent.parent / "templates" / "typst"
FONTS = Path(__file__).resolve().parent / "fonts"
PICTURE_NAME = re.compile(r"[a-z0-9-]+")
GETA = "〓"  # what Chinese and Japanese printers set where a character is missing
UNDATED = date(2000, 1, 1)
DOTS_PER_INCH = 110  # of a page that is looked at: an A4 sheet is 909 pixels wide


@cache
def _fonts() -> typst.Fonts:
    # Never the machine's own fonts: the same document must look the same everywhere.
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])


@cache
def characters_of(font: str) -> frozenset[str]:
    """Every character that one of our fonts ("serif", "sans", "kai") can draw; see portal/fonts/README.md."""

    def expand() -> Iterator[str]:
        for line in (FONTS / f"{font}.characters").read_text().split():
            first, _, last = line.removeprefix("U+").partition("-")
            yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))

    return frozenset(expand())


def clean(text: str) -> str:
    """Text as it may be printed: composed (NFC), line ends as \\n, without control and direction characters."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    # Cc control, Cf format (direction overrides, zero width), Cs half of a surrogate pair.
    return "".join(sign for sign in composed if sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"})


def missing_characters(text: str) -> str:
    """Return the characters of ``text`` that cannot be printed on a certificate, each once, in order; "" if none."""
    drawn = characters_of("serif")
    return "".join(dict.fromkeys(sign for sign in clean(text) if sign not in drawn and sign != "\n"))


def problem_of_characters(text: str, place: str) -> Problem | None:
    """The sentence for a form or an import where a name cannot be printed, or None where all is well."""
    missing = missing_characters(text)
    if not missing:
        return None
    message = gettext_noop("以下字符无法印制在证书上：%(missing)s（%(codes)s）；请改用规范汉字。")
    codes = "、".join(f"U+{ord(character):04X}" for character in missing)
    return Problem("characters_missing", place, message, {"missing": "、".join(missing), "codes": codes})


def render(
    template: str,
    data: Mapping[str, Any],
    *,
    assets: Mapping[str, bytes] | None = None,
    replace_missing: bool = False,
) -> bytes:
    """Typeset templates/typst/<template>.typ with ``data`` and return the PDF.

    data: plain JSON values and dates; what a template needs stands at its head. ``issued_on`` (date or ISO text) is the
    date of the document, ``check_url`` becomes a QR code,
    or ``check_code`` in its place, which says more than is printed. assets: pictures (JPEG, PNG or SVG) by a name that data
    refers to ("photo-1"); one called "seal" takes the place of the sample seal. ValueError for a name that is not one.

    Raises Refused where a character cannot be drawn. With ``replace_missing`` such characters are printed as 〓 and
    listed by their code points at the end instead: for working papers with free text, never for certificates.
    """
    inputs, project = _prepared(template, data, assets or {}, replace_missing)
    pdf = typst.compile(
        project,
        root=ROOT,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards="a-2b",
        timestamp=_timestamp(data),
    )
    return bytes(pdf)


def pictures(template: str, data: Mapping[str, Any], *, assets: Mapping[str, bytes] | None = None) -> list[bytes]:
    """What ``render`` would print, as a picture (PNG) of each page, for looking at. Raises as it does."""
    inputs, project = _prepared(template, data, assets or {}, False)
    found: Any = typst.compile(
        project,
        root=ROOT,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        format="png",
        ppi=DOTS_PER_INCH,
        timestamp=_timestamp(data),
    )
    return [bytes(page) for page in found] if isinstance(found, list) else [bytes(found)]


def _prepared(
    template: str, data: Mapping[str, Any], assets: Mapping[str, bytes], replace_missing: bool
) -> tuple[dict[str, str], Any]:
    """What typst is given: its inputs, and every file that a template may read. Raises Refused."""
    content = _Content(replace_missing)
    inputs = {"data": json.dumps(content.cleaned(data), ensure_ascii=False)}
    problem = problem_of_characters("".join(content.missing), "") if not replace_missing else None
    if problem is not None:
        raise Refused([problem])
    inputs["not-in-kai"] = "".join(sorted(content.used - characters_of("kai")))
    inputs["replaced"] = "、".join(f"U+{ord(character):04X}" for character in content.missing)
    return inputs, _project(template, data, assets)  # a dictionary of files, unknown to typst's type hints


def _project(template: str, data: Mapping[str, Any], assets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file that the template may read, by name; nothing else on the machine is in its reach."""
    files = {path.name: path.read_bytes() for path in ROOT.iterdir() if path.suffix in {".typ", ".svg"}}
    files["main.typ"] = files[f"{template}.typ"]
    if "check_url" in data:
        files["check.svg"] = qr_svg(str(data.get("check_code") or data["check_url"])).encode()
    for name, picture in assets.items():
        if not PICTURE_NAME.fullmatch(name):
            raise ValueError(f"not the name of a picture: {name!r}")
        files[f"{name}.svg"] = picture if picture.lstrip().startswith(b"<") else _as_svg(picture)
    return files


def _as_svg(picture: bytes) -> bytes:
    """Wrap a JPEG or PNG in SVG: typst takes only text from memory, and the picture goes into the PDF as it is."""
    with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG")) as image:
        (width, height), content_type = image.size, image.get_format_mimetype()
    link = f"data:{content_type};base64,{base64.b64encode(picture).decode()}"
    size = f'width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image {size} href="{link}"/></svg>'.encode()


class _Content:
    """Walks data once: cleans every text, notes which characters are used and which no font has."""

    def __init__(self, replace_missing: bool) -> None:
        self.replace_missing = replace_missing
        self.used: set[str] = set()
        self.missing: dict[str, None] = {}

    def cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {str(key): self.cleaned(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.cleaned(inner) for inner in value]
        return value

    def _text(self, value: str) -> str:
        text, missing = clean(value), missing_characters(value)
        self.missing.update(dict.fromkeys(missing))
        if self.replace_missing and missing:
            text = text.translate(dict.fromkeys(map(ord, missing), GETA))
        self.used.update(text)
        return text


def _timestamp(data: Mapping[str, Any]) -> int:
    """The moment that stands in the file: midnight UTC of the document's own date."""
    day = data.get("issued_on") or UNDATED
    day = day if isinstance(day, date) else date.fromisoformat(str(day))
    return int(datetime.combine(day, time(), UTC).timestamp())


def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M, quiet zone of 4) of ``text`` as SVG without fixed size."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False, boost_error=False).save(
        buffer, kind="svg", border=4, xmldecl=False, omitsize=True
    )
    return buffer.getvalue().decode()
