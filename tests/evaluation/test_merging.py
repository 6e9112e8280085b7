"""Two writers, field by field: what only one changed is kept, what both changed is never decided for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.merging import digest, merge, read_seen, seen_text

OLD, MINE, THEIRS = "old", "mine", "theirs"


@pytest.mark.parametrize(
    "mine,now,kept,taken,clashing",
    [
        (OLD, OLD, OLD, (), ()),
        (MINE, OLD, MINE, (), ()),
        (OLD, THEIRS, THEIRS, ("note",), ()),
        (MINE, THEIRS, THEIRS, (), ("note",)),
        (THEIRS, THEIRS, THEIRS, (), ()),
    ],
    ids=["nobody", "I", "the other", "both otherwise", "both the same"],
)
def test_each_way_in_which_a_field_can_have_changed(mine, now, kept, taken, clashing):
    merged = merge({"note": mine}, {"note": now}, read_seen(seen_text({"note": OLD})))
    assert (merged.values, merged.taken, merged.clashing) == ({"note": kept}, taken, clashing)


def test_fields_are_judged_one_by_one():
    seen = read_seen(seen_text({"value": 6, "note": OLD, "parts": []}))
    merged = merge({"value": 9, "note": OLD, "parts": [1]}, {"value": 6, "note": THEIRS, "parts": [2]}, seen)
    assert (merged.values["value"], merged.values["note"]) == (9, THEIRS)
    assert (merged.taken, merged.clashing) == (("note",), ("parts",))


def test_a_field_that_is_not_sent_stays_and_one_that_was_not_seen_clashes_where_it_differs():
    now = {"value": 6, "note": OLD}
    assert merge({"value": 9}, now, read_seen(seen_text(now))).values == {"value": 9, "note": OLD}
    assert merge({"value": 9, "note": OLD}, now, {}).clashing == ("value",)


@pytest.mark.parametrize("text", ["", "note", "note:", ":abcdefabcdef", "note:abc", "note:abc:def note", "\x00"])
def test_a_token_that_nobody_handed_out_counts_as_not_seen(text):
    assert read_seen(text) == {}


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers(), max_size=3))


@given(st.dictionaries(st.sampled_from(["value", "note", "parts"]), VALUES))
def test_what_is_handed_out_as_seen_reads_back(values):
    assert read_seen(seen_text(values)) == {name: digest(value) for name, value in values.items()}


@given(VALUES, VALUES, VALUES)
def test_nothing_that_both_changed_is_lost_and_nothing_that_one_changed_clashes(old, mine, theirs):
    merged = merge({"note": mine}, {"note": theirs}, read_seen(seen_text({"note": old})))
    if merged.clashing:
        assert digest(mine) != digest(old)
        assert digest(theirs) != digest(old)
        assert mine != theirs
    else:
        assert merged.values["note"] in (mine, theirs)
        assert digest(mine) == digest(old) or merged.values["note"] == mine
