"""The laws of typed merges, over edits that hypothesis makes up."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync_conflict.merge import merge
from cozysync_conflict.merge.contentlines import read_lines, write_lines
from tests.suites.samples import NAMES, sample

words = st.sampled_from(["alpha", "beta", "gamma", "delta", "", "x"])
lines = st.lists(words, max_size=12)


def text_of(each):
    return "".join(word + "\n" for word in each).encode()


texts = st.one_of(st.binary(max_size=40), lines.map(text_of))
FILES = [*(name.encode() for name in NAMES), b"n.txt", b"n.bin", b".bash_history", b"x.ics"]


@given(st.sampled_from(FILES), texts, texts)
def test_who_changed_nothing_takes_the_other(name, base, side):
    assert merge(name, base, [side, base]) == merge(name, base, [base, side]) == side
    assert merge(name, base, [side, side]) == side


@given(st.sampled_from(FILES), st.one_of(st.none(), texts), texts, texts)
def test_whatever_comes_in_there_is_an_answer(name, base, one, other):
    merged = merge(name, base, [one, other])
    assert merged is None or type(merged) is bytes


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_files_get_an_answer_too(name, data):
    base = sample(name)
    sides = []
    for _ in range(2):
        start = data.draw(st.integers(0, len(base)))
        end = data.draw(st.integers(start, min(start + 200, len(base))))
        sides.append(base[:start] + data.draw(texts) + base[end:])
    merged = merge(name.encode(), base, sides)
    assert merged is None or type(merged) is bytes


# --- text -------------------------------------------------------------------------------------


@given(lines, lines, lines)
@settings(max_examples=300)
def test_a_merge_of_text_loses_and_invents_no_line(base, one, other):
    merged = merge(b"n.txt", text_of(base), [text_of(one), text_of(other)])
    assert merged == merge(b"n.txt", text_of(base), [text_of(other), text_of(one)])
    if merged is None:
        return
    before, found = Counter(base), Counter(merged.decode().split("\n")[:-1])
    for line in {*base, *one, *other}:
        counts = [Counter(side)[line] - before[line] for side in (one, other)]
        # Each side's change arrives whole; two like changes may be one and the same.
        ways = [before[line] + change for change in (sum(counts), *counts)]
        low, high = min(ways), max(ways)
        assert low <= found[line] <= high, line
    assert set(found) <= {*base, *one, *other}


# --- JSON -------------------------------------------------------------------------------------

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcdef"), values, max_size=6)


def written(value):
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def canonical(value):
    return json.dumps(value, sort_keys=True)


@given(objects, objects, objects)
@settings(max_examples=300)
def test_a_merge_of_objects_takes_every_change_of_either(base, one, other):
    merged = merge(b"x.json", written(base), [written(one), written(other)])
    swapped = merge(b"x.json", written(base), [written(other), written(one)])
    assert (merged is None) == (swapped is None)
    if merged is None:
        return
    found = json.loads(merged)
    assert canonical(found) == canonical(json.loads(swapped))
    absent = object()
    for key in {*base, *one, *other}:
        was = base.get(key, absent)
        for mine, theirs in ((one, other), (other, one)):
            if key in theirs and canonical_of(theirs, key) == canonical_of(base, key):
                assert canonical_of(found, key) == canonical_of(mine, key), (key, was)


def canonical_of(value, key):
    return canonical(value[key]) if key in value else None


# --- contacts and events ----------------------------------------------------------------------

CARDS = [name for name in NAMES if name.endswith((".vcf", ".ics"))]


@pytest.mark.parametrize("name", CARDS)
def test_reading_and_writing_changes_nothing(name):
    data = sample(name)
    end = b"\r\n" if b"\r\n" in data else b"\n"
    assert write_lines(read_lines(data), end) == data


def unfolded(data):
    plain = data.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")
    return plain.split(b"\n")


@pytest.mark.parametrize("name", CARDS)
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_every_changed_line_arrives_and_no_other_is_touched(name, data):
    base = sample(name)
    end = b"\r\n" if b"\r\n" in base else b"\n"
    # Values of single properties: what parts, alarms and events are known by stays.
    fixed = (b"BEGIN", b"END", b"UID", b"TZID", b"VERSION", b"RECURRENCE-ID", b" ", b"N:", b"FN:")
    rows = base.split(end)[:-1]
    known_by = (b"ATTENDEE", b"CATEGORIES", b"EXDATE", b"RELATED", b"MEMBER")
    free = [
        n
        for n, row in enumerate(rows[:-1])
        if not row.startswith((*fixed, *known_by)) and rows.count(row) == 1
        if not rows[n + 1].startswith(b" ")
    ]
    chosen = data.draw(st.lists(st.sampled_from(free), min_size=2, max_size=6, unique=True))
    cut = data.draw(st.integers(1, len(chosen) - 1))

    def changed(places):
        fresh = [row + b"+" if n in places else row for n, row in enumerate(rows)]
        return end.join(fresh) + end

    one, other, expected = changed(chosen[:cut]), changed(chosen[cut:]), changed(chosen)
    assert merge(name.encode(), base, [one, other]) == expected
    assert merge(name.encode(), base, [other, one]) == expected


@pytest.mark.parametrize("name", CARDS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_lines_that_both_added_or_took_away_come_together(name, data):
    base = sample(name)
    end = b"\r\n" if b"\r\n" in base else b"\n"
    rows = base.split(end)[:-1]
    outside = (b" ", b"BEGIN:VCARD", b"BEGIN:VCALENDAR")
    inside = [n for n, row in enumerate(rows) if not row.startswith(outside)]

    def with_lines(side):
        places = data.draw(st.lists(st.sampled_from(inside), max_size=3))
        fresh = list(rows)
        added = []
        for number, place in enumerate(sorted(places, reverse=True)):
            added.append(b"X-%s-%d:new" % (side, number))
            fresh.insert(place, added[-1])
        return end.join(fresh) + end, added

    (one, mine), (other, theirs) = with_lines(b"ONE"), with_lines(b"OTHER")
    merged = merge(name.encode(), base, [one, other])
    assert merged is not None
    assert merged == merge(name.encode(), base, [other, one])
    assert Counter(unfolded(merged)) == Counter([*unfolded(base), *mine, *theirs])
