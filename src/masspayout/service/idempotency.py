"""Idempotent requests: whoever sends one again with the same key gets the first answer, and no second effect.

    claim    the key is written down with the id of what the request will create; commit
    work     the business does it, in transactions of its own, and gives what it creates that id
    answer   the response is kept; commit

A process may die between any two. Then the claim lapses, and the next one who sends the request takes it over: what was
created is found by its id and not created again, and changes of state are compare-and-set anyway.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from masspayout.db.entities import IdempotentRequest
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, Invalid

KEPT_SECONDS = 7 * 86_400.0
_CLAIM_SECONDS = 30.0
_RENEW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours to work on.

    Attributes:
        id: Its row.
        new_id: What the thing that it creates is to be called.
        is_resumed: Somebody began with it and was not heard of since; it may be done already.
    """

    id: uuid.UUID
    new_id: uuid.UUID
    is_resumed: bool


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to a request, as it is kept."""

    status: int
    media_type: str | None
    location: str | None
    body: bytes
    is_sealed: bool = False


async def claim(database: Database, asked_by: str, key: str, digest: str) -> Claim | StoredResponse:
    """Take a request up, or return the answer that it got before.

    Args:
        database: Where requests are kept.
        asked_by: Who sends it; keys of others are others.
        key: What the sender calls it.
        digest: What tells it from another request.

    Raises:
        Conflict: Somebody is working on it.
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
    """A claim, while somebody works on its request."""

    def __init__(
        self, database: Database, claimed: Claim, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._database = database
        self._claimed = claimed
        self._sleep = sleep

    async def keep(self, answer: StoredResponse) -> None:
        """Keep the answer to the request, for whoever sends it again."""
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
        """Claim the request for a while longer; with 0, let others have it, unless it is answered."""
        async with self._database.single_statement() as work:
            await work.idempotent_requests.hold(self._claimed.id, seconds)

    async def renew(self) -> None:
        """Go on claiming it."""
        while True:
            await self._sleep(_RENEW_SECONDS)
            await self.hold(_CLAIM_SECONDS)


@asynccontextmanager
async def held(database: Database, claimed: Claim) -> AsyncIterator[Holding]:
    """Keep a claim while somebody works on it. Left without an answer, it may be taken over at once."""
    holding = Holding(database, claimed)
    renewing = asyncio.create_task(holding.renew())
    try:
        yield holding
    finally:
        renewing.cancel()
        await holding.hold(0)


async def forget_old(database: Database) -> int:
    """Forget the requests that nobody will send again. Return how many there were."""
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
