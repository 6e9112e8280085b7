"""The choice of an interpreter, with invented ones on PATH."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "find-python.sh"


def invent(folder: Path, name: str, version: tuple[int, int], has_venv: bool = True) -> None:
    """Write a program that runs `-c CODE` as a Python of that version would."""
    lacking = "" if has_venv else "sys.modules['ensurepip'] = None; "
    program = folder / name
    code = f"import sys; sys.version_info = {version}; {lacking}exec(sys.argv[1])"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
    program.chmod(0o755)


def find(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing but this folder on PATH."""
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)], env={"PATH": str(folder), **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_supported_python3_is_taken(tmp_path, version):
    invent(tmp_path, "python3", version)
    assert find(tmp_path).stdout == "python3\n"


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14)])
def test_an_unsupported_python_gets_one_sentence_in_each_language(tmp_path, version):
    invent(tmp_path, "python3", version)
    done = find(tmp_path)
    found = f"{version[0]}.{version[1]}"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"需要 Python 3.11 至 3.13，本机找到的是：{found}。请安装后再试，或用 PYTHON= 指明其位置。\n"
        f"Python 3.11 to 3.13 is needed; found here: {found}. Install one, or name it with PYTHON=.\n"
    )


def test_a_machine_without_python_is_told_so(tmp_path):
    done = find(tmp_path)
    assert done.returncode == 1
    assert "found here: none" in done.stderr


def test_a_newer_python_beside_an_old_python3_is_found(tmp_path):
    invent(tmp_path, "python3", (3, 9))
    invent(tmp_path, "python3.12", (3, 12))
    assert find(tmp_path).stdout == "python3.12\n"


def test_a_python_that_can_build_environments_is_preferred(tmp_path):
    invent(tmp_path, "python3", (3, 11), has_venv=False)
    invent(tmp_path, "python3.13", (3, 13))
    assert find(tmp_path).stdout == "python3.13\n"


def test_without_a_better_one_the_python_lacking_venv_is_taken_and_explains_itself_later(tmp_path):
    invent(tmp_path, "python3", (3, 11), has_venv=False)
    assert find(tmp_path).stdout == "python3\n"


def test_the_variable_python_decides(tmp_path):
    invent(tmp_path, "python3", (3, 11))
    invent(tmp_path, "mine", (3, 12))
    assert find(tmp_path, PYTHON="mine").stdout == "mine\n"
