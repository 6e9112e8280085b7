"""One HTML file that verifies certificates without a line: scripts, style, public keys and the newest list stand in it.

Hides: how our modules and the vendored ones become one script, and the policy by which the saved page reaches nothing: it
names its script and style by their hashes, so that the pages of the site keep theirs.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.safestring import mark_safe

from evaluation import sealing

FIRST = "js/verifier_page.js"
STYLE = "css/verifier.css"
IMPORT = re.compile(r'^import (\* as \w+|\{[^}]*\}) from ["\'](\.{1,2}/[^"\']+)["\'];$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
LISTED = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
DEFAULT = re.compile(r"^export default \w+;$", re.MULTILINE)


def page() -> str:
    """The page in the language of whoever asks."""
    newest = sealing.newest_list()
    script, style = bundle(), (Path(settings.BASE_DIR) / "static" / STYLE).read_text(encoding="utf-8")
    context = {
        "language": translation.get_language(),
        "made_on": timezone.localdate(),
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'",
        # Files of our own, whole and unchanged: nothing that anybody typed is in them.
        "script": mark_safe(script),  # noqa: S308
        "style": mark_safe(style),  # noqa: S308
        "keys": sealing.keys_document(),
        "ended": json.loads(newest.content) if newest else None,
    }
    return render_to_string("evaluation/verifier.html", context)


def _hash(text: str) -> str:
    """A script or style by its hash, as Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def bundle() -> str:
    """The first module and all that it imports as one classic script; each module is a function that runs once."""
    modules: dict[str, str] = {}
    _add(FIRST, modules)
    script = '"use strict";\nconst modules = {};\n' + "".join(modules.values())
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise ValueError("a script that would end the element it stands in")
    return script


def _add(name: str, modules: dict[str, str]) -> None:
    """Add a module behind those that it imports."""
    source = (Path(settings.BASE_DIR) / "static" / name).read_text(encoding="utf-8")
    folder = posixpath.dirname(name)
    for match in IMPORT.finditer(source):
        wanted = posixpath.normpath(posixpath.join(folder, match[2]))
        if wanted not in modules:
            _add(wanted, modules)
    modules[name] = _wrapped(name, source)


def _wrapped(name: str, source: str) -> str:
    """A module as a function that gives back what it exports."""
    exported: dict[str, str] = {match[1]: match[1] for match in EXPORT.finditer(source)}
    for match in LISTED.finditer(source):
        pairs = [part.split(" as ") for part in match[1].replace("\n", " ").split(",") if part.strip()]
        exported |= {pair[-1].strip(): pair[0].strip() for pair in pairs}

    def taken(match: re.Match[str]) -> str:
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        names = match[1].removeprefix("* as ").replace(" as ", ": ")
        return f"const {names} = modules[{json.dumps(wanted)}];"

    body = IMPORT.sub(taken, source)
    for pattern in (EXPORT, LISTED, DEFAULT):
        body = pattern.sub("", body)
    given = ", ".join(f"{outside}: {inside}" for outside, inside in exported.items())
    return f"modules[{json.dumps(name)}] = (() => {{\n{body}\nreturn {{ {given} }};\n}})();\n"
