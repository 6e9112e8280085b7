"""Texts are found by any part of them: as Python would find them, on either database, with an index and without one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from communities.models import Community, District, Organisation
from portal.models import User
from portal.parts import HasPart, folded, parts_of

pytestmark = pytest.mark.django_db
LETTERS = st.sampled_from(list("重庆示例小区Aaé%_'\\ 　1１Ａß"))
TEXTS = st.text(LETTERS, max_size=8)
INDEXED = {
    "user_parts": User.objects.filter(HasPart("name", part="庆示", indexed=True)),
    "organisation_parts": Organisation.objects.filter(HasPart("name", "credit_code", part="庆示", indexed=True)),
    "organisation_contact_parts": Organisation.objects.filter(HasPart("contact", part="庆示", indexed=True)),
    "community_parts": Community.objects.filter(
        HasPart(
            "name", "address", "planning_permit_number", "drawing_review_number", "construction_permit_number",
            "completion_number", part="庆示", indexed=True,
        )
    ),
}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.tuples(TEXTS, TEXTS), max_size=4), part=st.text(LETTERS, min_size=1, max_size=3))
def test_a_part_is_found_in_exactly_the_texts_that_contain_it(names, part):
    District.objects.all().delete()
    for number, (code, name) in enumerate(names):
        District.objects.create(code=f"{number}{code}"[:6], name=name)
    if not folded(part):
        return
    expected = [row.code for row in District.objects.order_by("code") if folded_part(part, row.code, row.name)]
    for indexed in (False, True):
        found = District.objects.filter(HasPart("code", F("name"), part=part, indexed=indexed)).order_by("code")
        assert list(found.values_list("code", flat=True)) == expected


def folded_part(part, *texts):
    """Whether one of the texts contains the part, the 26 letters large or small."""
    small = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
    return any(folded(part) in text.translate(small) for text in texts)


@pytest.mark.parametrize(
    "text, parts", [("龙", ["龙"]), ("龙湾", ["龙湾"]), ("龙湾龙湾", ["龙湾", "湾龙"]), ("ab", ["ab"])]
)
def test_a_text_is_asked_for_by_its_pairs(text, parts):
    assert parts_of(text) == parts


@pytest.mark.postgresql
@pytest.mark.parametrize("name", INDEXED)
def test_postgresql_answers_from_the_index_of_the_very_columns(name):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert f"Bitmap Index Scan on {name}" in INDEXED[name].explain()
