"""A mail server for tests: speaks SMTP over a real socket and does what its script says to each connection in turn."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

# What one connection meets: the answer to RCPT, or where the server dies.
ACCEPT, REFUSE, GREYLIST, DIE_AFTER_DATA, BAD_CONTENT = "accept", "refuse", "greylist", "die after data", "bad content"


class MailServer(socketserver.ThreadingTCPServer):
    """script: one word for each connection, the last for all that follow. kept: what was accepted, or died on, in full."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.script = script
        self.kept: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def next_word(self) -> str:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        word = self.server.next_word()
        self.say("220 test")
        for raw in self.rfile:
            verb = raw.decode("ascii", "replace").strip().upper()
            if verb.startswith("DATA"):
                self.say("354 go on")
                self.server.kept.append(self.data())
                if word == DIE_AFTER_DATA:
                    return
                self.say("554 5.6.0 not like this" if word == BAD_CONTENT else "250 2.0.0 taken")
            elif verb.startswith("RCPT"):
                self.say({REFUSE: "550 5.1.1 no such user", GREYLIST: "451 4.7.1 come back later"}.get(word, "250 ok"))
            elif verb.startswith("QUIT"):
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def data(self) -> str:
        lines = []
        for raw in self.rfile:
            if raw.strip() == b".":
                break
            lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
        return "\n".join(lines)


@contextmanager
def serving(*script: str) -> Iterator[MailServer]:
    """A server that runs until the end of the block."""
    with MailServer(list(script)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
