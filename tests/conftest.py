"""Fixtures for every test: a database file of one's own, files in a temporary folder, a small world, cases at any state."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.backends.sqlite3.base import DatabaseOperations
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from evaluation import directory
from evaluation.models import Application
from evaluation.views import statistics
from portal.demo import papers
from tests.migrated import migrated_copy
from tests.world import World, make_world

# A busy machine is no fault of the code: neither a deadline nor slow generation fails a property.
hypothesis_settings.register_profile("portal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("portal")


def on_sqlite() -> bool:
    """Whether the tests run on the embedded database."""
    return bool(django_settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


ASK_A_DATABASE = frozenset({"db", "transactional_db", "django_db_setup"})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks no database, or whose answer is the same on every one, is tested once, beside SQLite.

    The long come first, so that no process waits at the end for the longest of another.
    """
    if on_sqlite():
        return
    plain = [item for item in items if not _depends_on_the_database(item)]
    kept = set(items) - set(plain)
    items[:] = sorted(
        (item for item in items if item in kept), key=lambda item: item.get_closest_marker("long") is None
    )
    config.hook.pytest_deselected(items=plain)


def _depends_on_the_database(item: pytest.Item) -> bool:
    """Whether a test depends on which database there is: reads or writes rows, or has a portal that does."""
    if item.get_closest_marker("one_database"):
        return False
    marked = any(item.get_closest_marker(name) for name in ("django_db", "browser", "worker", "postgresql"))
    return marked or bool(ASK_A_DATABASE.intersection(getattr(item, "fixturenames", ())))


def pytest_collection_finish() -> None:
    """What is there once every test is known stays to the end: the collector of garbage need not look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # instead of 700 new objects: a page makes thousands, and nearly all go by themselves


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file: only then do two connections wait for each other as they do in production."""
    if on_sqlite():
        path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        migrated_copy(path)
        django_settings.DATABASES["default"]["TEST"]["NAME"] = str(path)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """The copy is taken as it is, and goes with its folder."""
    return django_db_keepdb or on_sqlite()


@pytest.fixture(scope="session", autouse=True)
def events_may_be_flushed() -> Iterator[None]:
    """Between transactional tests all tables are emptied; SQLite's triggers forbid that for events and step aside."""
    original = DatabaseOperations.sql_flush

    def sql_flush(self: DatabaseOperations, style: Any, tables: Any, **options: Any) -> list[str]:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        drops = [f"DROP TRIGGER {self.quote_name(name)}" for name, _ in triggers]
        return [*drops, *original(self, style, tables, **options), *(source for _, source in triggers)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """A hash is slow on purpose, and the tests make and compare hundreds."""
    with override_settings(PASSWORD_HASHERS=["tests.hashing.OneRound"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def papers_are_set_once() -> Iterator[None]:
    """The same words give the same bytes (tests/portal/test_samples.py): cases of other modules have the same papers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "document", lru_cache(maxsize=512)(papers.document))
        yield


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    """What a test uploads or issues lies in its own folder and goes with it."""
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture(autouse=True)
def own_uploads(settings: Any, tmp_path: Path) -> None:
    """So does what is still on its way."""
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture(scope="session", autouse=True)
def own_issuer_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys that seal certificates lie together: rows of one key last for a test or for a module."""
    with override_settings(ISSUER_KEYS=tmp_path_factory.mktemp("issuer-keys")):
        yield


@pytest.fixture(autouse=True)
def nothing_is_counted_yet() -> None:
    """A test's rows go with it, and so does how often they were changed: what a process keeps by that goes too."""
    forget_counts()


def forget_counts() -> None:
    """What this process keeps of counts that it made."""
    directory.forget()
    statistics.forget()


@pytest.fixture
def world(db: None) -> World:
    """Configuration, one person for each role, active units, a pool of 40 experts."""
    return make_world()


AtState = Callable[..., Application]


@pytest.fixture
def at_state(world: World) -> AtState:
    """``at_state("review")`` or ``at_state("site_visit", "completion")``: a new case there, by everybody's own acts."""
    return world.case_at
