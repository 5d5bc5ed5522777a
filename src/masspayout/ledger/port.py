"""The ledger port: the questions of Mass Payout to a ledger, and its possible answers.

Paying takes three calls that can each be lost and repeated: ``prepare`` builds and signs a transaction without sending
it, ``submit`` sends stored bytes, ``outcome`` looks up the result. Only ``outcome`` is believed.

Amounts are integers in the token's smallest unit. Account and token ids are in canonical form.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from masspayout.kernel.movements import Payment, StatementPage
from masspayout.kernel.types import LedgerEvent, Sender, SignedTransaction

# The expiry of a transaction that can be sent until another one takes its nonce.
NEVER_EXPIRES = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LedgerTraits:
    """The traits of a ledger.

    Attributes:
        name: The value of ``LEDGER`` that chooses it.
        recipients_per_transaction: The most recipients of one transaction.
        atomic: One bad recipient fails the whole transaction; otherwise each recipient has a result of its own.
        transactions_in_flight: The number of transactions that one worker keeps under way at once.
        keeps_history: True if balances of an earlier time can be read.
        signs_times: True if transactions carry a time, so that a wrong clock spoils them.
    """

    name: str
    recipients_per_transaction: int
    atomic: bool
    transactions_in_flight: int
    keeps_history: bool
    signs_times: bool = False


@dataclass(frozen=True, slots=True)
class TokenInformation:
    """A token's facts on the ledger. ``total_supply_units`` is in smallest units and may exceed 64 bits.

    ``drawback`` is the reason, as a sentence, why nobody should be paid in the token; None without one.
    """

    token_id: str
    name: str
    symbol: str
    decimals: int
    total_supply_units: int
    treasury_account_id: str | None
    paused: bool = False
    drawback: str | None = None


class HolderBalance(NamedTuple):
    """One account that holds a token, with its balance."""

    account_id: str
    balance_units: int


@dataclass(frozen=True, slots=True)
class HolderSnapshot:
    """All accounts with a balance above 0 at one moment, as a stream of pages; no account occurs twice.

    Attributes:
        taken_at: The ledger's time of the balances.
        pages: The holders; to be read once.
    """

    taken_at: datetime
    pages: AsyncIterator[Sequence[HolderBalance]]


@dataclass(frozen=True, slots=True)
class Fees:
    """The estimated fees of the ledger, in its own currency.

    Attributes:
        account_id: The account that is charged.
        units: The fees in the currency's smallest unit.
        held_units: The account's balance of the currency.
        symbol: The symbol of the currency.
        decimals: The decimals of the currency.
        token_id: The currency's id as a payment token, where it can be one.
    """

    account_id: str
    units: int
    held_units: int
    symbol: str
    decimals: int
    token_id: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated duration and fees of a payout without failures; ``fees`` is None where nothing is charged."""

    seconds: int
    fees: Fees | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """The fees and durations of payments on a ledger, as of a moment.

    Attributes:
        estimate: Returns the estimate for a number of recipients, without a request.
    """

    estimate: Callable[[int], Estimate]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transaction to be signed: one token, one payer, some recipients.

    Attributes:
        number: The number from ``ledger_sequence``, handed out to this sender once. One that nothing is signed with
            is returned, and handed out again, so that there are no gaps.
        payment_key: The key of the obligation, from ``Ledger.payment_key``. A contract that remembers its paid
            recipients pays each account once for it.
        sender_account_id: The ``Sender`` of the number.
        contract_terms: The terms of a payer that computes the amounts itself; None for any other.
    """

    number: int
    payer_account_id: str
    token_id: str
    payments: Sequence[Payment]
    memo: str
    payment_key: str | None
    sender_account_id: str
    contract_terms: str | None = None


# The beginning of the reason of a transaction that was executed, and only has to become final.
IN_A_BLOCK = "It is in block "


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing final is known: the transaction may have happened, may still happen, or never will."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """The transaction never happened and never can. ``proof`` is the evidence; a time-out is none."""

    proof: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The transaction was processed and paid nobody, because of ``code`` (see ``masspayout.ledger.failures``)."""

    code: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The transaction was processed: everybody was paid, but those in ``failures``, each with a failure code.

    Attributes:
        consensus_at: The consensus time, where it is known by now: the first source of an outcome may not have it.
        failures: The failure codes of unpaid recipients.
        paid_units: The amounts that the others got from a payer that computes amounts in the moment of payment. Empty
            for any other payer: the others got the planned amounts.
    """

    consensus_at: datetime | None
    failures: Mapping[str, str] = field(default_factory=dict)
    paid_units: Mapping[str, int] = field(default_factory=dict)


class PreflightResult(NamedTuple):
    """The accounts that could not receive a token now, each with a code, and the number of unchecked others."""

    failures: Mapping[str, str]
    unchecked_count: int = 0


Outcome = Undecided | Dead | Refused | Settled


class Ledger(Protocol):
    """A ledger. Any call may raise ``LedgerUnavailable`` when the ledger cannot be reached."""

    @property
    def traits(self) -> LedgerTraits:
        """The traits of this ledger."""

    async def identity(self) -> str:
        """Return the identity of this ledger (``masspayout.ledger.identity``): the same after each start, everywhere.

        A transaction for one ledger must never be looked up on another, which would prove that it never happened.

        Raises:
            Conflict: The ledger is another one than the configured one.
        """

    async def examine(self) -> str:
        """Check that the ledger can be reached, is the right one, and takes our key.

        Return a sentence about its state, which is empty for a ledger that needs no check. Nothing is created or sent.

        Raises:
            Conflict: The ledger is not as the settings say.
        """

    async def token(self, token_id: str) -> TokenInformation:
        """Return a token's facts.

        Raises:
            NotFound: There is no such token.
        """

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        """Return the holders of a token, now or at an earlier time.

        Raises:
            NotFound: There is no such token.
            Invalid: The time lies ahead of the ledger's.
        """

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return an account's balance of a token; 0 when it is not associated."""

    async def check_payer(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> None:
        """Check that a payer could pay in a token now, apart from its balance.

        Args:
            payer_account_id: The payer.
            token_id: The payment token.
            contract_terms: The terms, as in ``Transfer``; None for no payout in particular.

        Raises:
            Conflict: The payer could not; the next step is the fix.
        """

    async def tariff(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> Tariff:
        """Return the duration of payments, and the ledger's fees for them.

        Args:
            payer_account_id: The payer.
            token_id: The payment token.
            contract_terms: The terms, as in ``Transfer``.
        """

    async def preflight(
        self,
        payer_account_id: str,
        token_id: str,
        account_ids: Sequence[str],
        contract_terms: str | None = None,
        *,
        max_lookups: int | None = None,
    ) -> PreflightResult:
        """Return the accounts that could not receive the token from the payer now.

        Args:
            payer_account_id: The payer.
            token_id: The payment token.
            account_ids: The accounts to check.
            contract_terms: The terms, as in ``Transfer``.
            max_lookups: The most accounts that are looked up one by one, where many cannot be checked at once, spread
                evenly over all; by default all.
        """

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the sender of a payer's next transaction."""

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Build and sign a transaction. Nothing is sent.

        Raises:
            LedgerRejected: The transfer is not valid (too many recipients, an amount that is not positive), or a
                simulation shows that it would fail.
        """

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a signed transaction. A return means that it was accepted, now or before; not that it succeeded.

        Raises:
            LedgerRejected: The transaction was refused on arrival. An earlier sending of the same bytes may still
                succeed.
            LedgerUnavailable: The ledger was too busy, and did not take it.
            LedgerUncertain: No answer came.
        """

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Return the outcome of a transaction, as far as there is evidence.

        Args:
            transaction_id: The transaction.
            signed_bytes: The sent bytes, where they are known. Ledgers whose refusals have no subject find it by payer,
                recipients and token.
        """

    def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream the statement of a payer after a cursor, in pages, up to the present state of the ledger.

        A reader can resume at the cursor of each page, and needs memory for one page of a statement of any length. The
        last page may have no entries; there is always at least one.

        Args:
            payer_account_id: The payer, whose debits are read.
            after: The cursor of an earlier page; None begins with the payer's first transaction.

        Raises:
            LedgerUnavailable: The ledger cannot be read now. Earlier pages are complete.
        """

    async def statement_position(self, at: datetime) -> int:
        """Return the position after which a statement begins that is read from a time on.

        Raises:
            Invalid: The time lies ahead of the ledger's.
            LedgerUnavailable: The ledger cannot be read now.
        """

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Return a payer's balance of a token at a cursor of its statement; None where the ledger does not know."""

    async def settling_seconds(self) -> int:
        """Return the time after which a signed transaction has happened, and is shown, or never will be.

        That is the longest validity of any signed transaction, plus the delay of lookups. 0 where signed transactions
        never expire.
        """

    def payment_key(self, obligation: str) -> str | None:
        """Return the key by which a contract remembers the paid recipients of an obligation; None where none does."""

    async def clock_lead_seconds(self) -> float | None:
        """Return the seconds that the ledger's newest time is ahead of the clock that numbers are made from.

        Negative where the ledger is behind that clock; None where the ledger shows no time.
        """

    async def delay_seconds(self) -> int:
        """Return the largest delay of ``transferred_units``: transfers that are older are shown there."""

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return the amount that each transaction moved to each recipient, from the ledger's records.

        The keys are (transaction id, account id). Transactions that did not succeed are absent; so are recipients that
        got nothing.
        """

    def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of a contract, an account (its deposits) or a token after a cursor of (nanoseconds, index).

        The names are those of ``masspayout.event_handlers``. Events that payouts do not need are left out; one that
        cannot be decoded has a name of its own, and is set aside. The order is that of the ledger's present knowledge:
        events may show up later, and more than once.
        """

    async def close(self) -> None:
        """Close the connections."""
