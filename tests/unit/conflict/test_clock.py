from cozysync_conflict import COUNTER_BITS, FURTHEST, HybridClock


def test_every_time_is_later_than_what_was_given_or_observed():
    clock = HybridClock()
    first = clock.next(1000)
    assert first == 1000 << COUNTER_BITS
    assert clock.next(10) == first + 1
    clock.observe(first + 500)
    assert clock.next(10) == first + 501


def test_nobody_follows_a_time_from_which_there_is_no_going_on():
    clock = HybridClock(5)
    clock.observe(2**63 - 1)
    assert clock.next(0) == 6
    clock.observe(FURTHEST)
    assert clock.next(0) == FURTHEST + 1
    assert clock.next(2**60) == FURTHEST + 2
