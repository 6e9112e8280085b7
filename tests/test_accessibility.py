"""docs/accessibility.md lists every criterion of WCAG 2.2 A and AA, and what it says of the source is true."""

from __future__ import annotations

import re

import pytest
from django.forms import Form

from communities.forms import AccountForm
from deploy.environment import ROOT
from portal.forms_account import OwnAccountForm
from portal.models import User

DOCUMENT = (ROOT / "docs" / "accessibility.md").read_text(encoding="utf-8")
# W3C Recommendation 2024-12-12; 4.1.1 is obsolete.
A = (
    "1.1.1 1.2.1 1.2.2 1.2.3 1.3.1 1.3.2 1.3.3 1.4.1 1.4.2 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2 2.3.1 2.4.1 2.4.2 2.4.3 2.4.4 "
    "2.5.1 2.5.2 2.5.3 2.5.4 3.1.1 3.2.1 3.2.2 3.2.6 3.3.1 3.3.2 3.3.7 4.1.2"
)
AA = (
    "1.2.4 1.2.5 1.3.4 1.3.5 1.4.3 1.4.4 1.4.5 1.4.10 1.4.11 1.4.12 1.4.13 2.4.5 2.4.6 2.4.7 2.4.11 2.5.7 2.5.8 3.1.2 "
    "3.2.3 3.2.4 3.3.3 3.3.4 3.3.8 4.1.3"
)
STYLES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "static" / "css").glob("*.css"))}
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "static" / "js").glob("*.js"))}
TEMPLATES = {
    str(path.relative_to(ROOT / "templates")): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "templates").rglob("*.html"))
}
TOKENS = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", STYLES["portal.css"]))


def brightness(colour: str) -> float:
    """Relative luminance of a colour of sRGB, 0 to 1 (WCAG 2.2, "relative luminance")."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 to 21 (WCAG 2.2, "contrast ratio"), for two tokens."""
    low, high = sorted((brightness(TOKENS[one]), brightness(TOKENS[other])))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_the_standard_says_of_black_and_white() -> None:
    assert round((brightness("#fff") + 0.05) / (brightness("#000000") + 0.05), 6) == 21


def test_every_criterion_is_listed_once_with_its_level() -> None:
    listed = re.findall(r"^\| (\d\.\d\.\d+) [^|]+\| (A{1,2}) \|", DOCUMENT, re.MULTILINE)
    assert (len(A.split()), len(AA.split())) == (31, 24)
    assert sorted(listed) == sorted(
        [*((number, "A") for number in A.split()), *((number, "AA") for number in AA.split())]
    )


def test_every_criterion_says_how_it_was_checked() -> None:
    rows = [line.strip("|").split("|") for line in DOCUMENT.splitlines() if re.match(r"\| \d", line)]
    assert [row for row in rows if len(row) != 4 or not row[3].strip()] == []


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", DOCUMENT)
    assert len(named) > 20
    missing = []
    for path, name in named:
        source = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else ""
        if not source or (name and f"def {name}(" not in source):
            missing.append(f"{path}::{name}")
    assert missing == []


@pytest.mark.parametrize("ground", ["paper", "ground"])
@pytest.mark.parametrize("text", ["ink", "ink-2", "action", "done", "wait", "late", "star"])
def test_the_colours_of_text_can_be_told_from_their_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("text", ["action", "done", "wait", "late"])
def test_the_colours_of_tags_can_be_told_from_their_own_ground(text: str) -> None:
    assert contrast(text, f"{text}-2") >= 4.5


def test_edges_and_focus_can_be_told_from_their_ground() -> None:
    assert contrast("edge", "paper") >= 3
    assert [contrast("ink", ground) >= 3 for ground in ("paper", "ground", "focus")] == [True] * 3


def test_whatever_shows_the_focus_has_the_dark_line_too() -> None:
    rules = [
        rule for style in STYLES.values() for rule in re.findall(r"focus[^{}]*{([^}]*var\(--focus\)[^}]*)}", style)
    ]
    assert len(rules) > 3
    assert [rule for rule in rules if "box-shadow: 0 0 0 2px var(--ink)" not in rule] == []


def test_nothing_asks_how_a_device_is_held() -> None:
    held = re.compile(r"orientation:|deviceorientation|devicemotion|screen\.orientation")
    assert [name for name, source in {**STYLES, **SCRIPTS}.items() if held.search(source)] == []


def test_nothing_is_said_on_hover_alone() -> None:
    """A title may only carry the whole of a hash whose beginning is on the page, or name a frame."""
    found = []
    for name, source in TEMPLATES.items():
        tags = re.findall(r"<(?!iframe|link)\w+[^<>]*? title=\"([^\"]*)\"", source)
        found += [(name, title) for title in tags if "sha256" not in title and "SHA-256" not in title]
    assert found == []


def test_no_template_changes_the_order_of_the_focus() -> None:
    assert [name for name, source in TEMPLATES.items() if re.search(r'tabindex="[1-9]', source)] == []


def test_passwords_can_be_filled_in_by_a_program() -> None:
    sources = [
        path for app in ("portal", "communities", "experts", "evaluation") for path in (ROOT / app).rglob("*.py")
    ]
    asked = [
        (path.name, said)
        for path in sources
        for said in re.findall(r"PasswordInput\((.*)\)", path.read_text(encoding="utf-8"))
    ]
    assert len(asked) > 2
    assert [one for one in asked if '"autocomplete": "current-password"' not in one[1]] == []
    assert [name for name, source in SCRIPTS.items() if re.search(r'"paste".*preventDefault', source)] == []


def purposes(form: Form) -> dict[str, str]:
    """Field -> what it says that it takes."""
    said = {name: field.widget.attrs.get("autocomplete", "") for name, field in form.fields.items()}
    return {name: purpose for name, purpose in said.items() if purpose}


def test_fields_about_the_person_say_what_they_take(db: None) -> None:
    person = User.objects.create(username="示例", name="示例")
    new = {"password1": "new-password", "password2": "new-password"}
    own = {"name": "name", "email": "email", "phone": "tel", "password": "current-password"}
    assert purposes(AccountForm()) == {"username": "username", "name": "name", "email": "email", **new}
    assert purposes(OwnAccountForm(person)) == own


# What scripts change on a page while it stays: said aloud, since it is there.
CHANGING = re.compile(
    r"<(?!input)[a-z]+ [^<>]*"
    r"(?:id=\"(?:status|line|kept|waiting|more)\"|data-(?:status|last-saved|shown|announce|map-status|result)[ >=])[^<>]*>?"
)


def test_what_is_said_without_a_new_page_is_a_status() -> None:
    found = [(name, tag) for name, source in TEMPLATES.items() for tag in CHANGING.findall(source)]
    assert len(found) > 10
    assert [one for one in found if 'role="status"' not in one[1]] == []
