"""Queries on the tables of the EVM adapter."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from masspayout.db import advisory_locks
from masspayout.db.connections import driver_connection
from masspayout.db.entities import Attempt, EvmToken, EvmTransaction, evm_balance_change
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7

_PAGE_SIZE = 5000  # rows of a streamed page

_BALANCES = text("""
    SELECT account_id, sum(change_units) AS balance_units FROM evm_balance_change
     WHERE evm_token_id = :evm_token_id AND block_number <= :block_number
     GROUP BY account_id HAVING sum(change_units) <> 0
""")

_ADD_CHANGES = """
    INSERT INTO evm_balance_change (evm_token_id, account_id, block_number, change_units)
    SELECT %(evm_token_id)s, account_id, block_number, change_units
      FROM unnest(%(accounts)s::varchar[], %(blocks)s::bigint[], %(changes)s::numeric[])
           AS read(account_id, block_number, change_units)
"""


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """The change of an account's balance in a block."""

    account_id: str
    block_number: int
    change_units: int


class EvmTransactions(Repository[EvmTransaction]):
    """The versions of all transactions that were signed for an EVM chain."""

    entity = EvmTransaction
    noun = "transaction"

    async def remember(self, version: EvmTransaction) -> None:
        """Store a signed version, unless it is stored already."""
        columns = ("transaction_id", "hash", "chain_id", "sender", "nonce", "token_id", "signed_bytes", "max_fee_wei")
        more = ("is_cancellation", "signed_at_block", "ledger_identity")
        values = {name: getattr(version, name) for name in (*columns, *more)}
        await self.session.execute(
            insert(EvmTransaction)
            .values(id=uuid7(), **values)
            .on_conflict_do_nothing(index_elements=[EvmTransaction.hash])
        )

    async def adopt(self, version: EvmTransaction) -> None:
        """Store a version found on the chain under its transaction, also when it was stored under another one."""
        await self.remember(version)
        await self.session.execute(
            update(EvmTransaction)
            .where(EvmTransaction.hash == version.hash)
            .values(transaction_id=version.transaction_id)
            .execution_options(synchronize_session=False)
        )

    async def lock_nonce(self, chain_id: int, sender: str, nonce: int) -> None:
        """Lock a sender's nonce, so that nobody else stores a version for it until this unit of work ends."""
        key = func.hashtextextended(f"{chain_id} {sender} {nonce}", advisory_locks.NONCE_SEED)
        await self.session.execute(select(func.pg_advisory_xact_lock(key)))

    async def find_of_nonce(self, chain_id: int, sender: str, nonce: int) -> Sequence[EvmTransaction]:
        """Return all versions signed for a sender's nonce, the oldest first."""
        query = (
            select(EvmTransaction)
            .where(EvmTransaction.chain_id == chain_id, EvmTransaction.sender == sender, EvmTransaction.nonce == nonce)
            .order_by(EvmTransaction.created_at, EvmTransaction.id)
        )
        return (await self.session.scalars(query)).all()

    async def find_versions(self, transaction_ids: Sequence[str]) -> Mapping[str, list[EvmTransaction]]:
        """Return all versions of some transactions, the oldest first, by transaction id."""
        query = (
            select(EvmTransaction)
            .where(EvmTransaction.transaction_id.in_(transaction_ids))
            .order_by(EvmTransaction.created_at, EvmTransaction.id)
        )
        found: dict[str, list[EvmTransaction]] = {}
        for version in await self.session.scalars(query):
            found.setdefault(version.transaction_id, []).append(version)
        return found

    async def lock_versions(self, transaction_id: str) -> list[EvmTransaction]:
        """Return all versions of a transaction, so that nobody else adds one before this unit of work ends."""
        first = select(EvmTransaction.id).where(EvmTransaction.hash == transaction_id).with_for_update()
        await self.session.execute(first)
        return (await self.find_versions([transaction_id])).get(transaction_id, [])

    async def find_by_nonces(self, chain_id: int, sender: str, first: int, last: int) -> Sequence[EvmTransaction]:
        """Return the version to send for each of a sender's nonces, in order.

        This is the newest version of the transaction that an attempt has stored, or else a cancellation. A version that
        was signed for an attempt but not stored by it is never sent.
        """
        query = (
            select(EvmTransaction)
            .ext(distinct_on(EvmTransaction.nonce))
            .outerjoin(Attempt, Attempt.transaction_id == EvmTransaction.transaction_id)
            .where(
                EvmTransaction.chain_id == chain_id,
                EvmTransaction.sender == sender,
                EvmTransaction.nonce.between(first, last),
                or_(Attempt.id.is_not(None), EvmTransaction.is_cancellation),
            )
            .order_by(
                EvmTransaction.nonce,
                Attempt.id.is_(None),
                EvmTransaction.created_at.desc(),
                EvmTransaction.id.desc(),
            )
        )
        return (await self.session.scalars(query)).all()

    async def find_last_identity(self, chain_id: int, sender: str) -> str | None:
        """Return the ledger that the last of a sender's nonces was signed for; None if there is none."""
        query = (
            select(EvmTransaction.ledger_identity)
            .where(EvmTransaction.chain_id == chain_id, EvmTransaction.sender == sender)
            .order_by(EvmTransaction.nonce.desc(), EvmTransaction.id.desc())
            .limit(1)
        )
        return await self.session.scalar(query)

    async def find_ids(self, hashes: Iterable[str]) -> Mapping[str, str]:
        """Return the transaction ids of some hashes, where they are ours."""
        query = select(EvmTransaction.hash, EvmTransaction.transaction_id).where(EvmTransaction.hash.in_(list(hashes)))
        return {row.hash: row.transaction_id for row in await self.session.execute(query)}


class EvmTokens(Repository[EvmToken]):
    """The tokens whose transfers are read, and the balances that follow from them."""

    entity = EvmToken
    noun = "token"

    async def find(self, chain_id: int, token_id: str) -> EvmToken | None:
        """Return a token with the block up to which it is read."""
        query = select(EvmToken).where(EvmToken.chain_id == chain_id, EvmToken.token_id == token_id)
        return await self.session.scalar(query, execution_options={"populate_existing": True})

    async def begin(self, chain_id: int, token_id: str, first_block: int) -> None:
        """Begin to read a token, unless it is being read already."""
        await self.session.execute(
            insert(EvmToken)
            .values(
                id=uuid7(),
                chain_id=chain_id,
                token_id=token_id,
                first_block=first_block,
                read_block=first_block - 1,
                read_block_hash="",
            )
            .on_conflict_do_nothing(index_elements=[EvmToken.chain_id, EvmToken.token_id])
        )

    async def advance(self, token: EvmToken, block_number: int, block_hash: str) -> bool:
        """Write that a token is read up to a block. False when another process has read on since."""
        statement = (
            update(EvmToken)
            .where(EvmToken.id == token.id, EvmToken.read_block == token.read_block)
            .values(read_block=block_number, read_block_hash=block_hash)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1

    async def add_changes(self, token: EvmToken, changes: Sequence[BalanceChange]) -> None:
        """Write the changes of balances in the blocks that were read, in one statement."""
        connection = await driver_connection(self.session)
        await connection.execute(
            _ADD_CHANGES,
            {
                "evm_token_id": token.id,
                "accounts": [change.account_id for change in changes],
                "blocks": [change.block_number for change in changes],
                "changes": [Decimal(change.change_units) for change in changes],
            },
        )

    async def forget(self, token: EvmToken) -> None:
        """Read a token from its beginning again, as if it had never been read."""
        await self.session.execute(delete(EvmToken).where(EvmToken.id == token.id))

    async def stream_balances(self, token: EvmToken, block_number: int) -> AsyncIterator[list[tuple[str, int]]]:
        """Yield the token's balances at the end of a block, in pages: every account with a change, also at 0."""
        parameters = {"evm_token_id": token.id, "block_number": block_number}
        rows = await self.session.stream(_BALANCES, parameters)
        async for page in rows.partitions(_PAGE_SIZE):
            yield [(account_id, int(balance_units)) for account_id, balance_units in page]

    async def total_units(self, token: EvmToken, block_number: int, *, besides: str) -> int:
        """Return the sum of all balances but one account's at the end of a block."""
        query = select(func.sum(evm_balance_change.c.change_units)).where(
            evm_balance_change.c.evm_token_id == token.id,
            evm_balance_change.c.block_number <= block_number,
            evm_balance_change.c.account_id != besides,
        )
        return int(await self.session.scalar(query) or 0)
