"""``manage.py appoint``: the first officers of a new portal, before anybody could make an account or give a duty in it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from communities.models import Officer
from evaluation import account_keeping, appointing
from portal.models import User
from portal.problems import Refused


class Command(BaseCommand):
    """Makes the account where there is none; its person sets the password by the link in the e-mail."""

    help = "任命首批主管人员（如系统管理员、安全管理员）。 Give a duty from the command line, in a portal without officers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="用户名")
        parser.add_argument("duty", choices=Officer.Duty.values, help="职责")
        parser.add_argument("--name", default="", help="姓名（账号不存在时必填）")
        parser.add_argument("--email", default="", help="电子邮箱（账号不存在时必填）")
        parser.add_argument("--district", action="append", default=[], help="区县代码（区县审核员）")
        parser.add_argument("--basis", required=True, help="依据，例如任命文号")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                rows = self._appoint(options)
        except Refused as refused:
            raise CommandError("\n".join(str(problem) for problem in refused.problems)) from refused
        for row in rows:
            self.stdout.write(f"{row} {row.district or ''}".strip())

    def _appoint(self, options: dict[str, Any]) -> list[Officer]:
        basis = options["basis"]
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            user = account_keeping.open_account(None, options["username"], options["name"], options["email"], basis)
        day = timezone.localdate()
        wanted = appointing.Appointment(user, options["duty"], day, basis, tuple(options["district"]))
        return appointing.give(None, wanted)
