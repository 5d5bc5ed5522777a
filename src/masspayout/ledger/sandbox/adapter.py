"""The sandbox behind the ledger port."""

import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import URL

from masspayout.kernel.errors import Invalid, LedgerRejected, LedgerUnavailable, LedgerUncertain
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime, to_nanos
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.types import LedgerEvent, Sender, SignedTransaction
from masspayout.ledger.identity import make_identity
from masspayout.ledger.port import (
    Dead,
    Estimate,
    HolderSnapshot,
    LedgerTraits,
    Outcome,
    PreflightResult,
    Refused,
    Settled,
    Tariff,
    TokenInformation,
    Transfer,
    Undecided,
)
from masspayout.ledger.sandbox import books
from masspayout.ledger.sandbox.administration import SandboxAdministration
from masspayout.ledger.sandbox.contract_events import stream_events
from masspayout.ledger.sandbox.execution import SUCCESS, deliver_due, execute, find_failures, up_to_date
from masspayout.ledger.sandbox.faults import strikes
from masspayout.ledger.sandbox.statements import find_held_units, stream_statement
from masspayout.ledger.sandbox.store import Connection, Network, SandboxStore
from masspayout.ledger.sandbox.tokens import find_token
from masspayout.ledger.sandbox.transactions import SandboxTransaction
from masspayout.ledger.transaction_ids import split_transaction_id
from masspayout.ledger.transfer_rules import check_transfer
from masspayout.settings import Settings

_TRANSACTIONS_IN_FLIGHT = 4

# The rate of a small machine, for estimates.
_RECIPIENTS_PER_SECOND = 6_000

# A transaction must have begun to be valid when it arrives, also where two machines' clocks differ a little.
_START_IN_THE_PAST_SECONDS = 5

# A later number was made by a wrong clock: the ledger would refuse it until its time comes.
_CEILING_SECONDS = 5


class SandboxLedger:
    """A ledger in PostgreSQL. Nothing happens in the background: each call is one transaction of its own.

    Args:
        url: The database that holds its schema ``sandbox``, which is created on first use. Any database will do:
            nothing else of ours has to be in it.
        settings: ``SANDBOX_RECIPIENTS_PER_TRANSACTION``, ``SANDBOX_RESULTS`` and ``SANDBOX_VALID_SECONDS`` count.
        clock: The time in nanoseconds since 1970, which the sandbox's own clock is ahead of by what it was advanced.
    """

    def __init__(self, url: URL, settings: Settings, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._store = SandboxStore(
            url,
            valid_seconds=settings.sandbox_valid_seconds,
            beside_ours=settings.sandbox_url is None,
            connections=settings.connection_shares.ledger,
        )
        self._valid_seconds = settings.sandbox_valid_seconds
        self.admin = SandboxAdministration(self._store)
        self._traits = LedgerTraits(
            name="sandbox",
            recipients_per_transaction=settings.sandbox_recipients_per_transaction,
            atomic=settings.sandbox_results == "atomic",
            transactions_in_flight=_TRANSACTIONS_IN_FLIGHT,
            keeps_history=True,
            signs_times=True,
        )

    @property
    def traits(self) -> LedgerTraits:
        """The traits of this ledger."""
        return self._traits

    async def identity(self) -> str:
        """Return the sandbox's own id. A sandbox that is emptied is another ledger afterwards."""
        async with self._store.reading() as connection:
            return make_identity("sandbox", await self._store.network_id(connection))

    async def examine(self) -> str:
        """Return an empty sentence: the sandbox is where the database is, and one that was never used is left alone."""
        return ""

    async def token(self, token_id: str) -> TokenInformation:
        """Return a token's facts.

        Raises:
            NotFound: There is no such token.
        """
        async with self._store.connection() as connection:
            return await find_token(connection, token_id)

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        """Return the holders of a token, now or at an earlier time. Balances never lag behind, with any faults.

        Raises:
            NotFound: There is no such token.
            Invalid: The time lies ahead of the ledger's.
        """
        async with up_to_date(self._store) as (connection, network):
            await find_token(connection, token_id)
        at_nanos = network.complete_nanos if at is None else to_nanos(at)
        if at_nanos > network.complete_nanos:
            now = to_datetime(network.complete_nanos)
            raise Invalid(f"The time {at} lies ahead of the ledger's, which is {now}.", "Ask again when it has passed.")
        return HolderSnapshot(to_datetime(at_nanos), books.stream_holders(self._store, token_id, at_nanos))

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return an account's balance of a token; 0 when it is unknown."""
        async with up_to_date(self._store) as (connection, _):
            cursor = await connection.execute(
                "SELECT balance_units FROM holding WHERE token_id = %s AND account_id = %s", [token_id, account_id]
            )
            row = await cursor.fetchone()
            return 0 if row is None else int(row["balance_units"])

    async def check_payer(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> None:
        """Accept every payer: the sandbox's payers need no keys and no contract."""

    async def tariff(
        self,
        payer_account_id: str,  # noqa: ARG002 - all payers, tokens and terms are alike here
        token_id: str,  # noqa: ARG002
        contract_terms: str | None = None,  # noqa: ARG002
    ) -> Tariff:
        """Return the duration of payments. The sandbox charges nothing."""
        return Tariff(lambda recipient_count: Estimate(-(-recipient_count // _RECIPIENTS_PER_SECOND), fees=None))

    async def preflight(
        self,
        payer_account_id: str,  # noqa: ARG002 - who pays makes no difference here
        token_id: str,
        account_ids: Sequence[str],
        contract_terms: str | None = None,  # noqa: ARG002 - no payer here computes the amounts
        *,
        max_lookups: int | None = None,  # noqa: ARG002 - one query covers all
    ) -> PreflightResult:
        """Return the accounts that could not receive the token now.

        Raises:
            NotFound: There is no such token.
        """
        async with self._store.connection() as connection:
            await find_token(connection, token_id)
            return PreflightResult(await find_failures(connection, token_id, account_ids))

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the payer itself, with the smallest start of validity that it may use now, in nanoseconds.

        When another process has just advanced the clock, this one notices at its next call to the ledger; a transaction
        that it signs before that expires, and is signed anew.
        """
        now_nanos = self._clock() + self._store.clock_offset_nanos
        return Sender(
            payer_account_id,
            now_nanos - _START_IN_THE_PAST_SECONDS * NANOS_PER_SECOND,
            now_nanos + _CEILING_SECONDS * NANOS_PER_SECOND,
        )

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Build and sign a transaction. Nothing is sent.

        Raises:
            LedgerRejected: The transfer can never be valid (too many recipients, an amount that is not positive).
        """
        limit = self._traits.recipients_per_transaction
        check_transfer(transfer, at_most=limit, setting="SANDBOX_RECIPIENTS_PER_TRANSACTION")
        transaction = SandboxTransaction(
            payer_account_id=transfer.payer_account_id,
            token_id=transfer.token_id,
            accounts=tuple(payment.account_id for payment in transfer.payments),
            amounts_units=tuple(payment.amount_units for payment in transfer.payments),
            valid_start_nanos=transfer.number,
            valid_seconds=self._valid_seconds,
            memo=transfer.memo,
            atomic=self._traits.atomic,
        )
        return SignedTransaction(
            transaction.transaction_id, transaction.to_bytes(), to_datetime(transaction.expires_nanos)
        )

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a signed transaction. A return means that it was accepted, now or before; not that it succeeded.

        Raises:
            LedgerRejected: The transaction was refused on arrival. An earlier sending of the same bytes may still
                succeed.
            LedgerUnavailable: The ledger was too busy, and did not take it.
            LedgerUncertain: No answer came.
        """
        transaction = SandboxTransaction.from_bytes(signed_bytes)
        reached = False
        try:
            async with up_to_date(self._store) as (connection, network):
                faults = network.faults
                if strikes(faults.throttle_percent):
                    raise _throttled(transaction)
                reached = True
                lost = await _carry(connection, network, transaction, signed_bytes)
        except LedgerUnavailable as error:
            if not reached:
                raise
            raise LedgerUncertain(
                f"The connection broke while {transaction.transaction_id} was executed: {error.message}",
                error.next_step,
            ) from error
        except LedgerRejected:
            if strikes(faults.lose_answer_percent):
                raise _no_answer(transaction) from None
            raise
        if lost or strikes(faults.lose_answer_percent):
            raise _no_answer(transaction)

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:  # noqa: ARG002
        """Return the outcome of a transaction, as far as there is evidence.

        Absence proves death once the mirror has seen the ledger pass the longest validity of any signed transaction:
        the ledger takes the transaction no more, and the books are complete up to the mirror's time.

        Raises:
            Invalid: The text is not a transaction id.
        """
        _, valid_start_nanos = split_transaction_id(transaction_id)
        # A shown result never changes; only without one is the network read, which waits for its lock.
        async with self._store.reading() as connection:
            row = await books.find_result(connection, transaction_id)
        if row is None:
            async with up_to_date(self._store) as (connection, network):
                row = await books.find_result(connection, transaction_id, until_nanos=network.mirror_nanos)
            if row is None:
                return _judge_absence(valid_start_nanos, network)
        if row["result"] != SUCCESS:
            return Refused(row["result"])
        failures = dict(zip(row["failed_accounts"], row["failure_codes"], strict=True))
        return Settled(to_datetime(row["consensus_nanos"]), failures)

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream a payer's payments and receipts, up to the mirror's time."""
        network = await deliver_due(self._store)
        reading = {"after_nanos": after or 0, "until_nanos": network.mirror_nanos}
        async for page in stream_statement(self._store, payer_account_id, **reading):
            yield page

    async def statement_position(self, at: datetime) -> int:
        """Return a time in nanoseconds: transactions from that time on are read, and none before."""
        return to_nanos(at) - 1

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Return a payer's balance of a token at a time in nanoseconds."""
        async with self._store.reading() as connection:
            return await find_held_units(connection, payer_account_id, token_id, cursor)

    async def settling_seconds(self) -> int:
        """Return the longest validity of any signed transaction, plus the mirror's lag."""
        async with self._store.locked() as (_, network):
            return network.longest_valid_seconds + math.ceil(network.faults.mirror_lag_seconds)

    def payment_key(self, obligation: str) -> str | None:  # noqa: ARG002 - what is paid makes no difference
        """Return None: the sandbox has no contracts that pay."""
        return None

    async def clock_offset_nanos(self) -> int:
        """Return the nanoseconds by which the sandbox's clock was advanced.

        A sandbox that was never used is left alone.
        """
        return await self._store.find_clock_offset_nanos()

    async def clock_lead_seconds(self) -> float | None:
        """Return the seconds that the sandbox's server is ahead of our clock; None for one that was never used."""
        if not await self._store.exists():
            return None
        async with self._store.locked() as (_, network):
            return (network.next_nanos - self._clock() - self._store.clock_offset_nanos) / NANOS_PER_SECOND

    async def delay_seconds(self) -> int:
        """Return the mirror's lag."""
        async with self._store.locked() as (_, network):
            return math.ceil(network.faults.mirror_lag_seconds)

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return the amount that each shown transaction moved to each recipient, by (transaction id, account id)."""
        network = await deliver_due(self._store)
        async with self._store.connection() as connection:
            return await books.find_transferred_units(connection, transaction_ids, until_nanos=network.mirror_nanos)

    async def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of a contract, account or token after a cursor of (nanoseconds, index), in order.

        An account reports its deposits (``Deposit``), a token its transfers (``Transfer``), and any contract the events
        of ``admin.emit``.
        """
        network = await deliver_due(self._store)
        async for event in stream_events(self._store, contract_id, after=after, until_nanos=network.mirror_nanos):
            yield event

    async def close(self) -> None:
        """Close the connections."""
        await self._store.close()


async def _carry(
    connection: Connection, network: Network, transaction: SandboxTransaction, signed_bytes: bytes
) -> bool:
    """Deliver a transaction over the unreliable network to the ledger. Return True if it was lost or delayed.

    Raises:
        LedgerRejected: The ledger refused the transaction.
    """
    faults = network.faults
    if strikes(faults.lose_request_percent):
        return True
    if strikes(faults.delay_percent):
        await connection.execute(
            "INSERT INTO in_transit (signed_bytes, deliver_at_nanos) VALUES (%s, %s)",
            [signed_bytes, network.next_nanos + int(faults.delay_seconds * NANOS_PER_SECOND)],
        )
        return True
    await execute(connection, transaction, network)
    if strikes(faults.duplicate_percent):
        await execute(connection, transaction, network)
    return False


def _judge_absence(valid_start_nanos: int, network: Network) -> Outcome:
    deadline_nanos = valid_start_nanos + network.longest_valid_seconds * NANOS_PER_SECOND
    if network.mirror_nanos > deadline_nanos:
        return Dead(
            f"The ledger was seen complete up to {to_datetime(network.mirror_nanos)} without it, "
            f"and took it until {to_datetime(deadline_nanos)} at the latest."
        )
    return Undecided(f"The ledger has not shown it yet, and may take it until {to_datetime(deadline_nanos)}.")


def _no_answer(transaction: SandboxTransaction) -> LedgerUncertain:
    return LedgerUncertain(
        f"No answer came for {transaction.transaction_id}.", "Look up its outcome; only that tells what happened."
    )


def _throttled(transaction: SandboxTransaction) -> LedgerUnavailable:
    return LedgerUnavailable(f"The ledger was too busy for {transaction.transaction_id}.", "Send it again later.")
