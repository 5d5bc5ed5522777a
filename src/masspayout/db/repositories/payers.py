"""Queries on ``installation``, ``payer``, ``payer_entry`` and ``payer_balance``."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from masspayout.db.entities import (
    Attempt,
    BatchPayout,
    Distribution,
    DistributionStatus,
    EntryAnswer,
    Installation,
    Payer,
    PayerEntry,
)
from masspayout.db.repositories.base import Repository
from masspayout.db.repositories.payer_balances import PayerBalances
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.movements import StatementEntry, StatementPage
from masspayout.kernel.next_steps import Action
from masspayout.kernel.obligations import Mark

# True if the server waits for a standby before it reports a transaction of this session as committed.
_IS_SYNCHRONOUS = """
    (current_setting('synchronous_standby_names') <> ''
     AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply'))
"""

_CODE_BYTES, _CODE_LENGTH = 6, 6

# The identity of this database, the start of its server, and the wait for a standby: a database that is restored,
# copied or failed over has another identity. The statement that attaches holders uses this expression too.
CLEARANCE = f"""
    masspayout_identity() || '@' || extract(epoch FROM pg_postmaster_start_time())
    || CASE WHEN {_IS_SYNCHRONOUS} THEN ' synchronous' ELSE '' END
"""

_DATABASE_FACTS = text(f"""
    SELECT masspayout_identity() AS identity, {CLEARANCE} AS clearance, now() AS time,
           {_IS_SYNCHRONOUS} AS is_synchronous
""")

# Lists travel as one text each: no account id has a comma in it. An entry that exists already was answered before it
# was read; its other columns are updated to what the ledger shows.
_ADD_ENTRIES = text("""
    INSERT INTO payer_entry (id, payer_id, position, transaction_id, token_id, accounts, units, mark, number,
                             occurred_at, attempt_id)
    SELECT read.id, :payer_id, read.position, read.transaction_id, read.token_id, string_to_array(read.accounts, ','),
           CAST(string_to_array(read.units, ',') AS NUMERIC[]), read.mark, read.number, read.occurred_at, attempt.id
      FROM unnest(CAST(:ids AS UUID[]), CAST(:positions AS BIGINT[]), CAST(:transaction_ids AS VARCHAR[]),
                  CAST(:token_ids AS VARCHAR[]), CAST(:accounts AS VARCHAR[]), CAST(:units AS VARCHAR[]),
                  CAST(:marks AS VARCHAR[]), CAST(:numbers AS BIGINT[]), CAST(:times AS TIMESTAMP[]))
           AS read(id, position, transaction_id, token_id, accounts, units, mark, number, occurred_at)
      LEFT JOIN attempt ON attempt.transaction_id = read.transaction_id
    ON CONFLICT (payer_id, transaction_id, token_id) DO UPDATE
       SET position = excluded.position, accounts = excluded.accounts, units = excluded.units, mark = excluded.mark,
           number = excluded.number, occurred_at = excluded.occurred_at, updated_at = now()
""").bindparams(bindparam("times", type_=ARRAY(UtcTimestamp())))

# Payments of our attempts are in the statement, once it has been read past their time. `status || ''` as in
# attempts.py: an index over states looks cheap to the planner, and is not.
_VANISHED = text("""
    SELECT a.transaction_id
      FROM attempt AS a
      JOIN batch_payout AS b ON b.id = a.batch_payout_id
      JOIN distribution AS d ON d.id = b.distribution_id
     WHERE a.status || '' = 'SETTLED' AND a.settled_at > :since AND a.settled_at <= :until
       AND d.payer_account_id = :account AND d.ledger_identity = :ledger
       AND NOT EXISTS (SELECT FROM payer_entry AS e WHERE e.attempt_id = a.id)
       AND EXISTS (SELECT FROM holder AS h WHERE h.distribution_id = d.id AND h.batch_number = b.batch_number
                                             AND h.attempt_id = a.id AND h.paid)
     LIMIT 1
""").bindparams(bindparam("since", type_=UtcTimestamp), bindparam("until", type_=UtcTimestamp))

_MATCH = text("""
    UPDATE payer_entry SET attempt_id = attempt.id, updated_at = now()
      FROM attempt
     WHERE payer_entry.payer_id = :payer_id AND payer_entry.attempt_id IS NULL AND payer_entry.answer IS NULL
       AND attempt.transaction_id = payer_entry.transaction_id
""")


# A payer that is new to the database is as old as its installation.
_MAY_MISS_PAYMENTS = text("""
    SELECT coalesce(bool_or(payer.identity <> masspayout_identity() OR payer.doubt_since IS NOT NULL),
                    (SELECT identity <> masspayout_identity() FROM installation))
      FROM payer WHERE account = coalesce(CAST(:account AS VARCHAR), account)
""")


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The server's facts about the database, and its time.

    Attributes:
        identity: The identity of the database, which changes when it is restored, copied or failed over.
        clearance: The value that payers are cleared for: the identity, and the start and mode of the server.
        time: The server's time.
        is_synchronous: True if a commit waits for a standby.
    """

    identity: str
    clearance: str
    time: datetime
    is_synchronous: bool


class Payers(Repository[Payer]):
    """The accounts that payouts are paid from, and their statements."""

    entity = Payer
    noun = "payer"
    listed_by = Action.LIST_PAYERS

    async def facts(self) -> DatabaseFacts:
        """Return the server's facts about this database."""
        row = (await self.session.execute(_DATABASE_FACTS.columns(time=UtcTimestamp()))).one()
        return DatabaseFacts(row.identity, row.clearance, row.time, row.is_synchronous)

    async def installation(self) -> Installation:
        """Return this installation."""
        return (await self.session.scalars(select(Installation))).one()

    async def find_of_account(self, account: str) -> Sequence[Payer]:
        """Return the payers with an account's id, on all ledgers."""
        query = select(Payer).where(Payer.account == account).order_by(Payer.created_at, Payer.id)
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).all()

    async def find_known(self) -> Sequence[Payer]:
        """Return all payers, in the order in which they were first used."""
        return (await self.session.scalars(select(Payer).order_by(Payer.created_at, Payer.id))).all()

    async def register(self, ledger: str, account: str, installation: Installation) -> None:
        """Write a payer that is new to this database, unless it is written already.

        Its identity is the one from the beginning of the installation: if the database is another one since, the payer
        is in doubt.
        """
        await self.session.execute(
            insert(Payer)
            .values(
                id=uuid7(),
                ledger=ledger,
                account=account,
                installation=installation.code,
                identity=installation.identity,
            )
            .on_conflict_do_nothing(index_elements=[Payer.ledger, Payer.account])
        )

    async def is_cleared(self, payer_id: uuid.UUID | None) -> bool:
        """Return True if transactions of a payer may be signed, in this very database."""
        query = select(exists().where(Payer.id == payer_id, Payer.cleared_for == text(CLEARANCE)))
        return bool(await self.session.scalar(query))

    async def may_miss_payments(self, account: str | None) -> bool:
        """Return True if the database was restored, copied or failed over, and a payer's statement was not read since.

        Without an account, any payer counts.
        """
        return bool(await self.session.scalar(_MAY_MISS_PAYMENTS, {"account": account}))

    async def lock(self, payer_id: uuid.UUID) -> Payer:
        """Lock one payer and read it again.

        Raises:
            DatabaseForgot: The payer is gone.
        """
        return await self._lock_by_id(payer_id)

    async def add_page(self, payer: Payer, page: StatementPage) -> bool:
        """Write a page of a payer's statement and advance its cursor. False when another process has read on since."""
        moved = (
            update(Payer)
            .where(Payer.id == payer.id, Payer.cursor.is_not_distinct_from(payer.cursor))
            .values(cursor=page.cursor, read_until=page.read_until)
            .execution_options(synchronize_session=False)
        )
        if await self._changed(moved) != 1:
            return False
        if page.entries:
            await self.session.execute(_ADD_ENTRIES, _parameters_of(payer, page.entries))
        for token_id in {*page.received_units, *page.fee_units, *(entry.token_id for entry in page.entries)}:
            await PayerBalances(self.session).add(payer, page, token_id)
        return True

    async def replace_entries(self, payer: Payer, page: StatementPage, after: int) -> None:
        """Write a page again that was read before: the entries that the ledger shows now, and no others."""
        if page.entries:
            await self.session.execute(_ADD_ENTRIES, _parameters_of(payer, page.entries))
        gone = delete(PayerEntry).where(
            PayerEntry.payer_id == payer.id,
            PayerEntry.position > after,
            PayerEntry.position <= page.cursor,
            PayerEntry.answer.is_(None),
            PayerEntry.transaction_id.not_in([entry.transaction_id for entry in page.entries]),
        )
        await self.session.execute(gone.execution_options(synchronize_session=False))

    async def match(self, payer_id: uuid.UUID) -> int:
        """Match unmatched entries with our attempts again; an attempt may have been adopted since."""
        return await self._changed(_MATCH, {"payer_id": payer_id})

    async def find_vanished(self, payer: Payer, since: datetime, until: datetime) -> str | None:
        """Return a transaction that settled between two times and paid somebody, but is missing from the statement."""
        parameters = {"account": payer.account, "ledger": payer.ledger, "since": since, "until": until}
        found: str | None = await self.session.scalar(_VANISHED, parameters)
        return found

    async def find_unmatched(
        self, payer_id: uuid.UUID, *, after: PayerEntry | None = None, limit: int = 100
    ) -> Sequence[PayerEntry]:
        """Return the entries, in order, that are neither matched nor answered."""
        query = (
            select(PayerEntry)
            .where(PayerEntry.payer_id == payer_id, PayerEntry.attempt_id.is_(None), PayerEntry.answer.is_(None))
            .order_by(PayerEntry.position, PayerEntry.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                (PayerEntry.position > after.position)
                | ((PayerEntry.position == after.position) & (PayerEntry.id > after.id))
            )
        return (await self.session.scalars(query)).all()

    async def find_explained(self, transaction_ids: Sequence[str]) -> set[str]:
        """Return those of some transactions that are attempts of ours, or that a person explained."""
        attempts = select(Attempt.transaction_id).where(Attempt.transaction_id.in_(transaction_ids))
        answered = select(PayerEntry.transaction_id).where(
            PayerEntry.transaction_id.in_(transaction_ids), PayerEntry.answer.is_not(None)
        )
        return {str(transaction_id) for transaction_id in await self.session.scalars(attempts.union(answered))}

    async def has_unmatched(self, payer_id: uuid.UUID) -> bool:
        """Return True if there is an entry that is neither matched nor answered."""
        condition = exists().where(
            PayerEntry.payer_id == payer_id, PayerEntry.attempt_id.is_(None), PayerEntry.answer.is_(None)
        )
        return bool(await self.session.scalar(select(condition)))

    async def has_unmatched_of(self, account: str, obligation: str) -> bool:
        """Return True if a payer has an unmatched entry with the mark of an obligation."""
        condition = exists().where(
            Payer.account == account,
            PayerEntry.payer_id == Payer.id,
            PayerEntry.attempt_id.is_(None),
            PayerEntry.answer.is_(None),
            func.split_part(PayerEntry.mark, " ", 3) == obligation,
        )
        return bool(await self.session.scalar(select(condition)))

    async def count_unmatched(self, payer_id: uuid.UUID) -> int:
        """Return the number of entries that are neither matched nor answered."""
        query = select(func.count()).where(
            PayerEntry.payer_id == payer_id, PayerEntry.attempt_id.is_(None), PayerEntry.answer.is_(None)
        )
        return int(await self.session.scalar(query) or 0)

    async def find_latest(self, payer_id: uuid.UUID, limit: int) -> Sequence[tuple[PayerEntry, uuid.UUID | None]]:
        """Return the latest entries of a statement, the latest first, each with its distribution."""
        query = (
            select(PayerEntry, BatchPayout.distribution_id)
            .outerjoin(Attempt, Attempt.id == PayerEntry.attempt_id)
            .outerjoin(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(PayerEntry.payer_id == payer_id)
            .order_by(PayerEntry.position.desc(), PayerEntry.id.desc())
            .limit(limit)
        )
        return [(entry, distribution_id) for entry, distribution_id in await self.session.execute(query)]

    async def count_entries(self, payer_id: uuid.UUID) -> int:
        """Return the number of entries of a statement."""
        query = select(func.count()).select_from(PayerEntry).where(PayerEntry.payer_id == payer_id)
        return await self.session.scalar(query) or 0

    async def find_entries(self, transaction_id: str) -> Sequence[PayerEntry]:
        """Return the entries of one transaction: one for each token that it moved."""
        query = select(PayerEntry).where(PayerEntry.transaction_id == transaction_id).order_by(PayerEntry.token_id)
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).all()

    async def find_unmatched_alike(self, entry: PayerEntry) -> Sequence[PayerEntry]:
        """Lock and return the unexplained entries with the same payout's mark as an entry, or only that one."""
        alike = PayerEntry.id == entry.id
        if Mark.read(entry.mark) is not None:
            alike = func.regexp_replace(PayerEntry.mark, " [0-9]+$", "") == (entry.mark or "").rpartition(" ")[0]
        elif (entry.mark or "").startswith("0x"):
            alike = PayerEntry.mark == entry.mark
        query = (
            select(PayerEntry)
            .where(
                PayerEntry.payer_id == entry.payer_id,
                PayerEntry.attempt_id.is_(None),
                PayerEntry.answer.is_(None),
                PayerEntry.token_id == entry.token_id,
                alike,
            )
            .order_by(PayerEntry.position, PayerEntry.id)
            .with_for_update()
        )
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).all()

    async def answer_beforehand(self, payer_id: uuid.UUID, transaction_id: str, token_id: str, reason: str) -> None:
        """Answer a debit of ours that pays nobody, before the ledger shows it."""
        await self.session.execute(
            insert(PayerEntry)
            .values(
                id=uuid7(),
                payer_id=payer_id,
                position=0,
                transaction_id=transaction_id,
                token_id=token_id,
                accounts=[],
                units=[],
                occurred_at=func.now(),
                answer=EntryAnswer.NO_PAYOUT,
                reason=reason,
            )
            .on_conflict_do_nothing(constraint="idx_payer_entry_transaction")
        )

    async def become_another(self) -> str:
        """Make this database an installation of its own, which begins now and has lost nothing. Return its code."""
        code = secrets.token_urlsafe(_CODE_BYTES)[:_CODE_LENGTH]
        await self.session.execute(
            update(Installation).values(code=code, identity=text("masspayout_identity()"), secured_for=None)
        )
        return code

    async def answer_unmarked(self, payer_id: uuid.UUID, before: datetime, reason: str) -> int:
        """Answer the entries up to a time that carry no mark with EARLIER. Return their number."""
        statement = (
            update(PayerEntry)
            .where(
                PayerEntry.payer_id == payer_id,
                PayerEntry.attempt_id.is_(None),
                PayerEntry.answer.is_(None),
                PayerEntry.occurred_at <= before,
                ~func.coalesce(PayerEntry.mark, "").regexp_match("^(mp2 |payout [0-9a-f-]{36} batch |0x[0-9a-f]{64}$)"),
            )
            .values(answer=EntryAnswer.EARLIER, reason=reason)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement)

    async def computes_amounts(self, account: str) -> bool:
        """Return True if a payer is a contract that computes the amounts of its payouts itself."""
        query = select(
            exists().where(Distribution.payer_account_id == account, Distribution.contract_terms.is_not(None))
        )
        return bool(await self.session.scalar(query))

    async def begin_at(self, payer_id: uuid.UUID, position: int) -> bool:
        """Set the position after which a statement begins. False when some of it was read already."""
        statement = (
            update(Payer)
            .where(Payer.id == payer_id, Payer.cursor.is_(None))
            .values(beginning=position, cursor=position)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1

    async def has_unfinished_before(self, account: str, time: datetime) -> bool:
        """Return True if a payout from an account was frozen before a time and is not finished."""
        condition = exists().where(
            Distribution.payer_account_id == account,
            Distribution.frozen_at < time,
            Distribution.status.not_in((DistributionStatus.COMPLETED, DistributionStatus.CANCELLED)),
        )
        return bool(await self.session.scalar(select(condition)))


def _parameters_of(payer: Payer, entries: Sequence[StatementEntry]) -> dict[str, Any]:
    return {
        "payer_id": payer.id,
        "ids": [uuid7() for _ in entries],
        "positions": [entry.position for entry in entries],
        "transaction_ids": [entry.transaction_id for entry in entries],
        "token_ids": [entry.token_id for entry in entries],
        "accounts": [",".join(payment.account_id for payment in entry.payments) for entry in entries],
        "units": [",".join(str(payment.amount_units) for payment in entry.payments) for entry in entries],
        "marks": [entry.mark for entry in entries],
        "numbers": [entry.number for entry in entries],
        "times": [entry.occurred_at for entry in entries],
    }
