"""The engine from outside: two files in, one JSON object or every problem out.

Hides files and the JSON of mark sheets. Needs neither a database nor the rest of the portal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from evaluation.scoring.panel import Sheet
from evaluation.scoring.result import Result
from evaluation.scoring.totals import evaluate, evaluate_stages
from evaluation.standard import Standard, parse
from evaluation.standard.places import Path as DocumentPath
from evaluation.standard.places import Report
from evaluation.standard.reading import read
from evaluation.standard.shapes import Flag, ListOf, MapOf, Record, Shape, Text, check
from portal.problems import Problem, Refused, gettext_noop

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class MarkShape:
    """Anything that could be a mark of some item; which one an item takes is for the engine to say."""

    def check(self, value: object, path: DocumentPath, report: Report) -> None:
        """Report lists and mappings."""
        if isinstance(value, list | dict):
            report.mark_flawed(path)
            report.add("not_a_mark", path, gettext_noop('评分应为 true、false、数字、"na" 或 null。'))


SHEETS = Record(
    {"sheets": ListOf(Record({"scorer": Text(), "marks": MapOf(MarkShape())}, {"leader": Flag()}), least=0)}
)
STAGES = Record({"stages": MapOf(SHEETS)})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program answers: exit status 0 or 2, one JSON object, or one problem per line."""

    status: int
    output: str
    errors: str


def score_files(standard_path: Path, sheets_path: Path, stage: str | None) -> Outcome:
    """Return the result of a file of mark sheets under a standard document.

    stage: the stage of the sheets; None where the standard mixes stages and the file names them. Never raises Refused:
    all problems of both files are in ``errors``, each line beginning with the name of its file.
    """
    problems: list[str] = []
    standard = _attempt(standard_path, lambda source: parse(source, standard_path.name), problems)
    mixed = None if standard is None else standard.scoring.method == "stage_mix"
    sheets = _attempt(sheets_path, lambda source: _read_sheets(source, mixed), problems)
    if standard is not None and sheets is not None:
        result = _attempt(sheets_path, lambda _: _score(standard, sheets, stage), problems)
        if result is not None:
            return Outcome(0, json.dumps(result.as_json(), ensure_ascii=False, indent=2) + "\n", "")
    return Outcome(2, "", "".join(f"{problem}\n" for problem in problems))


def _attempt(path: Path, act: Callable[[bytes], Read], problems: list[str]) -> Read | None:
    try:
        return act(path.read_bytes())
    except OSError as error:
        found: tuple[Problem, ...]
        message = gettext_noop("无法读取文件：%(detail)s。")
        found = (Problem("unreadable_file", "", message, {"detail": error.strerror or str(error)}),)
    except Refused as refused:
        found = refused.problems
    # A message may quote what it found; one problem is one line all the same.
    problems.extend(" ".join(f"{path.name}：{problem}".split()) for problem in found)
    return None


def _read_sheets(source: bytes, mixed: bool | None) -> dict[str, Any]:
    """Return the checked document of a sheets file. mixed: whether it must name stages, None where that is unknown."""
    reading = read(source, "sheets.json")
    report = Report(reading.places)
    report.extend(reading.problems)
    document = reading.document
    by_stage = mixed if mixed is not None else isinstance(document, dict) and "stages" in document
    shape: Shape = STAGES if by_stage else SHEETS
    check(shape, document, (), report)
    if report.problems or not isinstance(document, dict):
        raise Refused(report.problems)
    return document


def _sheets(document: dict[str, Any]) -> list[Sheet]:
    return [Sheet(sheet["scorer"], sheet.get("leader", False), sheet["marks"]) for sheet in document["sheets"]]


def _score(standard: Standard, document: dict[str, Any], stage: str | None) -> Result:
    if standard.scoring.method == "stage_mix":
        if stage is not None:
            raise Refused([Problem("stage_not_wanted", "--stage", gettext_noop("各阶段合并计分的标准不写 --stage。"))])
        return evaluate_stages(standard, {code: _sheets(sheets) for code, sheets in document["stages"].items()})
    if stage is None:
        legal = "、".join(entry.code for entry in standard.scored_stages)
        message = gettext_noop("请用 --stage 写明阶段：%(legal)s。")
        raise Refused([Problem("stage_wanted", "--stage", message, {"legal": legal})])
    return evaluate(standard, stage, _sheets(document))
