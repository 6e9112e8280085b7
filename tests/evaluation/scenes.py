"""Rows that the tests of one module share: built once, kept in one transaction, rolled back when the module ends.

Hides: where their files lie meanwhile. Every test still runs in a transaction of its own, so that none sees what another
wrote. A module that uses ``kept`` replaces the fixture ``own_files``, or its tests would look for the files elsewhere:
``shared_world`` brings both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from evaluation import configuration
from evaluation.models import Application
from portal.models import User
from portal.problems import Refused
from tests.world import World, make_world

EXPERTS, EMPLOYERS = 14, 12


@contextmanager
def kept(blocker: Any, folders: Any, experts: int = EXPERTS, employers: int = EMPLOYERS) -> Iterator[World]:
    """Yield a world with few experts; everything written inside stays until the module ends, and is gone then.

    blocker, folders: the fixtures ``django_db_blocker`` and ``tmp_path_factory``.
    """
    with blocker.unblock(), override_settings(MEDIA_ROOT=folders.mktemp("files")), transaction.atomic():
        yield make_world(experts, employers)
        transaction.set_rollback(True)


def shared_world(experts: int = EXPERTS, employers: int = EMPLOYERS) -> tuple[Any, Any]:
    """The fixtures ``world, own_files = shared_world()`` at the head of a module whose tests share one kept world."""

    @pytest.fixture(scope="module")
    def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
        with kept(django_db_blocker, tmp_path_factory, experts, employers) as found:
            yield found

    @pytest.fixture(autouse=True)
    def own_files() -> None:
        """The files of this module are shared like its rows."""

    return world, own_files


@contextmanager
def configured(blocker: Any) -> Iterator[None]:
    """Keep the first configuration, and what is written inside, until the module ends; nobody and nothing else is there.

    blocker: the fixture ``django_db_blocker``. Not for a module that tests transactions: its tables are emptied.
    """
    with blocker.unblock(), transaction.atomic():
        configuration.load()
        yield
        transaction.set_rollback(True)


def case(pk: int) -> Application:
    """An application as the next request finds it."""
    return Application.objects.with_case().get(pk=pk)


def person(username: str) -> User:
    """A person as the next request sees them: nothing remembered from an earlier one."""
    return User.objects.get(username=username)


@contextmanager
def refused() -> Iterator[list[tuple[str, str]]]:
    """Expect a refusal; afterwards the list holds (code, place) of every problem, in order."""
    found: list[tuple[str, str]] = []
    with pytest.raises(Refused) as caught, transaction.atomic():
        yield found
    found.extend((problem.code, problem.place) for problem in caught.value.problems)
