"""Stable error codes and the exceptions that carry them."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

_MAX_DETAIL = 300


class ErrorCode(StrEnum):
    """What went wrong, for programs. Codes are never reused or renamed."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    BAD_SIGNATURE = "bad-signature"
    CHAIN_BROKEN = "chain-broken"
    FORK = "fork"
    ROLLED_BACK = "rolled-back"
    UNKNOWN_DEVICE = "unknown-device"
    DEVICE_REVOKED = "device-revoked"
    NOT_ALLOWED = "not-allowed"
    UNKNOWN_PACK = "unknown-pack"
    PACK_IN_USE = "pack-in-use"
    HORIZON = "horizon"
    WRONG_HASH = "wrong-hash"
    NO_SESSION = "no-session"
    BAD_INVITATION = "bad-invitation"
    VAULT_EXISTS = "vault-exists"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    TOO_MANY = "too-many"
    TOO_SLOW = "too-slow"
    STORAGE_FULL = "storage-full"
    VAULT_FULL = "vault-full"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


HTTP_STATUS: dict[ErrorCode, int] = {
    ErrorCode.MALFORMED: 400,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.BAD_SIGNATURE: 403,
    ErrorCode.CHAIN_BROKEN: 409,
    ErrorCode.FORK: 409,
    ErrorCode.ROLLED_BACK: 409,
    ErrorCode.UNKNOWN_DEVICE: 403,
    ErrorCode.DEVICE_REVOKED: 403,
    ErrorCode.NOT_ALLOWED: 403,
    ErrorCode.UNKNOWN_PACK: 409,
    ErrorCode.PACK_IN_USE: 409,
    ErrorCode.HORIZON: 410,
    ErrorCode.WRONG_HASH: 422,
    ErrorCode.NO_SESSION: 401,
    ErrorCode.BAD_INVITATION: 403,
    ErrorCode.VAULT_EXISTS: 409,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_MANY: 429,
    ErrorCode.TOO_SLOW: 408,
    ErrorCode.STORAGE_FULL: 507,
    ErrorCode.VAULT_FULL: 507,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
}
"""The HTTP status that goes with each code."""


class ProtocolError(Exception):
    """A message or entry that breaks the protocol. The text says what, and names no secret."""

    code: ClassVar[ErrorCode] = ErrorCode.MALFORMED


class Malformed(ProtocolError):
    """Bytes that are not a canonical message of the expected form, or that break a bound."""


class BadSignature(ProtocolError):
    """A signature that does not fit its key and text."""

    code = ErrorCode.BAD_SIGNATURE


class ChainBroken(ProtocolError):
    """An entry that does not follow its device's previous entry."""

    code = ErrorCode.CHAIN_BROKEN


class ForkDetected(ProtocolError):
    """Two histories of one log: a head does not fit what was verified before."""

    code = ErrorCode.FORK


class RolledBack(ProtocolError):
    """The server's log ends before what was verified of it."""

    code = ErrorCode.ROLLED_BACK

    def __init__(self, end: int, verified: int) -> None:
        super().__init__(f"the log ends at position {end}, and reached {verified} before")
        self.end = end
        self.verified = verified


class UnknownDevice(ProtocolError):
    """An entry by a device that is not enrolled."""

    code = ErrorCode.UNKNOWN_DEVICE


class RevokedDevice(ProtocolError):
    """An entry by a device after it was revoked."""

    code = ErrorCode.DEVICE_REVOKED


class NotAllowed(ProtocolError):
    """A control entry that its author has no right to, or out of place."""

    code = ErrorCode.NOT_ALLOWED


@dataclass(frozen=True, slots=True)
class Problem:
    """An error reply as RFC 9457 «problem details», with our stable `code` beside."""

    code: ErrorCode
    detail: str

    @property
    def status(self) -> int:
        """The HTTP status of this problem."""
        return HTTP_STATUS[self.code]

    def encode(self) -> bytes:
        """The JSON body (media type application/problem+json)."""
        body = {
            "type": f"urn:cozysync:error:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            "code": str(self.code),
        }
        return json.dumps(body).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Problem":
        """The problem in a reply; raises `Malformed` when it is none.

        The detail is shown to people: one line of it, and nothing that a terminal would obey.
        """
        try:
            body = json.loads(data)
            code, detail = ErrorCode(body["code"]), str(body["detail"])[:_MAX_DETAIL]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Malformed("an error reply that is no problem report") from error
        return cls(code, "".join(each if each.isprintable() else " " for each in detail))
