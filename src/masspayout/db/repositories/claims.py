"""Queries that claim a batch for a worker and attach its holders to an attempt: the guard against double payment."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from sqlalchemy import select, text

from masspayout.db.entities import BatchPayout, Entitlement
from masspayout.db.repositories.base import Repository
from masspayout.db.repositories.payers import CLEARANCE

_HOLD = text("""
    UPDATE batch_payout SET claimed_until = now() + make_interval(secs => :seconds), updated_at = now() WHERE id = :id
""")

CLAIMABLE = """
    distribution_id = :distribution_id AND batch_number > :after
    AND status IN ('PENDING', 'PROCESSING') AND (claimed_until IS NULL OR claimed_until <= now())
"""

# FOR UPDATE SKIP LOCKED: two workers that claim at the same moment get different batches.
_CLAIM = text(f"""
    UPDATE batch_payout
       SET status = 'PROCESSING', executed_at = coalesce(executed_at, now()), updated_at = now(),
           claimed_until = now() + make_interval(secs => :claim_seconds)
     WHERE id = (SELECT id FROM batch_payout
                  WHERE {CLAIMABLE} AND (status = 'PROCESSING' OR NOT :begun_only)
                  ORDER BY batch_number LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *
""")  # noqa: S608 - the piece is a constant

# Attempts that may still pay, of any payout of a payer: a stopped payer waits for these.
_CLAIM_UNDER_WAY = text("""
    UPDATE batch_payout
       SET updated_at = now(), claimed_until = now() + make_interval(secs => :claim_seconds)
     WHERE id = (SELECT b.id
                   FROM batch_payout AS b
                   JOIN distribution AS d ON d.id = b.distribution_id
                   JOIN attempt AS a ON a.batch_payout_id = b.id
                  WHERE a.status IN ('SIGNED', 'SUBMITTED') AND b.status = 'PROCESSING' AND d.status = 'PROCESSING'
                    AND d.payer_account_id = :payer_account_id AND d.ledger_identity = :ledger_identity
                    AND (b.claimed_until IS NULL OR b.claimed_until <= now())
                  ORDER BY b.distribution_id, b.batch_number LIMIT 1 FOR UPDATE OF b SKIP LOCKED)
    RETURNING *
""")

# The gate: the payer is cleared for this very database, and the distribution was started in it, which a database that
# took the other's place may have lost. It is checked in the statement that attaches; so is whether anything is paused,
# by a function that keeps pauses from beginning until the attempt is committed.
GATE = f"""
    WITH gate AS MATERIALIZED (
        SELECT cleared_for = {CLEARANCE}
               AND (SELECT status = 'PROCESSING' FROM distribution WHERE id = :distribution_id) AS is_open,
               masspayout_is_paused(:distribution_id) AS is_paused
          FROM payer WHERE id = :payer_id
    )
"""  # noqa: S608 - the piece is a constant

# The holders that wait for an attempt; none do once the distribution was stopped for all.
WAITING = """
    distribution_id = :distribution_id AND attempt_id IS NULL AND NOT paid AND failure_code IS NULL
    AND NOT EXISTS (SELECT FROM distribution AS d WHERE d.id = :distribution_id AND d.failure_code IS NOT NULL)
"""

# One row for each attached holder, or a single row without an account.
_ATTACHED = """
    SELECT coalesce(gate.is_open, false) AS is_open, coalesce(gate.is_paused, false) AS is_paused,
           attached.account_id, attached.payment_amount
      FROM (SELECT) AS one LEFT JOIN gate ON true LEFT JOIN attached ON true
"""

_ATTACH_ALL = text(
    f"""
    {GATE}, attached AS (
        UPDATE holder SET attempt_id = :attempt_id, updated_at = now()
         WHERE {WAITING} AND batch_number = :batch_number AND (SELECT is_open AND NOT is_paused FROM gate)
        RETURNING account_id, payment_amount
    )
    {_ATTACHED}
"""  # noqa: S608 - the pieces are constants
)

_ATTACH_SOME = text(
    f"""
    {GATE}, next AS (
        SELECT id FROM holder WHERE {WAITING} AND batch_number = :batch_number
         ORDER BY account_id COLLATE "C" LIMIT :size FOR UPDATE
    ), attached AS (
        UPDATE holder SET attempt_id = :attempt_id, updated_at = now()
          FROM next
         WHERE holder.id = next.id AND holder.attempt_id IS NULL AND NOT holder.paid
           AND (SELECT is_open AND NOT is_paused FROM gate)
        RETURNING holder.account_id, holder.payment_amount
    )
    {_ATTACHED}
"""  # noqa: S608 - the pieces are constants
)


class Withheld(Enum):
    """The reason for which no holder of a batch is attached to an attempt now."""

    BY_GATE = "the gate of the payer is closed, or the database has lost the start of the distribution"
    BY_PAUSE = "the distribution, its asset or the installation is paused"


class Claims(Repository[BatchPayout]):
    """Claimed batches, and their holders in attempts."""

    entity = BatchPayout
    noun = "batch"

    async def claim(
        self, distribution_id: uuid.UUID, *, after: int, claim_seconds: float, begun_only: bool = False
    ) -> BatchPayout | None:
        """Claim the next batch that no worker holds, or whose lease has lapsed, for ``claim_seconds``.

        With ``begun_only``, batches of which nothing was ever signed are left alone.
        """
        claimed = await self.session.scalars(
            select(BatchPayout).from_statement(_CLAIM),
            {
                "distribution_id": distribution_id,
                "after": after,
                "claim_seconds": claim_seconds,
                "begun_only": begun_only,
            },
            execution_options={"populate_existing": True},
        )
        return claimed.one_or_none()

    async def claim_under_way(
        self, payer_account_id: str, ledger_identity: str, *, claim_seconds: float
    ) -> BatchPayout | None:
        """Claim a batch of any payout of a payer whose transaction may still pay, and that no worker holds.

        Args:
            payer_account_id: The payer of the payouts.
            ledger_identity: The ledger on which they began.
            claim_seconds: The lease.
        """
        claimed = await self.session.scalars(
            select(BatchPayout).from_statement(_CLAIM_UNDER_WAY),
            {
                "payer_account_id": payer_account_id,
                "ledger_identity": ledger_identity,
                "claim_seconds": claim_seconds,
            },
            execution_options={"populate_existing": True},
        )
        return claimed.one_or_none()

    async def hold(self, batch_id: uuid.UUID, seconds: float) -> None:
        """Set the lease of a batch, which keeps it from others or puts it off."""
        await self.session.execute(_HOLD, {"id": batch_id, "seconds": seconds})

    async def attach(
        self, batch: BatchPayout, attempt_id: uuid.UUID, payer_id: uuid.UUID | None
    ) -> Mapping[str, Decimal] | Withheld:
        """Attach the waiting holders of a batch, or of its next slice, to an attempt: the guard against double payment.

        Return account ids and amounts in whole payment tokens, or why none may be attached. A pause that begins
        meanwhile waits until this commits.
        """
        parameters = {
            "distribution_id": batch.distribution_id,
            "batch_number": batch.batch_number,
            "attempt_id": attempt_id,
            "payer_id": payer_id,
        }
        if batch.slices:
            rows = (await self.session.execute(_ATTACH_SOME, {**parameters, "size": batch.slices[0]})).all()
        else:
            rows = (await self.session.execute(_ATTACH_ALL, parameters)).all()
        if not rows[0].is_open:
            return Withheld.BY_GATE
        if rows[0].is_paused:
            return Withheld.BY_PAUSE
        return {row.account_id: row.payment_amount for row in rows if row.account_id is not None}

    async def attached(
        self, distribution_id: uuid.UUID, batch_number: int, attempt_id: uuid.UUID
    ) -> Mapping[str, Decimal]:
        """Return the unpaid accounts of an attempt, with the amount that each is owed."""
        query = select(Entitlement.account_id, Entitlement.payment_amount).where(
            Entitlement.distribution_id == distribution_id,
            Entitlement.batch_number == batch_number,
            Entitlement.attempt_id == attempt_id,
            ~Entitlement.paid,
        )
        return {account_id: amount or Decimal(0) for account_id, amount in await self.session.execute(query)}
