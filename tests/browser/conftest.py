"""The portal, the browser and the people of the browser tests: started once, ended with the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from deploy.environment import ROOT
from tests.browser import world
from tests.browser.visiting import SCREENSHOTS, WAIT_MILLISECONDS, House, Watch
from tests.running import Portal, running_portal
from tests.services import chromium_program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole files to one process each, as everywhere; the pages that are only looked at, by far the most, to any."""
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("any_process"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    """A portal with a small demo world, as processes."""
    with running_portal(lambda portal: portal.call(world.build)) as portal:
        yield portal


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium that knows the portal's Chinese fonts, whatever fonts the machine has."""
    program = chromium_program()
    assert program, "Chromium is missing; make test installs it"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    fonts: Path = tmp_path_factory.mktemp("share")
    (fonts / "fonts").symlink_to(ROOT / "portal" / "fonts")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        environment = {**os.environ, "XDG_DATA_HOME": str(fonts)}
        browser = playwright.chromium.launch(executable_path=program, env=environment, args=["--lang=zh-CN"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def remembered() -> dict[str, Any]:
    """Who has signed in already, and with what the browser proves it."""
    return {}


@pytest.fixture
def house(browser: Browser, portal: Portal, remembered: dict[str, Any]) -> Iterator[House]:
    """Windows for the people of one test; afterwards nothing may have happened that no page may do."""
    house = House(browser, portal.address, Watch(portal.address), remembered)
    yield house
    house.close()
    assert house.watch.seen == []


@pytest.fixture(scope="session")
def open_rooms(browser: Browser, portal: Portal, remembered: dict[str, Any]) -> Iterator[House]:
    """Windows that stay open from test to test."""
    house = House(browser, portal.address, Watch(portal.address), remembered)
    yield house
    house.close()


@pytest.fixture
def rooms(open_rooms: House) -> Iterator[House]:
    """Windows for whoever only looks at pages; nothing may have happened in a test that no page may do."""
    open_rooms.watch.seen.clear()
    yield open_rooms
    assert open_rooms.watch.seen == []


@pytest.fixture(scope="session")
def places(portal: Portal) -> dict[str, Any]:
    """Where the pages are and who uses them, as it was told before any test changed the world."""
    found: dict[str, Any] = portal.told
    return found
