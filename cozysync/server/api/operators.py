"""For everybody and for operators: what the server speaks, whether it is well, its figures."""

from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cozysync.server.api.log import LogApi
from cozysync.server.failures import Refusal
from cozysync.server.gate import Gate
from cozysync.server.packs import DirectoryPacks
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import NOTHING_THERE, message, route
from cozysync_protocol import ErrorCode, this_server


class OperatorsApi:
    """`now_s` is wall-clock time in seconds; `is_stopping` is set when the server is to end."""

    def __init__(
        self,
        now_s: Callable[[], float],
        store: SqliteStore,
        packs: DirectoryPacks,
        turns: Turns,
        gate: Gate,
        log: LogApi,
    ) -> None:
        self._now_s = now_s
        self._store = store
        self._packs = packs
        self._turns = turns
        self._gate = gate
        self._log = log
        self.is_stopping = False

    def routes(self) -> list[Route]:
        return [
            route("/v1/info", self.info, "GET"),
            route("/healthz", self.health, "GET"),
            route("/readyz", self.ready, "GET"),
            route("/metrics", self.metrics, "GET"),
        ]

    async def info(self, _request: Request) -> Response:
        return message(this_server(int(self._now_s() * 1000)).encode())

    async def health(self, _request: Request) -> Response:
        """That the process answers at all."""
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        """That it can do its work: read its store, and write to its disk."""
        if self.is_stopping:
            raise Refusal(ErrorCode.UNAVAILABLE, "the server is stopping", retry_after_s=5)
        await self._turns.take(self._store.check)
        await self._turns.take(self._packs.check)
        return PlainTextResponse("ok\n")

    async def metrics(self, request: Request) -> Response:
        """For this machine alone: a device that takes off its own part would see what others do."""
        if not _is_here(request):
            raise Refusal(ErrorCode.NOT_FOUND, NOTHING_THERE)
        return PlainTextResponse("\n".join([*self._lines(), ""]))

    def _lines(self) -> Iterator[str]:
        """Prometheus' text format."""
        gate, figures = self._gate, self._gate.figures
        yield "# TYPE cozysync_answers_total counter"
        for status, count in sorted(figures.answers.items()):
            yield f'cozysync_answers_total{{status="{status}"}} {count}'
        for name, kind, value in (
            ("entries_appended_total", "counter", self._log.appended),
            ("received_bytes_total", "counter", figures.bytes_in),
            ("sent_bytes_total", "counter", figures.bytes_out),
            ("requests_under_way", "gauge", figures.under_way),
            ("waiting_readers", "gauge", gate.waiting.taken),
            ("uploads_under_way", "gauge", gate.uploads.taken),
        ):
            yield f"# TYPE cozysync_{name} {kind}"
            yield f"cozysync_{name} {value}"


def _is_here(request: Request) -> bool:
    """Whether this machine itself asks."""
    if request.client is None:
        return True  # over a socket in the file system
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback
