"""People in front of a real browser, and a watch over what no page may do.

Hides: Playwright's contexts, that a person signs in once and is then remembered, and where pictures are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from deploy.environment import ROOT
from portal.demo.people import PASSWORD

SCREENSHOTS = ROOT / "build" / "screenshots"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
WAIT_MILLISECONDS = 15_000


class Watch:
    """What pages did that no page may do: errors in the console, questions to other hosts, answers that broke."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.seen: list[str] = []

    def follow(self, context: BrowserContext) -> None:
        """Listen to every page of a context."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def _console(self, message: Any) -> None:
        # A page that says no (403, 404, 409, 422) is one line in Chromium's console; the tests look at the page itself.
        if message.type == "error" and not re.search(r"status of 4(03|04|09|22) ", message.text):
            self.seen.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: Any) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws") and urlsplit(request.url).netloc != self.host:
            self.seen.append(f"other host: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 500:
            self.seen.append(f"{response.status}: {response.url}")


class Person:
    """Somebody at a browser window: does what people do, by the words they read."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    def go(self, path: str) -> None:
        """Open an address of the portal; one that does not answer with a page is a failure."""
        response = self.page.goto(self.address + path)
        assert response is not None
        assert response.status == 200, f"{path}: {response.status}"

    def follow(self, words: str, within: Locator | None = None) -> None:
        """Click the link that says exactly these words."""
        (within or self.page).get_by_role("link", name=words, exact=True).first.click()

    def press(self, words: str, within: Locator | None = None) -> None:
        """Click the button that says exactly these words."""
        (within or self.page).get_by_role("button", name=words, exact=True).first.click()

    def open(self, words: str) -> None:
        """Unfold what is folded under these words, if it still is."""
        folded = self.page.locator("details:not([open]) > summary", has_text=words)
        if folded.count():
            folded.first.click()

    def fill(self, fields: dict[str, str], within: Locator | None = None) -> None:
        """Write each text into the field with that label; a date is written as 2026-01-31."""
        for label, text in fields.items():
            field(within or self.page, label).fill(text)

    def choose(self, fields: dict[str, str], within: Locator | None = None) -> None:
        """Choose the words in each drop-down list."""
        for label, words in fields.items():
            field(within or self.page, label).select_option(label=words)

    def upload(self, label: str, name: str, content: bytes, within: Locator | None = None) -> None:
        """Give one file to the field with that label."""
        kinds = {"pdf": "application/pdf", "jpg": "image/jpeg"}
        kind = kinds.get(name.rpartition(".")[2], "application/octet-stream")
        field(within or self.page, label).set_input_files({"name": name, "mimeType": kind, "buffer": content})

    def reads(self, words: str | re.Pattern[str], within: Locator | None = None) -> None:
        """Wait until these words stand on the page."""
        expect((within or self.page.locator("main")).get_by_text(words).filter(visible=True).first).to_be_visible()

    def reads_state(self, words: str) -> None:
        """Load again until the state of what the page is about reads so: a worker may be moving it."""
        for _ in range(60):
            shown = self.page.locator("main .head").first
            if words in shown.inner_text():
                return
            self.page.wait_for_timeout(500)
            self.page.reload()
        raise AssertionError(f"{self.page.url} does not come to {words}: {shown.inner_text()}")

    def picture(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


def field(within: Page | Locator, label: str) -> Locator:
    """The field with this label; a required one carries a mark behind it that is drawn, not written."""
    return within.get_by_label(label, exact=True).or_(within.get_by_label(f"{label}：", exact=True)).first


class House:
    """One browser for all tests; everybody gets windows of their own and signs in once."""

    def __init__(self, browser: Browser, address: str, watch: Watch, remembered: dict[str, Any]) -> None:
        self.browser = browser
        self.address = address
        self.watch = watch
        self.remembered = remembered
        self.windows: list[BrowserContext] = []
        self.kept: dict[str, Person] = {}

    def same_window(self, username: str) -> Person:
        """The window of somebody who looks at many pages in turn, as wide as a desk again; "" is the public.

        A window of its own costs more than most pages do, and one that is left open works on: whoever comes next closes it.
        """
        if username not in self.kept:
            self.close()
            self.kept[username] = self.person(username) if username else self.visitor()
        self.kept[username].page.set_viewport_size(DESK)
        return self.kept[username]

    def visitor(self, size: dict[str, int] = DESK, state: Any = None, script: bool = True) -> Person:
        """A window of somebody who has not signed in (or is remembered from ``state``)."""
        context = self.browser.new_context(
            viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai", storage_state=state, java_script_enabled=script
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        self.watch.follow(context)
        self.windows.append(context)
        return Person(context.new_page(), self.address)

    def person(self, username: str, size: dict[str, int] = DESK, script: bool = True) -> Person:
        """A window of somebody who has signed in."""
        if username not in self.remembered:
            first = self.visitor()
            sign_in(first, username)
            self.remembered[username] = first.page.context.storage_state()
            first.page.context.close()
        return self.visitor(size, self.remembered[username], script)

    def close(self) -> None:
        """Close every window."""
        self.kept.clear()
        while self.windows:
            self.windows.pop().close()


def sign_in(person: Person, username: str, password: str = PASSWORD) -> None:
    """Sign in through the form."""
    person.go("/sign-in/")
    person.fill({"用户名": username, "密码": password})
    person.press("登录", person.page.locator("main"))
    expect(person.page.get_by_role("button", name="退出")).to_be_visible()


@contextmanager
def step(name: str, house: House) -> Iterator[None]:
    """Name what is being done: a failure says where it was, and leaves a picture of every open page."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"步骤：{name}")
        for number, context in enumerate(house.windows):
            for page in context.pages:
                path = SCREENSHOTS / f"failure-{number}.png"
                page.screenshot(path=path, full_page=True)
                error.add_note(f"{page.url} → {path}")
        raise
