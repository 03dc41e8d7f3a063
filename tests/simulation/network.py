"""The line between one machine and the server: a transport for httpx that loses things.

A request may be lost on its way, arrive late, twice, or cut in the middle; its answer likewise,
and it may come when nobody waits for it any more. The server works on while its client is gone.
"""

import math

import httpx
import trio

LATEST_S = 40.0


class Line(httpx.AsyncBaseTransport):
    """One machine's way to the server. `calm` is set when no more faults are wanted."""

    def __init__(self, machine, server, chance, trace):
        self._machine, self._server = machine, server
        self._chance, self._trace = chance, trace
        self.faults = 0.0
        self.cut_until = -math.inf

    def cut(self, seconds):
        """Pull the plug for a while."""
        self.cut_until = max(self.cut_until, trio.current_time() + seconds)
        self._trace.count("line cut")

    async def handle_async_request(self, request):
        life = self._machine.life
        life.point("request")
        body = await request.aread()
        patience = request.extensions["timeout"]
        fault = self._fault()
        self._trace(
            self._machine.name, request.method,
            self._trace.path(request.url.path), fault or "",
        )  # fmt: skip
        await trio.sleep(self._delay())
        life.check()
        if self._is_cut() or not self._server.is_up:
            raise httpx.ConnectError("no way to the server")
        if fault == "request lost":
            await trio.sleep(patience["read"])
            raise httpx.ReadTimeout("no answer")
        whole = fault != "request cut" or not body
        sent = body if whole else body[: self._chance.randrange(len(body))]
        exchange = self._server.take(request, sent, whole)
        if not whole:
            await trio.sleep(self._delay())
            raise httpx.WriteError("broken pipe")
        if fault == "request repeated":
            self._server.take_later(request, body, self._chance.uniform(0, LATEST_S))
        if fault == "answer late":
            # The server did it; the answer comes when nobody waits any more.
            await trio.sleep(patience["read"])
            exchange.leave()
            raise httpx.ReadTimeout("no answer")
        return await self._answer(request, exchange, patience["read"], fault)

    async def _answer(self, request, exchange, patience, fault):
        try:
            with trio.move_on_after(patience) as waiting:
                status, headers = await exchange.begun()
            if waiting.cancelled_caught:
                raise httpx.ReadTimeout("no answer")
            await trio.sleep(self._delay())
            self._machine.life.point("answer")
            if fault == "answer lost" or self._is_cut():
                raise httpx.ReadError("connection reset")
        except BaseException:
            exchange.leave()
            raise
        stream = _Body(self, exchange, fault == "answer cut", patience)
        return httpx.Response(status, headers=headers, stream=stream, request=request)

    def _fault(self):
        if self._chance.random() >= self.faults:
            return None
        fault = self._chance.choice((
            "request lost", "request cut", "request repeated",
            "answer late", "answer lost", "answer cut",
        ))  # fmt: skip
        self._trace.count(fault)
        return fault

    def _delay(self):
        return self._chance.expovariate(20) if self._chance.random() < 0.9 else 2.0

    def _is_cut(self):
        return trio.current_time() < self.cut_until


class _Body(httpx.AsyncByteStream):
    def __init__(self, line, exchange, cut, patience):
        self._line, self._exchange, self._cut, self._patience = line, exchange, cut, patience

    async def __aiter__(self):
        while True:
            with trio.move_on_after(self._patience) as waiting:
                piece = await self._exchange.piece()
            if waiting.cancelled_caught:
                raise httpx.ReadTimeout("no answer")
            if piece is None:
                return
            self._line._machine.life.check()
            if self._cut:
                yield piece[: self._line._chance.randrange(len(piece) + 1)]
                raise httpx.RemoteProtocolError("peer closed connection")
            yield piece

    async def aclose(self):
        self._exchange.leave()
