"""Sessions: a device proves who it is once, and bears a token for a while.

Challenges and tokens carry their own proof (an HMAC under the server's secret), so nothing is
kept for them and any process of the server can check them.
"""

import hashlib
import hmac
from collections.abc import Callable

from cozysync_protocol import CHALLENGE_SECONDS, SESSION_SECONDS, DeviceId, Session, VaultId

_TIME = 8
_TAG = 32


class Sessions:
    """Gives out and checks challenges and tokens. `now_s` is wall-clock time in seconds."""

    def __init__(self, secret: bytes, now_s: Callable[[], float], entropy: Callable[[int], bytes]):
        self._secret = secret
        self._now_s = now_s
        self._entropy = entropy

    def challenge(self, vault: VaultId, device: DeviceId) -> bytes:
        """Bytes for the device to sign."""
        until = int(self._now_s()) + CHALLENGE_SECONDS
        text = until.to_bytes(_TIME, "big") + self._entropy(16)
        return text + self._tag(b"challenge", vault + device + text)

    def is_challenge(self, vault: VaultId, device: DeviceId, nonce: bytes) -> bool:
        """Whether this server gave out this challenge, for them, just now."""
        text, tag = nonce[:-_TAG], nonce[-_TAG:]
        expected = self._tag(b"challenge", vault + device + text)
        return hmac.compare_digest(tag, expected) and self._is_ahead(text)

    def token(self, vault: VaultId, device: DeviceId) -> Session:
        """A session for a device that has proved itself."""
        until = int(self._now_s()) + SESSION_SECONDS
        text = vault + device + until.to_bytes(_TIME, "big")
        return Session((text + self._tag(b"token", text)).hex(), SESSION_SECONDS)

    def bearer(self, token: str) -> tuple[VaultId, DeviceId] | None:
        """Whom a token speaks for, None when it is not or no longer good."""
        try:
            data = bytes.fromhex(token)
        except ValueError:
            return None
        text, tag = data[:-_TAG], data[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(b"token", text)) or not self._is_ahead(text[32:]):
            return None
        return VaultId(text[:16]), DeviceId(text[16:32])

    def _is_ahead(self, time: bytes) -> bool:
        return int.from_bytes(time[:_TIME], "big") > self._now_s()

    def _tag(self, purpose: bytes, text: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + text, hashlib.sha256)
