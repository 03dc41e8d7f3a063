"""A gateway in this process, and phones that speak to it."""

import httpx
import trio

from cozysync.gateway.app import Gateway
from cozysync.gateway.gate import Gate
from cozysync.gateway.phones import PhoneBook
from cozysync.gateway.scope import Scope

HOST = "gateway.test"
ALL = Scope()


class GatewayInTest:
    """`now` is the clock of both, moved by hand."""

    def __init__(self, view, doors, home):
        self.now = 1000.0
        self.view = view
        self.book = PhoneBook(home / "phones.json", lambda: self.now)
        self.gate = Gate(self.book, [HOST], lambda: self.now)
        self.app = Gateway(self.gate, view, doors)

    def phone(self, name="anna", scope=ALL, address="192.0.2.1"):
        """A phone that is let in, as a client of httpx."""
        return self.client(name, self.book.add(name, scope), address)

    def client(self, name=None, password=None, address="192.0.2.1", **headers):
        """A client with these credentials, if any."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 12345)),
            base_url=f"https://{HOST}",
            auth=None if name is None else (name, password),
            headers=headers,
        )


async def put(view, path, data, **how):
    """Write as a device would, through the view."""
    staged = view.staging / "by-device"
    await trio.Path(staged).write_bytes(data)
    return await view.write(path, staged, **how)
