"""Events of an account or contract: deposits from transfers, and the reports of a paying contract."""

from collections.abc import AsyncIterator, Iterator
from heapq import merge
from typing import NamedTuple

from hiero_sdk_python.utils.crypto_utils import keccak256

from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.responses import ContractLog, Transaction
from masspayout.ledger.hedera.outcomes import SUCCESS
from masspayout.ledger.hedera.transfers import moved_units

# Mirror nodes answer for 60 days at once at most; half of that stays clear of the limit.
_WINDOW_NANOS = 30 * 86_400 * NANOS_PER_SECOND

# Logs of a transaction have indexes from 0; its deposits come after all of them.
_FIRST_DEPOSIT_INDEX = 1_000_000


class _Kind(NamedTuple):
    """Our name of an event, and the payload's name for the address in it."""

    name: str
    address: str | None = None


def _topic(signature: str) -> str:
    return "0x" + bytes(keccak256(signature.encode())).hex()


_EXECUTED = "DistributionExecuted(uint256,uint256,uint256,address[],address[],uint256[])"

# The reports of existing LifeCycle Cash Flow contracts, with our names.
_KINDS = {
    _topic("LifeCycleCashFlowPaused(address)"): _Kind("Paused"),
    _topic("LifeCycleCashFlowUnpaused(address)"): _Kind("Unpaused"),
    _topic("Paused(address)"): _Kind("Paused"),
    _topic("Unpaused(address)"): _Kind("Unpaused"),
    _topic("PaymentTokenChanged(address)"): _Kind("PaymentTokenChanged", "token_id"),
    _topic(_EXECUTED): _Kind("DistributionExecuted"),
}


class EventReader:
    """The events of one account or contract at a time."""

    def __init__(self, mirror: MirrorClient) -> None:
        self._mirror = mirror

    async def events(self, entity_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of an account or contract after a cursor, in order, as far as they are known by now."""
        block = await self._mirror.newest_block()
        account = await self._mirror.account(entity_id)
        if block is None or block.timestamp.to is None or account is None:
            return
        since_nanos = max(after[0], account.created_timestamp or 0)
        while since_nanos <= block.timestamp.to:
            until_nanos = min(since_nanos + _WINDOW_NANOS, block.timestamp.to)
            deposits = [
                event
                async for transaction in self._mirror.credits(
                    entity_id, since_nanos=since_nanos, until_nanos=until_nanos
                )
                for event in _deposits(entity_id, transaction)
            ]
            logs = [
                _event(entity_id, log)
                async for log in self._mirror.contract_logs(entity_id, since_nanos=since_nanos, until_nanos=until_nanos)
                if log.topics and log.topics[0] in _KINDS
            ]
            for event in merge(deposits, logs, key=_position):
                if _position(event) > after:
                    yield event
            since_nanos = until_nanos + 1


def _position(event: LedgerEvent) -> tuple[int, int]:
    return event.timestamp_nanos, event.index


def _deposits(account_id: str, transaction: Transaction) -> Iterator[LedgerEvent]:
    """Yield a transaction's deposits into an account, token by token. The account's own transactions are none."""
    if transaction.result != SUCCESS or transaction.transaction_id.partition("-")[0] == account_id:
        return
    units = moved_units(transaction)
    received = sorted((token_id, amount) for (token_id, account), amount in units.items() if account == account_id)
    for index, (token_id, amount) in enumerate(received, start=_FIRST_DEPOSIT_INDEX):
        if amount <= 0:
            continue
        payer, start, nanos = transaction.transaction_id.split("-")
        senders = {account: lost for (token, account), lost in units.items() if token == token_id and lost < 0}
        yield LedgerEvent(
            contract_id=account_id,
            timestamp_nanos=transaction.consensus_timestamp,
            index=index,
            name="Deposit",
            payload={
                "token_id": token_id,
                "from": min(senders, key=lambda account: (senders[account], account), default=payer),
                "amount_units": amount,
                "transaction_id": f"{payer}@{start}.{nanos:0>9}",
            },
        )


def _event(contract_id: str, log: ContractLog) -> LedgerEvent:
    kind = _KINDS[log.topics[0]]
    payload: dict[str, str | int] = {"transaction_hash": log.transaction_hash or ""}
    if kind.address is not None:
        payload[kind.address] = _entity_of(log.data or "")
    return LedgerEvent(contract_id, log.timestamp, log.index, kind.name, payload)


def _entity_of(data: str) -> str:
    """Return the id of an address in a log: the network's own addresses are a number with zeros before it."""
    address = data.removeprefix("0x")[24:64]
    number = int(address or "0", 16)
    return f"0.0.{number}" if number < 2**64 else f"0x{address}"
