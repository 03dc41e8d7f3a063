"""What hints and plans have missed is found by the full look that comes now and then."""

import trio

from tests.suites.fleet import fleet


async def test_a_change_that_nothing_hinted_at_is_sent(tmp_path):
    async with fleet(tmp_path, "ann", "bob", scan_interval_s=0.3) as office:
        ann, bob = office.members
        await office.settle()
        ann.hands.write("quiet", "text")
        with trio.fail_after(60):
            while bob.hands.texts() != {"quiet": "text"}:  # noqa: ASYNC110
                await trio.sleep(0.05)


async def test_what_is_neither_on_the_disk_nor_in_the_index_is_placed(tmp_path):
    async with fleet(tmp_path, "ann", "bob", scan_interval_s=0.3) as office:
        ann, bob = office.members
        ann.hands.write("lost", "text")
        await office.settle()

        def lose():
            bob.engine.replica.database.connection.execute("DELETE FROM disk_index")
            bob.hands.delete("lost")

        await bob.engine.ledger.do(lose)
        with trio.fail_after(60):
            while bob.hands.texts() != {"lost": "text"}:  # noqa: ASYNC110
                await trio.sleep(0.05)
        assert await office.settle() == {"lost": "text"}


async def test_a_row_that_no_scan_can_reach_is_forgotten(tmp_path):
    async with fleet(tmp_path, "ann", "bob", scan_interval_s=0.3) as office:
        ann, bob = office.members
        ann.hands.mkdir("d")
        ann.hands.mkdir("d/e")
        ann.hands.write("d/e/f", "text")
        await office.settle()

        def lose():
            bob.engine.replica.database.connection.execute(
                "DELETE FROM disk_index WHERE name = ?", (b"d",)
            )
            bob.hands.delete("d")

        await bob.engine.ledger.do(lose)
        with trio.fail_after(60):
            while bob.hands.texts() != {"d/e/f": "text"}:  # noqa: ASYNC110
                await trio.sleep(0.05)
