"""A real worker with its clock on the tests' database and a broker of its own, to be killed and made to forget.

Hides: the address of the tests' database for another process, and that bells must open connections to that broker.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from kombu import pools

from deploy.environment import ROOT
from deploy.processes import Child, start, stop, tail
from portal.celery import app as celery
from tests.services import private_redis

SWEEP_SECONDS, LEASE_SECONDS = 1, 3


def database_url() -> str:
    """The address of the database that this test runs on, for another process."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    place = f"{quote(values['HOST'], safe='')}" + (f":{values['PORT']}" if values["PORT"] else "")
    secret = f":{quote(values['PASSWORD'])}" if values["PASSWORD"] else ""
    return f"postgres://{quote(values['USER'])}{secret}@{place}/{values['NAME']}"


@dataclass
class Workers:
    """The worker (with the clock that rings the sweep) and its broker; how often each was hurt."""

    folder: Path
    redis_url: str
    worker: Child | None = None
    hurt: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DATA_DIR": str(self.folder),
            "ISSUER_KEYS": str(django_settings.ISSUER_KEYS),
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": django_settings.SECRET_KEY,
            "SWEEP_SECONDS": str(SWEEP_SECONDS),
            "WORK_LEASE_SECONDS": str(LEASE_SECONDS),
            "LOG_LEVEL": "INFO",
        }
        command = [sys.executable, "-m", "celery", "--app", "portal", "worker", "--beat", "--concurrency", "2"]
        command += ["--schedule", str(self.folder / "schedule"), "--without-gossip", "--without-mingle"]
        self.worker = start("worker", command, self.folder / "worker.log", environment, ROOT)

    def kill(self) -> None:
        """SIGKILL the worker and its children, which have no chance to give anything back; then another begins."""
        self.end()
        self.hurt["killed"] += 1
        self.start()

    def end(self) -> None:
        """SIGKILL the worker and its children; nobody works from now on."""
        assert self.worker is not None
        assert self.worker.process.poll() is None, tail(self.worker.log)
        os.killpg(self.worker.process.pid, signal.SIGKILL)
        self.worker.process.wait()

    def forget(self) -> None:
        """Empty the broker: every bell that has not been heard is lost."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
        self.hurt["flushed"] += 1

    def halt_broker(self) -> None:
        """Let nobody write to the broker, who then waits there; until ``release_broker``, at most a minute."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")

    def release_broker(self) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.execute_command("CLIENT", "UNPAUSE")


@contextmanager
def running_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Yield a worker that runs, whose broker hears the bells of this process too."""
    with private_redis() as url:
        monkeypatch.setitem(celery.conf, "broker_url", url.replace("unix://", "redis+socket://", 1))
        _forget_connections()
        running = Workers(folder, url)
        running.start()
        try:
            yield running
        finally:
            assert running.worker is not None
            stop([running.worker], 2)
    _forget_connections()


def _forget_connections() -> None:
    """The next bell opens its own connection, to the broker that is set then."""
    pools.reset()
    celery._pool = None
    celery.amqp._producer_pool = None
