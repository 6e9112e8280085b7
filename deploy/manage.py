"""Run one `manage.py` command in the project's own environment, building that first where it is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.console import Trouble
from deploy.environment import ROOT, ensure_environment


def main() -> None:
    """Become `manage.py` with the arguments given; DATA names the data folder as it does for `make run`."""
    try:
        python = ensure_environment()
    except Trouble as trouble:
        sys.exit(str(trouble))
    environment = dict(os.environ)
    if environment.get("DATA"):
        environment["DATA_DIR"] = str(Path(environment["DATA"]).expanduser().resolve())
    os.execve(python, [str(python), str(ROOT / "manage.py"), *sys.argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    main()
