"""What the documents list is what the code has."""

import re

import pytest

from portal.documentation import DOCUMENTS, GENERATED
from portal.settings import BASE_DIR


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_document_is_fresh(name):
    assert (DOCUMENTS / name).read_text(encoding="utf-8") == GENERATED[name](), "run: manage.py document"


def test_the_operators_guide_lists_every_setting():
    source = (BASE_DIR / "portal" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:environ\.get|flag|number|listed)\(\s*"([A-Z_]+)"', source))
    guide = (DOCUMENTS / "operator.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z_]+)`", guide, re.MULTILINE)) == read
