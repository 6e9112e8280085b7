"""``manage.py score``: the scoring engine for the command line, without a database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext_lazy as _

from evaluation.scoring import score_files


class Command(BaseCommand):
    help = "按评价标准文件计算评分表的结果，输出一个 JSON 对象；不合法时逐行列出全部问题并以 2 退出。"
    # Neither checks nor migrations are looked at: the engine needs two files and nothing else.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two files and the stage."""
        parser.add_argument("standard", type=Path, help=_("评价标准文件（YAML 或 JSON）"))
        parser.add_argument("sheets", type=Path, help=_("评分表文件（JSON）"))
        parser.add_argument("--stage", help=_("阶段代码；各阶段合并计分的标准不写"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the result, or every problem, and leave with the engine's exit status."""
        outcome = score_files(options["standard"], options["sheets"], options["stage"])
        self.stdout.write(outcome.output, ending="")
        if outcome.status:
            self.stderr.write(outcome.errors, ending="")
            raise SystemExit(outcome.status)
