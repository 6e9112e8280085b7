"""A season of draws in an invented city: 200 panels from 182 experts, and how evenly the work falls on them.

Hides the invented pool and the picture. Plain Python, nothing random: every secret and salt is derived from its number, so
that docs/draw.md shows what anybody gets by running it again (``manage.py season``).
"""

from __future__ import annotations

import hashlib
import random
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from experts.draw import Candidate, Rules, draw, freeze

PANELS, EXPERTS, EMPLOYERS, DISTRICTS = 200, 182, 94, 38
FIELDS = ("bas", "comm", "eng", "home", "infosec", "platform", "property", "security")
SEATS = ("bas", "comm", "home", "platform", "security")  # one seat each, two more open to every field
WIDTHS = (0, 1, 2, 3, 4)  # of the load bands; 0 ignores load


def city_pool() -> list[Candidate]:
    """182 experts from 94 employers, as uneven as life: large and small employers, one to three fields each."""
    dice = random.Random(20190801)  # noqa: S311  nothing here is a secret
    employers = [*range(EMPLOYERS), *(int(EMPLOYERS * dice.random() ** 2) for _ in range(EXPERTS - EMPLOYERS))]
    return [
        Candidate(
            f"E{number:03}",
            tuple(dice.sample(FIELDS, dice.choice([1, 1, 2, 2, 3]))),
            f"U{employer:02}",
            f"5001{dice.randrange(1, DISTRICTS + 1):02}",
            can_lead=dice.random() < 0.5,
        )
        for number, employer in enumerate(employers)
    ]


def secret(*parts: object) -> str:
    """64 hexadecimal digits derived from a name, where life takes 32 random bytes."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def panels(width: int, count: int = PANELS) -> Iterator[list[str]]:
    """Yield the ids of one panel after the other; each counts as load for those that follow. width: of the load bands."""
    load = dict.fromkeys((person.expert_id for person in city_pool()), 0)
    for number in range(count):
        rules = Rules(
            "1", 7, dict.fromkeys(SEATS, 1), load_band=width,
            leader_not_from_district=f"5001{number % DISTRICTS + 1:02}",
        )  # fmt: skip
        candidates = [replace(person, load=load[person.expert_id]) for person in city_pool()]
        subject = f"案卷 {number}"
        frozen = freeze(candidates, rules, subject, salt=secret("salt", subject))
        drawn = draw(frozen, secret("organiser", number), secret("supervisor", number))
        ids = [seat.expert_id for seat in drawn.seats]
        for each in ids:
            load[each] += 1
        yield ids


@dataclass(frozen=True, slots=True)
class Spread:
    """How the work of a season fell. loads: panels of each expert, in the order of the pool."""

    width: int
    loads: tuple[int, ...]

    @property
    def deviation(self) -> float:
        """Standard deviation of the panels per expert."""
        return statistics.pstdev(self.loads)


def season(width: int, count: int = PANELS) -> Spread:
    """Draw a whole season with load bands of ``width`` panels."""
    sat = Counter(person for panel in panels(width, count) for person in panel)
    return Spread(width, tuple(sat[person.expert_id] for person in city_pool()))


def table(spreads: Sequence[Spread]) -> str:
    """The figures as Markdown; the first spread is the one that ignores load, to which the others are compared."""
    lines = [
        "| 档宽 band | 标准差 deviation | 与不计负荷之比 ratio | 最少 least | 最多 most | 从未抽中 never |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in spreads:
        name = f"{each.width}" if each.width else "不计负荷 ignored"
        ratio = each.deviation / spreads[0].deviation
        never = sum(load == 0 for load in each.loads)
        lines.append(
            f"| {name} | {each.deviation:.2f} | {ratio:.2f} | {min(each.loads)} | {max(each.loads)} | {never} |"
        )
    return "\n".join(lines) + "\n"


# --- the picture --------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, BASE, BAR = 720, 360, 56, 300, 20
COLOURS = ("#9aa5b1", "#1a56b0")


def picture(ignoring: Spread, aware: Spread) -> str:
    """How many experts sat on how many panels: a bar of each season beside the other, as SVG."""
    counts = [Counter(ignoring.loads), Counter(aware.loads)]
    most = max(max(counted.values()) for counted in counts)
    top = -(-most // 20) * 20
    words = ["不计负荷 load ignored", f"档宽 {aware.width} load bands of {aware.width}"]
    parts = [*_axis(top), *_bars(counts, top), *_legend(words)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="#1f2933">\n'
        f"<title>{PANELS} 组专家抽取后每人参加次数的分布 panels per expert after {PANELS} draws</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _height(value: int, top: int) -> int:
    return round(value * (BASE - 50) / top)


def _axis(top: int) -> Iterator[str]:
    for value in range(0, top + 1, 20):
        y = BASE - _height(value, top)
        yield f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y}" y2="{y}" stroke="#d9dfe6"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value}</text>'
    yield f'<text x="{LEFT}" y="34">专家人数 experts</text>'
    yield f'<text x="{WIDTH - 16}" y="{HEIGHT - 14}" text-anchor="end">全年参加的专家组数 panels of the year</text>'


def _bars(counts: Sequence[Mapping[int, int]], top: int) -> Iterator[str]:
    for load in range(13):
        x = LEFT + 8 + load * 50
        for place, counted in enumerate(counts):
            height = _height(counted.get(load, 0), top)
            if height:
                yield (
                    f'<rect x="{x + place * (BAR + 1)}" y="{BASE - height}" width="{BAR}" height="{height}" '
                    f'fill="{COLOURS[place]}"/>'
                )
        yield f'<text x="{x + BAR}" y="{BASE + 18}" text-anchor="middle">{load}</text>'


def _legend(words: Sequence[str]) -> Iterator[str]:
    for place, (colour, word) in enumerate(zip(COLOURS, words, strict=True)):
        x = 300 + place * 190
        yield f'<rect x="{x}" y="22" width="14" height="14" fill="{colour}"/><text x="{x + 20}" y="34">{word}</text>'
