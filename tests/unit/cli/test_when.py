"""Times as people type them."""

from datetime import datetime

import pytest
import typer

from cozysync.cli.when import when

NOW = datetime(2026, 3, 5, 18, 0, 30).astimezone()


def at(*parts):
    return datetime(*parts).astimezone().timestamp()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("14:00", at(2026, 3, 5, 14, 0, 0, 999_999)),
        ("9:05:07", at(2026, 3, 5, 9, 5, 7, 999_999)),
        ("yesterday", at(2026, 3, 4, 23, 59, 59, 999_999)),
        ("Yesterday 9:30", at(2026, 3, 4, 9, 30, 0, 999_999)),
        ("2026-02-01", at(2026, 2, 1, 23, 59, 59, 999_999)),
        ("2026-02-01 10:20", at(2026, 2, 1, 10, 20, 0, 999_999)),
        ("2026-02-01T10:20:30.25", at(2026, 2, 1, 10, 20, 30, 250_000)),
        ("2 hours ago", NOW.timestamp() - 7200),
        ("3d", NOW.timestamp() - 3 * 86_400),
        ("1 week ago", NOW.timestamp() - 604_800),
        ("now", NOW.timestamp()),
        ("1772700000.5", 1_772_700_000.5),
    ],
)
def test_times_are_understood(words, expected):
    assert when(words, NOW) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("words", ["", "soon", "25:00", "2026-13-01", "two days ago"])
def test_what_is_no_time_is_refused_with_examples(words):
    with pytest.raises(typer.BadParameter, match="yesterday"):
        when(words, NOW)
