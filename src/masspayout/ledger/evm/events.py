"""Events of contracts, tokens and accounts in final blocks, as the payout rooms know them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial

from masspayout.kernel.errors import Invalid
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.evm.chain import Chain, block_nanos
from masspayout.ledger.evm.contracts import PayingContract, recognise
from masspayout.ledger.evm.erc20 import TRANSFER_TOPIC, ZERO_ADDRESS, first_block_of, topic_of, transfer_of
from masspayout.ledger.evm.node import Json, Node, to_int
from masspayout.ledger.evm.ranges import Ranges
from masspayout.ledger.evm.transactions import Transactions
from masspayout.settings import Settings

DEPOSIT, TRANSFER = "Deposit", "Transfer"


@dataclass(frozen=True, slots=True)
class _Reported:
    block_number: int
    index: int
    transaction_hash: str
    name: str
    payload: Mapping[str, str | int]


class Events:
    """Logs as events, from the blocks after a cursor up to the newest final one."""

    def __init__(self, node: Node, chain: Chain, transactions: Transactions, settings: Settings) -> None:
        self._node = node
        self._chain = chain
        self._transactions = transactions
        self._settings = settings

    async def stream(self, contract_id: str, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Yield deposits into an account, a paying contract's events, and a token's transfers, in order."""
        final = await self._chain.final()
        before = await self._chain.last_block_until(after[0] // NANOS_PER_SECOND - 1, final)
        is_contract = bool(await self._node.code(contract_id))
        first = self._settings.evm_start_block if before is None else before + 1
        if is_contract and before is None:
            first = await first_block_of(self._node, contract_id, min(first, final.number), final.number)
        contract = await self._contract(contract_id) if is_contract else None
        ranges = Ranges(self._settings.evm_log_blocks)
        while first <= final.number:
            last, reported = await ranges.read(first, final.number, partial(self._read, contract_id, contract))
            async for event in self._in_words(contract_id, reported):
                if (event.timestamp_nanos, event.index) > after:
                    yield event
            first = last + 1

    async def _contract(self, contract_id: str) -> PayingContract | None:
        try:
            return await recognise(self._node, contract_id)
        except Invalid:
            return None

    async def _read(self, contract_id: str, contract: PayingContract | None, first: int, last: int) -> list[_Reported]:
        deposits = await self._node.logs(first, last, [TRANSFER_TOPIC, None, topic_of(contract_id)])
        reported = [found for log in deposits if (found := _deposit(log)) is not None]
        if contract is not None:
            own = await self._node.logs(first, last, [], contract_id)
            reported += [_of(log, *said) for log in own if (said := contract.event(log)) is not None]
        else:
            moved = await self._node.logs(first, last, [TRANSFER_TOPIC], contract_id)
            reported += [found for log in moved if (found := _transfer(log)) is not None]
        return sorted(reported, key=lambda event: (event.block_number, event.index, event.name))

    async def _in_words(self, contract_id: str, reported: list[_Reported]) -> AsyncIterator[LedgerEvent]:
        """Yield events with their times, and with our ids for our own transactions."""
        ours = await self._transactions.ids_of([event.transaction_hash for event in reported])
        nanos: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        for event in reported:
            if event.block_number not in nanos:
                nanos[event.block_number] = block_nanos(await self._chain.header(event.block_number))
            position = (nanos[event.block_number], event.index)
            if position in seen:
                continue
            seen.add(position)
            transaction_id = ours.get(event.transaction_hash, event.transaction_hash)
            payload = {**event.payload, "transaction_id": transaction_id}
            yield LedgerEvent(contract_id, *position, event.name, payload)


def _deposit(log: Json) -> _Reported | None:
    moved = transfer_of(log)
    if moved is None:
        return None
    return _of(
        log, DEPOSIT, {"token_id": log["address"].lower(), "from": _giver(log, moved[0]), "amount_units": moved[2]}
    )


def _transfer(log: Json) -> _Reported | None:
    moved = transfer_of(log)
    if moved is None:
        return None
    return _of(log, TRANSFER, {"from": _giver(log, moved[0]), "recipients": 1, "amount_units": moved[2]})


def _giver(log: Json, sender: str) -> str:
    """Return the sender of a deposit; for a newly minted amount, the token itself."""
    return str(log["address"]).lower() if sender == ZERO_ADDRESS else sender


def _of(log: Json, name: str, payload: Mapping[str, str | int]) -> _Reported:
    return _Reported(to_int(log["blockNumber"]), to_int(log["logIndex"]), str(log["transactionHash"]), name, payload)
