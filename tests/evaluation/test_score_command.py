"""The engine from outside: ``manage.py score`` and the plain function below it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from evaluation.scoring import Outcome, score_files
from tests.evaluation.documents import FOLDER, full_marks, item, sample, small_document

ROOT = FOLDER.parents[1]


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def full_sheets(name: str, stage: str, count: int = 5, **changes: Any) -> dict[str, Any]:
    marks = {code: mark if mark is True else float(mark) for code, mark in full_marks(sample(name), stage).items()}
    marks |= {code.strip("i").replace("_", "."): mark for code, mark in changes.items()}
    return {"sheets": [{"scorer": f"E{n}", "leader": n == 0, "marks": marks} for n in range(count)]}


def scored(tmp_path: Path, name: str, sheets: Any, stage: str | None) -> Outcome:
    return score_files(FOLDER / f"{name}.yaml", written(tmp_path, "sheets.json", sheets), stage)


def test_a_result_is_one_json_object(tmp_path: Path) -> None:
    outcome = scored(tmp_path, "smart-community", full_sheets("smart-community", "completion", i5_2_3=0), "completion")
    document = json.loads(outcome.output)
    assert (outcome.status, outcome.errors) == (0, "")
    assert (document["total"], document["level"], document["level_name"]) == ("97.84", 2, "二星级")
    assert document["caps"] == [{"item": "5.2.3", "below": 3}]
    assert document["chapters"]["SAFE"] == {"ratio": "88.0000", "won": "88", "applicable": "100"}
    assert document["items"]["9.1.1"] == {"points": None, "state": "met"}


def test_stages_that_are_mixed_come_in_one_file_and_without_a_stage(tmp_path: Path) -> None:
    stages = {stage: full_sheets("innovation", stage) for stage in ("paper", "defence")}
    outcome = scored(tmp_path, "innovation", {"stages": stages}, None)
    assert (outcome.status, outcome.errors) == (0, "")
    assert json.loads(outcome.output)["total"] == "100.00"


def test_numbers_of_sheets_are_read_exactly(tmp_path: Path) -> None:
    document = small_document([item("1.1.1", mode="linear", points=1, linear={"zero_at": 0, "full_at": 1})])
    standard = written(tmp_path, "small.json", document)
    sheets = written(tmp_path, "sheets.json", '{"sheets": [{"scorer": "E1", "marks": {"1.1.1": 0.70005}}]}')
    assert json.loads(score_files(standard, sheets, "only").output)["total"] == "70.01"


@pytest.mark.parametrize(
    "name, sheets, stage, errors",
    [
        (
            "smart-community",
            full_sheets("smart-community", "design", 4, i4_2_1=7, i99_9_9=1),
            "design",
            [
                *[
                    line
                    for n in range(4)
                    for line in (
                        f"sheets.json：E{n} 4.2.1：4.2.1 不能评 7，可填：0、6、9、12。",
                        f"sheets.json：E{n} 99.9.9：这一阶段没有条目“99.9.9”。",
                    )
                ],
                "sheets.json：评分表只有 4 份，至少要 5 份。",
                "sheets.json：评分表有 4 份，须为单数。",
            ],
        ),
        (
            "smart-community",
            {"sheets": []},
            None,
            ["sheets.json：--stage：请用 --stage 写明阶段：design、completion。"],
        ),
        ("smart-community", {"sheets": []}, "x", ["sheets.json：没有计分的阶段“x”，可用：completion、design。"]),
        ("innovation", {"stages": {}}, "paper", ["sheets.json：--stage：各阶段合并计分的标准不写 --stage。"]),
        (
            "innovation",
            {"stages": {}},
            None,
            ["sheets.json：paper：缺少阶段“paper”的评分表。", "sheets.json：defence：缺少阶段“defence”的评分表。"],
        ),
        (
            "innovation",
            {"sheets": []},
            None,
            ["sheets.json：$：缺少 stages。", "sheets.json：$.sheets：不认识的键“sheets”，可用：stages。"],
        ),
        ("smart-community", "{", "design", ["sheets.json：第 1 行：语法错误："]),
        (
            "smart-community",
            '{"sheets": [{"scorer": "", "marks": {"a": [], "4.2.1": NaN, "a": 1}}, {"leader": 1, "mark": {}}], "x": 1}',
            "design",
            [
                "sheets.json：$.sheets[0].scorer：scorer不能为空。",
                "sheets.json：$.sheets[0].marks.a：键“a”重复。",
                "sheets.json：$.sheets[0].marks.a：评分应为",
                'sheets.json：$.sheets[0].marks["4.2.1"]：“NaN”不是普通的十进制数',
                "sheets.json：$.sheets[1]：缺少 scorer。",
                "sheets.json：$.sheets[1].leader：leader应为 true 或 false。",
                "sheets.json：$.sheets[1].mark：不认识的键“mark”，应为 marks？",
                "sheets.json：$.x：不认识的键“x”，可用：sheets。",
            ],
        ),
    ],
)
def test_every_problem_is_one_line_and_the_status_is_two(
    tmp_path: Path, name: str, sheets: Any, stage: str | None, errors: list[str]
) -> None:
    outcome = scored(tmp_path, name, sheets, stage)
    assert (outcome.status, outcome.output) == (2, "")
    lines = outcome.errors.splitlines()
    assert len(lines) == len(errors)
    assert [line[: len(start)] for line, start in zip(lines, errors, strict=True)] == errors


def test_a_problem_stays_on_one_line_even_where_it_quotes_several(tmp_path: Path) -> None:
    outcome = scored(tmp_path, "smart-community", {"sheets": [], "two\nlines": 1}, "design")
    assert outcome.errors == 'sheets.json：$["two\\nlines"]：不认识的键“two lines”，可用：sheets。\n'


def test_the_problems_of_both_files_are_said_at_once(tmp_path: Path) -> None:
    standard = written(tmp_path, "standard.yaml", "a: 1\nb: [\n")
    sheets = written(tmp_path, "sheets.json", '{"sheets": 1}')
    lines = score_files(standard, sheets, "only").errors.splitlines()
    assert [line.split("：")[0:2] for line in lines] == [["standard.yaml", "第 3 行"], ["sheets.json", "$.sheets"]]


def test_a_file_that_is_not_there_is_a_problem_like_any_other(tmp_path: Path) -> None:
    outcome = score_files(tmp_path / "none.yaml", tmp_path, "only")
    assert outcome.status == 2
    assert [line.split("：")[:2] for line in outcome.errors.splitlines()] == [
        ["none.yaml", "无法读取文件"],
        [tmp_path.name, "无法读取文件"],
    ]


def test_the_command_prints_what_the_engine_says(tmp_path: Path) -> None:
    sheets = written(tmp_path, "sheets.json", full_sheets("smart-property", "assess", 3))
    standard, output, errors = FOLDER / "smart-property.yaml", io.StringIO(), io.StringIO()
    call_command("score", str(standard), str(sheets), stage="assess", stdout=output, stderr=errors)
    assert (output.getvalue(), errors.getvalue()) == (score_files(standard, sheets, "assess").output, "")


def test_the_command_leaves_with_two_where_the_engine_refuses(tmp_path: Path) -> None:
    sheets = written(tmp_path, "sheets.json", full_sheets("smart-property", "assess", 2))
    standard, output, errors = FOLDER / "smart-property.yaml", io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("score", str(standard), str(sheets), stage="assess", stdout=output, stderr=errors)
    assert (left.value.code, output.getvalue()) == (2, "")
    assert errors.getvalue() == score_files(standard, sheets, "assess").errors


def test_the_program_needs_no_database(tmp_path: Path) -> None:
    sheets = written(tmp_path, "sheets.json", full_sheets("smart-property", "assess", 3))
    command = [sys.executable, "manage.py", "score", str(FOLDER / "smart-property.yaml"), str(sheets), "--stage"]
    nowhere = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "DATA_DIR": str(tmp_path / "data")}
    environment = os.environ | nowhere | {"PYTHONIOENCODING": "utf-8"}
    good, bad = (
        subprocess.run(
            [*command, stage], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        for stage in ("assess", "assessment")
    )
    assert (good.returncode, json.loads(good.stdout)["total"], good.stderr) == (0, "100.0", "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "sheets.json：没有计分的阶段“assessment”，可用：assess、recheck。\n"
