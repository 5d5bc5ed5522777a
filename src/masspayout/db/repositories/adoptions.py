"""Queries that turn a payment which the database lost into the settled attempt that it was."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import AttemptStatus, BatchPayout, Distribution, Entitlement, PayerEntry
from masspayout.db.types import uuid7
from masspayout.kernel.obligations import KEY_LENGTH

_ROWS = text("""
    SELECT h.account_id, h.payment_amount AS amount, h.paid, h.attempt_id, a.status AS attempt_status,
           h.paid AND EXISTS (SELECT FROM payer_entry AS e
                               WHERE e.attempt_id = h.attempt_id AND h.account_id = ANY(e.accounts)) AS is_shown
      FROM holder AS h LEFT JOIN attempt AS a ON a.id = h.attempt_id
     WHERE h.distribution_id = :distribution_id AND h.batch_number = :batch_number
       AND h.account_id = ANY(CAST(:accounts AS VARCHAR[]))
""")

# The attempt is written as it must have been, its holders are marked paid, and the entry is matched.
_ADOPT = text("""
    WITH adopted AS (
        INSERT INTO attempt (id, batch_payout_id, transaction_id, status, recipient_count, total_amount, outcome_code,
                             outcome_detail, submitted_at, settled_at)
        SELECT :id, :batch_payout_id, e.transaction_id, 'SETTLED', cardinality(e.accounts), :total_amount, 'SUCCESS',
               'Found on the ledger; the database had lost it.', e.occurred_at, now()
          FROM payer_entry AS e WHERE e.id = :entry_id
        RETURNING id
    ), matched AS (
        UPDATE payer_entry SET attempt_id = adopted.id, updated_at = now()
          FROM adopted WHERE payer_entry.id = :entry_id
        RETURNING payer_entry.accounts
    )
    UPDATE holder SET paid = true, attempt_id = :id, failure_code = NULL, updated_at = now()
      FROM matched
     WHERE holder.distribution_id = :distribution_id AND holder.batch_number = :batch_number
       AND holder.account_id = ANY(matched.accounts)
""")

# One waiting holder keeps the batch open; without one, a failed holder keeps it failed.
_RECOUNT = text("""
    UPDATE batch_payout AS b
       SET successful_payments = t.paid, failed_payments = t.failed, paid_amount = t.paid_amount, slices = NULL,
           transaction_id = :transaction_id, claimed_until = NULL, executed_at = coalesce(b.executed_at, now()),
           status = CASE WHEN t.waiting + t.failed = 0 THEN 'COMPLETED' WHEN t.waiting = 0 THEN 'FAILED'
                         WHEN b.status = 'FAILED' THEN 'FAILED' ELSE 'PROCESSING' END,
           error_message = CASE WHEN t.waiting + t.failed = 0 THEN NULL ELSE b.error_message END, updated_at = now()
      FROM (SELECT count(*) FILTER (WHERE paid) AS paid,
                   count(*) FILTER (WHERE NOT paid AND failure_code IS NOT NULL) AS failed,
                   count(*) FILTER (WHERE NOT paid AND failure_code IS NULL) AS waiting,
                   coalesce(sum(payment_amount) FILTER (WHERE paid), 0) AS paid_amount
              FROM holder WHERE distribution_id = :distribution_id AND batch_number = :batch_number) AS t
     WHERE b.id = :batch_payout_id
""")

_COMPLETE_FAILED = text("""
    UPDATE distribution AS d
       SET status = 'COMPLETED', failure_code = NULL, failure_message = NULL, failure_next_step = NULL,
           updated_at = now()
     WHERE d.id = :distribution_id AND d.status = 'FAILED' AND d.batch_count > 0
       AND d.batch_count = (SELECT count(*) FROM batch_payout AS b
                             WHERE b.distribution_id = d.id AND b.status = 'COMPLETED')
""")

# One batch, and an attempt for each transaction; everybody is in the last one that paid them.
_CLOSE_REBUILT = text("""
    WITH batch AS (
        SELECT id, batch_number FROM batch_payout WHERE distribution_id = :distribution_id AND batch_number = 1
    ), adopted AS (
        INSERT INTO attempt (id, batch_payout_id, transaction_id, status, recipient_count, total_amount, outcome_code,
                             outcome_detail, submitted_at, settled_at)
        SELECT given.attempt_id, batch.id, e.transaction_id, 'SETTLED', cardinality(e.accounts), given.amount,
               'SUCCESS', 'Found on the ledger; the database had lost it.', e.occurred_at, now()
          FROM unnest(CAST(:entry_ids AS UUID[]), CAST(:attempt_ids AS UUID[]), CAST(:amounts AS NUMERIC[]))
                   AS given(entry_id, attempt_id, amount)
          JOIN payer_entry AS e ON e.id = given.entry_id, batch
    ), matched AS (
        UPDATE payer_entry SET attempt_id = given.attempt_id, updated_at = now()
          FROM unnest(CAST(:entry_ids AS UUID[]), CAST(:attempt_ids AS UUID[])) AS given(entry_id, attempt_id)
         WHERE payer_entry.id = given.entry_id
        RETURNING payer_entry.accounts, payer_entry.attempt_id, payer_entry.transaction_id, payer_entry.position
    ), paid AS (
        UPDATE holder SET paid = true, attempt_id = last.attempt_id, updated_at = now()
          FROM (SELECT DISTINCT ON (account_id) account_id, matched.attempt_id
                  FROM matched, unnest(matched.accounts) AS account_id
                 ORDER BY account_id, matched.position DESC) AS last
         WHERE holder.distribution_id = :distribution_id AND holder.account_id = last.account_id
        RETURNING holder.payment_amount
    )
    UPDATE batch_payout
       SET status = 'COMPLETED', successful_payments = total_holders, paid_amount = total_amount, updated_at = now(),
           transaction_id = (SELECT transaction_id FROM matched ORDER BY position DESC LIMIT 1),
           executed_at = now()
     WHERE distribution_id = :distribution_id AND (SELECT count(*) FROM paid) > 0
""")

_CLOSE_DISTRIBUTION = text("""
    UPDATE distribution SET status = 'COMPLETED', updated_at = now() WHERE id = :distribution_id AND status = 'PENDING'
""")

# Keys of an earlier rule are names of any length, or none at all; the mark is made of these.
_FORMER_KEY = text("""
    length(coalesce(obligation_key, '')) <> :key_length
    AND rtrim(translate(encode(substring(sha256(convert_to(
            CASE WHEN obligation_key IS NULL THEN 'distribution' || E'\\n' || id
                 ELSE 'announced' || E'\\n' || obligation_key END,
            'UTF8')) FROM 1 FOR 16), 'base64'), '+/', '-_'), '=') = :obligation
""")


@dataclass(frozen=True, slots=True)
class AttachedRow:
    """The state of an entitlement, and its attempt. ``is_shown``: the statement shows the payment."""

    amount: Decimal | None
    paid: bool
    attempt_id: uuid.UUID | None
    attempt_status: AttemptStatus | None
    is_shown: bool


class Adoptions:
    """The payouts that an entry of a payer's statement may have paid."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find_marked(
        self, payer: str, token_id: str, obligation: str | None, distribution_id: uuid.UUID | None
    ) -> Sequence[Distribution]:
        """Return the frozen distribution of an obligation, or with an id, that a payer pays in a token."""
        frozen = self._frozen(payer, token_id)
        if distribution_id is not None:
            return (
                await self.session.scalars(select(Distribution).where(*frozen, Distribution.id == distribution_id))
            ).all()
        query = select(Distribution).where(*frozen)
        found = (await self.session.scalars(query.where(Distribution.obligation_key == obligation))).all()
        if found:
            return found
        former = _FORMER_KEY.bindparams(key_length=KEY_LENGTH, obligation=obligation)
        return (await self.session.scalars(query.where(former))).all()

    async def find_by_ledger_key(
        self, payer: str, token_id: str, ledger_key: str, account: str
    ) -> Sequence[tuple[Distribution, int]]:
        """Return the distributions that a contract knows by a key, each with the batch of an account."""
        return await self._find_with_batch(payer, token_id, account, Distribution.ledger_key == ledger_key)

    async def find_owing(
        self, payer: str, token_id: str, account: str, amount_units: int
    ) -> Sequence[tuple[Distribution, int]]:
        """Return the distributions that owe an account exactly an amount, still unpaid, with the account's batch.

        Payouts of a contract that computes the amounts itself are left out: only the contract's own reports prove what
        it paid.
        """
        units = Entitlement.payment_amount * func.power(literal(10), Distribution.payment_token_decimals)
        return await self._find_with_batch(
            payer,
            token_id,
            account,
            *(units == amount_units, Entitlement.paid.is_(False), Distribution.contract_terms.is_(None)),
        )

    async def lock_batch(self, distribution_id: uuid.UUID, batch_number: int) -> BatchPayout | None:
        """Lock one batch of a distribution and read it again; None if there is no such number."""
        query = (
            select(BatchPayout)
            .where(BatchPayout.distribution_id == distribution_id, BatchPayout.batch_number == batch_number)
            .with_for_update()
        )
        return await self.session.scalar(query, execution_options={"populate_existing": True})

    async def rows(
        self, distribution_id: uuid.UUID, batch_number: int, accounts: Sequence[str]
    ) -> Mapping[str, AttachedRow]:
        """Return the state of the entitlements of some accounts in a batch, by account."""
        parameters = {"distribution_id": distribution_id, "batch_number": batch_number, "accounts": list(accounts)}
        found = await self.session.execute(_ROWS, parameters)
        return {
            row.account_id: AttachedRow(
                row.amount,
                bool(row.paid),
                row.attempt_id,
                None if row.attempt_status is None else AttemptStatus(row.attempt_status),
                bool(row.is_shown),
            )
            for row in found
        }

    async def adopt(self, entry: PayerEntry, batch: BatchPayout, total_amount: Decimal) -> None:
        """Write the attempt of an entry, mark its holders paid, and count the batch again."""
        parameters = {
            "id": uuid7(),
            "entry_id": entry.id,
            "batch_payout_id": batch.id,
            "distribution_id": batch.distribution_id,
            "batch_number": batch.batch_number,
            "total_amount": total_amount,
        }
        await self.session.execute(_ADOPT, parameters)
        await self.session.execute(_RECOUNT, {**parameters, "transaction_id": entry.transaction_id})
        await self.session.execute(_COMPLETE_FAILED, parameters)

    async def close_rebuilt(
        self, distribution_id: uuid.UUID, entry_ids: Sequence[uuid.UUID], amounts: Sequence[Decimal]
    ) -> None:
        """Close a payout that was rebuilt from entries: write their attempts, and mark everybody paid.

        Args:
            distribution_id: The payout, with a single batch.
            entry_ids: The entries that paid it.
            amounts: The sum of each entry, in whole payment tokens.
        """
        parameters = {
            "distribution_id": distribution_id,
            "entry_ids": list(entry_ids),
            "attempt_ids": [uuid7() for _ in entry_ids],
            "amounts": list(amounts),
        }
        await self.session.execute(_CLOSE_REBUILT, parameters)
        await self.session.execute(_CLOSE_DISTRIBUTION, parameters)

    @staticmethod
    def _frozen(payer: str, token_id: str) -> tuple[ColumnElement[bool], ...]:
        return (
            Distribution.frozen_at.is_not(None),
            Distribution.status != text("'CANCELLED'"),
            Distribution.payer_account_id == payer,
            Distribution.payment_token_id == token_id,
        )

    async def _find_with_batch(
        self, payer: str, token_id: str, account: str, *conditions: ColumnElement[Any]
    ) -> Sequence[tuple[Distribution, int]]:
        query = (
            select(Distribution, Entitlement.batch_number)
            .join(Entitlement, Entitlement.distribution_id == Distribution.id)
            .where(
                *self._frozen(payer, token_id),
                Entitlement.account_id == account,
                Entitlement.batch_number.is_not(None),
                *conditions,
            )
            .order_by(Distribution.created_at)
        )
        return [(distribution, int(number or 0)) for distribution, number in await self.session.execute(query)]
