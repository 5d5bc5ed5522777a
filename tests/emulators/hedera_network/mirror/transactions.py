"""Transactions, blocks and contract logs as the mirror node shows them."""

import base64
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from hedera_network.entities import ContractLog, Record
from hedera_network.identifiers import TransactionKey, entity_id, evm_address, timestamp
from hedera_network.ledger import Ledger
from hedera_network.mirror.queries import BadRequest, Bounds, NotFound, Query
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

BLOCK_SECONDS = 2
_DAY_NANOS = 24 * 3600 * NANOS_PER_SECOND
_WEEK_NANOS = 7 * _DAY_NANOS
_LONGEST_RANGE_NANOS = 60 * _DAY_NANOS
# A transaction is looked for by its id only near the start of its validity.
_SEARCHED_NANOS = 35 * 60 * NANOS_PER_SECOND
_TOPICS = ("topic0", "topic1", "topic2", "topic3")


def transactions_by_id(ledger: Ledger, text: str, query: Query, at_nanos: int) -> dict[str, Any]:
    """List the records of a transaction id: the first, its duplicates, its children.

    Raises:
        BadRequest: It is no transaction id.
        NotFound: None has been seen yet.
    """
    key = TransactionKey.parse(text)
    if key is None:
        raise BadRequest("Invalid Transaction id. Please use \\shard.realm.num-sss-nnn\\ format")
    nonce = query.last("nonce")
    found = [
        record
        for record in ledger.history(key)
        if record.consensus_nanos <= min(at_nanos, key.valid_start_nanos + _SEARCHED_NANOS)
        and (nonce is None or record.nonce == int(nonce))
    ]
    if not found:
        raise NotFound
    return {"transactions": [_transaction(record, detailed=True) for record in found]}


def transactions(ledger: Ledger, query: Query, at_nanos: int) -> dict[str, Any]:
    """List transactions by time, of an account if one is given.

    Raises:
        BadRequest: The times are more than 60 days apart.
    """
    wanted, accounts = query.times(), query.accounts()
    if wanted.is_bounded and wanted.upper - wanted.lower > _LONGEST_RANGE_NANOS:
        raise BadRequest("Timestamp range by the lower and upper bounds must be positive and within 60d")
    if accounts.chosen and len(accounts.chosen) == 1:
        candidates: Sequence[Record] = ledger.records_of.get(next(iter(accounts.chosen)), [])
    else:
        candidates = ledger.records
    positions = range(
        bisect_left(candidates, wanted.lower, key=_consensus_nanos),
        bisect_right(candidates, min(wanted.upper, at_nanos), key=_consensus_nanos),
    )
    page = []
    for position in positions if query.ascending else reversed(positions):
        record = candidates[position]
        if record.consensus_nanos in wanted and _matches(record, query, accounts):
            page.append(_transaction(record, detailed=False))
        if len(page) == query.limit:
            break
    last = page[-1]["consensus_timestamp"] if page else ""
    return {"transactions": page, "links": {"next": query.next_link("timestamp", last, count=len(page))}}


def blocks(ledger: Ledger, query: Query, at_nanos: int) -> dict[str, Any]:
    """List blocks: one every two seconds, the newest up to what has been seen."""
    newest = (at_nanos - ledger.began_nanos) // (BLOCK_SECONDS * NANOS_PER_SECOND)
    wanted, numbers = query.times(), query.bounds("block.number", int)
    # Whoever asks for the first of millions waits no longer than whoever asks for the last.
    known = range(max(numbers.lower, 0), min(numbers.upper, newest) + 1)
    candidates = known if numbers.chosen is None else sorted(numbers.chosen.intersection(known))
    page = []
    for number in candidates if query.ascending else reversed(candidates):
        first = ledger.began_nanos + number * BLOCK_SECONDS * NANOS_PER_SECOND
        last = min(first + BLOCK_SECONDS * NANOS_PER_SECOND - 1, at_nanos)
        if number in numbers and last in wanted:
            page.append(_block(ledger.name, number, first, last))
        if len(page) == query.limit:
            break
    link = query.next_link("block.number", str(page[-1]["number"]) if page else "", count=len(page))
    return {"blocks": page, "links": {"next": link}}


def contract_logs(ledger: Ledger, contract: int, query: Query, at_nanos: int) -> dict[str, Any]:
    """List what a contract reported, newest first unless told otherwise.

    Raises:
        BadRequest: Topics without a range of at most seven days, or an index without a time.
    """
    wanted = query.times()
    topics = [query.last(name) for name in _TOPICS]
    if any(topics) and not wanted.chosen and wanted.upper - wanted.lower > _WEEK_NANOS:
        raise BadRequest("Cannot search topics without a valid timestamp range: Timestamp range must not exceed 7 days")
    index = query.comparisons("index", int)
    if index and query.last("timestamp") is None:
        raise BadRequest("Cannot search by index without a timestamp parameter range")
    found = [
        log
        for log in ledger.logs_of.get(contract, [])
        if log.consensus_nanos <= at_nanos
        and _in_range(log, wanted, index)
        and all(not topic or _same_topic(log, position, topic) for position, topic in enumerate(topics))
    ]
    found.sort(key=lambda log: (log.consensus_nanos, log.index), reverse=not query.ascending)
    page = [_log(log) for log in found[: query.limit]]
    return {"logs": page, "links": {"next": _next_logs(query, page, more=len(found) > len(page))}}


def _consensus_nanos(record: Record) -> int:
    return record.consensus_nanos


def _in_range(log: ContractLog, wanted: Bounds, index: list[tuple[str, int]]) -> bool:
    """Compare (time, index) as a pair at the edge of the range, and the time alone within it."""
    if log.consensus_nanos not in wanted:
        return False
    for operator, value in index:
        edge = wanted.lower if operator in {"gt", "gte"} else wanted.upper
        if operator == "eq" and log.index != value:
            return False
        if operator != "eq" and log.consensus_nanos == edge and not _compare(log.index, operator, value):
            return False
    return True


def _compare(index: int, operator: str, value: int) -> bool:
    return {"gt": index > value, "gte": index >= value, "lt": index < value, "lte": index <= value}[operator]


def _next_logs(query: Query, page: Sequence[dict[str, Any]], *, more: bool) -> str | None:
    if not more:
        return None
    link = query.next_link("timestamp", page[-1]["timestamp"], count=query.limit)
    direction = "gt" if query.ascending else "lt"
    pair = f"{direction}e:{page[-1]['timestamp']}&index={direction}:{page[-1]['index']}"
    return link and _without_index(link).replace(f"{direction}:{page[-1]['timestamp']}", pair)


def _without_index(link: str) -> str:
    path, _, parameters = link.partition("?")
    return f"{path}?{'&'.join(part for part in parameters.split('&') if not part.startswith('index='))}"


def _same_topic(log: ContractLog, position: int, topic: str) -> bool:
    return position < len(log.topics) and int(log.topics[position], 16) == int(topic, 16)


def _matches(record: Record, query: Query, accounts: Bounds) -> bool:
    changes = [*record.transfers, *((account, amount) for _, account, amount in record.token_transfers)]
    direction, result, kind = query.last("type"), query.last("result"), query.last("transactiontype")
    if direction is not None:
        sign = 1 if direction.lower() == "credit" else -1
        if not any(account in accounts and amount * sign > 0 for account, amount in changes):
            return False
    elif record.key.payer not in accounts and not any(account in accounts for account, _ in changes):
        return False
    if result is not None and (record.result == "SUCCESS") != (result == "success"):
        return False
    return kind is None or record.name == kind.upper()


def _transaction(record: Record, *, detailed: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "batch_key": None,
        "bytes": None,
        "charged_tx_fee": record.fee,
        "consensus_timestamp": timestamp(record.consensus_nanos),
        "entity_id": None,
        "max_custom_fees": [],
        "max_fee": str(record.max_fee),
        "memo_base64": base64.b64encode(record.memo).decode(),
        "name": record.name,
        "nft_transfers": [],
        "node": entity_id(record.node) if record.node else None,
        "nonce": record.nonce,
        "parent_consensus_timestamp": None,
        "result": record.result,
        "scheduled": record.scheduled,
        "staking_reward_transfers": [],
        "token_transfers": [
            {"token_id": entity_id(token), "account": entity_id(account), "amount": amount, "is_approval": False}
            for token, account, amount in record.token_transfers
        ],
        "transaction_hash": base64.b64encode(record.hash).decode(),
        "transaction_id": record.key.path,
        "transfers": [
            {"account": entity_id(account), "amount": amount, "is_approval": False}
            for account, amount in record.transfers
        ],
        "valid_duration_seconds": str(record.valid_seconds),
        "valid_start_timestamp": timestamp(record.key.valid_start_nanos),
    }
    if detailed:
        shown["assessed_custom_fees"] = [
            {
                "amount": fee.amount,
                "collector_account_id": entity_id(fee.collector),
                "effective_payer_account_ids": [entity_id(fee.payer)],
                "token_id": entity_id(fee.token) if fee.token else None,
            }
            for fee in record.assessed_fees
        ]
    return shown


def _block(name: str, number: int, first_nanos: int, last_nanos: int) -> dict[str, Any]:
    """Show a block. Its hash depends on all that went before, so no two networks share one."""
    return {
        "count": 1,
        "gas_used": 0,
        "hapi_version": "0.70.0",
        "hash": _block_hash(name, number),
        "logs_bloom": "0x" + "0" * 512,
        "name": f"{number}.rcd.gz",
        "number": number,
        "previous_hash": _block_hash(name, number - 1) if number else f"0x{0:096x}",
        "size": 512,
        "timestamp": {"from": timestamp(first_nanos), "to": timestamp(last_nanos)},
    }


def _block_hash(name: str, number: int) -> str:
    return f"0x{hashlib.sha384(f'{name} {number}'.encode()).hexdigest()}"


def _log(log: ContractLog) -> dict[str, Any]:
    return {
        "address": evm_address(log.contract),
        "block_hash": f"0x{1:096x}",
        "block_number": 1,
        "bloom": "0x",
        "contract_id": entity_id(log.contract),
        "data": log.data,
        "index": log.index,
        "root_contract_id": entity_id(log.contract),
        "timestamp": timestamp(log.consensus_nanos),
        "topics": list(log.topics),
        "transaction_hash": f"0x{log.consensus_nanos:064x}",
        "transaction_index": 0,
    }
