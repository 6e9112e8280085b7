"""``manage.py document``: write the documents that are made from the tables into docs/."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.documentation import DOCUMENTS, GENERATED


class Command(BaseCommand):
    help = "由代码中的表生成 docs/workflow.md 与 docs/rights.md。"

    def handle(self, *args: Any, **options: Any) -> None:
        for name, make in GENERATED.items():
            (DOCUMENTS / name).write_text(make(), encoding="utf-8")
            self.stdout.write(f"docs/{name}")
