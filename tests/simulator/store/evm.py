"""The versions of EVM transactions in the store of dictionaries, asked for as the adapter asks its repository."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import cast

from masspayout.db.entities import EvmTransaction
from simulator.store.payers import attempts_of
from simulator.store.rows import Row, Transaction

_COLUMNS = (
    "transaction_id",
    "hash",
    "chain_id",
    "sender",
    "nonce",
    "token_id",
    "signed_bytes",
    "max_fee_wei",
    "is_cancellation",
    "signed_at_block",
    "ledger_identity",
)


class EvmTransactions:
    """Every version of every transaction that was signed."""

    def __init__(self, transaction: Transaction, ids: "count[int]") -> None:
        self._t = transaction
        self._ids = ids

    async def remember(self, version: EvmTransaction) -> None:
        t = self._t
        await t.lock("evm_transaction", version.hash)
        if t.find("evm_transaction", version.hash) is not None:
            return
        values = {name: getattr(version, name) for name in _COLUMNS}
        row = Row(id=next(self._ids), created_at=t.now, **values)
        nonce = (version.chain_id, version.sender, version.nonce)
        indexes = [("evm_transaction:nonce", nonce), ("evm_transaction:of", version.transaction_id)]
        t.put("evm_transaction", version.hash, row, *indexes)

    async def adopt(self, version: EvmTransaction) -> None:
        await self.remember(version)
        t = self._t
        row = t.get("evm_transaction", version.hash).changed(transaction_id=version.transaction_id)
        t.put("evm_transaction", version.hash, row, ("evm_transaction:of", version.transaction_id))

    async def lock_nonce(self, chain_id: int, sender: str, nonce: int) -> None:
        await self._t.lock("evm nonce", (chain_id, sender, nonce))

    async def find_of_nonce(self, chain_id: int, sender: str, nonce: int) -> Sequence[EvmTransaction]:
        return _in_order(self._t.find_by("evm_transaction:nonce", (chain_id, sender, nonce)))

    async def find_versions(self, transaction_ids: Sequence[str]) -> Mapping[str, Sequence[EvmTransaction]]:
        found = {}
        for wanted in transaction_ids:
            rows = [row for row in self._t.find_by("evm_transaction:of", wanted) if row.transaction_id == wanted]
            if rows:
                found[wanted] = _in_order(rows)
        return found

    async def lock_versions(self, transaction_id: str) -> Sequence[EvmTransaction]:
        await self._t.lock("evm_transaction", transaction_id)
        return (await self.find_versions([transaction_id])).get(transaction_id, [])

    async def find_by_nonces(self, chain_id: int, sender: str, first: int, last: int) -> Sequence[EvmTransaction]:
        t, found = self._t, []
        for nonce in range(first, last + 1):
            rows = t.find_by("evm_transaction:nonce", (chain_id, sender, nonce))
            known = [row for row in rows if attempts_of(t, row.transaction_id)]
            usable = known or [row for row in rows if row.is_cancellation]
            if usable:
                found.append(_in_order(usable)[-1])
        return found

    async def find_ids(self, hashes: Sequence[str]) -> Mapping[str, str]:
        rows = (self._t.find("evm_transaction", each) for each in hashes)
        return {row.hash: row.transaction_id for row in rows if row is not None}


def _in_order(rows: Sequence[Row]) -> list[EvmTransaction]:
    return cast("list[EvmTransaction]", sorted(rows, key=lambda row: (row.created_at, row.id)))
