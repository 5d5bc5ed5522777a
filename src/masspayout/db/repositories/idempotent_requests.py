"""Queries on ``idempotent_request``."""

import uuid
from typing import Any

from sqlalchemy import func, select, text, update

from masspayout.db.entities import IdempotentRequest
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7

# The process that writes the row works on the request. Another one takes it over once the claim has lapsed.
_CLAIM = text("""
    INSERT INTO idempotent_request AS r (id, asked_by, key, digest, new_id, claimed_until)
    VALUES (:id, :asked_by, :key, :digest, :new_id, now() + make_interval(secs => :seconds))
    ON CONFLICT (asked_by, key) DO UPDATE
       SET claimed_until = excluded.claimed_until, updated_at = now()
     WHERE r.response_status IS NULL AND r.claimed_until <= now() AND r.digest = excluded.digest
    RETURNING id, new_id
""")

_FORGET = text("DELETE FROM idempotent_request WHERE created_at < now() - make_interval(secs => :seconds)")


class IdempotentRequests(Repository[IdempotentRequest]):
    """The requests with an idempotency key."""

    entity = IdempotentRequest
    noun = "request"

    async def claim(
        self, asked_by: str, key: str, digest: str, *, seconds: float
    ) -> tuple[uuid.UUID, uuid.UUID, bool] | None:
        """Claim a request, for a while.

        Return the row's id, the id of the row that the request creates, and True if it is resumed. None when it was
        answered, when another process works on it, or when the key belongs to another request.
        """
        new_id = uuid7()
        parameters = {"id": uuid7(), "asked_by": asked_by, "key": key, "digest": digest, "new_id": new_id}
        row = (await self.session.execute(_CLAIM, parameters | {"seconds": seconds})).one_or_none()
        return None if row is None else (row.id, row.new_id, row.new_id != new_id)

    async def find(self, asked_by: str, key: str) -> IdempotentRequest | None:
        """Return the request with a key."""
        query = select(IdempotentRequest).where(IdempotentRequest.asked_by == asked_by, IdempotentRequest.key == key)
        return await self.session.scalar(query)

    async def hold(self, request_id: uuid.UUID, seconds: float) -> None:
        """Claim a request for a while longer; with 0, release it."""
        await self._set(request_id, claimed_until=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds))

    async def answer(self, request_id: uuid.UUID, **response: Any) -> None:
        """Store the response to a request."""
        await self._set(request_id, **response)

    async def forget_old(self, seconds: float) -> int:
        """Delete requests that are older than this. Return their number."""
        return await self._changed(_FORGET, {"seconds": seconds})

    async def _set(self, request_id: uuid.UUID, **columns: Any) -> None:
        await self.session.execute(
            update(IdempotentRequest)
            .where(IdempotentRequest.id == request_id, IdempotentRequest.response_status.is_(None))
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
