"""Sessions: a challenge for whoever asks, a token for the device that can sign it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.server.failures import Refusal
from cozysync.server.rights import is_enrolled, signing_key
from cozysync.server.sessions import Sessions
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import body_of, message, route
from cozysync_protocol import (
    MAX_MESSAGE,
    Challenge,
    ErrorCode,
    ProtocolError,
    SessionProof,
    SessionRequest,
    check_signature,
    session_signed_part,
)

# With what the proof of a device is checked that nobody knows (a point of the curve, the base), so
# that the time an answer takes does not tell who is known here.
_NOBODY = b"\x58" + b"\x66" * 31


class SessionsApi:
    """The handlers, and whom they ask."""

    def __init__(self, sessions: Sessions, store: SqliteStore, turns: Turns) -> None:
        self._sessions = sessions
        self._store = store
        self._turns = turns

    def routes(self) -> list[Route]:
        return [
            route("/v1/sessions", self.challenge, "POST"),
            route("/v1/sessions/proof", self.prove, "POST"),
        ]

    async def challenge(self, request: Request) -> Response:
        asked = SessionRequest.decode(await body_of(request, MAX_MESSAGE))
        # Given to anybody: whether the vault or device exists shows only to who can sign.
        return message(Challenge(self._sessions.challenge(asked.vault, asked.device)).encode())

    async def prove(self, request: Request) -> Response:
        proof = SessionProof.decode(await body_of(request, MAX_MESSAGE))
        refusal = Refusal(ErrorCode.NO_SESSION, "the device is not known here, or did not sign")
        if not self._sessions.is_challenge(proof.vault, proof.device, proof.nonce):
            raise refusal
        state = await self._turns.take(lambda: self._store.state(proof.vault))
        key = signing_key(state, proof.device) if state is not None else None
        text = session_signed_part(proof.vault, proof.device, proof.nonce)
        try:
            check_signature(key or _NOBODY, proof.signature, text)
        except ProtocolError as error:
            raise refusal from error
        if state is None or key is None:
            raise refusal
        if not is_enrolled(state, proof.device):
            # Told only to whoever has shown that it is that device.
            raise Refusal(ErrorCode.DEVICE_REVOKED, "this device was revoked")
        return message(self._sessions.token(proof.vault, proof.device).encode())
