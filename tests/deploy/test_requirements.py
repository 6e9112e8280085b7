"""The pinned files: complete, hashed, in step with pyproject.toml, and naming no host."""

import re
import tomllib

import pytest

from deploy.environment import ROOT, RUNTIME, TESTS

HASHES = r"((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+)(?: ; .*?)? \\\n" + HASHES, re.MULTILINE)


def pins(path):
    """Return project -> version of a pinned file."""
    return {name: version for name, version, _ in PINNED.findall(path.read_text())}


def direct(requirements):
    """Return project -> version of a list in pyproject.toml."""
    matches = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?==(\S+)", requirement) for requirement in requirements]
    return {match[1].lower(): match[2] for match in matches}


@pytest.mark.parametrize("path", [RUNTIME, TESTS])
def test_every_line_is_a_pin_with_hashes_or_a_comment(path):
    rest = PINNED.sub("", path.read_text())
    assert [line for line in rest.splitlines() if not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize("path", [RUNTIME, TESTS])
def test_no_host_is_named(path):
    assert re.findall(r"://|index-url|find-links|trusted-host", path.read_text()) == []


def test_the_pins_are_those_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, tests = direct(project["project"]["dependencies"]), direct(project["dependency-groups"]["test"])
    assert {name: pins(RUNTIME)[name] for name in runtime} == runtime
    assert {name: pins(TESTS)[name] for name in tests} == tests


def test_packages_in_both_files_have_one_version():
    runtime, tests = pins(RUNTIME), pins(TESTS)
    assert {name: tests[name] for name in tests if name in runtime} == {
        name: runtime[name] for name in runtime if name in tests
    }


def test_psycopg_3_is_nowhere_because_django_would_silently_take_it():
    assert [name for name in [*pins(RUNTIME), *pins(TESTS)] if name in {"psycopg", "psycopg-binary"}] == []
