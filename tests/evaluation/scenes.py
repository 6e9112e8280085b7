"""A small city of the tests' own: one developer, one consultant, few experts; and rows that one module's tests share.

Hides: that a module builds its rows once, inside one transaction that is rolled back, with files in a temporary folder.
Every test still runs in a transaction of its own, so that none sees what another wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from communities.models import District, Organisation
from evaluation import configuration
from evaluation.models import Application
from portal.demo import journey, names, people, pool
from portal.models import User
from portal.problems import Refused

EXPERTS, EMPLOYERS = 14, 12


@dataclass(frozen=True)
class City:
    """Three districts; the developer whose cases are judged, another one, and a consultant."""

    districts: tuple[District, ...]
    developer: Organisation
    neighbour: Organisation
    consultant: Organisation

    def case_at(self, state: str, number: int = 1, **values: Any) -> Application:
        """A new case of the developer at ``state``."""
        return journey.case_at(state, unit=self.developer, district=self.districts[0], number=number, **values)


def found_city() -> City:
    """Configuration, officers, three units and an expert pool from which a panel of five can be drawn twice."""
    configuration.load()
    districts = tuple(District.objects.all()[:3])
    people.make_officers(districts, per_officer=1)
    developer = people.make_unit(1, "developer", names.developer(1), districts[0], "applicant", "示例甲")
    neighbour = people.make_unit(2, "developer", names.developer(2), districts[0], "neighbour", "示例乙")
    consultant = people.make_unit(3, "consulting", "示例咨询公司", districts[1], "consultant", "示例丙")
    pool.make_experts(districts, Random(7), EXPERTS, EMPLOYERS)
    return City(districts, developer, neighbour, consultant)


@contextmanager
def kept(blocker: Any, files: Path) -> Iterator[None]:
    """Everything written inside stays until the module ends, and is gone then."""
    with blocker.unblock(), override_settings(MEDIA_ROOT=files), transaction.atomic():
        yield
        transaction.set_rollback(True)


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
