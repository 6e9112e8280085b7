"""Two people write in the same place: which fields each of them changed, and what is kept of both.

Hides: that whoever writes shows what was last seen by short digests of the fields, so that no page sends old text again.
Plain Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DIGITS = 12


def digest(value: Any) -> str:
    """Twelve hexadecimal digits of the SHA-256 of a JSON value: enough to see that it has changed."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def seen_text(values: Mapping[str, Any]) -> str:
    """What a page hands out with the values it shows: "field:digest" of each, separated by spaces."""
    return " ".join(f"{name}:{digest(value)}" for name, value in values.items())


def read_seen(text: str) -> dict[str, str]:
    """Field -> digest as a page handed them out; whatever reads otherwise is left out, and then counts as unseen."""
    pairs = (part.partition(":") for part in text.split())
    return {name: found for name, _colon, found in pairs if name and len(found) == DIGITS}


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of two writers. values: every field as it is to be kept.

    taken: fields that only the other changed; clashing: fields that both changed, each in another way.
    """

    values: dict[str, Any]
    taken: tuple[str, ...]
    clashing: tuple[str, ...]


def merge(mine: Mapping[str, Any], now: Mapping[str, Any], seen: Mapping[str, str]) -> Merged:
    """Join what one person sends (``mine``) with what is kept ``now``.

    seen: field -> digest of what that person was shown; a field that is left out was not seen, so any difference clashes.
    """
    values, taken, clashing = dict(now), [], []
    for name, value in mine.items():
        if value == now[name]:
            continue
        if seen.get(name) == digest(now[name]):
            values[name] = value
        elif seen.get(name) == digest(value):
            taken.append(name)
        else:
            clashing.append(name)
    return Merged(values, tuple(taken), tuple(clashing))


@dataclass(frozen=True, slots=True)
class Taken:
    """What a save took over from somebody else: in which fields, whose, since when."""

    fields: tuple[str, ...]
    by: str
    at: datetime | None
