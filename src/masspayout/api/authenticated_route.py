"""Authenticated routes: each endpoint declares its permission; one that declares nothing stops the start."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from masspayout.api import problems
from masspayout.api.authentication import Authenticator, Rules, credential_of, rules_of, source_address
from masspayout.api.bodies import ReceivedBody, received
from masspayout.context import Context
from masspayout.db.types import uuid7
from masspayout.kernel.actors import acting_as
from masspayout.kernel.errors import Conflict, Invalid, MassPayoutError
from masspayout.service import idempotency
from masspayout.service.access import Identity
from masspayout.service.idempotency import Claim, StoredResponse

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"

_LONGEST_KEY = 255
_HAS_BODY = {"POST", "PATCH"}
_JSON_BYTES = 1 << 20
_FIRST_SERVER_ERROR = 500
# AES-GCM takes a nonce of 96 bits.
_NONCE_BYTES = 12

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class AuthenticatedRoute(APIRoute):
    """Route that authenticates its caller, and has the effect of a request with an idempotency key once."""

    def get_route_handler(self) -> Handle:
        """Return the handler of a request: authentication, then the endpoint, acting for the caller."""
        handle = super().get_route_handler()
        rules = rules_of(self.endpoint)
        permission = rules.permission
        if permission is None:
            return handle

        async def guarded(request: Request) -> Response:
            authenticator: Authenticator = request.app.state.authenticator
            identity = await authenticator.authenticate(request, permission)
            request.state.identity = identity
            request.state.claim = Claim(uuid7(), uuid7(), is_resumed=False)
            with acting_as(identity.actor(source_address(request))):
                if request.method not in _HAS_BODY:
                    return await handle(request)
                context: Context = request.app.state.context
                most_bytes = context.settings.upload_limit_mb << 20 if rules.takes_files else _JSON_BYTES
                async with received(request, most_bytes) as body:
                    again = Request(request.scope, body.receive)
                    return await _with_key(again, identity, rules, body, handle)

        return guarded


async def _with_key(request: Request, identity: Identity, rules: Rules, body: ReceivedBody, handle: Handle) -> Response:
    key = request.headers.get(KEY_HEADER)
    if key is None or request.method != "POST":
        return await handle(request)
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(
            f"The header {KEY_HEADER} has to be 1 to {_LONGEST_KEY} printable ASCII characters.", "Use a new UUID."
        )
    database = request.app.state.context.database
    # An answer that is sealed can be opened only by who came in with the same secret, so keys go with the secret there.
    asker = f"{identity.kind}:{identity.credential_id if rules.tells_secret else identity.id}"
    claimed = await idempotency.claim(database, asker, key, _digest(request, body))
    if isinstance(claimed, StoredResponse):
        return _replay(request, claimed)
    request.state.claim = claimed
    async with idempotency.held(database, claimed) as holding:
        response = await _answered(request, handle)
        if response.status_code < _FIRST_SERVER_ERROR:
            await holding.keep(_stored_response(request, response, is_sealed=rules.tells_secret))
    return response


async def _answered(request: Request, handle: Handle) -> Response:
    """Have a request handled, and refusals answered, which are kept like any other answer."""
    try:
        return await handle(request)
    except (MassPayoutError, HTTPException, RequestValidationError) as error:
        return await problems.answer(request, error)


def _digest(request: Request, body: ReceivedBody) -> str:
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query, body.digest()):
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()


def _stored_response(request: Request, response: Response, *, is_sealed: bool) -> StoredResponse:
    body = bytes(response.body)
    return StoredResponse(
        response.status_code,
        response.media_type or response.headers.get("content-type"),
        response.headers.get("location"),
        _seal(request, body) if is_sealed else body,
        is_sealed=is_sealed,
    )


def _replay(request: Request, answer: StoredResponse) -> Response:
    body = _open(request, answer.body) if answer.is_sealed else answer.body
    response = Response(body, answer.status, media_type=answer.media_type)
    if answer.location is not None:
        response.headers["Location"] = answer.location
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _seal(request: Request, body: bytes) -> bytes:
    """Encrypt a response with the caller's credential, of which the database has only a digest."""
    claim: Claim = request.state.claim
    nonce = claim.new_id.bytes[-_NONCE_BYTES:]
    return nonce + AESGCM(_sealing_key(request)).encrypt(nonce, body, None)


def _open(request: Request, sealed: bytes) -> bytes:
    try:
        return AESGCM(_sealing_key(request)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except InvalidTag:
        raise Conflict(
            "The first answer had a secret in it, which only who got it can read.", "Send the request with a new key."
        ) from None


def _sealing_key(request: Request) -> bytes:
    return hashlib.sha256(b"sealed answer\n" + credential_of(request).encode()).digest()
