"""A world and one case on its way, kept as rows and files, for tests that need real transactions and so begin with empty tables.

Hides: how rows are read and put back on either database. The case walks its way once, by everybody's own acts; whoever asks
for a state that it has passed finds the tables as they were then.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

from evaluation.models import Application
from portal.demo import journey
from portal.models import User
from tests.world import World, make_world

# What Django itself puts back whenever all tables were emptied.
OF_DJANGO = {"contenttypes", "auth"}

Rows = dict[type[Model], dict[Any, dict[str, Any]]]


def models() -> list[type[Model]]:
    """Every model with a table that tests fill."""
    known = apps.get_models(include_auto_created=True)
    return [model for model in known if model._meta.managed and model._meta.app_label not in OF_DJANGO]


def rows_now() -> Rows:
    """All rows, by model and primary key, as the database tells them."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for model in models():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608
            names = [column[0] for column in cursor.description or ()]
            told = (dict(zip(names, values, strict=True)) for values in cursor.fetchall())
            found[model] = {row[model._meta.pk.column]: row for row in told}
    return found


def put_back(wanted: Rows, present: Rows) -> None:
    """Make of the rows that are there those that are wanted: new ones come, changed ones change, none goes."""
    with transaction.atomic(), connection.cursor() as cursor:
        for model, rows in wanted.items():
            quote, key = connection.ops.quote_name, model._meta.pk.column
            table, old = quote(model._meta.db_table), present.get(model, {})
            new = [row for pk, row in rows.items() if pk not in old]
            if new:
                columns, places = ", ".join(map(quote, new[0])), ", ".join(["%s"] * len(new[0]))
                insert = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608
                cursor.executemany(insert, [list(row.values()) for row in new])
            for pk, row in rows.items():
                if pk in old and row != old[pk]:
                    columns = ", ".join(f"{quote(name)} = %s" for name in row)
                    cursor.execute(f"UPDATE {table} SET {columns} WHERE {quote(key)} = %s", [*row.values(), pk])  # noqa: S608
        for statement in connection.ops.sequence_reset_sql(no_style(), list(wanted)):
            cursor.execute(statement)


@dataclass
class Way:
    """Where one design case has been; ``folder`` keeps its files. One for a module, asked by its tests one after another."""

    folder: Path
    people: World | None = None
    case: int = 0
    passed: dict[str, Rows] = field(default_factory=dict)

    def world(self) -> World:
        """The world without a case, in tables that are empty."""
        if self.people is None:
            self.people = make_world()
            self._keep("")
        else:
            self._return_to("", {})
            self._forget_what_was_read()
        return self.people

    def _forget_what_was_read(self) -> None:
        """What the people of the world keep for one request: duties, memberships, from which cases they stand back."""
        for person in vars(self.people).values():
            if isinstance(person, User):
                for kept in ("_duties", "_own_duties", "_stood_in", "_memberships", "_barred"):
                    person.__dict__.pop(kept, None)

    def at_state(self, state: str) -> Application:
        """The case at ``state``, where nothing but ``world`` came before."""
        nearest = next((one for one in reversed([*journey.way_to(state, "design"), state]) if one in self.passed), None)
        if nearest is not None:
            self._return_to(nearest, self.passed[""])
        else:
            self.case = self.people.case_at("draft").pk
            self._keep("draft")
        application = journey.fresh(Application(pk=self.case))
        while application.state != state:
            application = journey.take_step(application, state)
            self._keep(application.state)
        return application

    def _keep(self, state: str) -> None:
        self.passed[state] = rows_now()
        shutil.copytree(settings.MEDIA_ROOT, self.folder, dirs_exist_ok=True)

    def _return_to(self, state: str, present: Rows) -> None:
        put_back(self.passed[state], present)
        shutil.copytree(self.folder, settings.MEDIA_ROOT, dirs_exist_ok=True)


def shared_way() -> tuple[Any, Any]:
    """The fixtures ``way, world = shared_way()`` of a module that tests transactions: its tables are emptied after each test."""

    @pytest.fixture(scope="module")
    def way(tmp_path_factory: pytest.TempPathFactory) -> Way:
        return Way(tmp_path_factory.mktemp("way"))

    @pytest.fixture
    def world(transactional_db: None, way: Way) -> World:
        """The same people for every test."""
        return way.world()

    return way, world
