"""Who may come in: the right host, the right password, and not too many wrong ones.

Nothing behind the gate is reached without a phone, and nothing before it tells whether a phone of
some name exists: a wrong name, a wrong password and a revoked one look alike and take as long.
"""

import base64
import binascii
import ipaddress
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import trio

from cozysync.gateway.lockout import Lockout
from cozysync.gateway.phones import Phone, PhoneBook

_log = logging.getLogger(__name__)

REALM = 'Basic realm="cozysync", charset="UTF-8"'

# Slow hashes at once (19 MiB each), and how many more may wait for their turn.
_AT_ONCE = 2
_WAITING = 256

_LONGEST_CREDENTIALS = 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody does not come in, and in how many seconds to try again."""

    status: HTTPStatus
    why: str
    retry_after_s: int | None = None

    def headers(self) -> dict[str, str]:
        """What the answer says besides."""
        headers = {}
        if self.status is HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = REALM
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        return headers


_NO_PASSWORD = Refusal(
    HTTPStatus.UNAUTHORIZED, "Log in with the name and the password of this phone."
)
_NOT_THIS_HOST = Refusal(
    HTTPStatus.MISDIRECTED_REQUEST,
    "This gateway does not go by that name. On its device: cozysync gateway enable --host NAME.",
)
_ANOTHER_SITE = Refusal(HTTPStatus.FORBIDDEN, "Another site may not ask in your name.")


class Gate:
    """Lets phones in. `hosts` are names and addresses that this gateway goes by, besides its own.

    `clock` gives seconds and never goes back.
    """

    def __init__(self, book: PhoneBook, hosts: Iterable[str], clock: Callable[[], float]) -> None:
        self._book = book
        self._hosts = {each.lower().rstrip(".") for each in hosts}
        self._clock = clock
        self._lockout = Lockout()
        self._turns = trio.Semaphore(_AT_ONCE)

    def revoked(self, name: str) -> None:
        """A phone of this name was put out."""
        self._lockout.forget(name)

    def misdirected(self, scope: Mapping[str, Any]) -> Refusal | None:
        """Why a request (in ASGI) is not for this gateway, or comes from a strange page."""
        hosts = _all(scope, b"host")
        if len(hosts) != 1 or not self._is_own(hosts[0], scope.get("server")):
            return _NOT_THIS_HOST
        if _all(scope, b"sec-fetch-site") not in ([], ["none"], ["same-origin"]):
            return _ANOTHER_SITE
        return None

    async def admit(self, scope: Mapping[str, Any]) -> Phone | Refusal:
        """The phone that a request comes from, or why it is refused."""
        given = _credentials(_all(scope, b"authorization"))
        if given is None:
            return _NO_PASSWORD
        phone = self._book.recalled(*given)
        if phone is None:
            if self._turns.statistics().tasks_waiting >= _WAITING:
                return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too many log in at once.", 1)
            async with self._turns:
                checked = await self._checked(_place(scope.get("client")), *given)
            if isinstance(checked, Refusal):
                return checked
            phone = checked
        self._book.seen(phone.name)
        return phone

    async def _checked(self, address: str, name: str, password: str) -> Phone | Refusal:
        """Try a password, unless whoever sends it has to wait; so many do that at once."""
        wait_s = self._lockout.wait_s(address, name, self._clock())
        if wait_s > 0:
            return Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                "There were too many wrong passwords. Wait, then try again.",
                math.ceil(wait_s),
            )
        # A phone asks several things at once: the first of them has found out for the others.
        phone = self._book.recalled(name, password)
        if phone is None:
            phone = await trio.to_thread.run_sync(self._book.check, name, password)
        if phone is None:
            # Not the name: somebody may have typed a password there.
            _log.info("somebody at %s sent a wrong name or password for a phone", address)
            self._lockout.failed(address, name, self._clock())
            return _NO_PASSWORD
        self._lockout.was_right(address, name)
        return phone

    def _is_own(self, host: str, server: tuple[str, int | None] | None) -> bool:
        """Whether a Host header names this gateway: a name of its own, or where it was reached."""
        name = _without_port(host)
        if name is None:
            return False
        if name in self._hosts:
            return True
        own = _address(server[0]) if server else None
        if own is None:
            return False
        return _address(name) == own or (own.is_loopback and name == "localhost")


def _all(scope: Mapping[str, Any], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def _without_port(host: str) -> str | None:
    """The name or address in a Host header, None when it is none."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    if port and not (port.isascii() and port.isdecimal()):
        return None
    if name.startswith("["):
        return name[1:-1] if name.endswith("]") else None
    return name.lower().rstrip(".")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _place(client: tuple[str, int] | None) -> str:
    """Where somebody comes from, as far as guesses are counted: an IPv6 network is one place."""
    found = _address(client[0]) if client else None
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _credentials(headers: list[str]) -> tuple[str, str] | None:
    """Name and password of a Basic authorization, None when there is no proper one."""
    if len(headers) != 1 or len(headers[0]) > _LONGEST_CREDENTIALS:
        return None
    kind, _, rest = headers[0].partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        data = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = data.decode("utf-8", "replace").partition(":")
    return (name, password) if colon and name and password else None
