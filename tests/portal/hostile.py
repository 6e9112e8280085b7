"""Files as an attacker, a broken phone or a hurried clerk would send them; each made here, byte by byte, for the tests."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from openpyxl import Workbook
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject, NameObject, NumberObject, TextStringObject


def pdf(*, pages: int = 1) -> PdfWriter:
    """A PDF being written, of empty pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(100, 100)
    return writer


def written(writer: PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def names(**values: object) -> DictionaryObject:
    """A PDF dictionary; plain strings become names."""
    return DictionaryObject(
        {NameObject(f"/{key}"): NameObject(value) if type(value) is str else value for key, value in values.items()}
    )


SCRIPT = names(S="/JavaScript", JS=TextStringObject("app.alert(1)"))


def with_root_entry(key: str, value: object) -> bytes:
    writer = pdf()
    writer.root_object[NameObject(key)] = value
    return written(writer)


def with_page_entry(key: str, value: object) -> bytes:
    writer = pdf()
    writer.pages[0][NameObject(key)] = value
    return written(writer)


def with_bookmark_script() -> bytes:
    writer = pdf()
    bookmark = writer.add_outline_item(title="封面", page_number=0)
    bookmark.get_object()[NameObject("/A")] = SCRIPT
    return written(writer)


def with_chained_script() -> bytes:
    harmless = names(S="/Named", N="/NextPage", Next=ArrayObject([SCRIPT]))
    return with_page_entry("/Annots", ArrayObject([names(Type="/Annot", Subtype="/Link", A=harmless)]))


def with_attachment() -> bytes:
    writer = pdf()
    writer.add_attachment("invoice.exe", b"MZ")
    return written(writer)


def with_everything() -> bytes:
    writer = pdf()
    writer.add_attachment("invoice.exe", b"MZ")
    writer.pages[0][NameObject("/AA")] = names(O=SCRIPT)
    writer.root_object[NameObject("/AcroForm")] = names(XFA=ArrayObject([]), Fields=ArrayObject([]))
    writer.root_object[NameObject("/OpenAction")] = names(S="/Launch", F=TextStringObject("cmd.exe"))
    return written(writer)


def encrypted(password: str) -> bytes:
    writer = pdf()
    writer.encrypt(password, "owner", algorithm="RC4-128")
    return written(writer)


def encrypted_with_aes() -> bytes:
    """A trailer that asks for AES-256, for which pypdf alone has no code."""
    writer = pdf()
    content = written(writer)
    entry = b"/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -4/O<%s>/U<%s>/OE<%s>/UE<%s>/Perms<%s>" % (
        b"00" * 48, b"00" * 48, b"00" * 32, b"00" * 32, b"00" * 16,
    )  # fmt: skip
    filters = b"/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/StmF/StdCF/StrF/StdCF>>/ID[<00><00>]"
    at = content.rindex(b"/Root")
    return content[:at] + entry + filters + content[at:]


def with_page_circle() -> bytes:
    """A page tree whose only branch leads back to its root."""
    writer = pdf()
    tree = writer.root_object["/Pages"]
    tree[NameObject("/Kids")] = ArrayObject([writer.root_object.raw_get("/Pages")])
    tree[NameObject("/Count")] = NumberObject(7)
    return written(writer)


def without_pages() -> bytes:
    return written(PdfWriter())


def with_signature() -> bytes:
    """A form whose only field is a signature: what a sealed PDF looks like, and welcome."""
    field = names(FT="/Sig", T=TextStringObject("印章"), V=names(Type="/Sig", Filter="/Adobe.PPKLite"))
    form = names(Fields=ArrayObject([field]), SigFlags=NumberObject(3), NeedAppearances=BooleanObject(False))
    return with_root_entry("/AcroForm", form)


def picture(format_name: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", colour: object = "navy") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, format_name)
    return buffer.getvalue()


def noise(format_name: str) -> bytes:
    """A picture that does not compress, so that half of its bytes is half of the picture."""
    buffer = io.BytesIO()
    Image.effect_noise((256, 256), 90).convert("RGB").save(buffer, format_name)
    return buffer.getvalue()


def png_bomb(side: int) -> bytes:
    """A few bytes that claim to be ``side`` x ``side`` pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def archive(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return buffer.getvalue()


def workbook() -> bytes:
    buffer = io.BytesIO()
    book = Workbook()
    book.active.append(["设备", "数量"])
    book.save(buffer)
    return buffer.getvalue()


def workbook_with(**extra: bytes) -> bytes:
    """The good workbook with entries replaced or added; "__" in a name stands for "/"."""
    with zipfile.ZipFile(io.BytesIO(workbook())) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    return archive(
        {**entries, **{name.replace("__", "/").replace("_DOT_", "."): value for name, value in extra.items()}}
    )


def presentation(slides: int = 2) -> bytes:
    entries = {"[Content_Types].xml": b"<Types/>", "ppt/presentation.xml": b"<p/>"}
    return archive({**entries, **{f"ppt/slides/slide{number}.xml": b"<s/>" for number in range(1, slides + 1)}})


def film(*boxes: tuple[bytes, int], brand: bytes = b"isom") -> bytes:
    """An MP4 container of an ftyp and ``boxes`` (name, length of content)."""
    head = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"mp42"
    return head + b"".join(struct.pack(">I", length + 8) + name + bytes(length) for name, length in boxes)


def film_with_box_of(size: int) -> bytes:
    """An MP4 whose second box claims ``size`` bytes."""
    return film() + struct.pack(">I", size) + b"moov" + bytes(64)


def drawing(version: bytes = b"AC1032", length: int = 4096) -> bytes:
    return version + bytes(length - len(version))


def with_many_pages(count: int) -> bytes:
    """A PDF of ``count`` pages, each an object of its own, written without a library that would take minutes."""
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids)]
    bodies += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * count
    parts, places, at = [b"%PDF-1.4\n"], [], 9
    for number, body in enumerate(bodies, 1):
        places.append(at)
        parts.append(b"%d 0 obj%sendobj\n" % (number, body))
        at += len(parts[-1])
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, at)
    return b"".join([*parts, head, table, tail])


def workbook_with_declarations() -> bytes:
    """A workbook whose strings are entities of entities of entities."""
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 9))
    return workbook_with(
        xl__workbook_DOT_xml=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">' + laughs + b"]><x>&l8;</x>"
    )
