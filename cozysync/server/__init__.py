"""The blind server: it orders, stores and hands out what it cannot read."""

from cozysync.server.app import Server
from cozysync.server.collection import DAY_S, Keeping
from cozysync.server.failures import ServerError
from cozysync.server.packs import DirectoryPacks
from cozysync.server.serve import Tls, create_invitation, serve
from cozysync.server.store import SqliteStore

__all__ = [
    "DAY_S",
    "DirectoryPacks",
    "Keeping",
    "Server",
    "ServerError",
    "SqliteStore",
    "Tls",
    "create_invitation",
    "serve",
]
