"""What the network's state is made of. Whatever changes is kept with all its past, for mirrors that lag behind."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hedera_network.identifiers import TransactionKey
from hedera_network.keys import PublicKey

Value = TypeVar("Value")


class Timeline(Generic[Value]):
    """A value that changes, and its past."""

    __slots__ = ("_nanos", "_values")

    def __init__(self, nanos: int, value: Value) -> None:
        self._nanos = [nanos]
        self._values = [value]

    @property
    def latest(self) -> Value:
        """The value now."""
        return self._values[-1]

    def set(self, nanos: int, value: Value) -> None:
        """Change the value from a time on, which is later than every time before."""
        if self._nanos[-1] == nanos:
            self._values[-1] = value
            return
        self._nanos.append(nanos)
        self._values.append(value)

    def at(self, nanos: int) -> Value | None:
        """Return the value at a time; None if there was nothing yet."""
        index = bisect_right(self._nanos, nanos)
        return self._values[index - 1] if index else None

    def changed_at(self, nanos: int, part: Callable[[Value], object] = lambda value: value) -> int:
        """Return when the value of a time, or a part of it, came to be."""
        index = bisect_right(self._nanos, nanos) - 1
        while index > 0 and part(self._values[index - 1]) == part(self._values[index]):
            index -= 1
        return self._nanos[index]

    @property
    def began_nanos(self) -> int:
        """When there was something for the first time."""
        return self._nanos[0]


# The account that all HBAR are with at first.
TREASURY = 2


@dataclass(frozen=True, slots=True)
class Account:
    """An account, but what it holds of tokens.

    Attributes:
        automatic_slots: How many tokens it takes without being associated with them; -1 is any number.
    """

    number: int
    key: PublicKey | None
    tinybars: int = 0
    automatic_slots: int = 0
    automatic_used: int = 0
    receiver_signature_required: bool = False
    deleted: bool = False
    expired: bool = False
    memo: str = ""


@dataclass(frozen=True, slots=True)
class FixedFee:
    """An amount that a token's senders pay besides, in tinybars or in ``token``."""

    amount: int
    collector: int
    token: int | None = None
    all_collectors_are_exempt: bool = False


@dataclass(frozen=True, slots=True)
class FractionalFee:
    """A part of what is transferred: taken from the receivers, or from the sender on top (``net_of_transfers``)."""

    numerator: int
    denominator: int
    collector: int
    minimum: int = 0
    maximum: int = 0
    net_of_transfers: bool = False
    all_collectors_are_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A fungible token."""

    number: int
    name: str
    symbol: str
    decimals: int
    treasury: int
    total_supply: int
    freeze_key: bool = True
    kyc_key: bool = False
    pause_key: bool = True
    paused: bool = False
    deleted: bool = False
    fixed_fees: tuple[FixedFee, ...] = ()
    fractional_fees: tuple[FractionalFee, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """How an account stands to a token."""

    balance: int = 0
    associated: bool = True
    automatic: bool = False
    frozen: bool = False
    kyc_granted: bool = False


@dataclass(frozen=True, slots=True)
class AssessedFee:
    """A custom fee that a transfer cost."""

    amount: int
    collector: int
    token: int | None
    payer: int


@dataclass(frozen=True, slots=True)
class Record:
    """A transaction that reached consensus, whatever its result.

    Attributes:
        transfers: Changes of tinybars, fees included.
        token_transfers: Changes of tokens: (token, account, amount).
    """

    key: TransactionKey
    name: str
    node: int | None
    result: str
    consensus_nanos: int
    valid_seconds: int = 120
    memo: bytes = b""
    max_fee: int = 0
    fee: int = 0
    hash: bytes = b""
    nonce: int = 0
    scheduled: bool = False
    transfers: tuple[tuple[int, int], ...] = ()
    token_transfers: tuple[tuple[int, int, int], ...] = ()
    assessed_fees: tuple[AssessedFee, ...] = ()

    @property
    def is_node_failure(self) -> bool:
        """Whether it was the node's fault, so that another may still submit the same id."""
        return self.result in NODE_FAILURES


NODE_FAILURES = frozenset({"INVALID_NODE_ACCOUNT", "INVALID_PAYER_SIGNATURE"})


@dataclass(frozen=True, slots=True)
class ContractLog:
    """What a contract reported. All logs of one transaction have the same time."""

    contract: int
    consensus_nanos: int
    index: int
    topics: tuple[str, ...]
    data: str
    key: TransactionKey


@dataclass(slots=True)
class Holders:
    """The relations of one token, and the accounts in order."""

    relations: dict[int, Timeline[Relation]] = field(default_factory=dict)
    accounts: list[int] = field(default_factory=list)
