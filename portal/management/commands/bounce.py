"""``manage.py bounce``: take one delivery status report from standard input, as a mail server hands it to a program."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from portal import bounces
from portal.problems import Refused


class Command(BaseCommand):
    help = "从标准输入读取一份投递状态报告（退信），把对应的消息标为退回。"

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report, marked = bounces.take(sys.stdin.buffer.read(bounces.LARGEST + 1))
        except Refused as refused:
            raise CommandError("；".join(problem.text(gettext) for problem in refused.problems)) from refused
        self.stdout.write(f"{report.message} {report.action} {'marked' if marked else 'unchanged'}")
