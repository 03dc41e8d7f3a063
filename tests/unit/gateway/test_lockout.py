"""Whoever guesses waits longer each time, and nobody else."""

from cozysync.gateway.lockout import FORGOTTEN_S, FREE, LONGEST_S, Lockout

HOME, AWAY = "192.0.2.1", "198.51.100.7"


def guess(lockout, address, name, times, now=0.0):
    for _ in range(times):
        lockout.failed(address, name, now)


def test_some_mistakes_are_free_then_the_pause_doubles():
    lockout = Lockout()
    guess(lockout, HOME, "anna", FREE)
    assert lockout.wait_s(HOME, "anna", 0.0) == 0
    pauses = []
    now = 0.0
    for _ in range(14):
        lockout.failed(HOME, "anna", now)
        pauses.append(lockout.wait_s(HOME, "anna", now))
        now += pauses[-1]
        assert lockout.wait_s(HOME, "anna", now) == 0
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_S


def test_guessing_from_many_addresses_or_at_many_names_waits_too():
    lockout = Lockout()
    for number in range(FREE + 1):
        lockout.failed(f"198.51.100.{number}", "anna", 0.0)
    assert lockout.wait_s(AWAY, "anna", 0.0) > 0
    lockout = Lockout()
    for number in range(FREE + 1):
        lockout.failed(AWAY, f"name{number}", 0.0)
    assert lockout.wait_s(AWAY, "anna", 0.0) > 0
    assert lockout.wait_s(HOME, "anna", 0.0) == 0


def test_a_phone_that_was_let_in_is_not_kept_out_by_others():
    lockout = Lockout()
    lockout.failed(HOME, "anna", 0.0)
    lockout.was_right(HOME, "anna")
    guess(lockout, AWAY, "anna", 50)  # a stranger at its name
    guess(lockout, HOME, "bert", 50)  # a revoked neighbour behind the same router
    assert lockout.wait_s(HOME, "anna", 0.0) == 0
    assert lockout.wait_s(AWAY, "anna", 0.0) > 0
    assert lockout.wait_s(HOME, "bert", 0.0) > 0
    guess(lockout, HOME, "anna", FREE + 1)
    assert lockout.wait_s(HOME, "anna", 0.0) > 0
    lockout.forget("anna")
    assert lockout.wait_s(HOME, "anna", 0.0) > 0


def test_a_right_password_takes_back_no_wrong_one():
    lockout = Lockout()
    guess(lockout, AWAY, "anna", FREE)
    lockout.was_right(AWAY, "bert")  # whoever has a phone of their own guesses no more for it
    lockout.failed(AWAY, "anna", 0.0)
    assert lockout.wait_s(AWAY, "anna", 0.0) > 0


def test_it_is_forgotten_after_an_hour_of_peace():
    lockout = Lockout()
    guess(lockout, HOME, "anna", FREE + 3)
    assert lockout.wait_s(HOME, "anna", 0.0) > 0
    lockout.failed(HOME, "anna", FORGOTTEN_S + 1)
    assert lockout.wait_s(HOME, "anna", FORGOTTEN_S + 1) == 0


def test_what_is_remembered_has_a_bound():
    lockout = Lockout()
    for number in range(25_000):
        lockout.failed(AWAY, f"{number}", 0.0)
    assert len(lockout._counts) <= 20_000
    assert lockout.wait_s(AWAY, "anna", 0.0) > 0
