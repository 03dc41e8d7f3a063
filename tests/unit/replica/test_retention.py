"""Which old versions are let go of."""

from cozysync.replica import Retention, thin
from cozysync.replica.retention import let_go
from cozysync.sync.replica import replica_in_memory
from cozysync_conflict import Content, Dot, NodeId, Stamp, Version, apply
from tests.suites.devices import Clock, Device

DAY = 86_400_000
NOW = 20_000 * DAY
NODE = NodeId(bytes([2]) + bytes(15))


def kept(written, rules=Retention()):  # noqa: B008
    gone = set(let_go(written, NOW, rules))
    return [time for n, time in enumerate(written) if n not in gone]


def test_all_of_the_last_weeks_are_kept():
    written = [NOW - n * DAY // 10 for n in range(300, 0, -1)]
    assert kept(written) == written


def test_later_the_last_of_each_day_and_then_of_each_month_is_kept():
    old = [NOW - 100 * DAY + hour * 3_600_000 for hour in range(48)]
    found = kept([*old, NOW])
    assert found == [old[23], old[47], NOW]
    older = [NOW - 800 * DAY + day * DAY for day in range(90)]
    assert 3 <= len(kept([*older, NOW])) - 1 <= 5


def test_how_long_a_version_stood_counts_and_not_when_it_was_written():
    """A file of years ago that was replaced yesterday can be had back."""
    written = [NOW - 5000 * DAY, NOW - DAY]
    assert kept(written, Retention(30, 365, monthly_days=400)) == written


def test_what_is_beyond_all_days_is_forgotten_when_wanted():
    written = [NOW - 3000 * DAY, NOW - 2000 * DAY, NOW - 40 * DAY, NOW]
    assert kept(written) == written
    assert kept(written, Retention(30, 365, monthly_days=1000)) == written[1:]


def test_the_newest_is_always_kept():
    assert kept([NOW - 9000 * DAY], Retention(1, 1, 1)) == [NOW - 9000 * DAY]


def test_a_version_that_is_let_go_of_keeps_its_place_in_the_story():
    replica = replica_in_memory()
    times = [NOW - 100 * DAY, NOW - 100 * DAY + 1000, NOW]
    for n, time in enumerate(times, 1):
        content = Content(bytes([n]) * 32, b"recipe")
        before = (Dot(b"d" * 16, n - 1),) if n > 1 else ()
        stamp = Stamp(time << 16, b"d" * 16)
        replica.tree.add_version(NODE, Version(Dot(b"d" * 16, n), stamp, content, before))
    replica.tree.flush()
    with replica.database.transaction():
        assert thin(replica.database.connection, NOW, Retention()) == 1
        assert thin(replica.database.connection, NOW, Retention()) == 0
    versions = replica.tree.versions(NODE)
    assert [bool(version.content.detail) for version in versions] == [False, True, True]
    assert versions[1].supersedes == (Dot(b"d" * 16, 1),)
    replica.close()


def test_what_was_deleted_long_ago_is_let_go_of_and_what_is_shown_never():
    device = Device("ann", Clock())
    for name in ("gone", "kept", "back"):
        device.write(name, f"{name}\n")
    for name in ("gone", "back"):
        device.delete(name)
    device.write("back", "again\n")
    now = 1_700_000_001_000
    replica = replica_in_memory()
    connection = replica.database.connection

    def held():
        rows = connection.execute("SELECT detail FROM version WHERE detail <> x''")
        return {row[0] for row in rows}

    with replica.database.transaction():
        replica.history.add(device.authored)
        apply(replica.tree, device.authored)
        before = held()
        thin(connection, now + 89 * DAY, Retention(365))
        assert held() == before
        thin(connection, now + 91 * DAY, Retention(365))
        assert b"gone\n" not in held()
        assert {b"again\n", b"kept\n"} <= held()
    replica.close()
