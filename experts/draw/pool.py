"""The frozen pool: candidates, rules, and the one canonical document in which they are committed to.

Hides the shape of the document and the salted hashes that stand in it for people and employers. Whatever is read back
from a document is checked here to the last type, so that the modules behind can trust it.

A frozen document is pseudonymous, not anonymous: fields, district and load may point at a person to somebody who knows
the pool. Publish the commitment when it is made, and the document, inside the receipt, once the panel may be known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

from portal.problems import Problem, Refused, gettext_noop

FORMAT = "expert-draw-pool-1"
LARGEST_PANEL = 99
HEX_64 = re.compile(r"[0-9a-f]{64}")

# Why somebody is not drawn: code -> sentence. All but the last four are facts that the caller found.
EXCLUSIONS: Mapping[str, str] = MappingProxyType(
    {
        "employed_by_party": gettext_noop("三年内受雇于本案当事单位"),
        "director_of_party": gettext_noop("三年内担任本案当事单位的董事、监事或高级管理人员"),
        "holding_in_party": gettext_noop("三年内持有本案当事单位的股份或其他利益"),
        "kinship": gettext_noop("与本案当事人有亲属关系"),
        "drafted_or_advised": gettext_noop("参与编制或咨询过本案"),
        "handles_case": gettext_noop("本案主管人员，或曾以主管人员身份办理本案"),
        "same_consulting_unit": gettext_noop("与本案咨询服务单位同属一家单位"),
        "self_declared": gettext_noop("本人申明回避"),
        "pinned": gettext_noop("经核定应回避"),
        "paused": gettext_noop("专家资格暂停中"),
        "term_expired": gettext_noop("不在聘期内"),
        "already_drawn": gettext_noop("本案此前已抽中或已谢绝"),
        "unknown_employer": gettext_noop("未登记工作单位的统一社会信用代码，无法核对回避"),
        "no_field": gettext_noop("未登记专业"),
        "load_limit": gettext_noop("本年度评审次数已达上限"),
    }
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert as the portal knows them on the day of freezing.

    employer: unified social credit code, "" if unknown. load: panels of this year. excluded: the code of EXCLUSIONS
    that the caller found (conflict, standing), or None.
    """

    expert_id: str
    fields: tuple[str, ...]
    employer: str
    district: str
    load: int = 0
    can_lead: bool = True
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a panel must look like; frozen with the pool and part of the receipt.

    version: name of this set of rules. size: odd, at least 3. seats: field -> seats at least; the rest of ``size`` is
    open to every field. leader_not_from_district: the applicant's district, where the leader must not come from.
    load_band: width of the load bands, in panels; 0 ignores load. public_source: name of the public value that the draw
    waits for, or None. field_names: field -> what people call it.

    The load rule: within an order, experts are sorted by load band (load of this year divided by load_band, rounded
    down) and inside a band by the drawn lot alone. A narrow band spreads the work evenly, but near the end of a round
    few people are left in the lowest band and an insider could guess who is next; a wide band draws more freely and
    less evenly. Measured over seasons of 200 panels of 5 or 7 out of 182 experts, against the standard deviation of
    load of a draw that ignores load: width 1 leaves 0.13 to 0.34 of it, 2 leaves 0.19 to 0.42, 3 leaves 0.31 to 0.47,
    4 up to 0.59. 2 is the widest that stays well below a half.
    """

    version: str
    size: int
    seats: Mapping[str, int]
    max_per_employer: int = 1
    max_load: int = 12
    leader_not_from_district: str | None = None
    load_band: int = 2
    public_source: str | None = None
    field_names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, code: str) -> str:
        """Return what people call a field."""
        return self.field_names.get(code, code)

    def document(self) -> dict[str, Any]:
        """Return the rules as they stand in a frozen document."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in _parts(self).items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate as it stands in the document: ``id`` and ``employer`` are salted hashes."""

    id: str
    fields: tuple[str, ...]
    employer: str
    district: str
    load: int
    can_lead: bool
    excluded: str | None

    def may_lead(self, rules: Rules) -> bool:
        """Tell whether this expert can lead a panel under these rules."""
        return self.can_lead and self.district != rules.leader_not_from_district


@dataclass(frozen=True)
class Pool:
    """A frozen document that has been read and understood; ``entries`` in the order of the document."""

    subject: str
    rules: Rules
    entries: tuple[Entry, ...]

    @cached_property
    def drawable(self) -> dict[str, Entry]:
        """The entries that can be drawn, by id."""
        return {entry.id: entry for entry in self.entries if entry.excluded is None}

    def document(self) -> dict[str, Any]:
        """Return the document that this pool is read from."""
        return {
            "format": FORMAT,
            "subject": self.subject,
            "rules": self.rules.document(),
            "candidates": [{**_parts(entry), "fields": list(entry.fields)} for entry in self.entries],
        }


@dataclass(frozen=True)
class Frozen:
    """A frozen pool. Both parts are JSON and can be stored as such; ``Frozen(document, identities)`` brings it back.

    document: what the commitment covers; public once the result is. identities: public id -> {"expert_id", "salt",
    "employer", "employer_salt"}; kept apart, opened person by person.
    """

    document: Mapping[str, Any]
    identities: Mapping[str, Mapping[str, str]]

    @cached_property
    def commitment(self) -> str:
        """SHA-256 of the canonical document, in hexadecimal."""
        return sha256(canonical(self.document))

    @cached_property
    def pool(self) -> Pool:
        """The document as read; Refused where it is not one."""
        return read_pool(self.document)

    @cached_property
    def public_ids(self) -> Mapping[str, str]:
        """Expert id -> the id under which the expert stands in the document."""
        return {identity["expert_id"]: public_id for public_id, identity in self.identities.items()}


def _parts(record: Rules | Entry) -> dict[str, Any]:
    """Return the fields of a record as they are (asdict would copy them one by one, and refuses read-only mappings)."""
    return {part.name: getattr(record, part.name) for part in fields(record)}


def canonical(value: object) -> str:
    """Return the one way to write a JSON value: sorted keys, no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal. ValueError for text that UTF-8 cannot write."""
    return hashlib.sha256(text.encode()).hexdigest()


def pseudonym(salt: str, value: str) -> str:
    """Return the salted hash that stands for a person or an employer: SHA-256 of salt, NUL, value."""
    return sha256(f"{salt}\0{value}")


def read_pool(document: object) -> Pool:
    """Read a frozen document strictly: nothing missing, nothing more, nothing drawable that the rules forbid.

    Refused with one problem that covers all of this: a document is either as ``freeze`` writes it, or it is not.
    """
    try:
        pool = _pool_of(document)
        ours = canonical(pool.document()) == canonical(document) and _is_lawful(pool)
    except (KeyError, TypeError, ValueError, RecursionError):
        ours = False
    if not ours:
        raise Refused([Problem("pool_malformed", "pool", gettext_noop("冻结名单不合规定格式，不能据以抽取。"))])
    return pool


def rule_problems(rules: Rules) -> list[Problem]:
    """Return how the rules contradict themselves."""
    seats = sum(rules.seats.values())
    checks = (
        (
            3 <= rules.size <= LARGEST_PANEL and rules.size % 2 == 1,
            Problem("size", "size", gettext_noop("专家组人数应为 3 以上的奇数，现为 %(size)d。"), {"size": rules.size}),
        ),
        (
            seats <= rules.size,
            Problem(
                "seats_exceed_size",
                "seats",
                gettext_noop("各专业席位合计 %(seats)d 个，超过专家组人数 %(size)d。请减少席位或增加人数。"),
                {"seats": seats, "size": rules.size},
            ),
        ),
        (
            all(is_field(code) and number >= 0 for code, number in rules.seats.items()),
            Problem("seats", "seats", gettext_noop("席位表中的专业代码不合规定，或席位为负。")),
        ),
        (
            rules.max_per_employer >= 1 and rules.max_load >= 1 and rules.load_band >= 0,
            Problem("limits", "rules", gettext_noop("同一单位人数上限与年度次数上限至少为 1，负荷档宽不得为负。")),
        ),
    )
    return [problem for holds, problem in checks if not holds]


def is_field(code: str) -> bool:
    """Tell whether ``code`` can name a field: orders of other kinds have names that begin with an asterisk."""
    return bool(code) and code.isprintable() and not code.startswith("*")


def _pool_of(document: object) -> Pool:
    """Build the pool; KeyError, TypeError or ValueError where a part is missing or of another type."""
    whole = _typed(document, dict)
    if whole["format"] != FORMAT:
        raise ValueError(whole["format"])
    rules = _typed(whole["rules"], dict)
    entries = [_typed(entry, dict) for entry in _typed(whole["candidates"], list)]
    return Pool(
        _typed(whole["subject"], str),
        Rules(
            version=_typed(rules["version"], str),
            size=_typed(rules["size"], int),
            seats={code: _typed(number, int) for code, number in _typed(rules["seats"], dict).items()},
            max_per_employer=_typed(rules["max_per_employer"], int),
            max_load=_typed(rules["max_load"], int),
            leader_not_from_district=_text_or_none(rules["leader_not_from_district"]),
            load_band=_typed(rules["load_band"], int),
            public_source=_text_or_none(rules["public_source"]),
            field_names={code: _typed(name, str) for code, name in _typed(rules["field_names"], dict).items()},
        ),
        tuple(_entry_of(entry) for entry in entries),
    )


def _entry_of(entry: Mapping[str, Any]) -> Entry:
    return Entry(
        id=_typed(entry["id"], str),
        fields=tuple(_typed(code, str) for code in _typed(entry["fields"], list)),
        employer=_typed(entry["employer"], str),
        district=_typed(entry["district"], str),
        load=_typed(entry["load"], int),
        can_lead=_typed(entry["can_lead"], bool),
        excluded=_text_or_none(entry["excluded"]),
    )


def _typed(value: object, kind: type[Any]) -> Any:
    """Return ``value`` where it is exactly of ``kind``: JSON's true is not the number 1."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(_typed(value, str))


def _is_lawful(pool: Pool) -> bool:
    """Tell whether the document could have come out of ``freeze``: rules, order, reasons, nobody wrongly drawable."""
    ids = [entry.id for entry in pool.entries]
    return (
        not rule_problems(pool.rules)
        and ids == sorted(set(ids))
        and all(HEX_64.fullmatch(public_id) for public_id in ids)
        and all(_is_lawful_entry(entry, pool.rules) for entry in pool.entries)
    )


def _is_lawful_entry(entry: Entry, rules: Rules) -> bool:
    if list(entry.fields) != sorted(set(entry.fields)) or not all(is_field(code) for code in entry.fields):
        return False
    if entry.excluded is not None:
        return entry.excluded in EXCLUSIONS and entry.load >= 0
    return bool(entry.employer and entry.fields) and 0 <= entry.load < rules.max_load
