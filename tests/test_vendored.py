"""What browsers get that others wrote is what the manifest says, byte for byte, and everything of it is named there."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
PACKAGES = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["packages"]


def test_every_file_is_the_one_that_was_taken() -> None:
    found = {
        folder.name: {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in VENDOR.iterdir()
        if folder.is_dir()
    }
    assert found == {package["folder"]: package["sha256"] for package in PACKAGES}


def test_every_package_says_its_name_version_licence_and_use() -> None:
    for package in PACKAGES:
        assert all(package[part] for part in ("name", "version", "source", "licence", "used_for"))
        assert "LICENSE" in package["sha256"]
