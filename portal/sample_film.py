"""A short film that plays in a browser, written bit by bit without an encoder.

Hides: the few corners of H.264 (ITU-T H.264, baseline profile) and MP4 (ISO/IEC 14496-12, -15) that it takes to show one picture:
one frame of uncompressed macroblocks (I_PCM), then frames that say "as before".
"""

from __future__ import annotations

from PIL import Image

FRAMES_PER_SECOND = 5
BLOCK = 16  # a macroblock is 16 x 16 pixels
PCM_BLOCK = 25  # mb_type I_PCM, table 7-11


class Bits:
    """Bits of a NAL unit, most significant first."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def number(self, value: int, width: int) -> Bits:
        """u(width): a plain number."""
        self._text.append(format(value, f"0{width}b"))
        return self

    def golomb(self, *values: int) -> Bits:
        """ue(v): exponential Golomb codes of numbers >= 0 (clause 9.1); se(v) of 0 is the same bit."""
        for value in values:
            code = format(value + 1, "b")
            self._text.append("0" * (len(code) - 1) + code)
        return self

    def padded(self, stop: bool) -> bytes:
        """The bits as bytes; ``stop`` ends a unit with its one-bit (rbsp_trailing_bits), else zeros align."""
        text = "".join(self._text) + ("1" if stop else "")
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def film(picture: Image.Image, seconds: int) -> bytes:
    """MP4 of ``seconds`` showing ``picture``, whose sides must be multiples of 16 pixels (else ValueError)."""
    if picture.width % BLOCK or picture.height % BLOCK:
        raise ValueError(f"sides must be multiples of {BLOCK}: {picture.size}")
    blocks = picture.width * picture.height // BLOCK**2
    frames = [_still(picture)]
    frames += [_as_before(number, blocks) for number in range(1, seconds * FRAMES_PER_SECOND)]
    samples = [len(frame).to_bytes(4, "big") + frame for frame in frames]
    head = _box(b"ftyp", b"isom", _u32(512), b"isomiso2avc1mp41")
    offset = len(head) + len(_movie(picture.size, samples, 0)) + 8
    return head + _movie(picture.size, samples, offset) + _box(b"mdat", *samples)


# --- H.264 --------------------------------------------------------------------------------------------------------


def _sequence_set(size: tuple[int, int]) -> bytes:
    width, height = size[0] // BLOCK, size[1] // BLOCK
    # Constrained baseline, level 3.0; output in decoding order, one reference frame, whole frames, no cropping.
    bits = Bits().number(66, 8).number(0b11000000, 8).number(30, 8).golomb(0, 0, 2, 1).number(0, 1)
    bits.golomb(width - 1, height - 1).number(1, 1).number(1, 1).number(0, 1).number(0, 1)
    return b"\x67" + _escaped(bits.padded(stop=True))


def _picture_set() -> bytes:
    bits = Bits().golomb(0, 0).number(0, 2).golomb(0, 0, 0).number(0, 3).golomb(0, 0, 0).number(0b100, 3)
    return b"\x68" + _escaped(bits.padded(stop=True))


def _still(picture: Image.Image) -> bytes:
    """An IDR slice in which every macroblock holds its samples as they are."""
    luma, blue, red = _planes(picture)
    width, height = picture.size
    header = Bits().golomb(0, 7, 0).number(0, 4).golomb(0).number(0, 2).golomb(0, 1)
    mark = Bits().golomb(PCM_BLOCK).padded(stop=False)
    parts = [header.golomb(PCM_BLOCK).padded(stop=False)]
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            half = (left // 2, top // 2, left // 2 + 8, top // 2 + 8)
            parts += [luma.crop((left, top, left + BLOCK, top + BLOCK)).tobytes()]
            parts += [blue.crop(half).tobytes(), red.crop(half).tobytes(), mark]
    parts[-1] = b"\x80"  # after the last block the stop bit stands where the next block's mark would
    return b"\x65" + _escaped(b"".join(parts))


def _as_before(number: int, blocks: int) -> bytes:
    """A P slice that skips all its macroblocks. number: frames since the still one."""
    bits = Bits().golomb(0, 5, 0).number(number % 16, 4).number(0, 3).golomb(0, 1, blocks)
    return b"\x41" + _escaped(bits.padded(stop=True))


def _planes(picture: Image.Image) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Luma and the two halved chroma planes in video range (16-235, 16-240)."""
    luma, blue, red = picture.convert("YCbCr").split()
    half = (picture.width // 2, picture.height // 2)
    luma = luma.point([16 + round(value * 219 / 255) for value in range(256)])
    chroma = [16 + round(value * 224 / 255) for value in range(256)]
    return luma, blue.resize(half).point(chroma), red.resize(half).point(chroma)


def _escaped(payload: bytes) -> bytes:
    """Put a 3 wherever two zeros would be followed by 0 to 3, which would look like a start code (clause 7.4.1)."""
    escaped = bytearray()
    for value in payload:
        if value <= 3 and escaped.endswith(b"\x00\x00"):
            escaped.append(3)
        escaped.append(value)
    return bytes(escaped)


# --- MP4 ----------------------------------------------------------------------------------------------------------


def _u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def _u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _u32(len(content) + 8) + name + content


MATRIX = _u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _movie(size: tuple[int, int], samples: list[bytes], offset: int) -> bytes:
    """The moov box. offset: where the first sample begins in the file."""
    length = len(samples)
    header = _box(
        b"mvhd", _u32(0, 0, 0, FRAMES_PER_SECOND, length, 0x10000), _u16(0x100), bytes(10), MATRIX, bytes(24), _u32(2)
    )
    track = _box(
        b"tkhd",
        _u32(3, 0, 0, 1, 0, length),
        bytes(16),
        MATRIX,
        _u32(size[0] << 16, size[1] << 16),
    )
    clock = _box(b"mdhd", _u32(0, 0, 0, FRAMES_PER_SECOND, length), _u16(0x55C4, 0))
    handler = _box(b"hdlr", _u32(0, 0), b"vide", bytes(12), b"sample\x00")
    links = _box(b"dinf", _box(b"dref", _u32(0, 1), _box(b"url ", _u32(1))))
    information = _box(b"minf", _box(b"vmhd", _u32(1), bytes(8)), links, _sample_table(size, samples, offset))
    return _box(b"moov", header, _box(b"trak", track, _box(b"mdia", clock, handler, information)))


def _sample_table(size: tuple[int, int], samples: list[bytes], offset: int) -> bytes:
    sequence, pictures = _sequence_set(size), _picture_set()
    configuration = _box(
        b"avcC",
        bytes((1, *sequence[1:4], 0xFF, 0xE1)),
        _u16(len(sequence)),
        sequence,
        b"\x01",
        _u16(len(pictures)),
        pictures,
    )
    entry = _box(
        b"avc1", bytes(6), _u16(1), bytes(16), _u16(*size), _u32(0x480000, 0x480000, 0), _u16(1), bytes(32),
        _u16(24, 0xFFFF), configuration,
    )  # fmt: skip
    return _box(
        b"stbl",
        _box(b"stsd", _u32(0, 1), entry),
        _box(b"stts", _u32(0, 1, len(samples), 1)),
        _box(b"stss", _u32(0, 1, 1)),
        _box(b"stsc", _u32(0, 1, 1, len(samples), 1)),
        _box(b"stsz", _u32(0, 0, len(samples)), *(_u32(len(sample)) for sample in samples)),
        _box(b"stco", _u32(0, 1, offset)),
    )
