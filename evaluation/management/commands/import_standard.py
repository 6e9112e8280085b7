"""``manage.py import_standard``: bring one version of a standard in, whole or not at all."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evaluation.configuration import import_standard
from portal.problems import Refused


class Command(BaseCommand):
    help = "导入一个版本的评价标准（YAML 或 JSON）；不合格时列出全部问题并以 2 退出，不导入任何内容。"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", type=Path, help=_("评价标准文件（YAML 或 JSON）"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what came in, or print every problem and exit with 2."""
        file: Path = options["file"]
        try:
            row = import_standard(file.read_bytes(), file.name, by=None)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", returncode=2) from error
        except Refused as refused:
            for problem in refused.problems:
                sentence = problem.text(gettext)
                self.stderr.write(f"{problem.place}：{sentence}" if problem.place else sentence)
            raise SystemExit(2) from refused
        self.stdout.write(f"{row} {row.name} {row.sha256}")
