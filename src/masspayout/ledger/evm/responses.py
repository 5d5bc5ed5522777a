"""Responses of nodes, checked before anything is concluded from them.

Gateways, caches and load balancers stand in front of nodes, and answer with a page of HTML, with ``{}``, or about
another transaction. Such an answer is evidence of nothing: neither that something happened, nor that it did not. It
raises ``LedgerUnavailable``, and the request is retried later.
"""

from collections.abc import Mapping
from typing import Any

from masspayout.kernel.errors import LedgerUnavailable

Block = int | str
Json = Mapping[str, Any]

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_HASH_CHARACTERS = 66


def to_hex(content: bytes) -> str:
    """Return bytes as JSON-RPC has them."""
    return f"0x{content.hex()}"


def from_hex(answer: Any) -> bytes:
    """Return the bytes of a JSON-RPC answer.

    Raises:
        LedgerUnavailable: The answer is not bytes.
    """
    if not _is_hex(answer) or len(answer) % 2:
        raise unreadable("bytes")
    return bytes.fromhex(answer[2:])


def to_int(answer: Any) -> int:
    """Return the number of a JSON-RPC answer.

    Raises:
        LedgerUnavailable: The answer is not a number.
    """
    if not _is_hex(answer) or len(answer) == len("0x"):
        raise unreadable("a number")
    return int(answer, 16)


def to_block(block: Block) -> str:
    """Return a block's number, or a name such as ``latest``, as JSON-RPC has it."""
    return hex(block) if isinstance(block, int) else block


def is_response(response: Any) -> bool:
    """Return True for a JSON-RPC response: an object with a result, which may be null, or an error."""
    return isinstance(response, Mapping) and ("result" in response or response.get("error") is not None)


def checked_block(answer: Any, block: Block) -> Json | None:
    """Return a block's header from a node's answer; None when the node has no such block.

    Raises:
        LedgerUnavailable: The answer is not a header, or of another block.
    """
    if answer is None:
        return None
    if not _has_hashes(answer, "hash") or not _has_numbers(answer, "number", "timestamp"):
        raise unreadable(f"the block {block}")
    if isinstance(block, int) and to_int(answer["number"]) != block:
        raise unreadable(f"the block {block}")
    return dict(answer)


def checked_receipt(answer: Any, transaction_hash: str) -> Json | None:
    """Return a receipt from a node's answer; None when the node has none, which proves nothing.

    Raises:
        LedgerUnavailable: The answer is not a receipt, or of another transaction.
    """
    if answer is None:
        return None
    numbers = ("blockNumber", "status", "gasUsed")
    if not _has_hashes(answer, "transactionHash", "blockHash") or not _has_numbers(answer, *numbers):
        raise unreadable(f"the receipt of {transaction_hash}")
    if answer["transactionHash"].lower() != transaction_hash.lower():
        raise unreadable(f"the receipt of {transaction_hash}")
    return {**answer, "logs": checked_logs(answer.get("logs"))}


def checked_logs(answer: Any, first: int | None = None, last: int | None = None) -> list[Json]:
    """Return the logs of a node's answer.

    Args:
        answer: The answer of the node.
        first: The first requested block.
        last: The last requested block.

    Raises:
        LedgerUnavailable: The answer is not logs, or logs of other blocks, or of a block that was replaced.
    """
    if not isinstance(answer, list) or not all(_is_log(log) for log in answer):
        raise unreadable("the logs")
    for log in answer:
        number = to_int(log["blockNumber"])
        if (first is not None and number < first) or (last is not None and number > last):
            raise unreadable("the logs")
    return answer


def unreadable(wanted: str) -> LedgerUnavailable:
    """Return the error of an answer that nothing can be concluded from."""
    return LedgerUnavailable(
        f"The node's answer about {wanted} cannot be read.", "It is asked again; check EVM_RPC_URL if that goes on."
    )


def _is_log(log: Any) -> bool:
    return (
        _has_hashes(log, "blockHash", "transactionHash")
        and _has_numbers(log, "blockNumber", "logIndex")
        and isinstance(log.get("topics"), list)
        and _is_hex(log.get("data"))
        and _is_hex(log.get("address"))
        and not log.get("removed")
    )


def _has_hashes(answer: Any, *names: str) -> bool:
    return isinstance(answer, Mapping) and all(
        _is_hex(answer.get(name)) and len(answer[name]) == _HASH_CHARACTERS for name in names
    )


def _has_numbers(answer: Json, *names: str) -> bool:
    return all(_is_hex(answer.get(name)) and len(answer[name]) > len("0x") for name in names)


def _is_hex(answer: Any) -> bool:
    return isinstance(answer, str) and answer.startswith("0x") and _HEX_DIGITS.issuperset(answer[2:])
