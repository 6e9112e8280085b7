"""The receipt of a decision is recomputed by a page of Python that knows nothing of the portal, and comes out the same."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evaluation.scoring import Result, Sheet, evaluate, evaluate_stages
from evaluation.scoring.receipts import canonical_bytes, receipt
from evaluation.standard import Mark, Standard, canonical, exact, from_document
from portal.problems import Refused
from tests.evaluation.documents import document_of, full_marks, item, sample, small_document, standard_of
from tests.evaluation.test_scoring_properties import documents, marks_of, random_sheets, small_standard

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "recompute.py"


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("stand_alone_recompute", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stand_alone = loaded(SCRIPT)


# --- receipts without a database ----------------------------------------------------------------------------------


def plain(mark: Mark) -> Any:
    """A mark as it is stored: numbers are JSON numbers."""
    number = exact(mark)
    if number is None:
        return mark
    return int(number) if number.denominator == 1 else float(number)


def stored(sheets: list[Sheet]) -> list[Sheet]:
    return [Sheet(one.scorer, one.leader, {code: plain(mark) for code, mark in one.marks.items()}) for one in sheets]


def made(standard: Standard, stages: dict[str, list[Sheet]], result: Result) -> dict[str, Any]:
    told = {
        stage: [{"scorer": one.scorer, "leader": one.leader, "marks": dict(one.marks), "reasons": {}} for one in sheets]
        for stage, sheets in stages.items()
    }
    return receipt(standard, told, result, {"project": "P-1"})


def receipt_of(standard: Standard, stage: str, sheets: list[Sheet]) -> dict[str, Any]:
    sheets = stored(sheets)
    return made(standard, {stage: sheets}, evaluate(standard, stage, sheets))


def told_of(tmp_path: Path, data: bytes) -> tuple[int, list[str]]:
    path = tmp_path / "receipt.json"
    path.write_bytes(data)
    return stand_alone.verify(str(path))


def rehashed(found: dict[str, Any]) -> bytes:
    """The file of a receipt that somebody changed and hashed anew."""
    bare = {part: value for part, value in found.items() if part != "sha256"}
    return canonical_bytes(bare | {"sha256": sha256(canonical(bare)).hexdigest()})


# --- it says the same as the engine -------------------------------------------------------------------------------


def free(name: str) -> Standard:
    """A sample for one sheet, whose scored items take any share of their points: for the worked examples of the format."""
    document = document_of(name)
    document["scoring"]["panel"] |= {"quorum": 1, "odd_only": False}
    for chapter in document["chapters"]:
        for entry in (entry for section in chapter["sections"] for entry in section["items"]):
            if entry["kind"] != "control":
                for key in ("tiers", "parts"):
                    entry.pop(key, None)
                entry |= {"mode": "linear", "linear": {"zero_at": 0, "full_at": entry["points"]}}
    return from_document(document)


def worked(stage: str, share: str, home: str = "", changes: dict[str, Mark] | None = None) -> dict[str, Any]:
    """The receipt of one worked example: a share of every scored item, chapter HOME by its own, some marks changed."""
    standard = free("smart-community")
    marks: dict[str, Mark] = full_marks(standard, stage, Fraction(share))
    for entry in standard.items(stage) if home else ():
        if entry.kind == "scored" and standard.chapter_of(entry.code).code == "HOME":
            marks[entry.code] = Fraction(home) * entry.points
    return receipt_of(standard, stage, [Sheet("E1", True, marks | (changes or {}))])


def every_bonus() -> dict[str, Mark]:
    items = sample("smart-community").items("completion")
    return {entry.code: entry.points for entry in items if entry.kind == "bonus"}


@pytest.mark.parametrize(
    "example, total, level",
    [
        pytest.param(("completion", "1"), "100.00", 3, id="A"),
        pytest.param(("completion", "0.8", "0.55", {"12.1.1": 2, "12.1.2": 1}), "80.50", 2, id="B"),
        pytest.param(("completion", "0.9", "0.45"), "85.50", 1, id="C"),
        pytest.param(("completion", "0.9", "", {"5.2.3": 0}), "88.06", 2, id="D"),
        pytest.param(("completion", "0.9", "", {"5.1.2": False}), "90.00", 0, id="E"),
        pytest.param(("completion", "0.9", "", {"8.1.2": False}), "90.00", 1, id="F"),
        pytest.param(("design", "0.8", "", {"5.2.3": "na", "5.4.2": "na"}), "80.00", 2, id="G"),
        pytest.param(("completion", "1", "", every_bonus()), "110.00", 3, id="H"),
    ],
)
def test_the_worked_examples_of_the_format_come_out(tmp_path: Path, example: Any, total: str, level: int) -> None:
    found = worked(*example)
    assert (found["result"]["total"], found["result"]["level"]) == (total, level)
    assert told_of(tmp_path, canonical_bytes(found)) == (0, [f"总分 total {total}，等级 level {level}"])


METHODS = ("weighted_ratio", "sum_ratio", "pass_all", "stage_mix")


def mixed_standard(chance: random.Random) -> Standard:
    """A random standard of two stages that are mixed; some items are judged at both."""
    document = small_standard(chance)
    document["stages"] = [{"code": code, "name": code, "scored": True, "documents": []} for code in ("only", "paper")]
    for chapter in document["chapters"]:
        chapter["weight"] = {}
        for entry in (entry for section in chapter["sections"] for entry in section["items"]):
            entry["stages"] = chance.choice([["only"], ["paper"], ["only", "paper"]])
            entry["ev"] = {stage: ["paper"] for stage in entry["stages"]}
    sections = document["chapters"][0]["sections"]
    sections[-1]["items"].append(item("1.2.2", points=10, stages=["only", "paper"]))
    document["scoring"] |= {"method": "stage_mix", "stage_weight": {"only": 0.35, "paper": 0.65}}
    return standard_of(document)


def generated(chance: random.Random) -> tuple[Standard, dict[str, Any]] | None:
    """The receipt of random sheets under a random standard; None where the engine has no result."""
    kind = chance.choice(["small", "small", "small", "mixed", "sample"])
    if kind == "mixed":
        standard = mixed_standard(chance)
        stages = {
            one.code: random_sheets(chance, standard, one.code, chance.randrange(1, 8)) for one in standard.stages
        }
    else:
        name = chance.choice(["innovation", "smart-community", "smart-property"]) if kind == "sample" else kind
        document = documents(chance, name)
        standard = from_document(document)
        code = chance.choice(standard.scored_stages).code
        stages = {code: random_sheets(chance, standard, code, chance.randrange(1, 8))}
    stages = {code: stored(sheets) for code, sheets in stages.items()}
    try:
        result = (
            evaluate_stages(standard, stages) if len(stages) > 1 else evaluate(standard, *next(iter(stages.items())))
        )
    except Refused:
        return None
    return standard, made(standard, stages, result)


def agreeing(tmp_path: Path, numbers: Iterator[int], count: int) -> Counter[str]:
    """Generate ``count`` receipts, have each recomputed, and count what occurred in them."""
    seen: Counter[str] = Counter()
    while seen["all"] < count:
        case = generated(random.Random(next(numbers)))
        if case is None:
            continue
        standard, found = case
        assert told_of(tmp_path, canonical_bytes(found))[0] == 0
        ways = {row["by"] for stage in found["stages"].values() for row in stage["items"].values()}
        weights = [row["weight"] for row in found["result"]["chapters"].values()]
        seen.update(["all", standard.scoring.method, f"level {found['result']['level']}", *ways])
        seen.update(["capped bonus"] * (found["result"]["bonus"] != found["result"]["bonus_raw"]))
        seen.update(["scaled weights"] * (None not in weights and len(weights) < len(standard.chapters)))
        seen.update(["held by an item"] * any(row["items"] for row in found["result"]["levels"].values()))
    return seen


OCCURRED = {
    *METHODS, "level 0", "level 1", "level 2", "mean", "trimmed_mean", "median", "leader", "na", "two_thirds", "majority",
    "all", "capped bonus", "scaled weights", "held by an item",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.one_database
def test_five_hundred_generated_results_come_out_the_same_and_leave_no_rule_out(tmp_path: Path) -> None:
    seen = agreeing(tmp_path, iter(range(100_000)), 500)
    assert sorted(rule for rule in OCCURRED if seen[rule] < 5) == []


def test_a_few_generated_results_come_out_the_same(tmp_path: Path) -> None:
    assert agreeing(tmp_path, iter(range(10_000, 20_000)), 20)["all"] == 20


# --- what was changed is found ------------------------------------------------------------------------------------

CHANCE = random.Random(7)
STANDARD = from_document(documents(CHANCE, "smart-community"))
RECEIPT = receipt_of(STANDARD, "completion", random_sheets(CHANCE, STANDARD, "completion", 5))
FILE = canonical_bytes(RECEIPT)


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(RECEIPT)
    *parents, last = place
    inner = copied
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return copied


def test_the_script_is_one_page_of_standard_python() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    tree = ast.parse(source)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - sys.stdlib_module_names == set()
    assert len(source.splitlines()) < 150


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    positions = random.Random(1).sample(range(len(FILE)), 60)
    marks, total = FILE.index(b'"sheets"'), FILE.index(b'"total"')
    found = []
    for position in [*positions, *range(marks + 40, marks + 60), *range(total + 9, total + 13)]:
        other = b"1" if FILE[position : position + 1] != b"1" else b"2"
        found.append(told_of(tmp_path, FILE[:position] + other + FILE[position + 1 :])[0])
    assert [status for status in found if status == 0] == []


def other_mark(code: str, mark: Any) -> Any:
    entry = STANDARD.item(code)
    return next(value for value in map(plain, marks_of(entry)) if value != mark)


def test_who_changes_a_mark_and_hashes_anew_is_found_by_the_points() -> None:
    places = [(0, code) for code in list(RECEIPT["stages"]["completion"]["items"])[:40]]
    silent = []
    for sheet, code in places:
        place = ("stages", "completion", "sheets", sheet, "marks", code)
        mark = RECEIPT["stages"]["completion"]["sheets"][sheet]["marks"][code]
        altered = changed(place, other_mark(code, mark))
        problems, new = stand_alone.recount(altered["standard"]["document"], altered["stages"])
        row = json.loads(stand_alone.text(new["stages"]["completion"]["items"][code]))
        assert problems == []
        silent += [code] * (row == RECEIPT["stages"]["completion"]["items"][code])
    # A vote among five may leave a control, and a trimmed or middle number, as it was; a mean never.
    by = {code: RECEIPT["stages"]["completion"]["items"][code]["by"] for code in silent}
    assert {code for code, rule in by.items() if rule == "mean"} == set()


FIRST = next(iter(RECEIPT["stages"]["completion"]["items"]))
SCORED = next(code for code, row in RECEIPT["stages"]["completion"]["items"].items() if row["kind"] == "scored")


@pytest.mark.parametrize(
    "place, value",
    [
        (("result", "total"), "99.99"),
        (("result", "exact_total"), "1999/20"),
        (("result", "level"), 3 if RECEIPT["result"]["level"] != 3 else 2),
        (("result", "levels", "1", "name"), "四星级"),
        (("result", "levels", "1", "reached"), not RECEIPT["result"]["levels"]["1"]["reached"]),
        (("result", "bonus"), "99"),
        (("result", "chapters", "HOME", "weight"), "1/2"),
        (("result", "chapters", "HOME", "ratio"), "100"),
        (("result", "more"), "x"),
        (("stages", "completion", "items", SCORED, "points"), "1/7"),
        (("stages", "completion", "items", SCORED, "by"), "leader of all"),
        (("stages", "completion", "items", FIRST, "state"), "na"),
        (("stages", "completion", "sheets", 0, "marks", SCORED), 999),
        (("stages", "completion", "sheets", 0, "marks", SCORED), True),
        (("stages", "completion", "sheets", 0, "marks", FIRST), 1),
        (("stages", "completion", "sheets", 0, "marks", "99.9.9"), 1),
        (("stages", "completion", "sheets"), RECEIPT["stages"]["completion"]["sheets"][:0]),
        (("standard", "document", "levels", 0, "min_total"), 1),
        (("standard", "sha256"), "0" * 64),
        (("stages"), {"nowhere": RECEIPT["stages"]["completion"]}),
        (("format"), "decision-receipt-2"),
    ],
)
def test_who_changes_anything_and_hashes_anew_is_found(tmp_path: Path, place: Any, value: Any) -> None:
    place = (place,) if isinstance(place, str) else place
    status, lines = told_of(tmp_path, rehashed(changed(place, value)))
    assert (status, lines[:1] == []) == (1, False)


def test_a_standard_in_another_place_of_the_receipt_needs_its_published_hash(tmp_path: Path) -> None:
    """Who lowers a threshold and hashes all of it anew is found by the hash that certificate and standard page publish."""
    lowered = copy.deepcopy(RECEIPT)
    for level in lowered["standard"]["document"]["levels"]:
        level["min_total"] = level["min_chapter"] = 0
    lowered["standard"]["sha256"] = sha256(canonical(lowered["standard"]["document"])).hexdigest()
    assert lowered["standard"]["sha256"] != RECEIPT["standard"]["sha256"]
    assert told_of(tmp_path, rehashed(lowered))[0] == 1  # and here also since the levels come out otherwise


def test_experts_are_roles_whose_numbers_follow_from_the_marks_alone() -> None:
    sheets = random_sheets(random.Random(3), STANDARD, "completion", 5)
    first = receipt_of(STANDARD, "completion", sheets)
    turned = [Sheet(f"示例专家{9 - n}", one.leader, one.marks) for n, one in enumerate(sheets)][::-1]
    assert canonical_bytes(receipt_of(STANDARD, "completion", turned)) == canonical_bytes(first)
    told = first["stages"]["completion"]["sheets"]
    assert [sheet["scorer"] for sheet in told] == ["专家1", "专家2", "专家3", "专家4", "专家5"]
    assert [sorted(sheet) for sheet in told] == [["leader", "marks", "scorer"]] * 5


# --- hostile files ------------------------------------------------------------------------------------------------


def without(*places: tuple[Any, ...]) -> bytes:
    copied = copy.deepcopy(RECEIPT)
    for *parents, last in places:
        inner = copied
        for key in parents:
            inner = inner[key]
        del inner[last]
    return rehashed(copied)


def many_fractions() -> bytes:
    """As many measured items as are read at all, whose points have no common denominator."""
    lines = [{"zero_at": 1e-15, "full_at": 123456789012345 + n * n * n} for n in range(500)]
    items = [item(f"1.1.{n}", "scored", "linear", 9.99, linear=line) for n, line in enumerate(lines)]
    marks = {entry["code"]: 3.333333333333e12 + n for n, entry in enumerate(items)}
    standard = {"sha256": "", "document": small_document(items)}
    sheet = {"scorer": "专家1", "leader": True, "marks": marks}
    made = {"format": "decision-receipt-1", "standard": standard, "stages": {"only": {"sheets": [sheet]}}, "result": {}}
    return rehashed(made)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"\xff\xfe{}", id="not text"),
        pytest.param(b'{"format": "decision-receipt-1"}', id="bare"),
        pytest.param(b"[" * 3_000_000, id="deep"),
        pytest.param(b'{"a":' * 500_000, id="deep objects"),
        pytest.param(FILE[:-2] + b" " * 4_000_000 + b"}\n", id="huge"),
        pytest.param(FILE.replace(b'"leader":true', b'"leader":NaN'), id="NaN"),
        pytest.param(b'{"format":' + b"9" * 1_000_000 + b"}", id="long number"),
        pytest.param(without(("stages", "completion", "sheets")), id="no sheets"),
        pytest.param(without(("stages", "completion")), id="no stage"),
        pytest.param(without(("result",)), id="no result"),
        pytest.param(rehashed({**RECEIPT, "stages": []}), id="stages are a list"),
    ],
)
def test_what_is_no_receipt_is_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    status, lines = told_of(tmp_path, data)
    assert status == 2
    assert [line.startswith("读不懂 not readable: ") and len(line) < 300 for line in lines] == [True]


def test_many_fractions_without_a_common_denominator_are_given_up_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    assert told_of(tmp_path, many_fractions())[0] != 0
    assert time.monotonic() - began < 20


def run(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    found = subprocess.run(command, capture_output=True, encoding="utf-8", env={"PYTHONUTF8": "1"}, check=False)
    assert found.stderr == ""
    return found.returncode, found.stdout.strip().splitlines()[-1]


def test_on_the_command_line_it_says_right_wrong_or_not_readable(tmp_path: Path) -> None:
    right, wrong, broken = (tmp_path / name for name in ("right.json", "wrong.json", "broken.json"))
    right.write_bytes(FILE)
    wrong.write_bytes(rehashed(changed(("result", "total"), "1.00")))
    broken.write_bytes(b"{")
    answers = [run(str(path)) for path in (right, wrong, broken, tmp_path / "missing.json")] + [run()]
    words = ["核算一致。 RIGHT", "核算不一致。 WRONG", *["不是可读的凭证。 NOT READABLE"] * 3]
    assert answers == list(zip([0, 1, 2, 2, 2], words, strict=True))
