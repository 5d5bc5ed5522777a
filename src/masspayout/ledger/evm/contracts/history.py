"""The earlier payments of a LifeCycleCashFlow contract, which has no query for the accounts it marked as paid.

Its events have them, as far as they are known: behind its proxy there may have been a version with other events. Then
the payment token's own events show the transfer, and the call its purpose.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from masspayout.ledger.evm.contracts.cash_flow import (
    INTERFACE,
    PAYMENT_EVENTS,
    Purpose,
    purpose_of_call,
    purpose_of_event,
    succeeded,
)
from masspayout.ledger.evm.erc20 import TRANSFER_TOPIC, first_block_of, topic_of, transfer_of
from masspayout.ledger.evm.node import Json, Node, from_hex, to_hex
from masspayout.ledger.evm.ranges import Ranges

Found = TypeVar("Found")

_LOG_BLOCKS = 1000


class PaidBefore(NamedTuple):
    """The amount that an account got, in smallest units, and its transaction."""

    units: int
    transaction_hash: str


class History:
    """The payments of one contract, the newest first."""

    def __init__(self, node: Node, contract_id: str) -> None:
        self._node = node
        self._contract_id = contract_id

    async def payments(
        self, token_id: str, purpose: Purpose, accounts: AbstractSet[str], until: int
    ) -> dict[str, PaidBefore]:
        """Return the accounts that were paid for a purpose, up to a block.

        An account that was marked as paid and got nothing is among them with 0, but for redemptions, which mark nobody.

        Args:
            token_id: The payment token.
            purpose: The purpose of the payments.
            accounts: The accounts to look for.
            until: The number of the last block.

        Raises:
            LedgerUnavailable: The node does not give the logs.
        """
        found: dict[str, PaidBefore] = {}
        if not accounts:
            return found
        async for reports, transfers in self._logs(token_id, until):
            reported = self._reported(reports)
            for transaction_hash, paid in reported.items():
                for account in accounts & paid.get(purpose, {}).keys():
                    found[account] = PaidBefore(paid[purpose][account], transaction_hash)
            for transaction_hash, moved in _moved(transfers).items():
                left = (accounts - found.keys()) & moved.keys()
                if left and transaction_hash not in reported and await self._purpose_of(transaction_hash) == purpose:
                    found |= {account: PaidBefore(moved[account], transaction_hash) for account in left}
            if found.keys() == accounts:
                break
        return found

    def _reported(self, logs: Sequence[Json]) -> dict[str, dict[Purpose, dict[str, int]]]:
        """Return the amounts that each transaction reported, by purpose and account."""
        reported: dict[str, dict[Purpose, dict[str, int]]] = defaultdict(dict)
        for log in logs:
            for executed in INTERFACE.events([log], self._contract_id):
                purpose = purpose_of_event(executed)
                if purpose is not None:
                    paid = succeeded(executed)
                    marked = paid if purpose.number is not None else {a: units for a, units in paid.items() if units}
                    reported[log["transactionHash"]].setdefault(purpose, {}).update(marked)
        return reported

    async def _purpose_of(self, transaction_hash: str) -> Purpose | None:
        """Return the purpose of a transaction; None when it was no call of the contract, or not one that pays."""
        transaction = await self._node.request("eth_getTransactionByHash", transaction_hash)
        if transaction is None or str(transaction["to"]).lower() != self._contract_id:
            return None
        return purpose_of_call(from_hex(transaction["input"]))

    async def _logs(self, token_id: str, until: int) -> AsyncIterator[tuple[Sequence[Json], Sequence[Json]]]:
        """Yield the contract's reports and transfers, from the newest blocks back to its first."""
        reports = [[to_hex(INTERFACE.topic(name)) for name in PAYMENT_EVENTS]]
        transfers = [TRANSFER_TOPIC, topic_of(self._contract_id)]

        async def read(first: int, last: int) -> tuple[Sequence[Json], Sequence[Json]]:
            return (
                await self._node.logs(first, last, reports, self._contract_id),
                await self._node.logs(first, last, transfers, token_id),
            )

        async for found in newest_first(self._node, self._contract_id, until, read):
            yield found


async def newest_first(
    node: Node, contract_id: str, until: int, read: Callable[[int, int], Awaitable[Found]]
) -> AsyncIterator[Found]:
    """Yield what is read of ranges of blocks, from the newest blocks back to the contract's first.

    Args:
        node: The node to read from.
        contract_id: The contract.
        until: The newest block's number.
        read: Reads the blocks from one number to another.
    """
    first_block = await first_block_of(node, contract_id, 0, until)
    ranges, last = Ranges(_LOG_BLOCKS), until
    while last >= first_block:
        begin, found = await ranges.read_back(last, first_block, read)
        yield found
        last = begin - 1


def _moved(transfers: Sequence[Json]) -> dict[str, dict[str, int]]:
    """Return the amounts that each transaction moved, by recipient."""
    moved: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for log in transfers:
        transfer = transfer_of(log)
        if transfer is not None:
            _, account, units = transfer
            moved[log["transactionHash"]][account] += units
    return moved
