"""Two devices meet over a mailbox that neither trusts, knowing only a short code.

    offerer                                   joiner
    ------- Offer.start: element ---------->
    <------ Join.answer: element, proof -----
    ------- Offer.confirm: proof ---------->
    <------ Join.introduce: sealed keys ------
    ------- Offer.grant: sealed vault ------->      Join.accept

SPAKE2 turns the words into a strong key that a listener cannot search for; each side then proves
that it has it, bound to everything said so far. Whoever sits in the middle has one guess: the
first wrong proof ends the conversation (`WrongCode`), and the caller closes the mailbox. Nothing
secret is sent before the proofs. No step can be repeated or taken out of turn, and no message can
be reflected: the sides use different keys for everything. No I/O: each method takes the other
side's message and gives the one to send.
"""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from cozysync.vault.failures import CannotOpen, SecretError
from cozysync.vault.keyring import MAX_DEVICE_NAME
from cozysync.vault.labels import Label, derive
from cozysync.vault.pairing_code import PairingCode
from cozysync.vault.seal import Entropy, pad, seal, unpad, unseal
from cozysync_protocol import (
    MAX_MAILBOX_MESSAGE,
    HeadHash,
    Malformed,
    Position,
    PublicKeys,
    Reader,
    VaultId,
    decode,
    encode,
    vault_id_of,
)

_ELEMENT = 33
_PROOF = 32
_MAX_SERVER_KEY = 64


class PairingFailed(SecretError):
    """The conversation broke down; a new one with a new code is needed."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Run `cozysync pair` again on the first device and use the new code."
        )


class WrongCode(PairingFailed):
    """The other side does not know the same words."""

    def __init__(self) -> None:
        super().__init__(
            "The pairing code is wrong, or somebody in between tried to guess it; "
            "nothing was revealed, and this code is used up."
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The device that wants in: its public keys and what it is called."""

    keys: PublicKeys
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a newcomer is told by the device that let it in.

    The root's public keys (32 bytes each) name the vault. `position` and `head` are what the
    offerer has verified of the log, the newcomer's enrolment included: a server that shows the
    newcomer less is found out. `server_key` pins the server's TLS key (SHA-256 of its public
    key), or is empty where there is no TLS.
    """

    root_signing: bytes
    root_wrapping: bytes
    position: Position
    head: HeadHash
    server_key: bytes = b""

    @property
    def vault(self) -> VaultId:
        """The vault's id."""
        return vault_id_of(self.root_signing, self.root_wrapping)


class _Step(IntEnum):
    """What a side has done so far."""

    NOTHING = 0
    ELEMENT = 1
    PROVED = 2
    INTRODUCED = 3
    DONE = 4
    FAILED = 5


class Offer:
    """The side of the device that is in the vault and shows the code."""

    def __init__(self, code: PairingCode, entropy: Entropy = os.urandom) -> None:
        self._spake = SPAKE2_A(
            _password(code), Label.PAIRING_OFFERER.value, Label.PAIRING_JOINER.value,
            entropy_f=entropy,
        )  # fmt: skip
        self._entropy = entropy
        self._turn = _Turn()
        self._element = b""
        self._key = b""

    def start(self) -> bytes:
        """The first message."""
        self._turn.take(_Step.NOTHING, _Step.ELEMENT)
        self._element = self._spake.start()
        return self._element

    def confirm(self, answer: bytes) -> bytes:
        """Check that the joiner knows the words, and prove the same; raises `WrongCode`."""
        self._turn.take(_Step.ELEMENT, _Step.PROVED)
        with self._turn.failing():
            if len(answer) != _ELEMENT + _PROOF:
                raise PairingFailed("The other device sent something that is not an answer.")
            element, proof = answer[:_ELEMENT], answer[_ELEMENT:]
            agreed = _agreed(self._spake, element)
            said = self._element + element
            if not hmac.compare_digest(proof, derive(agreed, Label.PAIRING_JOIN_CONFIRMED, said)):
                raise WrongCode
            self._key = derive(agreed, Label.PAIRING_GRANT, said)
            self._joiner_key = derive(agreed, Label.PAIRING_INTRODUCTION, said)
            return derive(agreed, Label.PAIRING_OFFER_CONFIRMED, said)

    def meet(self, introduction: bytes) -> Newcomer:
        """The device on the other side, to be enrolled; raises `PairingFailed`."""
        self._turn.take(_Step.PROVED, _Step.INTRODUCED)
        with self._turn.failing():
            read = _opened(self._joiner_key, introduction, Label.PAIRING_INTRODUCTION, fields=3)
            keys = PublicKeys(signing=read.exactly(32), wrapping=read.exactly(32))
            return Newcomer(keys, read.text(MAX_DEVICE_NAME))

    def grant(self, grant: Grant) -> bytes:
        """The last message, once the newcomer's enrolment is in the log."""
        self._turn.take(_Step.INTRODUCED, _Step.DONE)
        fields = [
            grant.root_signing,
            grant.root_wrapping,
            grant.position,
            grant.head,
            grant.server_key,
        ]
        return _sealed(self._key, fields, Label.PAIRING_GRANT, self._entropy)


class Join:
    """The side of the device that wants in and was told the code."""

    def __init__(self, code: PairingCode, entropy: Entropy = os.urandom) -> None:
        self._spake = SPAKE2_B(
            _password(code), Label.PAIRING_OFFERER.value, Label.PAIRING_JOINER.value,
            entropy_f=entropy,
        )  # fmt: skip
        self._entropy = entropy
        self._turn = _Turn()
        self._said = b""
        self._agreed = b""

    def answer(self, element: bytes) -> bytes:
        """The answer to the offerer's first message; raises `PairingFailed`."""
        self._turn.take(_Step.NOTHING, _Step.ELEMENT)
        with self._turn.failing():
            own: bytes = self._spake.start()
            self._agreed = _agreed(self._spake, element)
            self._said = element + own
            return own + derive(self._agreed, Label.PAIRING_JOIN_CONFIRMED, self._said)

    def introduce(self, proof: bytes, newcomer: Newcomer) -> bytes:
        """Check that the offerer knows the words, then say who this is; raises `WrongCode`."""
        self._turn.take(_Step.ELEMENT, _Step.INTRODUCED)
        with self._turn.failing():
            expected = derive(self._agreed, Label.PAIRING_OFFER_CONFIRMED, self._said)
            if not hmac.compare_digest(proof, expected):
                raise WrongCode
        key = derive(self._agreed, Label.PAIRING_INTRODUCTION, self._said)
        fields = [newcomer.keys.signing, newcomer.keys.wrapping, newcomer.name]
        return _sealed(key, fields, Label.PAIRING_INTRODUCTION, self._entropy)

    def accept(self, grant: bytes) -> Grant:
        """The vault that this device now belongs to; raises `PairingFailed`."""
        self._turn.take(_Step.INTRODUCED, _Step.DONE)
        with self._turn.failing():
            key = derive(self._agreed, Label.PAIRING_GRANT, self._said)
            read = _opened(key, grant, Label.PAIRING_GRANT, fields=5)
            return Grant(
                root_signing=read.exactly(32),
                root_wrapping=read.exactly(32),
                position=Position(read.integer(1)),
                head=HeadHash(read.exactly(32)),
                server_key=read.blob(_MAX_SERVER_KEY),
            )


class _Turn:
    """Whose turn it is: every step once, in order, and none after a failure."""

    def __init__(self) -> None:
        self._step = _Step.NOTHING

    def take(self, due: _Step, following: _Step) -> None:
        if self._step is not due:
            raise PairingFailed("This pairing has already been used, or its steps are mixed up.")
        self._step = following

    def failing(self) -> "_Turn":
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            return
        self._step = _Step.FAILED
        if isinstance(error, Malformed | CannotOpen):
            raise PairingFailed("The other device sent something unexpected.") from error


def _password(code: PairingCode) -> bytes:
    """What both sides feed to SPAKE2: the mailbox too, so a code serves in its own mailbox only."""
    return f"{code.mailbox}-{'-'.join(code.words)}".encode()


def _agreed(spake: SPAKE2_A | SPAKE2_B, element: bytes) -> bytes:
    try:
        key: bytes = spake.finish(element)
    # The library's own errors share no base: outside the curve, its subgroup, or the length.
    except (SPAKEError, NotOnCurve, ValueError, AssertionError) as error:
        raise PairingFailed("The other device sent something that is not an offer.") from error
    return key


def _sealed(key: bytes, fields: Sequence[object], label: Label, entropy: Entropy) -> bytes:
    return seal(key, pad(encode(fields)), label.context(), entropy)


def _opened(key: bytes, sealed: bytes, label: Label, *, fields: int) -> Reader:
    what = "a pairing message"
    if len(sealed) > MAX_MAILBOX_MESSAGE:
        raise CannotOpen(what)
    plain = unpad(unseal(key, sealed, label.context(), what), what)
    return Reader(decode(plain, max_bytes=MAX_MAILBOX_MESSAGE), "pairing message", fields=fields)
