"""What Mass Payout asks of a ledger, and what a ledger may answer.

Paying takes three calls that can each be lost and repeated: ``prepare`` makes and signs a transaction without sending
it, ``submit`` sends stored bytes, ``outcome`` looks up what became of them. Only ``outcome`` is believed.

Amounts are integers in the token's smallest unit. Account and token ids are in canonical form.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from masspayout.kernel.movements import Payment, StatementPage
from masspayout.kernel.types import LedgerEvent, Sender, SignedTransaction

# Of a signed transaction that can be sent until another one takes its place.
NEVER_EXPIRES = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LedgerTraits:
    """What a ledger is like.

    Attributes:
        name: The value of ``LEDGER`` that chooses it.
        recipients_per_transaction: The most recipients of one transaction.
        atomic: One bad recipient fails the whole transaction; otherwise each recipient has a result of its own.
        transactions_in_flight: How many transactions one worker keeps under way at once.
        keeps_history: Whether balances of an earlier time can be asked for.
        signs_times: Whether what is signed carries a time, so that a wrong clock spoils it.
    """

    name: str
    recipients_per_transaction: int
    atomic: bool
    transactions_in_flight: int
    keeps_history: bool
    signs_times: bool = False


@dataclass(frozen=True, slots=True)
class TokenInformation:
    """What the ledger says of a token. ``total_supply_units`` is in smallest units and may exceed 64 bits.

    ``drawback`` is a sentence that says why nobody should be paid in it, where there is a reason.
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
    """One account that holds a token."""

    account_id: str
    balance_units: int


@dataclass(frozen=True, slots=True)
class HolderSnapshot:
    """All accounts with a balance above 0 at one moment, as a stream of pages; no account occurs twice.

    Attributes:
        taken_at: The moment that the balances are of, in the ledger's time.
        pages: The holders; to be read once.
    """

    taken_at: datetime
    pages: AsyncIterator[Sequence[HolderBalance]]


@dataclass(frozen=True, slots=True)
class Fees:
    """What the ledger will charge for something, about, in its own currency.

    Attributes:
        account_id: Who is charged.
        units: How much, in the currency's smallest unit.
        held_units: What that account holds of the currency.
        symbol: How people write the currency.
        decimals: How many decimals it has.
        token_id: Under which id it is a payment token, where it can be one.
    """

    account_id: str
    units: int
    held_units: int
    symbol: str
    decimals: int
    token_id: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What paying some recipients takes, about, if nothing goes wrong; ``fees`` is None where nothing is charged."""

    seconds: int
    fees: Fees | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a ledger charges for payments and how long it takes, as of a moment.

    Attributes:
        estimate: Works out what paying so many recipients takes, without asking anybody.
    """

    estimate: Callable[[int], Estimate]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transaction to be signed: one token, one payer, some recipients.

    Attributes:
        number: From ``ledger_sequence``: handed out to this sender once. The number of what is not signed after all is
            returned, and handed out again, so that there are no gaps.
        payment_key: What is paid, as ``Ledger.payment_key`` gives it. A contract that remembers whom it paid pays each
            account once for it.
        sender_account_id: The ``Sender`` that the number is of.
        contract_terms: What is paid in the words of a payer that works out the amounts itself; None for any other.
    """

    number: int
    payer_account_id: str
    token_id: str
    payments: Sequence[Payment]
    memo: str
    payment_key: str | None
    sender_account_id: str
    contract_terms: str | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing final is known: it may have happened, may still happen, or never will."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It never happened and never can. ``proof`` says how that is known; a time-out is no proof."""

    proof: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It was processed and paid nobody, because of ``code`` (see ``masspayout.ledger.failures``)."""

    code: str


@dataclass(frozen=True, slots=True)
class Settled:
    """It was processed: everybody was paid, but those in ``failures``, each with the code that says why.

    Attributes:
        consensus_at: When, where the ledger says so by now: those that know first may not say when.
        failures: Who was not paid.
        paid_units: What the others got, by a payer that works out the amounts in the moment in which it pays. Empty for
            any other: they got what they were to get.
    """

    consensus_at: datetime | None
    failures: Mapping[str, str] = field(default_factory=dict)
    paid_units: Mapping[str, int] = field(default_factory=dict)


class PreflightResult(NamedTuple):
    """Who could not receive a token as things stand, each with a code; and of how many others it was not found out."""

    failures: Mapping[str, str]
    unchecked_count: int = 0


Outcome = Undecided | Dead | Refused | Settled


class Ledger(Protocol):
    """A ledger. Any call may raise ``LedgerUnavailable`` when the ledger cannot be reached."""

    @property
    def traits(self) -> LedgerTraits:
        """What this ledger is like."""

    async def identity(self) -> str:
        """Say which ledger this is, as ``masspayout.ledger.identity`` writes it: the same after each start, everywhere.

        What was signed for one ledger must never be looked up on another, which would say that it never happened.

        Raises:
            Conflict: It is another one than the settings say.
        """

    async def examine(self) -> str:
        """Find out whether the ledger can be reached, is the right one, and takes our key; say so in a sentence.

        Nothing is made or sent. A ledger that needs no looking at says nothing.

        Raises:
            Conflict: Something about it is not as the settings say.
        """

    async def token(self, token_id: str) -> TokenInformation:
        """Describe a token.

        Raises:
            NotFound: There is no such token.
        """

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        """Read who holds a token, now or at an earlier time.

        Raises:
            NotFound: There is no such token.
            Invalid: The time lies ahead of the ledger's.
        """

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return what an account holds of a token; 0 when it has nothing to do with it."""

    async def check_payer(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> None:
        """Find out whether a payer could pay in a token as things stand, but for how much it holds.

        Args:
            payer_account_id: Who is to pay.
            token_id: What is to be paid in.
            contract_terms: What is to be paid, as in ``Transfer``; without them, anything at all.

        Raises:
            Conflict: It could not; the next step says what to do about it.
        """

    async def tariff(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> Tariff:
        """Return what payments take, and what the ledger charges whom for them.

        Args:
            payer_account_id: Who is to pay.
            token_id: What is to be paid in.
            contract_terms: What is to be paid, as in ``Transfer``.
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
        """Find out which accounts could not get the token from the payer as things stand.

        Args:
            payer_account_id: Who is to pay.
            token_id: What is to be paid in.
            account_ids: Whom to ask about.
            contract_terms: What is to be paid, as in ``Transfer``.
            max_lookups: Where it cannot be told of many at once, no more than these are asked about one by one, spread
                evenly over all; unless given, everybody is.
        """

    async def sender(self, payer_account_id: str) -> Sender:
        """Choose who sends the next transaction of a payer."""

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Build and sign a transaction. Nothing is sent.

        Raises:
            LedgerRejected: The transfer is not valid (too many recipients, an amount that is not positive), or the
                ledger says already now that it would fail.
        """

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a signed transaction. A return means that it was accepted, now or before; not that it succeeded.

        Raises:
            LedgerRejected: It was refused on arrival. An earlier sending of the same bytes may still succeed.
            LedgerUnavailable: The ledger was too busy, and did not take it.
            LedgerUncertain: No answer came.
        """

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Say what became of a transaction, as far as can be known.

        Args:
            transaction_id: Which one.
            signed_bytes: What was sent, where it is known. Ledgers that do not tell of whom a refusal is find that out
                by who was to pay, and whom in what.
        """

    def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream the statement of a payer after a cursor, in pages, up to what the ledger shows by now.

        It is resumable at the cursor of each page, and takes memory for one page, however long the statement is. The
        last page may have no entries; there is always at least one.

        Args:
            payer_account_id: Whose debits are read.
            after: The cursor of an earlier page; None begins with the payer's first transaction.

        Raises:
            LedgerUnavailable: The ledger cannot be read now. Pages that came before are good.
        """

    async def statement_position(self, at: datetime) -> int:
        """Return the position after which a statement begins that is to be read from a time on.

        Raises:
            Invalid: The time lies ahead of the ledger's.
            LedgerUnavailable: The ledger cannot be read now.
        """

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Return what a payer held of a token at a cursor of its statement; None where the ledger does not tell."""

    async def settling_seconds(self) -> int:
        """Return the time after which a transaction that was signed has happened, and is shown, or never will be.

        That is the longest validity of all that was ever signed, and the delay of what can be looked up. 0 where signed
        transactions never expire.
        """

    def payment_key(self, obligation: str) -> str | None:
        """Return the key under which a contract remembers whom it paid an obligation; None where no contract does."""

    async def clock_lead_seconds(self) -> float | None:
        """Return by how much the newest time that the ledger shows is ahead of the clock that numbers are made from.

        It is negative where the ledger is behind that clock, and None where the ledger tells no time.
        """

    async def delay_seconds(self) -> int:
        """Say by how much ``transferred_units`` may be behind the ledger: what happened longer ago is shown there."""

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return what each transaction moved to each recipient, from the ledger's books.

        The keys are (transaction id, account id). Transactions that did not succeed are absent; so are recipients that
        got nothing.
        """

    def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of a contract, an account (its deposits) or a token after a cursor of (nanoseconds, index).

        The names are those of ``masspayout.event_handlers``. What is of no interest to payouts is left out; what cannot
        be decoded comes under a name of its own, and is set aside. The order is what the ledger knows of it by now:
        events may show up later, and more than once.
        """

    async def close(self) -> None:
        """Let go of connections."""
