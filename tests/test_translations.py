"""Chinese sentences are the message ids; the English catalogue has every one of them, with the same places for values."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "portal" / "locale" / "en" / "LC_MESSAGES" / "django.po"
PLACE = re.compile(r"%\((\w+)\)[sd]|%%|%[sd]")
CHINESE = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """What `makemessages` finds in a copy of the sources."""
    copy = tmp_path_factory.mktemp("sources")
    for folder in ("portal", "communities", "experts", "evaluation", "templates"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("locale", "fonts", "__pycache__"))
    (copy / "portal" / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "en", "--no-location", "--verbosity", "0"]
    command += ["--extension", "html,txt,py,subject"]
    script = (
        "import sys; sys.path.insert(0, '.');"
        "from django.conf import settings; settings.configure(LOCALE_PATHS=['portal/locale'], USE_I18N=True);"
        "import django; django.setup();"
        f"from django.core.management import execute_from_command_line as run; run({command[2:]!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return polib.pofile(str(copy / "portal" / "locale" / "en" / "LC_MESSAGES" / "django.po"))


@pytest.fixture(scope="module")
def catalogue():
    return polib.pofile(str(CATALOGUE))


def translations(entry):
    return [entry.msgstr] if not entry.msgid_plural else list(entry.msgstr_plural.values())


def test_every_sentence_has_its_english(extracted, catalogue):
    known = {
        (entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete and "fuzzy" not in entry.flags
    }
    missing = [
        entry.msgid
        for entry in extracted
        if (entry.msgctxt, entry.msgid) not in known or not all(translations(known[entry.msgctxt, entry.msgid]))
    ]
    assert missing == []


def test_the_catalogue_holds_nothing_that_is_no_longer_said(extracted, catalogue):
    said = {(entry.msgctxt, entry.msgid) for entry in extracted}
    assert [entry.msgid for entry in catalogue if (entry.msgctxt, entry.msgid) not in said] == []


def test_a_translation_keeps_the_places_for_values(catalogue):
    wrong = [
        entry.msgid
        for entry in catalogue
        for text in translations(entry)
        if set(PLACE.findall(text)) - {""} != set(PLACE.findall(entry.msgid)) - {""}
    ]
    assert wrong == []


# The language's own name, what the title of a provisional certificate holds, places of message texts, words of the table
# of days, names in samples of a search.
TYPED_AS_IT_STANDS = re.compile("中文|预评|{[^{}]+}|休|班|删除|示例小区|(?<=[a-z]:)[\u4e00-\u9fff,]+")


def test_the_english_is_english(catalogue):
    """Chinese is left only where it is a name that has no English, or must be typed as it stands."""
    texts = [text for entry in catalogue for text in translations(entry)]
    assert [text for text in texts if CHINESE.search(TYPED_AS_IT_STANDS.sub("", text))] == []


SHOWN = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".subject", ".txt"))


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_a_page_or_message_shows_no_chinese_that_cannot_be_translated(path):
    """Outside translate tags, comments and the page of the last resort there is no Chinese in a template."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"{% comment.*?endcomment %}|{#.*?#}", "", text, flags=re.DOTALL)
    text = re.sub(r"{% blocktranslate.*?endblocktranslate %}|{% translate .*?%}|{%.*?%}", "", text, flags=re.DOTALL)
    text = re.sub(r'_\("[^"]*"\)', "", text.replace("中文", ""))
    assert path.name == "500.html" or CHINESE.findall(text) == []
