"""What happened on a ledger: the only oracle of a simulation."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from masspayout.kernel.movements import Payment

SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction that somebody signed.

    Attributes:
        mark: The memo, or the key under which a contract pays.
        start_nanos: When its validity begins, where ids are times; else 0.
        until_nanos: When its validity ends.
    """

    transaction_id: str
    payer: str
    token: str
    payments: Sequence[Payment]
    mark: str | None
    number: int
    start_nanos: int = 0
    until_nanos: int = 0
    sender: str = ""

    @property
    def content(self) -> bytes:
        """The bytes that are stored and sent: the same for the same transaction."""
        return repr((self.transaction_id, self.token, self.payments, self.mark, self.number)).encode()


class Executed(NamedTuple):
    """A transaction that a ledger has executed, well or not, and when."""

    signed: Signed
    code: str
    failures: Mapping[str, str]
    nanos: int
    paid: Sequence[Payment]


@dataclass
class Books:
    """The transactions of a ledger, and what accounts hold.

    Attributes:
        held_units: What each payer holds of the payment token.
        frozen: Accounts that cannot receive, with the code.
        foreign: What somebody else paid, whatever it says.
        at_payment: Called with each payment: mark, account, units.
    """

    held_units: Counter[str] = field(default_factory=Counter)
    frozen: dict[str, str] = field(default_factory=dict)
    executed: dict[str, Executed] = field(default_factory=dict)
    of_payer: dict[str, list[Executed]] = field(default_factory=dict)
    signed: dict[bytes, Signed] = field(default_factory=dict)
    at_payment: Callable[[str | None, str, int], None] = lambda mark, account, units: None
    foreign: set[str] = field(default_factory=set)
    last_nanos: int = 0

    def enter(
        self, signed: Signed, code: str, failures: Mapping[str, str], nanos: int, *, is_foreign: bool = False
    ) -> Executed:
        """Execute a transaction whose fate is decided: each has a moment of its own."""
        self.last_nanos = nanos = max(nanos, self.last_nanos + 1)
        paid = [payment for payment in signed.payments if code == SUCCESS and payment.account_id not in failures]
        done = Executed(signed, code, failures, nanos, paid)
        self.executed[signed.transaction_id] = done
        self.of_payer.setdefault(signed.payer, []).append(done)
        for account, units in paid:
            self.held_units[signed.payer] -= units
            if not is_foreign:
                self.at_payment(signed.mark, account, units)
        if is_foreign:
            self.foreign.add(signed.transaction_id)
        return done
