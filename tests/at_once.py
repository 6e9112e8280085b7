"""Two people at the same moment: functions run in threads that start together, each with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from django.db import connections

PATIENCE = 60  # seconds


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Run every function in its own thread, all let go together; return what each returned or raised, in order."""
    barrier = Barrier(len(functions))
    outcomes: list[Any] = [None] * len(functions)

    def run(place: int, function: Callable[[], Any]) -> None:
        try:
            barrier.wait(PATIENCE)
            outcomes[place] = function()
        except Exception as error:  # the test looks at it
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(place, function), daemon=True) for place, function in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever: a deadlock"
    return outcomes
