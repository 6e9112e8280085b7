"""Where in a file each value of a document stands, and the problems found there.

Hides that a place is a line in YAML and a path in JSON. A path inside a document is a tuple of keys and positions.
"""

from __future__ import annotations

import json

from portal.problems import Problem

Path = tuple[str | int, ...]


class Unreadable:
    """Stands in a document for a value that was already refused, so that nothing else is said about it."""


UNREADABLE = Unreadable()


def json_path(path: Path) -> str:
    """Return a path as people who edit JSON write it: ``$.chapters[0].sections[2]``, ``$.marks["4.2.1"]``."""
    return "$" + "".join(_step(step) for step in path)


def _step(step: str | int) -> str:
    if isinstance(step, str):
        return f".{step}" if step.isidentifier() else f"[{json.dumps(step, ensure_ascii=False)}]"
    return f"[{step}]"


class Places:
    """The place of each value, in the order of the file."""

    def __init__(self) -> None:
        self._texts: dict[Path, tuple[int, str]] = {}

    def add(self, path: Path, text: str) -> None:
        """Remember where a value stands; the first place counts."""
        self._texts.setdefault(path, (len(self._texts), text))

    def at(self, path: Path) -> tuple[int, str]:
        """Return (order in the file, place) of a value, or of the nearest value around it that exists."""
        while path and path not in self._texts:
            path = path[:-1]
        return self._texts.get(path, (0, json_path(path)))


class Report:
    """Collects what is wrong with one document, and remembers which keys were only misspelt.

    excused: paths of keys that are missing because they are misspelt; nobody complains about them a second time.
    flawed: paths under which the shape is wrong, so that nothing is concluded from them.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.excused: set[Path] = set()
        self.flawed: set[Path] = set()
        self._found: list[tuple[int, Problem]] = []

    def add(self, code: str, path: Path, message: str, /, **params: object) -> None:
        """Note a problem with the value at ``path``. message: Chinese template, see ``portal.problems.Problem``."""
        order, place = self.places.at(path)
        self._found.append((order, Problem(code, place, message, params)))

    def mark_flawed(self, path: Path) -> None:
        """Note that the value at ``path`` and everything around it is not whole."""
        for length in range(len(path) + 1):
            self.flawed.add(path[:length])

    def extend(self, problems: list[tuple[Path, Problem]]) -> None:
        """Take over problems that the reader found, each with the path it was found at."""
        for path, problem in problems:
            self._found.append((self.places.at(path)[0], problem))

    @property
    def problems(self) -> list[Problem]:
        """Everything found, in the order of the file."""
        return [problem for _, problem in sorted(self._found, key=lambda entry: entry[0])]
