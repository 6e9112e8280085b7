"""``manage.py statistics``: every public figure as CSV in a folder; with --count the nightly count, with --report a month's."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from evaluation import monthly_reports, statistics, statistics_days
from portal.problems import Refused


class Command(BaseCommand):
    help = "把各项公开统计写成 CSV；--count 立即做当日的夜间统计；--report 立即生成某月或上月的月报。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", nargs="?", help="写入的目录")
        parser.add_argument("--year", default="")
        parser.add_argument("--programme", default="")
        parser.add_argument("--district", default="")
        parser.add_argument("--count", action="store_true")
        parser.add_argument("--report", nargs="?", const="", metavar="2026-10")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked, in this order: count, report, files."""
        if options["count"]:
            statistics_days.make(timezone.localdate())
            newest = statistics_days.newest()
            self.stdout.write(f"{newest.day} {timezone.localtime(newest.made_at):%H:%M}" if newest else "—")
        if options["report"] is not None:
            self._report(options["report"])
        if options["folder"]:
            with translation.override("zh-hans"):
                self._files(Path(options["folder"]), options)

    def _report(self, code: str) -> None:
        try:
            month = date.fromisoformat(f"{code}-01") if code else monthly_reports.month_before(timezone.localdate())
        except ValueError as error:
            raise CommandError(_("月份写作 2026-10。")) from error
        row = monthly_reports.make(month) or monthly_reports.find(f"{month:%Y-%m}")
        if row is None:
            raise CommandError(_("这个月还没有结束，或另一个工作进程正在生成。"))
        self.stdout.write(f"{row.sha256}  {row.code}.pdf {row.size}")

    def _files(self, folder: Path, options: dict[str, Any]) -> None:
        try:
            asked, _known = statistics.asked_of(
                {name: options[name] for name in ("year", "programme", "district")}, None
            )
        except Refused as refused:
            raise CommandError("\n".join(problem.text(_) for problem in refused.problems)) from refused
        folder.mkdir(parents=True, exist_ok=True)
        for figure in statistics.figures_for(None):
            path = folder / f"{figure.code}.csv"
            path.write_text(statistics.as_csv(statistics.table(figure, asked)), encoding="utf-8", newline="")
            self.stdout.write(str(path))
