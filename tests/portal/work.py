"""What a process of its own is asked to do in tests: too much, or to say no."""

from __future__ import annotations

from portal.problems import Problem, Refused


def spin() -> None:
    """Never end."""
    while True:
        pass


def hoard() -> int:
    """Take three gigabytes."""
    return len(bytearray(3 * 1024**3))


def repeat() -> list[str]:
    """Answer what is small here and twenty megabytes on the way."""
    return ["x" * 1024**2] * 20


def give_in() -> None:
    """Refuse."""
    raise Refused([Problem("no", "here", "不行：%(why)s", {"why": "示例"})])


def fail() -> None:
    """A fault of the program, not of the file."""
    raise ZeroDivisionError("by zero")


def count(text: str) -> int:
    """How many letters there are."""
    return len(text)
