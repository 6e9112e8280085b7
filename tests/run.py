"""`make test`, `make check` and `make bench`: everything they need is brought here, run in stages, and removed again.

Hides: what is installed from where, which services a stage needs, how results of different programs are added up.
A test that is skipped counts as failed: what cannot run must be mended, not passed over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.console import Trouble, say, step
from deploy.environment import ROOT, ensure_environment
from deploy.processes import Stopped, adopt_orphans, descendants, die_with_parent, end_descendants, stop_on_signals
from tests.services import chromium_program, postgresql_programs, private_folder, private_postgresql, private_redis

REPORTS = ROOT / "build" / "reports"
STAGE_SECONDS = 3600
FAST = "not browser and not worker"
# What a developer has set for their own portal must not reach the tests.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "DEBUG", "HTTPS", "ALLOWED_HOSTS", "SITE_URL",
           "ISSUER_KEYS")  # fmt: skip
FOREIGN_TO_PYTEST = ("PYTEST_ADDOPTS", "DJANGO_SETTINGS_MODULE", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Stage:
    """One command, its name in the summary, and the variables it gets; a run of pytest is counted test by test."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_pytest: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a stage ended; a stage that is no run of pytest counts as one test."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def good(self) -> bool:
        """Tell whether something was proved and nothing failed or was left out."""
        return self.passed > 0 and self.failed == 0 and self.skipped == 0


def pytest_stage(
    name: str, expression: str, environment: Mapping[str, str], workers: int = 0, dist: str = "loadfile"
) -> Stage:
    """Describe a run of pytest over the tests that the marker expression selects, on this many processes.

    dist: how xdist deals them out. Whole files to one process each, since worlds that a module shares are built once;
    "loadgroup" where the tests themselves say what stays together.
    """
    arguments = ["-m", "pytest", "-q", "-m", expression, f"--junitxml={REPORTS / (name + '.xml')}"]
    spread = ["-n", str(workers), "--dist", dist] if workers else []
    return Stage(name, [*arguments, *spread], environment, is_pytest=True)


def static_stages() -> list[Stage]:
    """Describe the checks that run no test: translations, lint, format, types, migrations."""
    return [
        Stage("translations", ["-m", "deploy.translations"]),
        Stage("ruff-check", ["-m", "ruff", "check", "--quiet", "--output-format", "concise"]),
        Stage("ruff-format", ["-m", "ruff", "format", "--check", "--quiet"]),
        Stage("mypy", ["-m", "mypy"]),
        Stage("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"]),
    ]


def fast_stage() -> Stage:
    """Describe what `make check` runs: on SQLite, without browser, worker, PostgreSQL and what is long."""
    return pytest_stage("sqlite", f"{FAST} and not postgresql and not long", {}, workers=2)


def long_stage() -> Stage:
    """Describe the tests on SQLite that walk whole journeys or draw thousands of panels."""
    return pytest_stage("sqlite-long", f"{FAST} and not postgresql and long", {}, workers=2)


def full_stages(
    server: Mapping[str, str], second: Mapping[str, str], broker: Mapping[str, str]
) -> list[tuple[Stage, ...]]:
    """Describe the rest: the same tests on PostgreSQL and Redis, then the real worker and the browser on both.

    server, second: the variables that name two pairs of PostgreSQL and Redis; broker: a Redis beside SQLite. Stages of one
    tuple run side by side, never on the same server: whoever waits for a portal leaves the machine to the others.
    """
    # Playwright keeps an event loop in the thread of the test; Django would take that for asynchronous code.
    browser = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true", "CHROMIUM": chromium_program() or ""}
    return [
        (long_stage(),),
        (pytest_stage("postgresql", FAST, server, workers=2),),
        (
            pytest_stage("worker-sqlite", "worker and not postgresql", broker),
            pytest_stage("worker-postgresql", "worker", server),
            pytest_stage("browser-postgresql", "browser and not looks", {**second, **browser}),
        ),
        # Two browsers at once, each before a portal with a database and a broker of its own.
        (pytest_stage("browser-sqlite", "browser and looks", browser, workers=2, dist="loadgroup"),),
    ]


def ensure_programs(choice: str) -> None:
    """Install the programs that a choice needs where Debian's packages may be, else say what is missing."""
    packages = [] if choice == "bench" or shutil.which("xgettext") else ["gettext"]
    if choice != "check" and not postgresql_programs():
        packages.append("postgresql")
    if choice == "test" and not chromium_program():
        packages.append("chromium")
    if not packages:
        return
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Trouble(
            f"测试还需要：{names}（PostgreSQL 13 以上）。请先安装，例如 sudo apt-get install {names}。",
            f"The tests also need: {names} (PostgreSQL 13 or newer). Install them, as in sudo apt-get install {names}.",
        )
    with step(f"安装系统软件包 {names}", f"installing {names} with apt-get"):
        # Runlevel 1 keeps the package's own server from starting on the standard port.
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", *command], env=quiet, capture_output=True, text=True, check=False)
            if done.returncode:
                detail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
                raise Trouble(f"无法安装 {names}。", f"{names} could not be installed.", detail)


def clean_environment(folder: Path) -> dict[str, str]:
    """Return the variables of every stage: nobody's portal, and everything that is written goes to the folder."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN + FOREIGN_TO_PYTEST}
    scratch = folder / "tmp"
    scratch.mkdir()
    return {**environment, "DATA_DIR": str(folder / "data"), "TMPDIR": str(scratch)}


@dataclass
class Running:
    """A stage that was started; ``log`` is the file of its words where they wait until another stage has told its own."""

    stage: Stage
    process: subprocess.Popen[bytes]
    started: float
    log: Path | None


def run_together(
    python: Path, stages: Sequence[Stage], environment: Mapping[str, str], spared: Sequence[int]
) -> list[Outcome]:
    """Run stages side by side and count what each did; a single one tells its words as they come."""
    running = [start_stage(python, stage, environment, len(stages) > 1) for stage in stages]
    try:
        return [outcome_of(one) for one in running]
    finally:
        for one in running:
            end_stage(one.process)
        end_descendants(spared)


def start_stage(python: Path, stage: Stage, environment: Mapping[str, str], aside: bool) -> Running:
    """Start one stage, its words going straight to the terminal or, ``aside``, into a file of their own."""
    (REPORTS / f"{stage.name}.xml").unlink(missing_ok=True)
    log = REPORTS / f"{stage.name}.log" if aside else None
    if log is None:
        say(f"\n=== {stage.name}")
    with ExitStack() as stack:
        words = stack.enter_context(log.open("wb")) if log else None
        process = subprocess.Popen(
            [str(python), *stage.arguments],
            cwd=ROOT,
            env={**environment, **stage.environment},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT if words else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    return Running(stage, process, time.monotonic(), log)


def outcome_of(running: Running) -> Outcome:
    """Wait for a stage and count what it did."""
    stage = running.stage
    try:
        code = running.process.wait(max(STAGE_SECONDS - (time.monotonic() - running.started), 1))
    except subprocess.TimeoutExpired:
        say(f"{stage.name} 超过 {STAGE_SECONDS} 秒，已停止。", f"{stage.name} was stopped after {STAGE_SECONDS} s.")
        code = -1
    seconds = time.monotonic() - running.started
    end_stage(running.process)
    if running.log is not None:
        say(f"\n=== {stage.name}")
        say(running.log.read_text(encoding="utf-8", errors="replace"))
    report = REPORTS / f"{stage.name}.xml"
    passed, failed, skipped = counts(report) if stage.is_pytest else (int(code == 0), int(code != 0), 0)
    if code != 0 and failed == 0 and skipped == 0:
        failed = 1  # it broke before or after its tests: nothing collected, a crash, a leak
    return Outcome(stage.name, passed, failed, skipped, seconds)


def end_stage(process: subprocess.Popen[bytes]) -> None:
    """Let a stage that still runs put away what its tests started (as after Ctrl-C), then end its whole group."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def counts(report: Path) -> tuple[int, int, int]:
    """Return passed, failed and skipped of a JUnit report that our own pytest wrote; no report is one failure."""
    if not report.exists():
        return 0, 1, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314

    def total(name: str) -> int:
        return sum(int(suite.get(name, "0")) for suite in suites)

    failed, skipped = total("failures") + total("errors"), total("skipped")
    return total("tests") - failed - skipped, failed, skipped


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table of stages; the last line is "N passed, M failed", skipped tests among the failed."""
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    lines = ["", "=== summary"]
    for outcome in outcomes:
        verdict = "ok    " if outcome.good else "FAILED"
        numbers = f"{outcome.passed:5} passed {outcome.failed:3} failed {outcome.skipped:3} skipped"
        lines.append(f"{outcome.name:{width}}  {verdict} {numbers} {outcome.seconds:7.1f} s")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed + outcome.skipped for outcome in outcomes)
    return "\n".join([*lines, "", f"{passed} passed, {failed} failed"])


def run_stages(python: Path, choice: str, outcomes: list[Outcome]) -> None:
    """Run the stages of "check", "bench" or "test" in order, adding each outcome as it comes; a failure ends none."""
    with ExitStack() as stack:
        environment = clean_environment(stack.enter_context(private_folder()))
        stages: list[tuple[Stage, ...]] = []
        if choice != "bench":
            stages += [(stage,) for stage in (*static_stages(), fast_stage())]
        if choice != "check":
            with step("启动测试专用的 PostgreSQL 与 Redis", "starting a private PostgreSQL and Redis"):
                server = private_server(stack)
                second = server if choice == "bench" else private_server(stack)
            stages += [(Stage("bench", ["-m", "tests.bench"], server),)] if choice == "bench" else []
            if choice == "test":
                stages += full_stages(server, second, {"REDIS_URL": stack.enter_context(private_redis())})
        spared = descendants()
        for together in stages:
            outcomes += run_together(python, together, environment, spared)


def private_server(stack: ExitStack) -> dict[str, str]:
    """Start a PostgreSQL and a Redis that end with ``stack``; return the variables that name them."""
    return {
        "DATABASE_URL": stack.enter_context(private_postgresql()),
        "REDIS_URL": stack.enter_context(private_redis()),
    }


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for and return 0 only when every stage was good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--check", dest="choice", action="store_const", const="check", help="fast: SQLite only")
    chosen.add_argument("--bench", dest="choice", action="store_const", const="bench", help="measure, do not test")
    choice = parser.parse_args(arguments).choice or "test"
    outcomes: list[Outcome] = []
    code = 1
    stop_on_signals()
    try:
        adopt_orphans()
        python = ensure_environment(with_tests=True)
        ensure_programs(choice)
        REPORTS.mkdir(parents=True, exist_ok=True)
        run_stages(python, choice, outcomes)
        code = 0 if all(outcome.good for outcome in outcomes) else 1
    except Stopped:
        say("\n已中断，启动的一切均已停止。", "interrupted; everything that was started has been stopped.")
        outcomes.append(Outcome("interrupted", 0, 1, 0, 0.0))
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        outcomes.append(Outcome("setup", 0, 1, 0, 0.0))
    print(summary(outcomes), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
