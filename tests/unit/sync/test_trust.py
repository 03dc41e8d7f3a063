"""By what a device knows its server, over a line in memory."""

import ssl

import pytest

from cozysync.sync.trust import (
    Downgraded,
    ServerKeyChanged,
    ServerTrust,
    is_about_certificate,
    is_on_this_machine,
)
from cozysync.vault import own_certificate, read_certificate

URL = "https://server:1"


@pytest.fixture
def certificate(tmp_path):
    return own_certificate(tmp_path / "tls.pem")


def shake_hands(trust, certificate):
    """The client's side after a handshake with a server that holds this certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = trust.context(URL).wrap_bio(back, there, server_hostname="server")
    far = server.wrap_bio(there, back, server_side=True)
    waiting = [near, far]
    while waiting:
        for each in tuple(waiting):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(each)
    return near


def test_the_server_that_holds_the_key_is_spoken_to(certificate):
    key, _ = read_certificate(certificate)
    trust = ServerTrust(key)
    shake_hands(trust, certificate)
    assert trust.seen == key


def test_nobody_else_is(certificate, tmp_path):
    another, _ = read_certificate(own_certificate(tmp_path / "another"))
    with pytest.raises(ServerKeyChanged) as caught:
        shake_hands(ServerTrust(another), certificate)
    assert "server key" in caught.value.remedy


def test_whoever_asks_for_anyone_learns_who_it_was(certificate):
    trust = ServerTrust(anyone=True)
    shake_hands(trust, certificate)
    assert trust.seen == read_certificate(certificate)[0]


def test_without_a_key_only_an_authority_vouches(certificate):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(ServerTrust(), certificate)
    assert is_about_certificate(caught.value)


def test_a_server_whose_key_is_known_is_never_spoken_to_without_tls():
    with pytest.raises(Downgraded):
        ServerTrust(b"k" * 32).context("http://server:1")
    ServerTrust().context("http://server:1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LOCALHOST"])
@pytest.mark.parametrize("port", ["", ":8017", ":8017/"])
def test_what_leads_nowhere_else(host, port):
    assert is_on_this_machine(f"http://{host}{port}")


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.5:8017",
        "http://[fe80::1]:8017",
        "http://localhost.example:8017",
        "http://127.0.0.1@evil.example",
        "http://evil.example/127.0.0.1",
        "http://0.0.0.0:8017",
        "http://[::1",
        "http://",
        "",
    ],
)
def test_what_may_lead_elsewhere(url):
    assert not is_on_this_machine(url)
