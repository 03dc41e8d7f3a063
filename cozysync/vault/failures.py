"""What can go wrong with secrets, each with what to do about it. No text here holds a secret."""

from pathlib import Path

from cozysync.vault.errors import CozyError, ExitCode


class SecretError(CozyError):
    """Something sealed, wrapped or certified is not what it should be."""


class CannotOpen(SecretError):
    """Sealed bytes that do not open: changed, cut, or sealed for another place."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} does not open: it was changed after it was sealed, or belongs elsewhere.",
            "Nothing was taken from it. If this repeats, the server or its storage is damaged "
            "or hostile: check it, or restore it from a backup.",
        )


class MissingEpoch(SecretError):
    """Sealed under a secret that this device was never given."""

    def __init__(self, what: str, epoch: int) -> None:
        super().__init__(
            f"{what} is sealed under epoch {epoch}, whose secret this device does not hold.",
            "If this device was revoked, pair it again with `cozysync pair` on another device.",
        )
        self.epoch = epoch


class NotEnrolled(SecretError):
    """A log in which no secret is wrapped for this device."""

    def __init__(self) -> None:
        super().__init__(
            "The vault's log holds no secret for this device.",
            "Pair it: run `cozysync pair` on a device that is in the vault.",
        )


class BadKey(SecretError):
    """Bytes that are no usable public key."""

    def __init__(self, whose: str) -> None:
        super().__init__(
            f"The wrapping key of {whose} is not usable.",
            "Do not enrol that device; set it up afresh and pair it again.",
        )


class BadPhrase(SecretError):
    """A recovery phrase that is mistyped."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str) -> None:
        super().__init__(
            f"This is not a recovery phrase: {what}.",
            "Type the 24 words in their order, with spaces between them.",
        )


class BadName(SecretError):
    """A device name that cannot be used."""

    exit_code = ExitCode.USAGE

    def __init__(self, most: int) -> None:
        super().__init__(
            f"A device's name has 1 to {most} bytes and no control characters.",
            "Choose another name, such as `laptop`.",
        )


class NeedsPassphrase(SecretError):
    """The keys are under a passphrase, and nobody gives it."""

    def __init__(self) -> None:
        super().__init__(
            "The keys of this device are under a passphrase, and there is no terminal to ask at.",
            "Start at a terminal, or hand the passphrase on: --passphrase-fd N reads it from an "
            "open file, and systemd from a credential called cozysync-passphrase.",
        )


class WrongPassphrase(SecretError):
    """The passphrase opens nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The passphrase does not open {path}.",
            "Try again. If it is lost, cozysync leave and pair this device anew, or bring it in by "
            "the recovery phrase: cozysync recover.",
        )


class ShortPassphrase(SecretError):
    """Too short to be worth asking for."""

    exit_code = ExitCode.USAGE

    def __init__(self, least: int) -> None:
        super().__init__(
            f"A passphrase has at least {least} characters.", "Four or five words are a good one."
        )


class KeyringLacks(SecretError):
    """The keyring of the system does not give the key of the secrets file."""

    def __init__(self) -> None:
        super().__init__(
            "The keyring of the system does not hold the key to this device's secrets, or is "
            "locked.",
            "Unlock it (log in as usual) and try again. If it is lost, cozysync leave and pair "
            "this device anew, or bring it in by the recovery phrase: cozysync recover.",
        )


class SecretsFileMissing(SecretError):
    """There is no secrets file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no secrets file at {path}.",
            "Set this device up with `cozysync init` or `cozysync join`.",
        )


class SecretsFileExposed(SecretError):
    """Other users of the machine may read the secrets file, or it is not this user's."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The secrets file {path} {why}.",
            f"Make it yours alone: `chown $USER '{path}'; chmod 600 '{path}'`. If others may have "
            "read it, revoke this device and pair it again.",
        )


class SecretsFileDamaged(SecretError):
    """The secrets file does not read."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The secrets file {path} is damaged, or of a newer version of cozysync.",
            "Update cozysync, or restore the file from a backup; failing that, move it away "
            f"(mv '{path}' '{path}.damaged') and bring this device in again, by cozysync join or "
            "with the recovery phrase by cozysync recover. Your folders stay as they are.",
        )
