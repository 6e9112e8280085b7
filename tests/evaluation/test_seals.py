"""What a seal is worth: the published test vectors, said alike by the portal and by the page of Python; nothing changed passes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import date

import pytest

from evaluation import seals
from tests.evaluation import sealed

DOCUMENT = json.loads(sealed.FILE.read_text(encoding="utf-8"))
KEYS, LISTS, VECTORS = DOCUMENT["keys"], DOCUMENT["lists"], DOCUMENT["vectors"]
PROGRAM = sealed.FILE.parent / "verify_certificate.py"


def loaded(path):
    spec = importlib.util.spec_from_file_location("stand_alone_certificates", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stand_alone = loaded(PROGRAM)


def portal_says(code, ended, day):
    found = seals.verify(code, seals.read_keys(KEYS), ended, date.fromisoformat(day))
    return found.code, dict(found.values), found.since


def test_the_published_vectors_are_what_the_portal_seals_today():
    assert sealed.FILE.read_text(encoding="utf-8") == sealed.text()


@pytest.mark.parametrize("vector", VECTORS, ids=[row["name"] for row in VECTORS])
def test_portal_and_stand_alone_program_say_what_the_vector_says(vector):
    asked = (vector["code"], LISTS[vector["list"]], vector["day"])
    found = portal_says(*asked)
    assert found == stand_alone.verify(asked[0], KEYS, *asked[1:])
    assert (found[0], found[2]) == (vector["verdict"], vector["since"])
    assert (found[1] == {}) == (found[0] in {"unreadable", "altered", "wrong_key", "list_altered"})


def test_every_verdict_has_a_vector():
    assert {row["verdict"] for row in VECTORS} == {
        "valid", "expired", "revoked", "superseded", "reversed", "altered", "wrong_key", "list_altered", "unreadable",
    }  # fmt: skip


def test_no_single_letter_of_a_code_can_be_changed():
    code = sealed.sealed()
    for place in range(len(code)):
        for letter in ("A" if code[place] != "A" else "B", "", "-" if code[place] != "-" else "_"):
            changed = code[:place] + letter + code[place + 1 :]
            assert (changed, portal_says(changed, None, sealed.TODAY)[0] in {"altered", "unreadable", "wrong_key"}) == (
                changed,
                True,
            )


@pytest.mark.parametrize(
    "code",
    [
        "v1." + seals.encode(b"[" * 2000) + ".AA", "v1." + seals.encode(b"\xff\xfe") + ".AA",
        "v1." + seals.encode(b'["v1",1,2,3,4,5,6,7,8,9,{}]') + ".AA",
        "v1." + seals.encode(b'["v1",1,2,3,4,5,6,7,8,9,NaN]') + ".AA", "v1.é.é", "v1.A.A", "\x00#v1.A.A", "v1." + "." * 3000,
    ],
)  # fmt: skip
def test_nothing_hostile_breaks_a_verifier(code):
    found = portal_says(code, LISTS["right"], sealed.TODAY)
    assert found[0] in {"altered", "unreadable", "wrong_key"}
    assert found == stand_alone.verify(code, KEYS, LISTS["right"], sealed.TODAY)


@pytest.mark.parametrize("ended", [[], "x", {"key": []}, {"format": 1, "key": 2, "day": 3}, {"signature": "é"}, 7])
def test_a_list_that_is_none_is_no_list(ended):
    assert portal_says(sealed.sealed(), ended, sealed.TODAY)[0] == "list_altered"
    assert stand_alone.verify(sealed.sealed(), KEYS, ended, sealed.TODAY)[0] == "list_altered"


def test_the_program_is_one_page_of_the_standard_library():
    source = PROGRAM.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 100
    names = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert names - set(sys.stdlib_module_names) == set()


FOR_EVER = sealed.code(valid_until="9999-12-31")


@pytest.mark.parametrize(
    "text, ended, code, words",
    [
        (FOR_EVER, "right", 0, "有效 VALID"),
        (FOR_EVER, None, 0, "撤销名单截至 list of: —"),
        (sealed.code(number="TEST-X-2026-00003"), "right", 1, "已撤销 REVOKED 2026-11-02"),
        (sealed.code(issued_on="2020-01-01", valid_until="2020-12-31"), None, 1, "已过期 EXPIRED 2020-12-31"),
        (sealed.with_payload(FOR_EVER, ",2,", ",3,"), None, 1, "ALTERED"),
        (FOR_EVER, "broken", 2, "不能核验"),
        (FOR_EVER, "missing", 2, "不能核验"),
    ],
)
def test_the_program_answers_by_word_and_exit_code(tmp_path, text, ended, code, words):
    (tmp_path / "keys.json").write_text(json.dumps(KEYS), encoding="utf-8")
    (tmp_path / "right.json").write_text(json.dumps(LISTS["right"]), encoding="utf-8")
    (tmp_path / "broken.json").write_bytes(b"\xff{")
    files = ["keys.json", *([f"{ended}.json"] if ended else [])]
    command = [sys.executable, PROGRAM, text, *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, words in done.stdout) == (code, True), done.stdout
