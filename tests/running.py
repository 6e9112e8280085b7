"""A whole portal as its own processes on a new database, for tests that come to it over the network.

Hides: which database and broker it runs on, the ports, how its processes start and end, and how a test asks its database.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import psycopg2

from deploy import run
from deploy.environment import ROOT
from deploy.processes import Child, start, stop
from tests.migrated import migrated_copy
from tests.services import private_folder, private_redis

PYTHON = Path(sys.executable)
# The sweep comes often, and a row that a worker lost is free again soon: tests do not wait for half minutes. More often,
# and it would take the machine from what is tested.
IMPATIENT = {"SWEEP_SECONDS": "3", "WORK_LEASE_SECONDS": "5"}
STOP_SECONDS = 10


@dataclass(frozen=True)
class Portal:
    """A portal that runs: where its pages are, the variables of its commands, and what its preparation told."""

    address: str
    data: Path
    environment: Mapping[str, str]
    commands: Mapping[str, Sequence[str]]
    told: Any = None
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one of its programs: "web", "worker" or "beat"; of the web server return once its page answers."""
        log = self.data / "logs" / f"{name}.log"
        self.children[name] = start(name, self.commands[name], log, self.environment, ROOT)
        if name == "web":
            run.wait_for_page(self.address, list(self.children.values()))

    def kill(self, name: str) -> None:
        """End one of its programs as a power cut would; ``start`` brings it back at the same address."""
        child = self.children.pop(name)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def stop(self) -> None:
        """End whatever runs."""
        stop(list(self.children.values()), STOP_SECONDS)

    def manage(self, *arguments: str) -> str:
        """Run one management command on this portal's database and return what it printed."""
        return run.manage(PYTHON, self.environment, *arguments)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of this project in a process of the portal; arguments and answer are JSON."""
        said = json.dumps(arguments)
        script = (
            f"import json; from {function.__module__} import {function.__name__} as asked; "
            f"print('answer:' + json.dumps(asked(*json.loads({said!r}))))"
        )
        answer = self.manage("shell", "--verbosity", "0", "--no-imports", "--command", script)
        return json.loads(answer.rpartition("answer:")[2])


@contextmanager
def running_portal(prepare: Callable[[Portal], Any]) -> Iterator[Portal]:
    """Yield a portal on DATABASE_URL and REDIS_URL where they are set, else on SQLite and a Redis of its own.

    ``prepare`` fills the migrated database before the web server, the worker and the clock start.
    """
    with ExitStack() as stack:
        data = stack.enter_context(private_folder())
        redis_url = os.environ.get("REDIS_URL") or stack.enter_context(private_redis())
        database_url = stack.enter_context(own_database(os.environ.get("DATABASE_URL", "")))
        options = run.Options("127.0.0.1", free_port(), data, database_url, redis_url)
        inherited = {**os.environ, **IMPATIENT, "DATABASE_URL": database_url, "SITE_URL": options.address}
        environment, commands = run.child_environment(options, redis_url, inherited), run.programs(PYTHON, options)
        portal = Portal(options.address, data, environment, commands)
        if database_url:
            portal.manage("migrate", "--no-input", "--verbosity", "0")
        else:
            migrated_copy(data / "portal.sqlite3")
        portal = replace(portal, told=prepare(portal))
        stack.callback(portal.stop)
        for name in ("worker", "beat", "web"):
            portal.start(name)
        yield portal


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as trial:
        return int(trial.getsockname()[1])


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database on the server of this URL, dropped afterwards; "" stays "", which is SQLite."""
    if not server_url:
        yield ""
        return
    name = f"portal_running_{os.getpid()}"
    order(server_url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        order(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def order(server_url: str, statement: str) -> None:
    """Run one statement on a PostgreSQL server, outside any transaction."""
    known = dj_database_url.parse(server_url)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    with closing(psycopg2.connect(**{key: known[name] or None for key, name in names.items()})) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)
