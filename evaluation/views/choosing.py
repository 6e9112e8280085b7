"""Items of a stage as boxes to tick, section by section, wherever a page asks which items a proof is for.

Hides: that in a correction most of them are closed, and are drawn only where they say what cannot be changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from evaluation.filing import Open
from evaluation.models import Application


@dataclass(frozen=True, slots=True)
class Box:
    """One item. open: whether it may be ticked and unticked now."""

    code: str
    title: str
    ticked: bool
    open: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The boxes of one section. title: its number and name."""

    title: str
    boxes: tuple[Box, ...]


def boxes_by_section(application: Application, places: Open, ticked: Collection[str]) -> list[Group]:
    """The items of the stage that are open or ticked, in the order of the standard; sections without any fall away."""
    found = []
    for chapter in application.standard.chapters:
        for section in chapter.sections:
            boxes = tuple(
                Box(item.code, f"{item.code} {item.name}", item.code in ticked, places.item(item.code))
                for item in section.items
                if application.stage in item.stages and (places.item(item.code) or item.code in ticked)
            )
            if boxes:
                found.append(Group(f"{section.num} {section.name}", boxes))
    return found
