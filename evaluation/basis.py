"""What every change of a setting must say, whatever the setting: on what basis, and for a programme that there is."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.models import Programme
from portal.problems import Problem, gettext_noop


def unstated(basis: str) -> Iterator[Problem]:
    """The problem of a change without a basis."""
    if not basis.strip():
        yield Problem("required", "basis", gettext_noop("请写明依据，例如文号或会议纪要。"))


def unknown_programme(code: str) -> Iterator[Problem]:
    """The problem of a programme that does not exist; "" stands for all of them."""
    if code and not Programme.objects.filter(pk=code).exists():
        yield Problem("programme_unknown", "programme", gettext_noop("没有这个评价类别。"))
