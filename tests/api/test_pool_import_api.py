"""An existing pool over HTTP, as the page does it: a workbook handed in, looked at, released by another, links sent again."""

from __future__ import annotations

import pytest

from experts.models import Expert, PoolImport
from portal import first_password
from portal.models import Notification
from tests.api.conftest import content, problems
from tests.experts.newcomers import person as user_of
from tests.experts.pool_workbooks import book, people, person

pytestmark = pytest.mark.long

CASES = ()


@pytest.fixture
def keeper(world, by_token):
    return by_token(world.pool_keeper)


@pytest.fixture
def supervisor(world, by_token):
    return by_token(world.supervisor)


def rows(count):
    """People whom the pool of the small city does not know."""
    return [row | {"email": f"imported-{row['email']}", "name": f"示例导入{row['name']}"} for row in people(count)]


def test_a_keeper_hands_in_and_the_supervisor_releases(keeper, supervisor):
    before = Expert.objects.count()
    assert keeper.get("pool-imports/template/").content[:2] == b"PK"
    looked = keeper.upload("pool-imports/", file=book(*rows(2)), dry_run="true")
    assert (looked.status_code, looked.json()) == (200, {"dry_run": True, "count": 2, "pool_import": None})
    assert PoolImport.objects.count() == 0
    made = keeper.upload("pool-imports/", file=book(*rows(2)))
    told = made.json()["pool_import"]
    assert (made.status_code, told["state"], told["count"], len(told["sha256"])) == (201, "waiting", 2, 64)
    address = f"pool-imports/{told['id']}/"
    assert [row["id"] for row in supervisor.get("pool-imports/?state=waiting").json()["results"]] == [told["id"]]
    assert content(supervisor.get(f"{address}file/"))[:2] == b"PK"
    assert [row["action"] for row in keeper.get(f"{address}acts/").json()] == ["withdraw"]
    assert [row["action"] for row in supervisor.get(f"{address}acts/").json()] == ["release", "refuse"]
    assert keeper.post(f"{address}acts/release/", {}).status_code == 403
    assert supervisor.post(f"{address}acts/release/", {}).status_code == 200
    assert supervisor.post(f"{address}acts/refuse/", {"reason": "示例"}).status_code == 409
    assert (supervisor.get(address).json()["state"], Expert.objects.count()) == ("done", before + 2)
    assert [row["verb"] for row in keeper.get(f"{address}events/").json()["results"]] == [
        "pool_import.open", "pool_import.release",
    ]  # fmt: skip


def test_every_problem_is_told_at_its_cell(keeper):
    answer = keeper.upload("pool-imports/", file=book(person(1, email=None), person(2, district="渝北")))
    assert problems(answer) == [
        ("required", "第 3 行 B 列 电子邮箱"), ("district_unknown", "第 4 行 N 列 所在区县"),
    ]  # fmt: skip
    assert problems(keeper.upload("pool-imports/")) == [("required", "file")]


@pytest.mark.parametrize("who", ["applicant", "organiser", "intake"])
def test_nobody_else_sees_or_hands_in(world, by_token, keeper, who):
    made = keeper.upload("pool-imports/", file=book(*rows(1))).json()["pool_import"]
    client = by_token(getattr(world, who))
    addresses = ("pool-imports/", "pool-imports/template/", f"pool-imports/{made['id']}/")
    assert [client.get(address).status_code for address in addresses] == [403, 403, 403]
    assert client.upload("pool-imports/", file=book(*rows(1))).status_code == 403


def test_the_supervisor_hands_nothing_in(supervisor):
    assert supervisor.upload("pool-imports/", file=book(*rows(1))).status_code == 403


def test_the_link_is_sent_again_by_the_keeper_while_it_is_needed(keeper, supervisor):
    made = keeper.upload("pool-imports/", file=book(*rows(1))).json()["pool_import"]
    supervisor.post(f"pool-imports/{made['id']}/acts/release/", {})
    expert = PoolImport.objects.get().experts.get()
    address = f"experts/{expert.number}/password-link/"
    assert (supervisor.post(address).status_code, keeper.post(address).status_code) == (403, 204)
    assert Notification.objects.filter(key__startswith="first-password:").count() == 2
    first_password.set_password(user_of(expert.user.username), "example-password-1")
    assert problems(keeper.post(address)) == [("password_set", "")]
