"""The daemon: the engine, the control socket and, if wanted, a server, until told to stop."""

import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import cast

import trio

from cozysync.daemon.config import Config
from cozysync.daemon.control import create_control
from cozysync.daemon.control_line import serve_control
from cozysync.daemon.embedded import EmbeddedServer
from cozysync.daemon.engine_api import EngineLike
from cozysync.daemon.engine_slot import EngineSlot
from cozysync.daemon.gateway import GatewayPart
from cozysync.daemon.log import start_log, stop_log
from cozysync.daemon.pairings import Pairings
from cozysync.daemon.supervise import Supervisor, plain_error
from cozysync.gateway.engine_view import view_of
from cozysync.gateway.view import View
from cozysync.sync.engine import Engine
from cozysync.sync.home import Home
from cozysync.sync.seams import real_seams

_log = logging.getLogger(__name__)


def run_daemon(home: Home, config: Config, passphrase: str | None = None) -> None:
    """Work until SIGTERM, SIGINT or a request to stop; `passphrase` opens the keys, if it must.

    Raises `HomeInUse` when another daemon does already, and whatever keeps the engine from
    starting at all (`DamagedDatabase`, `SecretsFileDamaged`…).
    """
    home.require_vault()
    with home.lock():
        handler = start_log(home.log_file, config.log_level)
        try:
            trio.run(_daemon, home, config, passphrase)
        except BaseException as error:
            cause = plain_error(error)
            _log.error("the daemon ends: %s", cause, exc_info=error)
            raise cause from None
        finally:
            stop_log(handler)


async def _daemon(home: Home, config: Config, passphrase: str | None) -> None:
    stopping = trio.Event()
    supervisor = Supervisor()
    slot = EngineSlot(home, config, partial(_build, passphrase), supervisor)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_heed_signals, stopping.set)
        if config.embedded.enabled:
            server = EmbeddedServer(
                home,
                config.embedded.listen,
                "--grace-days",
                str(config.embedded.grace_days),
                "--active-days",
                str(config.embedded.active_days),
                tls=config.speaks_tls,
            )
            await nursery.start(partial(supervisor.keep, "embedded server", server.run))
        await nursery.start(partial(supervisor.keep, "engine", slot.run))
        gateway = GatewayPart(home, config.gateway, slot, supervisor, _view)
        nursery.start_soon(gateway.run)
        control = create_control(slot, Pairings(nursery), gateway, home.config_file, stopping.set)
        _log.info("the daemon is at work on %s", home.root)
        await serve_control(control, home.prepare_socket(), stopping)
        _log.info("the daemon stops")
        nursery.cancel_scope.cancel()
    home.socket.unlink(missing_ok=True)


def _build(passphrase: str | None, home: Home, config: Config) -> Engine:
    ask = (lambda: passphrase) if passphrase is not None else None
    return Engine(home, config=config.engine, seams=real_seams(), ask=ask)


def _view(engine: EngineLike) -> AbstractAsyncContextManager[View]:
    return view_of(cast(Engine, engine))


async def _heed_signals(stop: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop()
