"""``manage.py open_data``: make the day's open data now, for instance after what stopped the workers was mended."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from evaluation import open_data


class Command(BaseCommand):
    help = "立即生成当日的开放数据；已有的不再生成，正由工作进程生成的留给它。"

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the set, or say that there is nothing to do; either way list the newest one."""
        open_data.make(timezone.localdate())
        whole = open_data.newest()
        for row in whole.files.order_by("pk") if whole else ():
            self.stdout.write(f"{row.sha256}  {whole.day} {row.name} {row.rows}")
