"""How the stages of `make test` are chosen, counted and added up."""

import os
import subprocess
import sys

import pytest

from deploy.console import Trouble
from tests import run, services
from tests.run import Outcome, Stage, clean_environment, counts, ensure_programs, full_stages, run_together, summary


def outcome(passed=1, failed=0, skipped=0):
    """Build the outcome of an invented stage."""
    return Outcome("stage", passed, failed, skipped, 1.0)


@pytest.mark.parametrize(
    "passed, failed, skipped, good", [(1, 0, 0, True), (0, 0, 0, False), (5, 1, 0, False), (5, 0, 1, False)]
)
def test_a_stage_is_good_only_when_something_passed_and_nothing_failed_or_was_skipped(passed, failed, skipped, good):
    assert outcome(passed, failed, skipped).good is good


def test_the_last_line_adds_up_the_stages_with_skipped_tests_among_the_failed():
    lines = summary([outcome(3), outcome(4, failed=1), outcome(5, skipped=2)]).splitlines()
    assert lines[-1] == "12 passed, 3 failed"


def test_a_report_is_counted(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert counts(report) == (3, 3, 3)


def test_a_report_that_was_never_written_is_a_failure(tmp_path):
    assert counts(tmp_path / "none.xml") == (0, 1, 0)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Variables of a stage that is run by a test: the processes of this test run are not its own."""
    monkeypatch.setattr(run, "end_descendants", lambda spared: [])
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    return os.environ


def exits(name, code, words=""):
    return Stage(name, ["-c", f"print({words!r}); raise SystemExit({code})"])


@pytest.mark.parametrize("code, expected", [(0, (1, 0)), (1, (0, 1))])
def test_a_stage_without_tests_counts_as_one(code, expected, alone):
    [done] = run_together(sys.executable, [exits("checks", code)], alone, [])
    assert (done.passed, done.failed) == expected


def test_stages_side_by_side_are_counted_each_and_tell_their_words_one_after_the_other(alone, capfd):
    stages = [exits("first", 1, "one"), exits("second", 0, "two")]
    done = run_together(sys.executable, stages, alone, [])
    assert [(row.name, row.passed, row.failed) for row in done] == [("first", 0, 1), ("second", 1, 0)]
    assert capfd.readouterr().out.split() == ["===", "first", "one", "===", "second", "two"]


def test_stages_that_wait_for_each_other_run_at_the_same_time(alone, tmp_path):
    """Each goes on only once the other has begun."""
    body = "import pathlib, sys, time; mine, other = map(pathlib.Path, sys.argv[1:]); mine.touch()\n"
    body += "for _ in range(600):\n    if other.exists(): sys.exit(0)\n    time.sleep(0.05)\nsys.exit(1)"
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    stages = [Stage("first", ["-c", body, one, two]), Stage("second", ["-c", body, two, one])]
    assert [row.passed for row in run_together(sys.executable, stages, alone, [])] == [1, 1]


SERVERS = [
    {"DATABASE_URL": "postgres://p1", "REDIS_URL": "unix:///r1"},
    {"DATABASE_URL": "postgres://p2", "REDIS_URL": "unix:///r2"},
    {"REDIS_URL": "unix:///r3"},
]


def test_each_stage_runs_what_is_its_own():
    stages = [run.fast_stage(), *(stage for together in full_stages(*SERVERS) for stage in together)]
    chosen = [
        (stage.name, stage.arguments[stage.arguments.index("-q") + 2], "DATABASE_URL" in stage.environment)
        for stage in stages
    ]
    assert chosen == [
        ("sqlite", "not browser and not worker and not postgresql and not long", False),
        ("sqlite-long", "not browser and not worker and not postgresql and long", False),
        ("postgresql", "not browser and not worker", True),
        ("worker-sqlite", "worker and not postgresql", False),
        ("worker-postgresql", "worker", True),
        ("browser-postgresql", "browser and not looks", True),
        ("browser-sqlite", "browser and looks", False),
    ]


def test_stages_side_by_side_never_share_a_server():
    for together in full_stages(*SERVERS):
        used = [stage.environment[name] for stage in together for name in SERVERS[0] if name in stage.environment]
        assert len(used) == len(set(used))


def test_the_settings_of_a_developer_do_not_reach_the_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://production")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    environment = clean_environment(tmp_path)
    assert [name for name in ("DATABASE_URL", "PYTEST_ADDOPTS") if name in environment] == []
    assert environment["DATA_DIR"] == str(tmp_path / "data")


def test_what_is_missing_and_cannot_be_installed_is_named(monkeypatch):
    monkeypatch.setattr(run, "postgresql_programs", lambda: None)
    monkeypatch.setattr(run, "chromium_program", lambda: None)
    monkeypatch.setattr(run.shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Trouble) as caught:
        ensure_programs("test")
    assert caught.value.chinese == (
        "测试还需要：gettext postgresql chromium（PostgreSQL 13 以上）。"
        "请先安装，例如 sudo apt-get install gettext postgresql chromium。"
    )


def test_an_installation_that_fails_is_told_with_the_last_words_of_the_installer(monkeypatch):
    monkeypatch.setattr(run, "postgresql_programs", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(run.shutil, "which", lambda name: f"/usr/bin/{name}")
    failed = subprocess.CompletedProcess([], 100, "", "E: no network\n")
    monkeypatch.setattr(run.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(Trouble) as caught:
        ensure_programs("bench")
    assert caught.value.detail == "E: no network"


def test_a_server_that_is_too_old_is_not_taken(tmp_path, monkeypatch):
    programs = tmp_path / "12" / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (programs / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 12.20'\n")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(services, "DEBIAN_FOLDERS", tmp_path)
    monkeypatch.setattr(services.shutil, "which", lambda name: None)
    assert services.postgresql_programs() is None
    programs.parent.rename(tmp_path / "17")
    (tmp_path / "17" / "bin" / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
    assert services.postgresql_programs() == tmp_path / "17" / "bin"
