"""Where one device keeps its configuration, keys, database, socket and logs.

`COZYSYNC_HOME` puts all of it below one directory, so that several devices can live on one
machine; otherwise the places are those that the operating system intends for each kind.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import appdirs

from cozysync.sync.privacy import make_private
from cozysync.vault.errors import CozyError, ExitCode

VARIABLE = "COZYSYNC_HOME"

# The shortest bound on the path of a Unix socket (macOS: 104 with the final NUL; Linux: 108).
LONGEST_SOCKET_PATH = 103


class HomeInUse(CozyError):
    """Another process works on the same home."""

    def __init__(self, root: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            f"cozysync is already at work on {root} ({who}).",
            "Use the one that runs (cozysync status), or stop it first (cozysync stop).",
        )
        self.pid = pid


class NoVault(CozyError):
    """The device is not part of any vault yet."""

    exit_code = ExitCode.USAGE

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"This device has no vault yet (looked in {root}).",
            "Run cozysync up for a new one, cozysync init --server URL for a new one on your "
            "server, or cozysync join CODE to join the vault of another device.",
        )


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one device. Nothing exists before `prepare`."""

    root: Path
    config_dir: Path
    log_dir: Path

    @classmethod
    def at(cls, root: Path) -> Self:
        """A home that lies below one directory altogether."""
        return cls(root, root, root / "logs")

    @classmethod
    def locate(cls) -> Self:
        """The home of this process: `COZYSYNC_HOME`, or the places of the operating system."""
        given = os.environ.get(VARIABLE)
        if given:
            return cls.at(Path(given).expanduser().absolute())
        return cls(
            Path(appdirs.user_data_dir("cozysync")),
            Path(appdirs.user_config_dir("cozysync")),
            Path(appdirs.user_log_dir("cozysync")),
        )

    @property
    def config_file(self) -> Path:
        """The settings that a person may edit."""
        return self.config_dir / "config.toml"

    @property
    def secrets_file(self) -> Path:
        """The device's keys; it exists once the device is part of a vault."""
        return self.root / "secrets"

    @property
    def phrase_unchecked(self) -> Path:
        """There while nobody is known to have the recovery phrase of the vault made here."""
        return self.root / "phrase-unchecked"

    @property
    def database(self) -> Path:
        """The replica."""
        return self.root / "replica.db"

    @property
    def bindings_file(self) -> Path:
        """The bound folders once more, for when the replica is lost."""
        return self.root / "folders.json"

    @property
    def gateway(self) -> Path:
        """What the gateway keeps: its index, and contents on their way in."""
        return self.root / "gateway"

    @property
    def lock_file(self) -> Path:
        """Held by whoever works on the home; holds that one's process id."""
        return self.root / "lock"

    @property
    def server_data(self) -> Path:
        """What the embedded server keeps, if there is one."""
        return self.root / "server"

    @property
    def log_file(self) -> Path:
        """The daemon's log, one JSON object a line."""
        return self.log_dir / "daemon.log"

    @property
    def output_file(self) -> Path:
        """What a detached daemon prints: usually nothing."""
        return self.log_dir / "daemon.out"

    @property
    def server_log_file(self) -> Path:
        """What the embedded server prints."""
        return self.log_dir / "server.log"

    @property
    def socket(self) -> Path:
        """The control socket: here, or in a short place where this path is too long for one."""
        natural = self.root / "control.sock"
        if len(os.fsencode(natural)) <= LONGEST_SOCKET_PATH:
            return natural
        try:
            return Path(self.socket_pointer.read_text().strip())
        except OSError:
            return self._short_socket()

    @property
    def socket_pointer(self) -> Path:
        """Names the socket where it cannot be here: a later process may see other short places."""
        return self.root / "control.sock.path"

    @property
    def has_vault(self) -> bool:
        """Whether this device is part of a vault."""
        return self.secrets_file.exists()

    def require_vault(self) -> None:
        """Raise `NoVault` unless this device is part of a vault."""
        if not self.has_vault:
            raise NoVault(self.root)

    def prepare(self) -> None:
        """Make the directories, for this user only; raises `NotPrivate`."""
        remedy = f"Give it back to yourself, or set {VARIABLE} to a directory of your own."
        for directory in (self.root, self.config_dir, self.log_dir):
            make_private(directory, remedy)

    def prepare_socket(self) -> Path:
        """Make room for the control socket and return its path; to be called under the lock.

        A short place in a directory that is anybody's is used only when it is this user's own.
        """
        self.socket_pointer.unlink(missing_ok=True)
        path = self.socket
        if path.parent != self.root:
            make_private(path.parent, f"Remove it, or use a shorter {VARIABLE} than {self.root}.")
            self.socket_pointer.write_text(f"{path}\n")
        path.unlink(missing_ok=True)
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Work on this home alone; raises `HomeInUse` when somebody does already.

        The operating system gives the lock back however the process ends.
        """
        self.prepare()
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeInUse(self.root, self.holder()) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
            yield
        finally:
            os.close(descriptor)

    def in_use(self) -> bool:
        """Whether a process holds the lock just now."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> int | None:
        """The process id that the lock's last holder left; it may have ended since."""
        try:
            return int(self.lock_file.read_text())
        except (OSError, ValueError):
            return None

    def _short_socket(self) -> Path:
        runtime = os.environ.get("XDG_RUNTIME_DIR", tempfile.gettempdir())
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(runtime) / f"cozysync-{os.getuid()}-{name}" / "control.sock"
