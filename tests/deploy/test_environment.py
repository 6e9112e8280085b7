"""How a finished environment is told from a stale or unfinished one, and what is refused before building."""

import errno
import importlib.util
import shutil
import sys
from collections import namedtuple

import pytest

from deploy import environment
from deploy.console import Trouble
from deploy.environment import is_a_full_disk, missing, refuse_a_full_disk, refuse_a_python_without_venv, run, stamp_for

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def requirements(tmp_path):
    """Give two requirement files."""
    files = [tmp_path / "requirements.txt", tmp_path / "tests.txt"]
    for file in files:
        file.write_text(f"{file.stem}==1.0\n")
    return files


@pytest.fixture
def venv(tmp_path):
    """Give an environment with a Python and nothing installed."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    return folder


def test_without_a_python_everything_is_missing(tmp_path, requirements):
    assert missing(tmp_path / "none", requirements) == requirements


def test_an_environment_cut_short_before_its_stamp_is_missing_everything(venv, requirements):
    assert missing(venv, requirements) == requirements


def test_a_stamp_per_file_says_what_is_installed(venv, requirements):
    stamp_for(venv, requirements[0]).touch()
    assert missing(venv, requirements) == requirements[1:]
    stamp_for(venv, requirements[1]).touch()
    assert missing(venv, requirements) == []


def test_a_stale_first_file_means_all_over_again_because_the_environment_is_cleared(venv, requirements):
    stamp_for(venv, requirements[1]).touch()
    assert missing(venv, requirements) == requirements


def test_a_changed_requirement_makes_the_stamp_stale(venv, requirements):
    stamp_for(venv, requirements[0]).touch()
    requirements[0].write_text("requirements==2.0\n")
    assert missing(venv, requirements[:1]) == requirements[:1]


def test_another_python_makes_the_stamp_stale(venv, requirements, monkeypatch):
    stamp_for(venv, requirements[0]).touch()
    version = namedtuple("Version", "major minor")(3, sys.version_info.minor + 1)
    monkeypatch.setattr(sys, "version_info", version)
    assert missing(venv, requirements[:1]) == requirements[:1]


def test_a_full_disk_is_refused_with_both_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 9 * 10**8, 10**8))
    with pytest.raises(Trouble) as caught:
        refuse_a_full_disk(tmp_path / "not" / "yet" / "there", 500)
    assert caught.value.chinese == f"磁盘空间不足：{tmp_path} 所在的磁盘只剩 100 MB，需要 500 MB，请清理后再试。"
    assert caught.value.english == (
        f"The disk is too full: {tmp_path} has 100 MB free of 500 MB needed; make room and try again."
    )


def test_a_disk_with_just_enough_room_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 5 * 10**8, 5 * 10**8))
    refuse_a_full_disk(tmp_path, 500)


def test_a_python_without_venv_is_refused_with_the_package_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(Trouble) as caught:
        refuse_a_python_without_venv()
    assert caught.value.chinese == (
        f"{sys.executable} 缺少 venv 模块，请安装后再试，例如 apt install python{version}-venv。"
    )


def test_uv_makes_up_for_a_python_without_venv(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uv")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refuse_a_python_without_venv()


def test_an_installer_that_fails_hands_back_its_last_lines():
    assert run([sys.executable, "-c", "print('no such package'); raise SystemExit(1)"], total=3) == "no such package\n"


def test_an_installer_that_succeeds_hands_back_nothing():
    assert run([sys.executable, "-c", "print('Collecting django==5')"], total=3) == ""


@pytest.mark.parametrize("number, full", [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)])
def test_a_full_disk_is_recognised_by_its_error_number(number, full):
    assert is_a_full_disk(OSError(number, "refused")) is full


def test_building_keeps_what_is_there_when_only_the_test_packages_are_missing(monkeypatch, venv):
    done = []
    monkeypatch.setattr(environment, "VENV", venv)
    monkeypatch.setattr(environment, "create", lambda uv: done.append("create"))
    monkeypatch.setattr(environment, "install", lambda file, uv: done.append(file.name))
    environment.build([environment.TESTS])
    assert done == ["requirements.txt"]
    assert stamp_for(venv, environment.TESTS).exists()
