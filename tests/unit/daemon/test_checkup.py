"""What is wrong with a device, each with what to do about it."""

import pytest

from cozysync.daemon import checkup
from cozysync.daemon.checkup import Grade, check_up
from cozysync.daemon.config import change
from cozysync.sync.home import Home
from cozysync.sync.replica import open_replica
from cozysync.vault import DeviceKeys, Secrets, save_secrets

DAY_S = 86_400


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.prepare()
    save_secrets(home.secrets_file, Secrets(DeviceKeys.generate()))
    open_replica(home.database).close()
    change(home.config_file, {"server": "http://127.0.0.1:9"})
    return home


def device(name, last_written, *, this=False, revoked=False):
    return {"name": name, "last_written": last_written, "this": this, "revoked": revoked}


def status(home, **changes):
    home.socket.touch(0o600)
    calm = {
        "daemon": {"pid": 1},
        "attention": [],
        "alarm": None,
        "server": {"position": 7},
        "folders": [],
        "devices": [device("me", None, this=True)],
    }
    return calm | changes


def found(home, told=None, grade=None):
    return {
        each.check: each for each in check_up(home, told) if grade is None or each.grade is grade
    }


def test_nothing_is_wrong_with_a_sound_home_but_its_absent_server(home):
    wrong = found(home, status(home), Grade.WRONG)
    assert set(wrong) == {"server"}
    assert "127.0.0.1:9" in wrong["server"].what
    assert all(each.remedy for each in wrong.values())


def test_looking_changes_nothing(home):
    def state():
        return {
            path: (path.stat().st_mode, path.stat().st_mtime_ns)
            for path in home.root.rglob("*")
            if path.is_file() and not path.name.endswith(("-wal", "-shm"))
        }

    told = status(home)
    before = state()
    found(home, told)
    assert state() == before


def open_home(home):
    home.root.chmod(0o755)


def open_secrets(home):
    home.secrets_file.chmod(0o644)


def spoil_secrets(home):
    home.secrets_file.write_bytes(b"x" * 40)


def spoil_database(home):
    data = bytearray(home.database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    home.database.write_bytes(data)


def no_database(home):
    for path in home.root.glob("replica.db*"):
        path.unlink()


def spoil_configuration(home):
    home.config_file.write_text("sevrer = 'x'\n")


def no_vault(home):
    home.secrets_file.unlink()


def open_socket(home):
    home.socket.chmod(0o666)


@pytest.mark.parametrize(
    ("spoil", "check", "say"),
    [
        (open_home, "home", "0755"),
        (open_secrets, "keys", "0644"),
        (spoil_secrets, "keys", "secrets"),
        (spoil_database, "database", "damaged"),
        (no_database, "database", "unable to open"),
        (spoil_configuration, "configuration", "sevrer"),
        (no_vault, "vault", "no vault"),
        (open_socket, "socket", "Others may open"),
    ],
)
def test_what_is_spoilt_is_named_with_its_remedy(home, spoil, check, say):
    told = status(home)
    spoil(home)
    finding = found(home, told, Grade.WRONG)[check]
    assert say in finding.what
    assert finding.remedy


def test_a_daemon_that_does_not_run_is_wrong(home):
    assert found(home, None, Grade.WRONG)["daemon"].remedy == "cozysync start"


def test_a_phrase_that_nobody_confirmed_is_advice(home):
    home.phrase_unchecked.touch()
    assert "phrase check" in found(home, None, Grade.ADVICE)["phrase"].remedy


def test_what_the_daemon_tells_is_told_on(home):
    trouble = {"reason": "The server forked", "remedy": "Look at it"}
    blocked = {"path": "/f/x", "reason": "no room", "remedy": "Free some"}
    folder = {"path": "/f", "watching": "every 5 s: too many watches", "blocked": [blocked]}
    told = status(home, attention=[trouble], alarm={"kind": "fork"}, folders=[folder])
    wrong = found(home, told, Grade.WRONG)
    assert wrong["daemon"].what == "The server forked"
    assert wrong["folder"].what == "/f/x: no room"
    assert "too many watches" in found(home, told, Grade.ADVICE)["watching"].what
    assert "log" not in found(home, told)


def test_a_phone_that_was_long_away_is_advice_where_phones_are_let_in(home):
    old, now = checkup.time.time() - 200 * DAY_S, checkup.time.time()
    phones = [
        {"name": "lost", "added": old - 1, "last_seen": old},
        {"name": "never", "added": old, "last_seen": None},
        {"name": "new", "added": now, "last_seen": None},
        {"name": "mine", "added": old, "last_seen": now},
    ]
    gateway = {"enabled": True, "listening": True, "url": "https://host:1", "phones": phones}
    told = [e for e in check_up(home, status(home, gateway=gateway)) if e.check == "phones"]
    assert [each.grade for each in told] == [Grade.FINE, Grade.ADVICE, Grade.ADVICE]
    assert "https://host:1" in told[0].what
    assert "«lost»" in told[1].what
    assert "«never»" in told[2].what
    off = status(home, gateway=gateway | {"enabled": False})
    assert not [each for each in check_up(home, off) if each.check == "phones"]


def test_a_device_that_was_long_silent_is_advice_unless_it_is_out(home):
    old = checkup.time.time() - 200 * DAY_S
    told = status(
        home,
        devices=[
            device("me", old, this=True),
            device("phone", old),
            device("gone", old, revoked=True),
            device("desk", old + 190 * DAY_S),
        ],
    )
    advice = [each for each in check_up(home, told) if each.check == "devices"]
    assert [("«phone»" in each.what, each.grade) for each in advice] == [(True, Grade.ADVICE)]


def test_a_disk_with_little_room_is_advice(home, monkeypatch):
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: Usage(5 << 20))
    assert "5 MiB" in found(home, status(home), Grade.ADVICE)["room"].what


class Usage:
    def __init__(self, free):
        self.free = free


def test_a_server_beyond_this_machine_without_tls_is_advice(home, monkeypatch):
    class Answer:
        server_time_ms = checkup.time.time() * 1000 + 3600_000 * 5

    async def answer(_):
        return Answer

    monkeypatch.setattr(checkup, "_asked", answer)
    change(home.config_file, {"server": "http://192.168.1.5:7717"})
    assert "without TLS" in found(home, status(home), Grade.ADVICE)["tls"].what
    assert "5.0 hours behind" in found(home, status(home), Grade.WRONG)["clock"].what
