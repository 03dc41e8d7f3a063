"""The daemon's log: one JSON object a line, in a file that does not grow for ever.

Every line has `time` (UTC), `level`, `part` (which module) and `message`; an error has `error`
and `trace` besides, and whatever the caller passed as `extra={"data": {…}}` stands under `data`.
Messages are written so that they hold no secret; what other libraries put into theirs is
stripped of credentials here.
"""

import json
import logging
import os
import re
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

# A few weeks of an ordinary device; five files of it stay below what anyone would notice.
LOG_BYTES = 4 * 1024 * 1024
OLD_LOGS = 4

# Libraries that tell every request at «info».
_CHATTY = ("httpx", "httpcore", "hypercorn", "watchfiles")

_CREDENTIALS = (
    (re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]+"), r"\1 …"),
    (re.compile(r"://[^\s/@]+@"), "://…@"),
)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": record.name,
            "message": _without_credentials(record.getMessage()),
        }
        data = getattr(record, "data", None)
        if data is not None:
            line["data"] = data
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            text = "".join(traceback.format_exception(record.exc_info[1]))
            line["trace"] = _without_credentials(text)
        return json.dumps(line, ensure_ascii=False, default=str)


class _PrivateFile(RotatingFileHandler):
    """A rotating log that only its owner may read."""

    def _open(self) -> Any:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")


def start_log(path: Path, level: str) -> logging.Handler:
    """Send everything that is logged from `level` on to the file; returns the handler.

    `stop_log` ends it.
    """
    handler = _PrivateFile(path, maxBytes=LOG_BYTES, backupCount=OLD_LOGS)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def stop_log(handler: logging.Handler) -> None:
    """Close what `start_log` opened."""
    logging.getLogger().removeHandler(handler)
    handler.close()


def last_problem(path: Path) -> str | None:
    """The message of the last line at «error» in a log, for whoever could not see it happen."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 65_536))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("level") in ("error", "critical"):
            return str(found.get("message"))
    return None


def _without_credentials(text: str) -> str:
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text
