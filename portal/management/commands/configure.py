"""``manage.py configure``: bring districts, sample standards, programmes and limits into an empty portal."""

from typing import Any

from django.core.management.base import BaseCommand

from evaluation import configuration


class Command(BaseCommand):
    help = "导入区县、参考样本标准、评价类别与默认期限；重复运行不会改动已有配置。"

    def handle(self, *args: Any, **options: Any) -> None:
        configuration.load()
        self.stdout.write(self.style.SUCCESS("默认配置已就绪。"))
