"""Every command of ours says what it is for."""

from __future__ import annotations

import pytest
from django.core.management import get_commands, load_command_class

APPS = ("portal", "communities", "experts", "evaluation")
OURS = sorted((app, name) for name, app in get_commands().items() if app in APPS)


@pytest.mark.parametrize("app, name", OURS)
def test_a_command_prints_its_help(app: str, name: str) -> None:
    command = load_command_class(app, name)
    told = command.create_parser("manage.py", name).format_help()
    assert told.startswith(f"usage: manage.py {name}")
    assert command.help
