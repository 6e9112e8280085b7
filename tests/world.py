"""A small world for tests: the configuration, one person for each role, an active unit, a pool that seats any panel.

The same modules that build the demo world make it, so that a test stands where a person would.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from communities.models import District, Organisation
from evaluation import configuration, sealing
from evaluation.models import Application
from portal.demo import journey, names, people, pool
from portal.models import User


@dataclass(frozen=True)
class World:
    """Who is there. Officers hold city duties; ``district_officer`` serves ``district``, ``other_officer`` another."""

    district: District
    other_district: District
    unit: Organisation
    other_unit: Organisation
    consulting: Organisation
    applicant: User
    other_applicant: User
    consultant: User
    district_officer: User
    other_officer: User
    intake: User
    organiser: User
    approver: User
    supervisor: User
    pool_keeper: User
    system_administrator: User
    security_administrator: User
    audit_administrator: User
    numbers: count

    def case_at(
        self,
        state: str,
        stage: str = "design",
        *,
        target_level: int = 2,
        advised: bool = False,
        unit: Organisation | None = None,
    ) -> Application:
        """A new project of ``unit`` whose application for ``stage`` is at ``state``."""
        return journey.case_at(
            state,
            unit=unit or self.unit,
            district=self.district,
            number=next(self.numbers),
            stage=stage,
            target_level=target_level,
            consultant=self.consulting if advised else None,
        )


def make_world(experts: int = 40, employers: int = 24) -> World:
    """Make it in an empty database; two calls in two tests make the same."""
    configuration.load()
    sealing.first_key()
    districts = list(District.objects.all())
    people.make_officers(districts[:8])
    pool.make_experts(districts, names.chance("tests"), experts, employers)
    unit = people.make_unit(1, "developer", names.developer(1), districts[0], "applicant", "示例经办人甲")
    other = people.make_unit(2, "developer", names.developer(2), districts[1], "other-applicant", "示例经办人乙")
    consulting = people.make_unit(1, "consulting", "示例咨询有限公司", districts[2], "consultant", "示例咨询员")
    by_name = {user.username.replace("-", "_"): user for user in User.objects.exclude(username__startswith="expert-")}
    return World(
        district=districts[0],
        other_district=districts[4],
        unit=unit,
        other_unit=other,
        consulting=consulting,
        district_officer=by_name.pop("district_1"),
        other_officer=by_name.pop("district_2"),
        numbers=count(1),
        **by_name,
    )
