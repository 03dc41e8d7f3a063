"""Which part of a content is asked for."""

import pytest

from cozysync.gateway.sync_api.ranges import Answer, Span, decide

WHOLE = Span(0, 10, partial=False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", Span(0, 10, partial=True)),
        ("bytes=2-4", Span(2, 5, partial=True)),
        ("BYTES = 9-99", Span(9, 10, partial=True)),
        ("bytes=-3", Span(7, 10, partial=True)),
        ("bytes=-99", Span(0, 10, partial=True)),
        ("bytes=10-", Answer.NOT_SATISFIABLE),
        ("bytes=-0", Answer.NOT_SATISFIABLE),
        ("bytes=4-2", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=1-2,4-5", WHOLE),
        ("lines=1-2", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=" + "9" * 40 + "-", WHOLE),
        ("bytes=٣-٤", WHOLE),
    ],
)
def test_one_range_is_taken_and_what_is_none_is_not_there(header, expected):
    assert decide({"range": header}, "v1", 10) == expected


def test_of_nothing_no_range_can_be_had():
    assert decide({"range": "bytes=0-"}, "v1", 0) is Answer.NOT_SATISFIABLE
    assert decide({"range": "bytes=-1"}, "v1", 0) is Answer.NOT_SATISFIABLE
    assert decide({}, "v1", 0) == Span(0, 0, partial=False)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('"v1"', True),
        ('W/"v1"', False),
        ('"v2"', False),
        ("Wed, 25 Nov 2026 10:00:00 GMT", False),
    ],
)
def test_a_range_of_another_version_is_the_whole(condition, holds):
    span = decide({"range": "bytes=1-2", "if-range": condition}, "v1", 10)
    assert span == (Span(1, 3, partial=True) if holds else WHOLE)


def test_what_the_phone_has_is_not_sent_again():
    for header in ('"v1"', '"v0", W/"v1"', "*"):
        assert decide({"if-none-match": header, "range": "bytes=0-"}, "v1", 10) is (
            Answer.NOT_MODIFIED
        )
    assert decide({"if-none-match": '"v0"'}, "v1", 10) == WHOLE


def test_what_is_another_version_is_refused_when_the_phone_wants_so():
    assert decide({"if-match": '"v0"'}, "v1", 10) is Answer.PRECONDITION_FAILED
    assert decide({"if-match": 'W/"v1"'}, "v1", 10) is Answer.PRECONDITION_FAILED
    assert decide({"if-match": '"v0", "v1"'}, "v1", 10) == WHOLE
    assert decide({"if-match": "*"}, "v1", 10) == WHOLE
