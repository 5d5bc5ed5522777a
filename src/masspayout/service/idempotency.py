"""Idempotent requests: a request that is sent again with the same key gets the first answer, and has no second effect.

    claim    the key is stored with the id of the row that the request will create; commit
    work     the business executes the request, in transactions of its own, and creates the row with that id
    answer   the response is stored; commit

A process may die between any two. Then the claim lapses, and a request that is sent again takes it over: a created row
is found by its id and not created again, and changes of state are compare-and-set anyway.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from masspayout.db.entities import IdempotentRequest
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, Invalid

# A week: longer than clients go on to retry.
KEPT_SECONDS = 7 * 86_400.0
# The lease outlasts two renewals that fail; a request of a dead process can be sent again after half a minute.
_CLAIM_SECONDS = 30.0
_RENEW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that this process has claimed.

    Attributes:
        id: The id of the claim's row.
        new_id: The id of the row that the request creates.
        is_resumed: True if an earlier claim lapsed; the request may be done already.
    """

    id: uuid.UUID
    new_id: uuid.UUID
    is_resumed: bool


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The stored response to a request."""

    status: int
    media_type: str | None
    location: str | None
    body: bytes
    is_sealed: bool = False


async def claim(database: Database, asked_by: str, key: str, digest: str) -> Claim | StoredResponse:
    """Claim a request, or return the stored response to it.

    Args:
        database: The database of the claims.
        asked_by: The sender; each sender has idempotency keys of its own.
        key: The idempotency key.
        digest: The digest of the request, which differs from that of any other request.

    Raises:
        Conflict: Another process is working on the request.
        Invalid: The key belongs to another request.
    """
    async with database.single_statement() as work:
        claimed = await work.idempotent_requests.claim(asked_by, key, digest, seconds=_CLAIM_SECONDS)
    if claimed is not None:
        return Claim(*claimed)
    async with database.single_statement() as work:
        found = await work.idempotent_requests.find(asked_by, key)
    if found is not None and found.digest != digest:
        raise Invalid(
            f"The idempotency key {key!r} was used for another request.", "Use a new key for each thing that you want."
        )
    if found is None or found.response_status is None:
        raise Conflict(
            f"The request with the idempotency key {key!r} is being worked on.",
            "Send it again in a few seconds, with the same key.",
        )
    return _stored_response(found)


class Holding:
    """A claim, while its request is worked on."""

    def __init__(
        self, database: Database, claimed: Claim, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._database = database
        self._claimed = claimed
        self._sleep = sleep

    async def keep(self, answer: StoredResponse) -> None:
        """Store the response, for the same request sent again."""
        async with self._database.single_statement() as work:
            await work.idempotent_requests.answer(
                self._claimed.id,
                response_status=answer.status,
                response_type=answer.media_type,
                response_location=answer.location,
                response_body=answer.body,
                sealed=answer.is_sealed,
            )

    async def hold(self, seconds: float) -> None:
        """Claim the request for a while longer; with 0, release it, unless it is answered."""
        async with self._database.single_statement() as work:
            await work.idempotent_requests.hold(self._claimed.id, seconds)

    async def renew(self) -> None:
        """Renew the claim until the block ends."""
        while True:
            await self._sleep(_RENEW_SECONDS)
            await self.hold(_CLAIM_SECONDS)


@asynccontextmanager
async def held(database: Database, claimed: Claim) -> AsyncIterator[Holding]:
    """Renew a claim while its request is worked on. A request that is left without an answer may be claimed at once."""
    holding = Holding(database, claimed)
    renewing = asyncio.create_task(holding.renew())
    try:
        yield holding
    finally:
        renewing.cancel()
        await holding.hold(0)


async def forget_old(database: Database) -> int:
    """Delete the claims of old requests, which nobody will send again. Return their number."""
    async with database.single_statement() as work:
        return await work.idempotent_requests.forget_old(KEPT_SECONDS)


def _stored_response(found: IdempotentRequest) -> StoredResponse:
    return StoredResponse(
        found.response_status or 0,
        found.response_type,
        found.response_location,
        found.response_body or b"",
        is_sealed=found.sealed,
    )
