"""Children end when they are told to, and take their own children with them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from deploy.processes import start, stop, tail

ROOT = Path(__file__).resolve().parents[2]


def is_running(process: int) -> bool:
    """Tell whether a process with this id exists and is no zombie."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def is_soon_gone(process: int) -> bool:
    """Tell whether the process ends within ten seconds: the kernel delivers a signal when it gets to it."""
    deadline = time.monotonic() + 10
    while is_running(process) and time.monotonic() < deadline:
        pass
    return not is_running(process)


def wait_for_words(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the log as soon as it holds a line."""
    while process.poll() is None and not log.read_text().endswith("\n"):
        pass
    return log.read_text()


def test_a_child_with_children_of_its_own_leaves_none_behind(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = start("parent", [sys.executable, "-c", code], tmp_path / "log", os.environ, tmp_path)
    grandchild = int(wait_for_words(child.log, child.process))
    stop([child], 5)
    assert child.process.returncode == -15
    assert is_soon_gone(grandchild)


def test_a_child_that_will_not_end_is_killed_after_the_grace(tmp_path):
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    child = start("stubborn", [sys.executable, "-c", code], tmp_path / "log", os.environ, tmp_path)
    wait_for_words(child.log, child.process)
    stop([child], 0.1)
    assert child.process.returncode == -9


def test_stopping_what_has_ended_is_no_error(tmp_path):
    child = start("quick", [sys.executable, "-c", ""], tmp_path / "log", os.environ, tmp_path)
    child.process.wait()
    stop([child], 1)
    assert child.process.returncode == 0


def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; from deploy.processes import start\n"
        "child = start('clock', ['sleep', '60'], Path(sys.argv[1]), os.environ, Path('/'))\n"
        "print(child.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    assert is_soon_gone(child)


def test_orphans_are_found_and_ended_but_the_spared_and_their_children_are_not(tmp_path):
    code = (
        "import subprocess, sys; from deploy.processes import adopt_orphans, end_descendants\n"
        "adopt_orphans()\n"
        "spared = subprocess.Popen(['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=subprocess.PIPE, text=True)\n"
        "below = int(spared.stdout.readline())\n"
        "orphan = int(subprocess.check_output(['setsid', 'sh', '-c', 'sleep 60 >/dev/null & echo $!'], text=True))\n"
        "killed = end_descendants([spared.pid])\n"
        "everything = end_descendants()\n"
        "print(killed == [orphan], everything == [spared.pid, below])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("一\n二\n三\n", encoding="utf-8")
    assert tail(log, 2) == "二\n三"
