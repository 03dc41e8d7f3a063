"""When a server speaks TLS, and what its invitations carry."""

import pytest
import typer

from cozysync.cli.server_tls import server_key, tls_files, with_key, without_key
from cozysync.daemon.config_keys import Address
from cozysync.vault import own_certificate

HERE, EVERYWHERE = Address("127.0.0.1", 0), Address("0.0.0.0", 0)


@pytest.mark.parametrize(
    ("address", "wanted", "speaks"),
    [
        (HERE, None, False),
        (Address("::1", 1), None, False),
        (Address("localhost", 1), None, False),
        (HERE, True, True),
        (EVERYWHERE, None, True),
        (Address("192.168.1.5", 1), None, True),
        (Address("home.example", 1), None, True),
        (EVERYWHERE, False, False),
    ],
)
def test_beyond_this_machine_a_server_speaks_tls_unless_told_otherwise(
    tmp_path, address, wanted, speaks
):
    files = tls_files(tmp_path, address, wanted, None, None)
    assert (files is not None) is speaks
    assert bool(server_key(tmp_path)) is speaks


def test_a_server_keeps_its_key_and_forgets_it_when_it_speaks_plainly(tmp_path):
    tls_files(tmp_path, EVERYWHERE, None, None, None)
    key = server_key(tmp_path)
    tls_files(tmp_path, HERE, False, None, None)
    assert server_key(tmp_path) == ""
    tls_files(tmp_path, EVERYWHERE, None, None, None)
    assert server_key(tmp_path) == key


def test_options_that_contradict_each_other_are_refused(tmp_path):
    path = own_certificate(tmp_path / "own.pem")
    for wanted, certificate, key in ((None, path, None), (None, None, path), (False, path, path)):
        with pytest.raises(typer.BadParameter):
            tls_files(tmp_path, EVERYWHERE, wanted, certificate, key)


def test_an_invitation_carries_the_key_and_gives_it_back(tmp_path):
    tls_files(tmp_path, EVERYWHERE, None, None, None)
    key = server_key(tmp_path)
    assert without_key(with_key("a-b_c", key)) == ("a-b_c", key)
    assert without_key(with_key("a-b_c", "")) == ("a-b_c", "")
    with pytest.raises(typer.BadParameter):
        without_key(with_key("a-b_c", key)[:-1])
