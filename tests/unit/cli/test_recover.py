"""A server that nobody vouches for is not believed before a person has said so."""

import pytest
import typer

from cozysync.cli import recover
from cozysync.daemon.config import change, load
from cozysync.sync.home import Home
from cozysync.sync.trust import NobodyVouches
from cozysync.vault import show_fingerprint

KEY = bytes(range(32))


@pytest.fixture
def meet(tmp_path, monkeypatch):
    """Meet a server of some address: by what key it goes then, what was said, and what asked."""
    home = Home.at(tmp_path)
    home.prepare()

    def meet(url, *, terminal=True, says=True, trusting=False):
        said = []

        async def check_server(where, trust):
            assert where == url
            if url.startswith("https") and not trust.anyone:
                raise NobodyVouches(url)
            trust.seen = KEY

        def confirm(question, **_):
            said.append(question)
            if not says:
                raise typer.Abort

        monkeypatch.setattr(recover, "check_server", check_server)
        monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(typer, "confirm", confirm)
        monkeypatch.setattr(typer, "echo", lambda text, **_: said.append(text))
        config = change(home.config_file, {"server": url, "server_key": ""})
        recover._meet(home, config, trusting=trusting)
        return load(home.config_file).engine.server_key, "\n".join(said)

    meet.key = lambda: load(home.config_file).engine.server_key
    return meet


TLS, PLAIN, HERE = "https://server:1", "http://192.168.1.5:1", "http://127.0.0.1:1"


def test_a_key_is_shown_with_what_is_at_risk_and_asked_about(meet):
    key, said = meet(TLS)
    assert key == KEY
    assert show_fingerprint(KEY) in said
    assert "older state" in said
    assert said.endswith("same key?")


def test_who_says_no_pins_nothing(meet):
    with pytest.raises(typer.Abort):
        meet(TLS, says=False)
    assert meet.key() == b""


def test_without_a_terminal_nothing_is_believed(meet):
    with pytest.raises(recover.KeyUnknown, match=show_fingerprint(KEY)) as caught:
        meet(TLS, terminal=False)
    assert "--server-key" in caught.value.remedy
    assert meet.key() == b""


@pytest.mark.parametrize("terminal", [True, False])
def test_who_trusts_it_anyway_is_not_asked_but_told(meet, terminal):
    key, said = meet(TLS, terminal=terminal, trusting=True)
    assert key == KEY
    assert "older state" in said
    assert "?" not in said


def test_another_machine_without_tls_is_asked_about_too(meet):
    _, said = meet(PLAIN)
    assert "without TLS" in said
    assert said.endswith("all the same?")
    with pytest.raises(typer.Abort):
        meet(PLAIN, says=False)
    with pytest.raises(recover.WithoutTls):
        meet(PLAIN, terminal=False)
    assert "without TLS" in meet(PLAIN, terminal=False, trusting=True)[1]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_server_on_this_machine_is_not_asked_about(meet, terminal):
    assert meet(HERE, terminal=terminal) == (b"", "")
