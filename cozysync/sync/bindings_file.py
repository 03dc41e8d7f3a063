"""The bound folders, beside the database: what neither the server nor the disk could tell again.

The database is the one that counts. This file is written after it, and read when a database is
made anew because the one before was damaged, deleted or set aside.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from cozysync.replica import FolderRow, FolderState
from cozysync.sync.footing import MARKER_KEY
from cozysync.sync.home import Home
from cozysync.sync.replica import Replica

ANEW = "anew/"
"""Setting, by path: the folder is to be compared with the vault as one that was in sync before."""


def keep_bindings(home: Home, replica: Replica) -> None:
    """Write down the folders, and how each is known again; a full disk is no reason to stop."""
    rows = [
        {
            "path": str(row.path),
            "name": row.name,
            "state": str(row.state),
            "marker": (replica.settings.get(MARKER_KEY + str(row.path)) or b"").decode(),
        }
        for row in replica.folders.list()
    ]
    text = json.dumps(rows, ensure_ascii=True, indent=1) + "\n"
    with suppress(OSError):
        if _read(home.bindings_file) != text:
            _write(home.bindings_file, text)


def bring_bindings(home: Home, replica: Replica) -> None:
    """Bind in a new database what was bound before; inside a transaction.

    A row that does not read is left out: nothing is lost but the binding.
    """
    for row in _rows(_read(home.bindings_file)):
        with suppress(KeyError, ValueError, TypeError):
            path = str(row["path"])
            replica.folders.put(
                FolderRow(Path(path), str(row["name"]), state=FolderState(row["state"]))
            )
            if row["marker"]:
                replica.settings.set(MARKER_KEY + path, str(row["marker"]).encode())
            replica.settings.set(ANEW + path, b"1")


def _rows(text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text or "[]")
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
