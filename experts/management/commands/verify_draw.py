"""``manage.py verify_draw RECEIPT``: verify the receipt of an expert draw; needs no database."""

from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from experts.draw import verify_bytes


class Command(BaseCommand):
    """Exit 0 where the receipt is right; 1 with every problem on standard error where it is not."""

    help = "核验专家抽取凭证：按凭证重新抽取，逐项比对。 Verify the receipt of an expert draw."
    requires_system_checks: ClassVar[list[str]] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("receipt", type=Path, metavar="RECEIPT", help="凭证文件（JSON） the receipt, a JSON file")

    def handle(self, *args: Any, receipt: Path, **options: Any) -> None:
        try:
            data = receipt.read_bytes()
        except OSError as error:
            raise CommandError(f"{_('无法读取凭证文件。')} {error}") from error
        if problems := verify_bytes(data):
            lines = [problem.text(_) for problem in problems]
            raise CommandError("\n".join([*lines, _("核验不通过，该凭证不可信。")]))
        self.stdout.write(_("核验通过，抽取结果与凭证所载一致。"))
