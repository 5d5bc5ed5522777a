"""Statements of paying contracts, read from the Transfer logs of tokens.

Anybody can create a token whose logs name a contract as the sender, and can have most tokens log a transfer of 0.
Neither moves money of the contract. So transfers of 0 are no debits, and a token other than the contract's own payment
token counts only in transactions in which the contract itself reports that it moved tokens.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from eth_abi.exceptions import DecodingError

from masspayout.kernel.errors import Invalid, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import Payment, StatementEntry, StatementPage
from masspayout.ledger.evm.chain import BlockHeader, Chain, header_of
from masspayout.ledger.evm.contracts import PayingContract
from masspayout.ledger.evm.erc20 import TRANSFER_TOPIC, Erc20, first_block_of, topic_of, transfer_of
from masspayout.ledger.evm.node import Json, LogFilter, Node, NodeError, to_int
from masspayout.ledger.evm.ranges import Ranges
from masspayout.ledger.evm.transactions import Transactions
from masspayout.settings import Settings

_PAGE_SIZE = 100


@dataclass
class _Debit:
    """The transfers of one token by the contract in one transaction."""

    block_number: int
    block_hash: str
    transaction_hash: str
    token_id: str
    units: Counter[str] = field(default_factory=Counter)


class _Credit(NamedTuple):
    """A transfer of a token to the contract."""

    block_number: int
    token_id: str
    units: int


class _Range(NamedTuple):
    """The movements of some blocks, in order, with the header of the last block."""

    debits: Sequence[_Debit]
    credits: Sequence[_Credit]
    keys: Mapping[str, str | None]
    header: BlockHeader


async def _payment_token_of(contract: PayingContract) -> str:
    """Return the payment token of a contract; empty if the contract is gone, with the block that had created it."""
    try:
        return await contract.payment_token()
    except DecodingError:
        return ""


class Statements:
    """The debits and credits of paying contracts in final blocks."""

    def __init__(self, node: Node, chain: Chain, transactions: Transactions, settings: Settings) -> None:
        self._node = node
        self._chain = chain
        self._transactions = transactions
        self._settings = settings
        self._tokens = Erc20(node)

    async def stream(self, contract: PayingContract, after: int | None) -> AsyncIterator[StatementPage]:
        """Yield the statement of a contract after a block, in pages of whole blocks, up to the newest final block.

        Args:
            contract: The contract.
            after: The block up to which it was read; None begins with the block that created the contract.

        Raises:
            LedgerUnavailable: The nodes cannot be read now.
        """
        final = await self._chain.final()
        first = await self._first_block(contract.address, final) if after is None else after + 1
        if first > final.number:  # no block is final beyond the cursor, or the node that answers is behind
            yield StatementPage([], first - 1, _time_of(final))
            return
        token_id = await _payment_token_of(contract)
        ranges = Ranges(self._settings.evm_log_blocks)

        async def read(first: int, last: int) -> _Range:
            return await self._read(contract, token_id, first, last)

        while first <= final.number:
            last, found = await ranges.read(first, final.number, read)
            async for page in self._pages(found, token_id):
                yield page
            first = last + 1

    async def held_units_at(self, contract_id: str, token_id: str, block_number: int) -> int | None:
        """Return a contract's balance of a token at the end of a block; None when the node does not keep that state."""
        try:
            return await self._tokens.balance_units(token_id, contract_id, block_number)
        except (NodeError, Invalid):
            return None

    async def _first_block(self, contract_id: str, final: BlockHeader) -> int:
        """Return the block from which a contract's statement is read.

        Nodes that keep no old states may report no contract where they do not know. A log of the constructor proves the
        block of its creation; without one, everything is read.
        """
        earliest = min(self._settings.evm_start_block, final.number)
        first = await first_block_of(self._node, contract_id, earliest, final.number)
        return first if await self._node.logs(first, first, [], contract_id) else earliest

    async def _read(self, contract: PayingContract, payment_token_id: str, first: int, last: int) -> _Range:
        own = topic_of(contract.address)
        filters = [
            LogFilter([TRANSFER_TOPIC, own]),
            LogFilter([TRANSFER_TOPIC, None, own]),
            LogFilter(contract.report_topics, contract.address),
        ]
        (sent, received, reports), header = await self._node.filtered_logs(first, last, filters)
        keys = _keys(contract, reports)
        debits = [
            debit
            for debit in _debits(sent, contract.address)
            if debit.token_id == payment_token_id or debit.transaction_hash in keys
        ]
        return _Range(debits, _credits(received, contract.address), keys, header_of(header))

    async def _pages(self, found: _Range, payment_token_id: str) -> AsyncIterator[StatementPage]:
        """Yield a range in pages that end with a block."""
        headers = await self._chain.headers({debit.block_number for debit in found.debits})
        for debit in found.debits:
            if headers[debit.block_number].hash != debit.block_hash:
                raise LedgerUnavailable(
                    f"Block {debit.block_number} was replaced while it was read.", "It is read again."
                )
        ids = await self._transactions.ids_of([debit.transaction_hash for debit in found.debits])
        begin = -1
        *pages, last_page = _whole_blocks(found.debits)
        ends = [*(headers[page[-1].block_number] for page in pages), found.header]
        for group, end in zip([*pages, last_page], ends, strict=True):
            received: Counter[str] = Counter()
            for credit in found.credits:
                if begin < credit.block_number <= end.number:
                    received[credit.token_id] += credit.units
            entries = [
                StatementEntry(
                    position=debit.block_number,
                    transaction_id=ids.get(debit.transaction_hash, debit.transaction_hash),
                    token_id=debit.token_id,
                    payments=[Payment(account, units) for account, units in debit.units.items()],
                    occurred_at=_time_of(headers[debit.block_number]),
                    mark=found.keys.get(debit.transaction_hash) if debit.token_id == payment_token_id else None,
                )
                for debit in group
            ]
            yield StatementPage(entries, end.number, _time_of(end), received)
            begin = end.number


def _whole_blocks(debits: Sequence[_Debit]) -> list[Sequence[_Debit]]:
    """Yield pages of debits: each ends with a block, once it has a page's number of transactions."""
    pages: list[Sequence[_Debit]] = []
    begin = 0
    for end in range(1, len(debits)):
        is_new_block = debits[end].block_number != debits[end - 1].block_number
        if is_new_block and len({debit.transaction_hash for debit in debits[begin:end]}) >= _PAGE_SIZE:
            pages.append(debits[begin:end])
            begin = end
    return [*pages, debits[begin:]]


def _keys(contract: PayingContract, reports: Sequence[Json]) -> dict[str, str | None]:
    """Return the key under which each transaction paid; None for one without, or with several keys."""
    found: dict[str, set[str]] = {}
    for log in reports:
        key = contract.payment_key_of(log)
        found.setdefault(str(log["transactionHash"]), set()).update([] if key is None else [key])
    return {transaction_hash: keys.pop() if len(keys) == 1 else None for transaction_hash, keys in found.items()}


def _debits(logs: Sequence[Json], contract_id: str) -> list[_Debit]:
    debits: dict[tuple[str, str], _Debit] = {}
    for log in sorted(logs, key=_place):
        transfer = transfer_of(log)
        if transfer is None:
            continue
        sender, recipient, units = transfer
        if sender != contract_id or recipient == contract_id or not units:
            continue
        transaction_hash, token_id = str(log["transactionHash"]), str(log["address"]).lower()
        debit = debits.setdefault(
            (transaction_hash, token_id),
            _Debit(to_int(log["blockNumber"]), str(log["blockHash"]), transaction_hash, token_id),
        )
        debit.units[recipient] += units
    return list(debits.values())


def _credits(logs: Sequence[Json], contract_id: str) -> list[_Credit]:
    credits_ = []
    for log in logs:
        transfer = transfer_of(log)
        if transfer is not None and transfer[1] == contract_id != transfer[0] and transfer[2]:
            credits_.append(_Credit(to_int(log["blockNumber"]), str(log["address"]).lower(), transfer[2]))
    return credits_


def _place(log: Json) -> tuple[int, int]:
    return to_int(log["blockNumber"]), to_int(log["logIndex"])


def _time_of(header: BlockHeader) -> datetime:
    return to_datetime(header.timestamp * NANOS_PER_SECOND)
