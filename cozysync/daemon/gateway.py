"""The gateway in the daemon: up while it is wanted and while there is an engine to look through.

Not a part of the supervisor's: what keeps phones out is no reason for the daemon not to start, and
settings change while it runs. Its troubles are told like those of the others.
"""

import importlib
import ipaddress
import logging
import socket
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from cozysync.daemon.config import GatewaySettings
from cozysync.daemon.config_keys import Address
from cozysync.daemon.engine_api import EngineLike
from cozysync.daemon.engine_slot import EngineSlot
from cozysync.daemon.supervise import FIRST_PAUSE_S, LONGEST_PAUSE_S, Supervisor, plain_error
from cozysync.gateway.app import Gateway
from cozysync.gateway.gate import Gate
from cozysync.gateway.phones import PhoneBook
from cozysync.gateway.scope import Scope
from cozysync.gateway.serve import Tls, serve
from cozysync.gateway.view import View
from cozysync.gateway.wsgi import clear_staging
from cozysync.sync.home import Home
from cozysync.vault import certificate_digest, check_key, gateway_certificate
from cozysync.vault.errors import CozyError, ExitCode

NAME = "gateway"

RENEWAL_LOOK_S = 86_400.0
"""How often a certificate is looked at that may have to be renewed."""

OpenView = Callable[[EngineLike], AbstractAsyncContextManager[View]]

_log = logging.getLogger(__name__)


class GatewayOff(CozyError):
    """Phones are not let in on this device."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("The gateway is off.", "Turn it on first: cozysync gateway enable.")


class GatewayPart:
    """Serves phones by the settings of the moment. The phones are known whether it is on or off."""

    def __init__(
        self,
        home: Home,
        settings: GatewaySettings,
        slot: EngineSlot,
        supervisor: Supervisor,
        open_view: OpenView,
    ) -> None:
        self._home = home
        self._settings = settings
        self._slot = slot
        self._supervisor = supervisor
        self._open_view = open_view
        self._book: PhoneBook | None = None
        self._gate: Gate | None = None
        self._port: int | None = None
        self._switching = trio.Lock()
        self._news = trio.Event()
        self._settled = trio.Event()
        self._failure: BaseException | None = None

    # --- for the control socket ----------------------------------------------------------------

    @property
    def book(self) -> PhoneBook:
        """The phones. Raises `PhonesDamaged`."""
        if self._book is None:
            self._book = PhoneBook(self._home.gateway / "phones.json", time.time)
        return self._book

    def add_phone(self, name: str, scope: Scope) -> str:
        """Let a phone in; returns its password. Raises `GatewayOff` and `BadPhone`."""
        if not self._settings.enabled:
            raise GatewayOff
        return self.book.add(name, scope)

    def revoke_phone(self, name: str) -> None:
        """Put a phone out at once. Raises `BadPhone`."""
        self.book.revoke(name)
        if self._gate is not None:
            self._gate.revoked(name)

    @property
    def settings(self) -> GatewaySettings:
        """As they are now."""
        return self._settings

    async def use(self, settings: GatewaySettings) -> None:
        """Go by other settings; returns when phones are let in by them, or are not any more.

        Raises what keeps it from listening; it is tried again and again all the same.
        """
        async with self._switching:
            self._settings = settings
            self._settled = trio.Event()
            self._news.set()
            await self._settled.wait()
            if self._failure is not None:
                raise self._failure

    def status(self) -> dict[str, Any]:
        """For `status --json`."""
        settings = self._settings
        try:
            phones = self.book.all()
        except CozyError:
            phones = ()
        return {
            "enabled": settings.enabled,
            "listening": self._port is not None,
            "url": self.url() if settings.enabled else None,
            "certificate": self._digest(),
            "phones": [
                {
                    "name": each.name,
                    "folders": None if each.scope.folders is None else list(each.scope.folders),
                    "read_only": each.scope.read_only,
                    "added": each.added_s,
                    "last_seen": each.seen_s,
                }
                for each in phones
            ],
        }

    def url(self) -> str:
        """Where phones find it: the first name of its own that others can use.

        Where it has a name and yet is spoken to by this machine alone, a proxy speaks TLS for it.
        """
        settings = self._settings
        if settings.hosts and not _speaks_tls(settings):
            return f"https://{settings.hosts[0]}"
        port = self._port or settings.listen.port
        host = settings.hosts[0] if settings.hosts else settings.listen.host
        if not settings.hosts and _is_everywhere(host):
            host = _own_names()[-1]
        scheme = "https" if _speaks_tls(settings) else "http"
        return f"{scheme}://{Address(host, port)}"

    # --- at work -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve for ever, by whatever settings there are."""
        pause = FIRST_PAUSE_S
        try:
            while True:
                self._news = trio.Event()
                try:
                    await self._until_news()
                    pause = FIRST_PAUSE_S
                except Exception as error:  # an unknown failure is what this loop is for
                    self._supervisor.note(NAME, error, pause)
                    self._settle(plain_error(error))
                    with trio.move_on_after(pause):
                        await self._news.wait()
                    pause = min(pause * 2, LONGEST_PAUSE_S)
                if not self._settings.enabled:
                    self._supervisor.well(NAME)
        finally:
            if self._book is not None:
                self._book.keep_seen()

    async def _until_news(self) -> None:
        async with trio.open_nursery() as nursery:
            if self._settings.enabled:
                nursery.start_soon(self._serve)
            else:
                self._settle(None)
            await self._news.wait()
            nursery.cancel_scope.cancel()

    async def _serve(self) -> None:
        """Serve as long as engines come, one after the other."""
        while True:
            if not self._slot.is_up:
                self._settle(None)  # the engine's trouble is told elsewhere
            engine = await self._slot.up()
            try:
                async with self._open_view(engine) as view, trio.open_nursery() as nursery:
                    nursery.start_soon(self._end_with, engine, nursery.cancel_scope)
                    await self._listen(view, nursery)
                    await trio.sleep_forever()
            except Exception as error:
                if self._slot.has(engine):
                    raise
                _log.info("the gateway waits for the engine: %s", plain_error(error))
            finally:
                self._port = None

    async def _end_with(self, engine: EngineLike, scope: trio.CancelScope) -> None:
        await self._slot.gone(engine)
        scope.cancel()

    async def _listen(self, view: View, nursery: trio.Nursery) -> None:
        settings = self._settings
        # Not before somebody wants them: they cost half a second and 13 MiB.
        doors = importlib.import_module("cozysync.gateway.doors")
        self._gate = Gate(self.book, (*settings.hosts, *_own_names()), trio.current_time)
        await trio.to_thread.run_sync(clear_staging, view.staging)
        all_doors = await trio.to_thread.run_sync(
            doors.all_doors, view.staging, settings.contacts, settings.calendars
        )
        app = Gateway(self._gate, view, all_doors)
        tls = await trio.to_thread.run_sync(self._tls)
        listen = settings.listen
        self._port = await nursery.start(partial(serve, app, listen.host, listen.port, tls))
        for chore in (each for door in all_doors for each in door.chores):
            nursery.start_soon(chore)
        self._supervisor.well(NAME)
        _log.info("phones are let in at %s", self.url())
        self._settle(None)
        if tls is not None and settings.certificate is None:
            nursery.start_soon(self._renew)

    def _tls(self) -> Tls | None:
        """What TLS is spoken with, made when there is nothing; None on this machine alone."""
        settings = self._settings
        if not _speaks_tls(settings):
            return None
        if settings.certificate is not None:
            key = settings.key or settings.certificate
            check_key(settings.certificate, key)
            return Tls(settings.certificate, key)
        return Tls(self._own_certificate())

    def _own_certificate(self) -> Path:
        settings = self._settings
        names = {*settings.hosts, *_own_names()}
        if not _is_everywhere(settings.listen.host):
            names.add(settings.listen.host)
        return gateway_certificate(self._certificate_file, names, time.time())

    async def _renew(self) -> None:
        """Begin anew with another certificate when the end of this one is near."""
        before = await trio.to_thread.run_sync(certificate_digest, self._certificate_file)
        while True:
            await trio.sleep(RENEWAL_LOOK_S)
            await trio.to_thread.run_sync(self._own_certificate)
            if await trio.to_thread.run_sync(certificate_digest, self._certificate_file) != before:
                self._news.set()

    @property
    def _certificate_file(self) -> Path:
        return self._home.gateway / "certificate.pem"

    def _digest(self) -> str | None:
        if self._port is None or not _speaks_tls(self._settings):
            return None
        try:
            return certificate_digest(self._settings.certificate or self._certificate_file)
        except (OSError, ValueError, IndexError):
            return None

    def _settle(self, failure: BaseException | None) -> None:
        if not self._news.is_set():  # else it is about settings that do not count any more
            self._failure = failure
            self._settled.set()


def _speaks_tls(settings: GatewaySettings) -> bool:
    return settings.certificate is not None or not settings.listen.is_loopback


def _own_names() -> tuple[str, ...]:
    """What this machine is called in its network."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return tuple(dict.fromkeys(each for each in (name, short, f"{short}.local") if each))


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
