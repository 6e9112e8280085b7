"""The standard document 评价标准: read, refused with every reason, or frozen.

Hides files, shapes and rules. ``parse`` takes what somebody uploads; ``from_document`` takes what was stored after
``parse`` accepted it; the rest of the portal sees only the frozen ``Standard`` and its hash.
"""

from __future__ import annotations

import hashlib
import json

from evaluation.standard.checking import check_document
from evaluation.standard.items import (
    NOT_APPLICABLE,
    Item,
    LegalMarks,
    Linear,
    Mark,
    Part,
    Tier,
    check_mark,
    legal_marks,
    points_of,
)
from evaluation.standard.numbers import exact, rounded, rounded_text, to_text, without_idle_decimals
from evaluation.standard.places import Report
from evaluation.standard.reading import places_of, read
from evaluation.standard.structure import (
    Chapter,
    Document,
    Eligibility,
    Level,
    Panel,
    Scoring,
    Section,
    Selection,
    Stage,
    StageDocument,
    Standard,
    from_document,
)
from portal.problems import Problem, Refused

__all__ = [
    "NOT_APPLICABLE",
    "Chapter",
    "Document",
    "Eligibility",
    "Item",
    "LegalMarks",
    "Level",
    "Linear",
    "Mark",
    "Panel",
    "Part",
    "Scoring",
    "Section",
    "Selection",
    "Stage",
    "StageDocument",
    "Standard",
    "Tier",
    "canonical",
    "check_mark",
    "exact",
    "from_document",
    "legal_marks",
    "parse",
    "points_of",
    "problems_of",
    "rounded",
    "rounded_text",
    "sha256_of",
    "to_text",
]


def parse(source: bytes | str, name: str) -> Standard:
    """Return the standard that a file holds.

    name: the file's name; one that ends in ``.json`` is read as JSON, any other as YAML. Raises Refused with all
    problems at once, each at "第 N 行" of YAML or at a path of JSON.
    """
    reading = read(source, name)
    report = Report(reading.places)
    report.extend(reading.problems)
    problems = check_document(reading.document, report)
    if problems or not isinstance(reading.document, dict):
        raise Refused(problems)
    return from_document(reading.document)


def problems_of(document: object) -> list[Problem]:
    """Return everything that is wrong with a plain document that comes from no file, each at its JSON path."""
    return check_document(document, Report(places_of(document)))


def canonical(document: Document) -> bytes:
    """Return the one way to write a document down: JSON with sorted keys, UTF-8, no spaces, whole numbers without ".0".

    Raises ValueError for NaN and infinity, which ``parse`` lets into no document.
    """
    plain = without_idle_decimals(document)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def sha256_of(document: Document) -> str:
    """Return the SHA-256 of the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(document)).hexdigest()
