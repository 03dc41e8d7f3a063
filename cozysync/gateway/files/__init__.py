"""Files by WebDAV: WsgiDAV over the view."""

from cozysync.gateway.files.door import FILES, files_door

__all__ = ["FILES", "files_door"]
