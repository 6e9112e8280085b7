"""A line between a browser and a portal, as slow as on a construction site, that a test can cut and mend.

Hides: the threads that carry the bytes. The portal sees connections end in the middle of a request, as they do in the world.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

BLOCK = 64 * 1024
PATIENCE = 30  # seconds for the portal to take a connection


class Line:
    """Carries every connection to the portal's address; towards the portal at most ``speed`` bytes a second each."""

    def __init__(self, target: str, speed: int) -> None:
        place = urlsplit(target)
        self.target = (str(place.hostname), int(place.port or 80))
        self.speed = speed
        self.is_cut = False
        self.ends: set[socket.socket] = set()
        self.over = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        # What waits in buffers counts as sent in the browser: little should.
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BLOCK)
        self.address = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """End every connection now, and take no new one."""
        self.is_cut = True
        for end in list(self.ends):
            self._close(end)

    def mend(self) -> None:
        """Take connections again."""
        self.is_cut = False

    def close(self) -> None:
        """End it for good."""
        self.over.set()
        self.cut()
        self.server.close()

    def _listen(self) -> None:
        while not self.over.is_set():
            try:
                browser, _address = self.server.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._carry, args=(browser,), daemon=True).start()

    def _carry(self, browser: socket.socket) -> None:
        self.ends.add(browser)
        try:
            portal = socket.create_connection(self.target, PATIENCE)
        except OSError:
            self._close(browser)
            return
        self.ends.add(portal)
        portal.settimeout(None)
        if self.is_cut:
            self._close(browser)
            self._close(portal)
            return
        threading.Thread(target=self._pump, args=(portal, browser, 0), daemon=True).start()
        self._pump(browser, portal, self.speed)

    def _pump(self, source: socket.socket, sink: socket.socket, speed: int) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                if speed:
                    self.over.wait(len(block) / speed)
                sink.sendall(block)
        self._close(source)
        self._close(sink)

    def _close(self, end: socket.socket) -> None:
        self.ends.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def line_to(target: str, speed: int) -> Iterator[Line]:
    """A line to a portal while the block runs."""
    line = Line(target, speed)
    try:
        yield line
    finally:
        line.close()
