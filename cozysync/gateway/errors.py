"""What goes wrong at a door of the gateway, and what to do about it."""

from cozysync.vault.errors import CozyError, ExitCode


class ViewError(CozyError):
    """A deed that the view did not do. Nothing has changed."""

    exit_code = ExitCode.FAILED


class NotFound(ViewError):
    """Nothing stands there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing is at {path}.", "Look again: it was moved or deleted.")


class Exists(ViewError):
    """Something stands there already."""

    def __init__(self, path: str) -> None:
        super().__init__(f"Something is at {path} already.", "Choose another name, or replace it.")


class NotDirectory(ViewError):
    """What should hold something is no directory, or is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is no directory.", "Make the directory first.")


class IsDirectory(ViewError):
    """What should be a file is a directory."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is a directory.", "Name a file.")


class BadPath(ViewError):
    """What is no path, or cannot be the name of anything."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path!r} cannot be used: {why}.", "Choose another name.")


class Forbidden(ViewError):
    """What this phone may not do, or nobody may from a phone."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}.", "Do it on a device, or give the phone other rights.")


class Stale(ViewError):
    """A version that is not there, or not there any more."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is not what it was, and that version is not in its history.",
            "Read it again, then repeat the change.",
        )


class NoRoom(ViewError):
    """The server, or the disk here, has no room for it."""


class Unavailable(ViewError):
    """A content that cannot be had or kept just now; trying again may help."""


class CursorGone(ViewError):
    """A cursor that this gateway has not given out, or has forgotten."""

    def __init__(self) -> None:
        super().__init__("The place where you stopped is not known.", "List everything once more.")
