"""What the small words of every page say."""

from __future__ import annotations

from datetime import date

import pytest
from django.template import Context, Template
from django.utils import timezone

pytestmark = pytest.mark.django_db


def shown(day: date | None) -> str:
    """The sentence of a deadline without its marks."""
    return Template("{% load portal %}{% filter striptags %}{% deadline day %}{% endfilter %}").render(
        Context({"day": day})
    )


def test_a_deadline_of_another_year_names_its_year() -> None:
    today = timezone.localdate()
    next_year = date(today.year + 1, 12, 3)
    assert shown(next_year).endswith(f" {today.year + 1}-12-03")


def test_a_deadline_of_this_year_is_day_and_month() -> None:
    today = timezone.localdate()
    assert shown(today) == f"今天到期 {today.month}月{today.day}日"


def test_what_has_no_deadline_says_so() -> None:
    assert shown(None) == "无期限"
