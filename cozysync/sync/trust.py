"""By what a device knows its server when it speaks TLS.

Three ways. *Pinned*: by the fingerprint of the server's key, from the invitation, the pairing or
the configuration; nothing else counts, not even an authority. *Vouched*: no fingerprint is known,
and the authorities of this system are asked. *Anyone*: only for the conversation of a pairing,
which trusts no server, and to learn a key that is then shown to the person.
"""

import ipaddress
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cozysync.sync.remote import Unreachable
from cozysync.vault import CozyError, ExitCode, fingerprint, show_fingerprint

_TLS = "https://"


class ServerKeyChanged(Unreachable):
    """Whoever answers does not hold the key that the server is known by."""

    def __init__(self, url: str, found: bytes) -> None:
        CozyError.__init__(
            self,
            f"Whoever answers at {url} is not the server that this device knows: its key is "
            f"{show_fingerprint(found)}. Nothing was sent to it.",
            "Somebody may be in between: ask whoever runs the server, and compare with what "
            "cozysync server key prints there. If the key was changed on purpose, set server_key "
            "in config.toml to that, and run cozysync restart.",
        )


class NobodyVouches(Unreachable):
    """A certificate that no authority known here has signed, and no fingerprint to go by."""

    def __init__(self, url: str) -> None:
        CozyError.__init__(
            self,
            f"Nothing vouches for the key of the server {url}: its certificate is its own.",
            "Use the whole code that cozysync server invite prints, or set server_key in "
            "config.toml to what cozysync server key prints on the server.",
        )


def is_about_certificate(error: BaseException) -> bool:
    """Whether a connection failed because its certificate was not believed."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def is_on_this_machine(url: str) -> bool:
    """Whether an address leads nowhere else, so that nobody is on the way."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or nothing that can be asked
        return False


class Downgraded(CozyError):
    """The server's key is known, and the address asks to speak without TLS."""

    exit_code = ExitCode.USAGE

    def __init__(self, url: str) -> None:
        super().__init__(
            f"The address {url} would speak without TLS, but this device knows the server's key.",
            "Use https:// in the address; only if the server really has no TLS any more, remove "
            "server_key from config.toml.",
        )


@dataclass(slots=True)
class ServerTrust:
    """How one device knows its server. `seen` is the fingerprint of whoever answered last."""

    key: bytes = b""
    anyone: bool = False
    seen: bytes = field(default=b"", init=False)

    def context(self, url: str) -> ssl.SSLContext | bool:
        """What httpx verifies with; raises `Downgraded`."""
        if not url.startswith(_TLS):
            if self.key:
                raise Downgraded(url)
            return False
        if not self.key and not self.anyone:
            return ssl.create_default_context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the handshake below compares the key itself
        context.sslobject_class = self._handshake(url)
        return context

    def _handshake(self, url: str) -> type[ssl.SSLObject]:
        trust = self

        class Handshake(ssl.SSLObject):
            """Compares the server's key before anything is sent."""

            def do_handshake(self) -> None:
                super().do_handshake()
                try:
                    trust.seen = fingerprint(self.getpeercert(binary_form=True) or b"")
                except ValueError:  # a certificate that nobody can read is not the right one
                    trust.seen = b""
                if trust.key and trust.seen != trust.key:
                    raise ServerKeyChanged(url, trust.seen)

        return Handshake
