"""A line between a device and its server that can be cut, also in the middle of a body."""

import contextlib
import selectors
import socket
import threading

PIECE = 65_536


class Cable:
    """Forwards one local port to an address; `cut` ends all that runs and refuses what comes."""

    def __init__(self, host, port):
        self._there = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._live = set()
        self._plugged = True
        self._left = None
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Nothing passes until `plug`."""
        with self._lock:
            self._plugged = False
            self._drop()

    def cut_after(self, size):
        """Be cut once so many more bytes have passed."""
        with self._lock:
            self._left = size

    def plug(self):
        with self._lock:
            self._plugged, self._left = True, None

    def close(self):
        self._closed = True
        self.cut()
        self._listener.close()

    def _drop(self):
        for each in self._live:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        with near:
            if not self._plugged:
                return
            try:
                far = socket.create_connection(self._there, timeout=5)
            except OSError:
                return
            far.settimeout(None)
            with far:
                with self._lock:
                    if not self._plugged:
                        return
                    self._live |= {near, far}
                try:
                    self._exchange(near, far)
                except OSError:
                    pass
                finally:
                    with self._lock:
                        self._live -= {near, far}

    def _exchange(self, near, far):
        with selectors.DefaultSelector() as waiting:
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in waiting.select():
                    data = key.fileobj.recv(PIECE)
                    if not data:
                        return
                    key.data.sendall(self._passing(data))

    def _passing(self, data):
        with self._lock:
            if self._left is None:
                return data
            data = data[: self._left]
            self._left -= len(data)
            if self._left <= 0:
                self._plugged, self._left = False, None
                self._drop()
            return data
