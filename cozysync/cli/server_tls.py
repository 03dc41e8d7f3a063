"""How the server speaks TLS: with which certificate, and what devices know it by.

The server itself holds no code for keys: it is handed files.
"""

from pathlib import Path

import typer

from cozysync.daemon.config_keys import Address
from cozysync.server import Tls
from cozysync.server.layout import CERTIFICATE, SERVER_KEY
from cozysync.vault import (
    check_key,
    own_certificate,
    read_certificate,
    read_fingerprint,
    show_fingerprint,
)

_BETWEEN = "."


def tls_files(
    data: Path, address: Address, wanted: bool | None, certificate: Path | None, key: Path | None
) -> Tls | None:
    """The files to speak TLS with, made when there are none; None for plain HTTP.

    Also writes down what devices know the server by. Raises `BadCertificate`.
    """
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--certificate and --key go together")
    if wanted is False and certificate is not None:
        raise typer.BadParameter("--plain speaks no TLS, and needs no certificate")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if certificate is not None and key is not None:
        check_key(certificate, key)
        files = Tls(certificate, key)
    elif wanted or (wanted is None and not address.is_loopback):
        files = Tls(own_certificate(data / CERTIFICATE))
    else:
        _remember(data, "")
        return None
    fingerprint, vouches_for_itself = read_certificate(files.certificate)
    _remember(data, show_fingerprint(fingerprint) if vouches_for_itself else "")
    return files


def server_key(data: Path) -> str:
    """What devices must know the server of this directory by; empty when nothing."""
    try:
        return (data / SERVER_KEY).read_text().strip()
    except FileNotFoundError:
        return ""


def with_key(invitation: str, key: str) -> str:
    """The code for a person: the invitation, and the server's key when there is one."""
    return f"{invitation}{_BETWEEN}{key}" if key else invitation


def without_key(code: str) -> tuple[str, str]:
    """The invitation and the key in a code that `with_key` made."""
    invitation, _, key = code.strip().partition(_BETWEEN)
    if key:
        try:
            read_fingerprint(key)
        except ValueError:
            raise typer.BadParameter(
                "the code is not whole: copy it as `cozysync server invite` printed it"
            ) from None
    return invitation, key


def _remember(data: Path, key: str) -> None:
    path = data / SERVER_KEY
    if not key:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(f"{key}\n")
    temporary.replace(path)
