"""Tools that are run when there is something to do."""

import subprocess
from pathlib import Path

from bench.contestants.base import Contestant


class Copy(Contestant):
    """What the disk itself can do: `cp` and one `sync`, without encryption or history."""

    name = "cp + sync"
    tool = "cp"
    package = "coreutils"
    can_rescan = False

    def deliver(self) -> None:
        self._empty_b()
        self._command("cp", "-a", f"{self.a}/.", self.b)
        self._flush(self.b)


class Rsync(Contestant):
    """rsync from directory to directory, without encryption or history."""

    name = "rsync"
    tool = "rsync"
    package = "rsync"

    def deliver(self) -> None:
        self._command("rsync", "-a", "--delete", f"{self.a}/", self.b)
        self._flush(self.b)

    def rescan(self) -> None:
        self._command("rsync", "-a", "--delete", "--dry-run", f"{self.a}/", self.b)


class Unison(Contestant):
    """Unison between two directories."""

    name = "unison"
    tool = "unison"
    package = "unison"

    @classmethod
    def version(cls) -> str:
        return _told("unison", "-version").partition(" (")[0]

    def deliver(self) -> None:
        self._command(
            *("unison", self.a, self.b, "-batch", "-confirmbigdel=false"),
            *("-ui", "text", "-silent", "-times", "-logfile", self.root / "log"),
        )
        self._flush(self.b)

    def _environment(self) -> dict[str, str]:
        return {"UNISON": str(self.root / "unison")}


class Restic(Contestant):
    """restic: a backup into a local repository and a restore from it."""

    name = "restic"
    tool = "restic"
    package = "restic"

    @classmethod
    def version(cls) -> str:
        return _told("restic", "version")

    def open(self) -> None:
        self._command("restic", "init")

    def deliver(self) -> None:
        self.rescan()
        self._empty_b()
        # The snapshot holds `.` because the backup was taken inside A.
        self._command("restic", "restore", "latest", "--target", self.b)
        self._flush(self.b)

    def rescan(self) -> None:
        self._command("restic", "backup", ".", cwd=self.a)

    def store(self) -> Path:
        return self.root / "repository"

    def _environment(self) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY": str(self.store()),
            "RESTIC_PASSWORD": "bench",
            "RESTIC_CACHE_DIR": str(self.root / "cache"),
        }


class Borg(Contestant):
    """Borg: an archive in a local repository and its extraction."""

    name = "borg"
    tool = "borg"
    package = "borgbackup"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._archives = 0

    def open(self) -> None:
        self._command("borg", "init", "--encryption", "repokey-blake2")

    def deliver(self) -> None:
        self.rescan()
        self._empty_b()
        self._command("borg", "extract", f"::{self._archives}", cwd=self.b)
        self._flush(self.b)

    def rescan(self) -> None:
        self._archives += 1
        self._command("borg", "create", f"::{self._archives}", ".", cwd=self.a)

    def store(self) -> Path:
        return self.root / "repository"

    def _environment(self) -> dict[str, str]:
        return {
            "BORG_REPO": str(self.store()),
            "BORG_PASSPHRASE": "bench",
            "BORG_BASE_DIR": str(self.root),
        }


class Rclone(Contestant):
    """rclone with its crypt remote over a local directory: there, and back into B."""

    name = "rclone crypt"
    tool = "rclone"
    package = "rclone"

    @classmethod
    def version(cls) -> str:
        return _told("rclone", "version")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._password = ""

    def open(self) -> None:
        self._password = self._command("rclone", "obscure", "bench").strip()

    def deliver(self) -> None:
        self._command("rclone", "sync", self.a, "crypt:")
        self._flush(self.store())
        self._command("rclone", "sync", "crypt:", self.b)
        self._flush(self.b)

    def rescan(self) -> None:
        self._command("rclone", "sync", self.a, "crypt:")

    def store(self) -> Path:
        place = self.root / "remote"
        place.mkdir(exist_ok=True)
        return place

    def _environment(self) -> dict[str, str]:
        return {
            "RCLONE_CONFIG": str(self.root / "rclone.conf"),
            "RCLONE_CONFIG_CRYPT_TYPE": "crypt",
            "RCLONE_CONFIG_CRYPT_REMOTE": str(self.root / "remote"),
            "RCLONE_CONFIG_CRYPT_PASSWORD": self._password,
        }


def _told(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]
