"""The keyring of the operating system, where there is one: the one place that knows the library.

The library is an extra (`cozysync[keyring]`). Its stand-ins, which refuse everything or write into
a plain file, do not count as a keyring.
"""

import base64
from typing import Any

_SERVICE = "cozysync"


def is_usable() -> bool:
    """Whether keys can be kept there."""
    return _keyring() is not None


def put(name: str, key: bytes) -> None:
    """Keep a key under a name; raises `OSError` when the keyring does not take it."""
    keyring = _require()
    try:
        keyring.set_password(_SERVICE, name, base64.b64encode(key).decode())
    except Exception as error:  # each kind of keyring has errors of its own
        raise OSError(f"the keyring of the system does not take a key: {error}") from error


def get(name: str) -> bytes | None:
    """The key under a name; None when the keyring lacks it, is locked, or is not there."""
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        kept = keyring.get_password(_SERVICE, name)
        return base64.b64decode(kept, validate=True) if kept is not None else None
    except Exception:  # as above
        return None


def forget(name: str) -> None:
    """Let go of a key, if it is there."""
    keyring = _keyring()
    if keyring is not None and get(name) is not None:
        keyring.delete_password(_SERVICE, name)


def _require() -> Any:
    keyring = _keyring()
    if keyring is None:
        raise OSError("there is no keyring of the system any more")
    return keyring


def _keyring() -> Any:
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return None
    found = keyring.get_keyring()
    if isinstance(found, fail.Keyring | null.Keyring) or "Plaintext" in type(found).__name__:
        return None
    return found
