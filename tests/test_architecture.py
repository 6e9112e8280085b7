"""The house stands as docs/architecture.md says: who imports whom, who writes a state, what stays plain Python."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    "manage.py", "portal", "evaluation", "communities", "experts", "templates", "static", "tests", "requirements.txt",
    "README.md", "README.zh-CN.md", "pyproject.toml", "Makefile", "docs", "deploy",
}  # fmt: skip
MADE_BY_RUNNING = {"data", "build", "__pycache__"}
KERNEL = {
    "portal.accounts", "portal.attachments", "portal.attempts", "portal.audit", "portal.bounded",
    "portal.bounces", "portal.clock", "portal.conditional", "portal.contents", "portal.digest", "portal.files", "portal.fonts",
    "portal.machine",
    "portal.mail_faults", "portal.message_ids", "portal.message_kinds", "portal.message_places", "portal.message_texts",
    "portal.migrations", "portal.models", "portal.notify", "portal.parts", "portal.preferences",
    "portal.first_password", "portal.previews", "portal.problems", "portal.rendering", "portal.sample_film",
    "portal.samples",
    "portal.tables", "portal.tasks", "portal.templatetags", "portal.typesetting", "portal.uploads",
    "portal.workbooks", "portal.workdays",
}  # fmt: skip
# app -> apps it may import (the kernel may be imported by all)
MAY_IMPORT = {
    "kernel": set(),
    "communities": {"kernel"},
    "experts": {"kernel", "communities"},
    "evaluation": {"kernel", "communities", "experts"},
    "shell": {"kernel", "communities", "experts", "evaluation", "shell"},
}
# What pages and endpoints share of the shell: the form of acts, and how a refusal is answered.
SHARED_OF_SHELL = {"portal.forms", "portal.kept", "portal.api", "portal.api_reading", "portal.api_schema"}
PLAIN = ["portal/problems.py", "portal/message_places.py", "portal/mail_faults.py", "portal/workdays.py",
"communities/credit_code.py", "communities/identity_number.py", "communities/geometry.py", "evaluation/standard",
         "evaluation/scoring", "evaluation/seals.py", "evaluation/manifest.py", "evaluation/merging.py", "experts/draw",
         "experts/season.py", "experts/names.py", "evaluation/city_map.py", "evaluation/search_words.py"]  # fmt: skip
# inside an app: a module of one layer imports none of a later one
LAYERS = [
    {"standard", "scoring", "seals", "merging", "manifest", "draw", "credit_code", "identity_number", "geometry", "names"},
    {"models"},
    {"permissions"},
    {"writing"},
    {"snapshot", "archive", "carrying", "checks", "automation", "clocks", "notifications", "filing", "proofs",
     "receiving", "coverage", "decision_receipts", "precedents", "minutes", "disclosing", "findings", "marking",
     "drawing", "site", "site_checklist", "site_paper",
     "site_photos", "site_signing", "guidance", "changing", "timeline", "outcome", "configuration", "work",
     "work_pages", "desk", "desk_columns", "desk_conditions", "search_words", "sought", "saved_views",
     "registration", "members", "inviting", "changes", "engaging", "sheets", "wording", "importing", "pool", "calls",
     "admitting", "standing", "serving", "facts", "declaring", "suspecting", "rating", "refusing", "asking",
     "discussing",
     "answering", "outbox", "delivery", "phrasing", "substituting", "unseating", "handling", "batching", "exporting",
     "incentives", "incentive_policies", "telling_incentives", "confirming",
     "sanctions", "renewing", "succession", "sanction_work", "telling_sanctions",
     "standing_in", "basis", "moving", "limits", "appointing", "account_keeping", "policies", "day_table", "trail",
     "telling_time",
     "directory", "city_map", "notice_versions", "replying",
     "figures", "targets", "step_times", "item_losses", "statistics_days", "public_figures", "officer_figures",
     "statistics", "monthly_reports",
     "supervising", "inspecting", "public_facts", "open_data", "sealing", "verifier_page", "printing", "certificate_forms",
     "certificate_numbers", "certifying", "approving"},
    {"workflow"},
    {"forms"},
    {"views", "api", "admin"},
    {"urls", "management"},
]  # fmt: skip


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        path = ROOT / folder
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported at the top of the file)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(ast.walk(ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node in top) for alias in node.names)


def house_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] in {"communities", "experts", "evaluation"}:
        return parts[0]
    if parts[0] == "portal":
        return "kernel" if ".".join(parts[:2]) in KERNEL else "shell"
    return None


def app_sources() -> Iterator[Path]:
    return (
        path for path in sources("portal", "communities", "experts", "evaluation") if "migrations" not in path.parts
    )


def test_the_top_level_holds_what_it_should_and_nothing_else():
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - MADE_BY_RUNNING
    assert found - TOP_LEVEL == set()


def test_dependencies_point_one_way():
    wrong = []
    for path in app_sources():
        house = house_of(module_of(path))
        for name, _ in imports(path):
            target = house_of(name)
            shared = ".".join(name.split(".")[:2]) in SHARED_OF_SHELL and {"views", "api"} & set(
                module_of(path).split(".")
            )
            if target and target != house and target not in MAY_IMPORT[house] and not shared:
                wrong.append(f"{module_of(path)} imports {name}")
    assert wrong == []


def test_inside_an_app_no_layer_imports_a_later_one():
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    wrong = []
    for path in sources("communities", "experts", "evaluation"):
        parts = module_of(path).split(".")
        mine = level.get(parts[1]) if len(parts) > 1 else None
        for name, top in imports(path):
            other = name.split(".")
            theirs = level.get(other[1]) if other[0] == parts[0] and len(other) > 1 else None
            if top and mine is not None and theirs is not None and theirs > mine:
                wrong.append(f"{module_of(path)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("place", PLAIN)
def test_plain_python_knows_no_django(place):
    wrong = [
        f"{module_of(path)} imports {name}"
        for path in sources(place)
        for name, _ in imports(path)
        if name.split(".")[0] in {"django", "rest_framework", "celery"}
    ]
    assert wrong == []


def test_only_the_machine_writes_a_state():
    """No assignment to ``.state`` and no ``update(state=…)`` outside the kernel's machine (the demo moves clocks only)."""
    wrong = []
    for path in app_sources():
        if module_of(path) == "portal.machine":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign):
                wrong += [f"{path}:{node.lineno}" for target in node.targets
                          if isinstance(target, ast.Attribute) and target.attr == "state"]  # fmt: skip
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "update":
                wrong += [f"{path}:{node.lineno}" for keyword in node.keywords if keyword.arg == "state"]
    assert wrong == []


def test_only_one_module_writes_findings():
    """``evaluation.findings`` alone creates, changes and deletes findings 问题; everybody else calls it."""
    writes = {"create", "bulk_create", "update", "update_or_create", "get_or_create", "delete"}
    wrong = []
    for path in app_sources():
        if module_of(path) == "evaluation.findings":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in writes:
                spelled = ast.unparse(node.func.value)
                if spelled.startswith("Finding.objects") or ".findings" in spelled and "site_visit" not in spelled:
                    wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


def test_a_database_that_cuts_long_names_keeps_them_all():
    """Tables, columns and the indexes and constraints that we name have at most 30 ASCII characters."""
    names = []
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in {"portal", "communities", "experts", "evaluation"}:
            names.append(model._meta.db_table)
            names += [field.column for field in model._meta.local_fields if field.column]
            names += [thing.name for thing in [*model._meta.indexes, *model._meta.constraints]]
    assert [name for name in names if len(name) > 30 or not name.isascii()] == []


def test_nothing_of_the_project_reads_what_lies_beside_it():
    marks = ["../shared", str(ROOT)]
    wrong = [
        f"{path}: {mark}"
        for path in sources("portal", "communities", "experts", "evaluation", "deploy", "tests")
        for mark in marks
        if path != Path(__file__).resolve() and mark in path.read_text(encoding="utf-8")
    ]
    assert wrong == []
