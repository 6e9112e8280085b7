"""Clients of the API, and one world for each module with cases at the states that its ``CASES`` name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from communities import access
from communities.models import AccessToken
from evaluation.models import Application
from portal.models import User
from tests.evaluation import scenes
from tests.world import World


class Client(APIClient):
    """Speaks JSON unless told otherwise; addresses are below /api/v1/."""

    default_format = "json"

    def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().generic(method, path if path.startswith("/") else f"/api/v1/{path}", *args, **kwargs)

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().get(path if path.startswith("/") else f"/api/v1/{path}", *args, **kwargs)

    def upload(self, path: str, **values: Any) -> Any:
        """POST a form with files."""
        return self.post(path, values, format="multipart")


ByUser = Callable[..., Client]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Built once a module; every test runs in a transaction of its own on top."""
    with scenes.kept(django_db_blocker, tmp_path_factory, experts=40, employers=24) as found:
        yield found


@pytest.fixture(scope="module")
def cases(world: World, request: pytest.FixtureRequest) -> dict[str, int]:
    """Name -> id of the case at each state that the module names: "form_check", "completion/site_visit"."""
    found = {}
    for name in request.module.CASES:
        stage, _, state = name.rpartition("/")
        found[name] = world.case_at(state, stage or "design", advised=True).pk
    return found


@pytest.fixture
def at(cases: dict[str, int], db: None) -> Callable[[str], Application]:
    """``at("form_check")``: the case of the module in that state, as the next request finds it."""
    return lambda name: scenes.case(cases[name])


@pytest.fixture(autouse=True)
def own_files() -> None:
    """The files of a module are shared like its rows."""


@pytest.fixture
def anonymous(db: None) -> Client:
    """Nobody."""
    return Client()


@pytest.fixture
def by_token(db: None) -> ByUser:
    """``by_token(user)``: a client that sends a token of that person, as a program does; of every scope unless told."""

    def client(user: User, scopes: Iterable[str] = tuple(access.SCOPES), **values: Any) -> Client:
        secret, now = token_urlsafe(), timezone.now()
        kept = {"name": "示例系统", "created_at": now, "expires_at": now + timedelta(days=1), **values}
        AccessToken.objects.create(user=user, scopes=list(scopes), digest=access.digest_of(secret), **kept)
        found = Client()
        found.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return found

    return client


@pytest.fixture
def by_session(db: None) -> ByUser:
    """``by_session(user)``: a client with a cookie that enforces CSRF, as a browser does."""

    def client(user: User) -> Client:
        found = Client(enforce_csrf_checks=True)
        found.force_login(user)
        return found

    return client


def content(answer: Any) -> bytes:
    """The bytes of a file that was sent; reading it to the end closes it."""
    return b"".join(answer.streaming_content)


def problems(answer: Any) -> list[tuple[str, str]]:
    """(code, place) of every problem of a refusal, in order."""
    return [(row["code"], row["place"]) for row in answer.json()["problems"]]
