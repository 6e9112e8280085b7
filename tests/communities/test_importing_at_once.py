"""A button pressed twice at once, on a real database with real transactions: the communities are registered once."""

import pytest

from communities import sheets
from communities.importing import LAYOUT, import_communities
from communities.models import Community
from communities.sheets import REQUIRED
from evaluation import configuration
from portal.problems import Refused
from portal.tables import Table
from tests.at_once import at_once
from tests.communities.workbook_files import row
from tests.evaluation import published

pytestmark = pytest.mark.django_db(transaction=True)


def fresh(row):
    """The same row as another request reads it."""
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def unit():
    configuration.load()
    return published.organisation()


@pytest.fixture
def clerk(unit):
    return published.member(unit, "clerk", "member")


def test_of_two_presses_at_once_one_imports_and_the_other_is_told(unit, clerk):
    rows = {number: {name: str(text) for name, text in row(number).items()} for number in range(3, 8)}
    table = Table(LAYOUT, dict.fromkeys(REQUIRED, "A"), rows, {})
    people, units = [fresh(clerk) for _ in range(2)], [fresh(unit) for _ in range(2)]
    outcomes = at_once(
        lambda: import_communities(people[0], units[0], table), lambda: import_communities(people[1], units[1], table)
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["imported_before"]
    assert Community.objects.count() == 5


def test_of_two_who_register_the_same_at_once_one_is_told(unit, clerk):
    other = published.member(unit, "other", "member")
    district = unit.district
    values = {**row(1), "district": district}
    outcomes = at_once(
        lambda: sheets.register_community(fresh(clerk), fresh(unit), values),
        lambda: sheets.register_community(fresh(other), fresh(unit), values),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["community_taken"]
    assert Community.objects.count() == 1
