"""The passwords of phones: made here, shown once, kept only as a slow hash.

A password is random (125 bits), so nobody guesses it even from the hash; the hash is slow all the
same, in case somebody's own random numbers are weaker than they seem.
"""

import base64
import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cozysync.vault.seal import Entropy

# No letters and digits that look alike: a person may have to type it on a phone.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 5, 5
_SALT, _DIGEST = 16, 32

# What OWASP recommends where many may ask at once: 19 MiB and 30 ms a try.
MEMORY_KIB, PASSES = 19 * 1024, 2


@dataclass(frozen=True, slots=True)
class AppPassword:
    """What is kept of a password: a random salt and what Argon2id makes of both."""

    salt: bytes
    digest: bytes

    def fits(self, password: str) -> bool:
        """Whether it is this password, however it was typed. Takes about 30 ms either way."""
        return hmac.compare_digest(_stretched(_plain(password), self.salt), self.digest)

    def to_json(self) -> dict[str, str]:
        """For a file in JSON."""
        return {
            "salt": base64.b64encode(self.salt).decode(),
            "argon2id": base64.b64encode(self.digest).decode(),
        }

    @classmethod
    def of(cls, value: object) -> "AppPassword":
        """What `to_json` gave; raises `ValueError` for anything else."""
        if not isinstance(value, dict):
            raise ValueError("a password's hash is an object")
        salt, digest = (
            base64.b64decode(str(value.get(name, "")), validate=True)
            for name in ("salt", "argon2id")
        )
        if len(salt) != _SALT or len(digest) != _DIGEST:
            raise ValueError("a password's hash has another length")
        return cls(salt, digest)


NO_PASSWORD = AppPassword(bytes(_SALT), bytes(_DIGEST))
"""What no password fits; trying takes as long as with any other."""


def new_app_password(entropy: Entropy = os.urandom) -> tuple[str, AppPassword]:
    """A new password, to be shown once, and what to keep of it."""
    letters = "".join(_letter(entropy) for _ in range(_GROUPS * _GROUP))
    shown = "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
    salt = entropy(_SALT)
    return shown, AppPassword(salt, _stretched(letters, salt))


def _letter(entropy: Entropy) -> str:
    """One letter, each as likely as the others."""
    while (number := entropy(1)[0]) >= 256 - 256 % len(_LETTERS):
        pass
    return _LETTERS[number % len(_LETTERS)]


def _plain(password: str) -> str:
    return "".join(password.lower().replace("-", "").split())


def _stretched(password: str, salt: bytes) -> bytes:
    stretch = Argon2id(
        salt=salt, length=_DIGEST, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB
    )
    return stretch.derive(password.encode("utf-8", "surrogatepass"))
