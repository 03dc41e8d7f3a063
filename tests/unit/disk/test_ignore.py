"""Rules of `.cozyignore`: as git has them, whatever somebody writes there."""

import pathspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozysync.disk.ignore import Ignore

pieces = st.sampled_from(["*", "*", "?", "a", "b", ".", "[ab]", "[!a]", "/", "**", "\\*"])
names = st.text("ab./*", min_size=1, max_size=12)


@given(st.lists(pieces, min_size=1, max_size=8).map("".join), names)
def test_a_rule_covers_what_it_covers_in_git(rule, name):
    try:
        spec = pathspec.GitIgnoreSpec.from_lines([rule])
    except ValueError:
        return
    covered = Ignore(rule).covers(name.encode(), directory=False)
    assert covered == (spec.match_file(name) or Ignore().covers(name.encode(), directory=False))


@pytest.mark.parametrize("rule", ["[z-a]", "a[b-", "[[x", "\\", "!", "/", "a" * 100_000])
def test_a_rule_that_cannot_be_meant_leaves_the_others(rule):
    rules = Ignore(f"*.o\n{rule}\n*.tmp")
    assert rules.covers(b"x.o", directory=False)
    assert rules.covers(b"x.tmp", directory=False)
    assert not rules.covers(b"letter", directory=False)


@pytest.mark.parametrize("rule", ["*a" * 20 + "*b", "*?" * 20 + "b", "*[a-c]" * 20 + "*b"])
def test_no_rule_keeps_a_long_name_waiting(rule):
    """Without the care in `_without_going_back` this takes longer than anybody lives."""
    assert not Ignore(rule).covers(b"a" * 255, directory=False)
    assert Ignore(rule).covers(b"a" * 100 + b"b", directory=False)
