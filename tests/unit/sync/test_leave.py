"""What is put aside when a device leaves its vault."""

from cozysync.sync.home import Home
from cozysync.sync.leave import leave_vault


def test_nothing_of_the_vault_stays_where_the_next_one_would_find_it(tmp_path):
    home = Home.at(tmp_path / "home")
    home.prepare()
    files = ("secrets", "replica.db", "replica.db-wal", "spool/ab", "gateway/index.db")
    for name in files:
        path = home.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    place = leave_vault(home)
    assert {path.name for path in home.root.iterdir()} == {"left", "logs"}
    assert {(place / name).read_text() for name in files} == set(files)
