"""For everybody and for operators: what the server speaks, whether it is well, its figures."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cozysync.server.web import message, route
from cozysync_protocol import this_server


class OperatorsApi:
    """`now_s` is wall-clock time in seconds; `appended` counts entries taken so far."""

    def __init__(self, now_s: Callable[[], float], appended: Callable[[], int]) -> None:
        self._now_s = now_s
        self._appended = appended

    def routes(self) -> list[Route]:
        return [
            route("/v1/info", self.info, "GET"),
            route("/healthz", self.health, "GET"),
            route("/readyz", self.health, "GET"),
            route("/metrics", self.metrics, "GET"),
        ]

    async def info(self, _request: Request) -> Response:
        return message(this_server(int(self._now_s() * 1000)).encode())

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(self, _request: Request) -> Response:
        lines = [
            "# TYPE cozysync_entries_appended_total counter",
            f"cozysync_entries_appended_total {self._appended()}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n")
