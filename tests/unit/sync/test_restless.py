"""How often files are looked at that change and change."""

from itertools import pairwise

from cozysync.sync.restless import FREE, LONGEST_PAUSE_S, TRIES, Restless


def test_who_saves_a_few_times_in_a_row_waits_for_nothing():
    files = Restless()
    for n in range(FREE):
        assert files.postpone([b"a"], n * 0.1) == set()
        files.read(b"a", n * 0.1, 0.001)
    assert files.is_idle


def test_what_changes_again_and_again_is_read_less_and_less_often():
    files, reads, now = Restless(), [], 0.0
    while now < 300:
        if files.due(now) or not files.postpone([b"a"], now):
            files.read(b"a", now, 0.001)
            reads.append(now)
        now += 0.1
    gaps = [later - one for one, later in pairwise(reads)]
    assert len(reads) < 30
    assert max(gaps) <= LONGEST_PAUSE_S + 0.2
    assert files.troubles()


def test_others_do_not_wait_for_it():
    files = Restless()
    for n in range(20):
        files.moved(b"a", n, 0.1, "it moves")
    assert files.postpone([b"a", b"b"], 19.5) == {b"a"}


def test_reading_a_large_one_takes_little_of_the_time():
    files = Restless()
    files.moved(b"a", 0, 1.0, "it moves")
    assert files.next_s() >= 10


def test_after_some_tries_it_is_wanted_as_it_was_at_one_moment():
    files = Restless()
    wanted = []
    for n in range(TRIES):
        wanted.append(files.wants_moment(b"a"))
        files.moved(b"a", n, 0.1, "it moves")
    assert wanted == [False] * (TRIES - 1) + [True]
    (told,) = files.troubles()
    assert (told.path, told.reason) == (b"a", "it moves")


def test_what_has_come_to_rest_is_forgotten():
    files = Restless()
    for n in range(TRIES):
        files.moved(b"a", n, 0.1, "it moves")
    assert files.due(100.0) == {b"a"}
    files.read(b"a", 100.0, 0.1)
    assert files.is_idle
    assert files.troubles() == []
    assert files.postpone([b"a"], 1000.0) == set()
