"""A server that may lie: it stands in front of a real one, and changes answers on their way."""

import http.client
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cozysync_protocol import encode_frame

PATIENCE_S = 90
NEWS_EVERY_S = 0.5
NOT_PASSED_ON = ("connection", "transfer-encoding", "content-length", "host", "date", "keep-alive")


@dataclass
class Exchange:
    """One request and its answer; `device` is who asks, in hex, empty for a stranger."""

    device: str
    method: str
    path: str
    body: bytes
    status: int = 0
    headers: dict[str, str] | None = None
    answer: bytes = b""

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def is_log(self):
        return self.method == "GET" and urlsplit(self.path).path.endswith("/log")

    @property
    def is_pack(self):
        return self.method == "GET" and "/packs/" in self.path


class FalseServer:
    """Passes everything on to the server at `url`, as long as it is honest."""

    def __init__(self, url):
        self.behind = url
        self._faces = {}
        self._lies = []
        handler = type("Handler", (_Handler,), {"false": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # --- lies

    def honest(self):
        """Tell the truth from now on."""
        self._lies, self._faces = [], {}

    def lie(self, device, change, *, before=False):
        """Let `change` alter what a device is answered, or, with `before`, what it asks."""
        self._lies = [*self._lies, (device, change, before)]

    def show(self, device, frames):
        """Show a device these frames as the log, whatever there is, and tell it no other lie."""

        def change(each):
            if not each.is_log or each.status != 200:
                return
            after = int(each.query.get("after", 0))
            wanted = [frame for frame in frames if frame.position > after]
            if not wanted and each.query.get("wait", "0") != "0":
                time.sleep(NEWS_EVERY_S)  # as a server does that waits for news
            each.answer = b"".join(map(encode_frame, wanted))
            each.headers["cozysync-end"] = str(len(frames))
            each.headers["cozysync-head"] = frames[-1].head.hex()

        self._lies = [(device, change, False)]

    def turn(self, device, url):
        """Let a device speak with another server."""
        self._faces = self._faces | {device: url}

    # --- one exchange

    def exchange(self, each, headers):
        self._tell(each, before=True)
        there = urlsplit(self._faces.get(each.device, self.behind))
        line = http.client.HTTPConnection(there.hostname, there.port, timeout=PATIENCE_S)
        try:
            line.request(each.method, each.path, each.body, headers)
            answer = line.getresponse()
            each.status, each.answer = answer.status, answer.read()
            each.headers = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            line.close()
        self._tell(each, before=False)

    def _tell(self, each, *, before):
        for device, change, early in self._lies:
            if device == each.device and early is before:
                change(each)


class Dropped(Exception):
    """Raised by a lie that lets a device wait for nothing: the line is cut."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        token = self.headers.get("authorization", "").rpartition(" ")[2]
        each = Exchange(token[32:64], self.command, self.path, body)
        headers = {n: v for n, v in self.headers.items() if n.lower() not in NOT_PASSED_ON}
        try:
            self.false.exchange(each, headers)
        except (Dropped, OSError, http.client.HTTPException):
            self.close_connection = True
            return
        with suppress(OSError):  # whoever asked has gone
            self.send_response_only(each.status)
            for name, value in each.headers.items():
                if name not in NOT_PASSED_ON:
                    self.send_header(name, value)
            if each.status != 204:
                self.send_header("content-length", str(len(each.answer)))
            self.end_headers()
            if each.status != 204:
                self.wfile.write(each.answer)

    do_GET = do_PUT = do_POST = do_DELETE = _any

    def log_message(self, *_):
        pass
