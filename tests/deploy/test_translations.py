"""Catalogues are compiled without gettext, once, and only ours."""

import gettext
import os

import pytest

from deploy.translations import compile_translations, stale

CATALOGUE = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "星级"
msgstr "Level"

#, fuzzy
msgid "小区"
msgstr "Guess"

msgid "%(count)s 条"
msgid_plural "%(count)s 条"
msgstr[0] "%(count)s item"
msgstr[1] "%(count)s items"
"""


@pytest.fixture
def catalogue(tmp_path):
    """Give an English catalogue in a project folder."""
    path = tmp_path / "portal" / "locale" / "en" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE, encoding="utf-8")
    return path


def test_a_compiled_catalogue_translates_and_leaves_guesses_out(tmp_path, catalogue):
    assert compile_translations(tmp_path) == 1
    with catalogue.with_suffix(".mo").open("rb") as file:
        english = gettext.GNUTranslations(file)
    assert [english.gettext(word) for word in ("星级", "小区")] == ["Level", "小区"]
    assert [english.ngettext("%(count)s 条", "%(count)s 条", count) for count in (1, 2)] == [
        "%(count)s item",
        "%(count)s items",
    ]


def test_a_second_time_nothing_is_done(tmp_path, catalogue):
    compile_translations(tmp_path)
    assert compile_translations(tmp_path) == 0


def test_a_changed_catalogue_is_stale(tmp_path, catalogue):
    compile_translations(tmp_path)
    compiled = catalogue.with_suffix(".mo").stat().st_mtime_ns
    os.utime(catalogue, ns=(compiled + 1, compiled + 1))
    assert stale(tmp_path) == [catalogue]


@pytest.mark.parametrize("folder", [".venv", "build", "data"])
def test_catalogues_that_are_not_ours_are_left_alone(tmp_path, catalogue, folder):
    (tmp_path / "portal").rename(tmp_path / folder)
    assert stale(tmp_path) == []
