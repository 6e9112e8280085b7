"""``manage.py season``: draw a season of 200 panels in an invented city, write its picture and its figures into docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from experts import season

DOCUMENTS = Path(settings.BASE_DIR) / "docs"
BEGIN, END = "<!-- season: begin -->\n", "<!-- season: end -->\n"


def written(text: str, table: str) -> str:
    """The document with the figures in their place. ValueError where it has none."""
    before, _begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not end:
        raise ValueError("docs/draw.md has no place for the figures")
    return f"{before}{BEGIN}{table}{END}{after}"


class Command(BaseCommand):
    """Deterministic: the same figures on every machine; a test compares them with what is committed."""

    help = "Simulate a season of draws; write docs/images/season.svg and the figures in docs/draw.md."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        spreads = [season.season(width) for width in season.WIDTHS]
        table = season.table(spreads)
        page = DOCUMENTS / "draw.md"
        page.write_text(written(page.read_text(encoding="utf-8"), table), encoding="utf-8")
        picture = DOCUMENTS / "images" / "season.svg"
        picture.write_text(season.picture(spreads[0], spreads[2]), encoding="utf-8")
        self.stdout.write(table, ending="")
