"""The directory of certified communities: how it is narrowed, counted and turned page by page, and one community's page.

Hides how it stays as quick with many communities as with few. Counts come from one table of sums (district, level,
programme, year), which is made anew only when something public has changed or the day is another one; a page is found
in an index by its rows' ids; any part of a name is looked up in the index of parts, where there is one.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, QuerySet

from communities.models import District
from evaluation.models import Application, Certificate, Programme, PublicNotice
from portal import conditional
from portal.parts import HasPart, folded

FACETS = ("district", "level", "programme", "year")  # in the order of the columns of a cell
DISTRICT = 0
NAMES = ("community_name", "organisation_name")  # as the index of parts of migration 0033 has them
LARGEST = 2**63 - 1  # number that a database keeps of a row
FEW = 500  # communities with a part of a name that are counted exactly
MOST = 1000  # of those that many names have in common, so many are listed


class Cell(NamedTuple):
    """How many certificates in force are of one district, level, programme and year. level: its name; order: its rank."""

    district: str
    level: str
    programme: str
    year: int
    order: int
    certified: int


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What of the directory is wanted; "" and 0 narrow nothing. district: code, level: name, programme: code."""

    district: str = ""
    level: str = ""
    programme: str = ""
    year: int = 0
    words: str = ""

    def without(self, name: str) -> Narrowing:
        nothing: dict[str, Any] = {name: 0 if name == "year" else ""}
        return replace(self, **nothing)

    def rows(self, day: date) -> QuerySet[Certificate]:
        """The certificates in force that the facets leave; words are another matter."""
        found: QuerySet[Certificate] = Certificate.objects.in_force(day)
        columns = {"district": self.district, "level_name": self.level, "programme": self.programme}
        found = found.filter(**{name: value for name, value in columns.items() if value})
        if self.year:
            found = found.filter(issued_on__range=(date(self.year, 1, 1), date(self.year, 12, 31)))
        return found


# --- counts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """What one narrowing comes to. choices: facet -> value -> how many there are of it beside the other filters."""

    total: int
    choices: Mapping[str, Mapping[Any, int]]
    by_district: Mapping[str, Mapping[str, int]]  # district -> level, under the filters but the district's own


def tally(counted: Iterable[Cell], narrowing: Narrowing) -> Tally:
    """Count in one pass: a cell that misses one filter only still counts for the choices of that very filter."""
    wanted = [(place, getattr(narrowing, facet)) for place, facet in enumerate(FACETS) if getattr(narrowing, facet)]
    choices: tuple[dict[Any, int], ...] = tuple({} for _facet in FACETS)
    districts: dict[str, dict[str, int]] = {}
    total = 0
    for cell in counted:
        missed = [place for place, value in wanted if cell[place] != value]
        count = 0 if len(missed) > 1 else cell.certified
        for place, found in enumerate(choices):
            found[cell[place]] = found.get(cell[place], 0) + (count if missed in ([], [place]) else 0)
        if count and missed in ([], [DISTRICT]):
            levels = districts.setdefault(cell.district, {})
            levels[cell.level] = levels.get(cell.level, 0) + count
        total += 0 if missed else count
    return Tally(total, dict(zip(FACETS, choices, strict=True)), districts)


@dataclass(frozen=True, slots=True)
class Sums:
    """All certificates in force on a day, summed; and the tally of the question that narrows nothing."""

    cells: tuple[Cell, ...]
    whole: Tally


_kept: list[tuple[tuple[int, date], Sums]] = []


def sums(day: date) -> Sums:
    """The sums of all certificates in force on ``day``. Kept in memory while nothing public changes."""
    key = (conditional.version(), day)  # before the rows are read: what is committed in between belongs to the next
    kept = _kept[0] if _kept else None
    if kept is None or kept[0] != key:
        found = _summed(Certificate.objects.in_force(day))
        kept = (key, Sums(found, tally(found, Narrowing())))
        _kept[:] = [kept]
    return kept[1]


def cells(day: date) -> tuple[Cell, ...]:
    return sums(day).cells


def forget() -> None:
    """Drop what is kept: for tests, whose database goes back to an earlier count of changes."""
    _kept.clear()


def _summed(rows: QuerySet[Certificate]) -> tuple[Cell, ...]:
    columns = ("district_id", "level_name", "programme_id", "issued_on__year", "level")
    found = rows.order_by().values_list(*columns).annotate(count=Count("pk"))
    return tuple(Cell(*row) for row in found)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet. count: how many there are of it beside the other filters; None where nobody counted."""

    value: str
    label: str
    count: int | None


class Directory:
    """One question to the directory on one day: its choices with their counts, and its rows, newest first."""

    def __init__(self, narrowing: Narrowing, day: date) -> None:
        self.narrowing, self.day = narrowing, day
        self.parts = _parts(narrowing.words)
        self._few = _few_with(self.parts, day) if self.parts else None
        known = sums(day)
        self.counted = known.cells if self._few is None else _summed(Certificate.objects.filter(pk__in=self._few))
        narrows = self._few is not None or any(getattr(narrowing, facet) for facet in FACETS)
        self.tally = tally(self.counted, narrowing) if narrows else known.whole

    @property
    def is_cut(self) -> bool:
        """Whether so many have the words in their names that only the newest are listed."""
        return bool(self.parts) and self._few is None and self.count() >= MOST

    def choices(self, facet: str, labels: Mapping[str, str]) -> list[Choice]:
        """What of a facet occurs, and what was chosen of it; by label order of ``labels``, else as it comes."""
        counts = {str(value): count for value, count in self.tally.choices[facet].items()}
        chosen = str(getattr(self.narrowing, facet) or "")
        values = [value for value in labels if value in counts or value == chosen]
        knows = not self.parts or self._few is not None
        return [Choice(value, labels[value], counts.get(value, 0) if knows else None) for value in values]

    def by_district(self) -> Mapping[str, Mapping[str, int]]:
        """District -> level name -> how many, under the other filters."""
        return self.tally.by_district

    # What a Paginator asks of a list.

    def count(self) -> int:
        if self.parts and self._few is None:
            return min(self._rows()[:MOST].count(), MOST)
        return self.tally.total

    def __getitem__(self, wanted: slice) -> list[Certificate]:
        # The ids alone stand in the index; of what is passed over no row is read.
        ids = list(self._rows().order_by("-issued_on", "-pk").values_list("pk", flat=True)[wanted])
        rows = Certificate.objects.annotate(community=F("application__project__community")).in_bulk(ids)
        return [rows[pk] for pk in ids if pk in rows]

    def _rows(self) -> QuerySet[Certificate]:
        rows = self.narrowing.rows(self.day)
        if not self.parts:
            return rows
        return rows.filter(pk__in=self._few) if self._few is not None else rows.filter(_having(self.parts, False))


def _parts(words: str) -> list[str]:
    """The words as they are looked for: as typed, and full-width letters and digits as plain ones."""
    forms = (folded(form) for form in (words, unicodedata.normalize("NFKC", words)))
    return list(dict.fromkeys(form for form in forms if form))


def _having(parts: Iterable[str], indexed: bool) -> Q:
    return reduce(or_, (Q(HasPart(*NAMES, part=part, indexed=indexed)) for part in parts))


def _few_with(parts: list[str], day: date) -> list[int] | None:
    """The certificates in force with one of the parts in a name; None if they are many."""
    found = list(Certificate.objects.in_force(day).filter(_having(parts, True)).values_list("pk", flat=True)[: FEW + 1])
    return found if len(found) <= FEW else None


def district_names() -> dict[str, str]:
    """Code -> name of every district there is or was, by code."""
    return dict(District.objects.values_list("pk", "name"))


def districts_on(day: date) -> frozenset[str]:
    """Districts that there are on ``day``: those that were abolished are shown only while they hold something."""
    ended = Q(valid_until__lt=day) | Q(valid_from__gt=day)
    return frozenset(District.objects.exclude(ended).values_list("pk", flat=True))


def programme_names() -> dict[str, str]:
    return dict(Programme.objects.order_by("pk").values_list("pk", "name"))


def level_names(counted: Iterable[Cell]) -> dict[str, str]:
    """Names of the levels that occur, the highest first."""
    ranked = sorted({(-cell.order, cell.level) for cell in counted})
    return {name: name for _rank, name in ranked}


def by_level(counted: Iterable[Cell]) -> list[dict[str, Any]]:
    """level, level_name and count of each level, the highest first."""
    found: Counter[tuple[int, str]] = Counter()
    for cell in counted:
        found[-cell.order, cell.level] += cell.certified
    return [{"level": -rank, "level_name": name, "count": found[rank, name]} for rank, name in sorted(found)]


def years(counted: Iterable[Cell]) -> dict[str, str]:
    return {str(year): str(year) for year in sorted({cell.year for cell in counted}, reverse=True)}


# --- one community ------------------------------------------------------------------------------------------------

# What of the newest notice is a fact about the community itself: figure -> nothing else is taken from it.
FACTS = ("address", "floor_area", "households", "buildings", "organisation", "programme")


@dataclass(frozen=True, slots=True)
class PublicCommunity:
    """A community as notices and certificates told of it, the newest first; nothing comes from its own sheet."""

    pk: int
    name: str
    district: str
    facts: Mapping[str, Any]
    notices: tuple[PublicNotice, ...]
    certificates: tuple[Certificate, ...]
    scenarios: tuple[tuple[str, str], ...] | None
    day: date

    @property
    def current(self) -> Certificate | None:
        """The certificate that holds today, a star before a provisional one."""
        holding = [row for row in self.certificates if row.standing(self.day) == "valid"]
        return next((row for row in holding if row.is_final), holding[0] if holding else None)

    @property
    def samples(self) -> tuple[str, ...]:
        """What is said where a standard is not the authority's own text, once each."""
        said = [row.standard_notice for row in self.certificates]
        said += [row.figures.get("standard_notice", "") for row in self.notices]
        return tuple(dict.fromkeys(words for words in said if words))


def community_at(pk: int, day: date) -> PublicCommunity | None:
    """What the public knows of a community; None for one that no notice and no certificate named, as for none at all.

    Both are told apart by nothing: the same two questions are asked of either.
    """
    if pk > LARGEST:
        return None
    of_it = Q(application__project__community=pk)
    notices = tuple(PublicNotice.objects.filter(of_it).order_by("-opened_on", "-pk"))
    certificates = tuple(
        Certificate.objects.filter(of_it)
        .annotate(stage=F("application__stage"))
        .newest_first()
        .select_related("district")
    )
    if not notices and not certificates:
        return None
    newest = notices[0].figures if notices else {}
    named = certificates[0] if certificates else None
    return PublicCommunity(
        pk=pk,
        name=newest.get("community") or (named.community_name if named else ""),
        district=named.district_id if named else _code_of(newest.get("district", "")),
        facts={**_facts_of(named), **{name: newest[name] for name in ("district", *FACTS) if newest.get(name)}},
        notices=notices,
        certificates=certificates,
        scenarios=_scenarios(notices, certificates, day),
        day=day,
    )


def _facts_of(named: Certificate | None) -> dict[str, Any]:
    return {"district": named.district_name, "organisation": named.organisation_name} if named else {}


def _code_of(name: str) -> str:
    return District.objects.filter(name=name).values_list("pk", flat=True).first() or ""


def _scenarios(
    notices: Iterable[PublicNotice], certificates: Iterable[Certificate], day: date
) -> tuple[tuple[str, str], ...] | None:
    """Scenarios 应用场景 that the notice of a certificate in force named; None where no such notice listed any.

    A provisional certificate tells what is planned, a star what was seen to be in use.
    """
    held = {row.application_id for row in certificates if row.is_final and row.standing(day) == "valid"}
    for notice in notices:
        if notice.application_id in held and "scenarios" in notice.figures:
            return tuple((code, name) for code, name in notice.figures["scenarios"])
    return None


def known_communities() -> QuerySet[Any]:
    """The number of every community that a notice or a certificate named, for the map of the site."""
    named = Application.objects.exclude(notices=None, certificates=None).order_by("project__community")
    return named.values_list("project__community", flat=True).distinct()
