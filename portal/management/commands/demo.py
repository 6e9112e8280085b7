"""manage.py demo: an invented city to try the portal with. Refuses a database that holds anybody's data."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from evaluation.workflow.case import STATES
from portal.demo import world
from portal.demo.accounts import accounts


class Command(BaseCommand):
    help = "建立演示数据（虚构）。 Build the demo world (invented) in an empty database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="同一数字得到同样的数据")
        parser.add_argument("--accounts", action="store_true", help="以 JSON 列出演示账号")
        parser.add_argument("--state", choices=list(STATES), help="再建一个处于该状态的案卷")
        parser.add_argument("--stage", choices=["design", "completion"], default="design")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["accounts"]:
            self._require_world()
            self.stdout.write(json.dumps(accounts(), ensure_ascii=False, indent=2))
        elif options["state"]:
            self._require_world()
            self._one_more(options["state"], options["stage"])
        elif world.exists():
            self.stdout.write("演示数据已经建好，不再重复建立。")
        else:
            self._build(options["seed"])

    def _require_world(self) -> None:
        if not world.exists():
            raise CommandError("这里没有演示数据；请先运行 manage.py demo。")

    def _build(self, seed: int) -> None:
        try:
            world.build(seed, say=self.stdout.write)
        except world.NotEmpty as error:
            raise CommandError("数据库里已有数据：演示数据只能建在空库里，以免与真实数据混在一起。") from error

    def _one_more(self, state: str, stage: str) -> None:
        try:
            application = world.one_more(state, stage)
        except ValueError as error:
            raise CommandError(f"{STATES[state]}：{stage} 阶段不经过该状态。") from error
        self.stdout.write(f"{application.project.number} {settings.SITE_URL}{application.get_absolute_url()}")
