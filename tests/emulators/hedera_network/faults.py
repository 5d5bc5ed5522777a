"""What goes wrong on the network: set per test, as a whole."""

import random
from dataclasses import dataclass
from typing import TypeVar

Choice = TypeVar("Choice")

_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. Percentages are chances per transaction, or per request of the mirror node.

    Attributes:
        lose_request_percent: A transaction does not reach its node; the caller sees a broken connection.
        lose_answer_percent: A transaction is taken, but the connection breaks before the answer.
        duplicate_percent: Another node submits the same transaction once more; the second is a DUPLICATE_TRANSACTION.
        busy_percent: A node answers BUSY, or PLATFORM_TRANSACTION_NOT_CREATED, and takes nothing.
        throttle_percent: A transaction fails with THROTTLED_AT_CONSENSUS.
        delay_percent: A transaction reaches its node only after ``delay_seconds``; the caller sees a broken connection.
        consensus_seconds: How long a transaction takes from its node to consensus.
        lying_nodes: Nodes that answer RECEIPT_NOT_FOUND whatever happened, and forget what they have taken.
        dead_nodes: Nodes that refuse every call.
        mute_nodes: Nodes that take no transaction, and do not answer within any time.
        mirror_lag_seconds: How far behind consensus the mirror node is.
        stale_percent: A request reaches a replica that is ``stale_seconds`` further behind.
        mirror_error_percent: A request is answered 500 or 503.
        mirror_throttle_percent: A request is answered 429, with Retry-After.
        mirror_drop_percent: The connection breaks instead of an answer.
        mirror_requests_per_second: More than these are answered 429; 0 is no limit.
        mirror_lie: Which untrue answer is given, one of ``mirror.lies.LIES``; counted there as ``counts``.
        mirror_lie_paths: Which requests get it: ``transactions`` is the list, ``transactions/`` what is below.
        mirror_lie_percent: How many of them.
        mirror_lie_times: After how many such answers the truth is told again; 0 is never.
        false_receipt_nodes: Nodes whose receipts say ``false_receipt``, whatever the network's record says.
        false_receipt: The status that those receipts have.
    """

    lose_request_percent: float = 0
    lose_answer_percent: float = 0
    duplicate_percent: float = 0
    busy_percent: float = 0
    throttle_percent: float = 0
    delay_percent: float = 0
    delay_seconds: float = 0
    consensus_seconds: float = 0
    lying_nodes: tuple[int, ...] = ()
    dead_nodes: tuple[int, ...] = ()
    mute_nodes: tuple[int, ...] = ()
    mirror_lag_seconds: float = 0
    stale_percent: float = 0
    stale_seconds: float = 0
    mirror_error_percent: float = 0
    mirror_throttle_percent: float = 0
    mirror_drop_percent: float = 0
    mirror_requests_per_second: float = 0
    mirror_lie: str = ""
    mirror_lie_paths: tuple[str, ...] = ("transactions/",)
    mirror_lie_percent: float = 100
    mirror_lie_times: int = 0
    false_receipt_nodes: tuple[int, ...] = ()
    false_receipt: str = "FAIL_INVALID"


def strikes(percent: float) -> bool:
    """Return whether a fault of this chance happens now."""
    return percent > 0 and _chance.random() * 100 < percent


def either(first: Choice, second: Choice) -> Choice:
    """Return one of two, by chance."""
    return _chance.choice((first, second))
