"""Hedera behind the ledger port."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from masspayout.kernel.errors import Invalid, LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime, to_nanos
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.types import LedgerEvent, Sender, SignedTransaction
from masspayout.ledger.failures import PAYER_IS_RECIPIENT
from masspayout.ledger.hedera import costs
from masspayout.ledger.hedera.custom_fees import drawback_of
from masspayout.ledger.hedera.events import EventReader
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.hbar import DECIMALS, HBAR, TINYBARS, describe_hbar
from masspayout.ledger.hedera.health import NetworkHealth
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.holders import HolderReader, holders_query
from masspayout.ledger.hedera.mirror.transport import MirrorTransport
from masspayout.ledger.hedera.networks import find_network
from masspayout.ledger.hedera.nodes import ConsensusNodes
from masspayout.ledger.hedera.outcomes import SUCCESS, OutcomeFinder, mirror_id, original
from masspayout.ledger.hedera.preflight import Preflight, is_paused
from masspayout.ledger.hedera.statements import StatementReader
from masspayout.ledger.hedera.timestamps import format_timestamp
from masspayout.ledger.hedera.transactions import build, read_stored, sign
from masspayout.ledger.hedera.transfers import moved_units
from masspayout.ledger.port import (
    Estimate,
    Fees,
    HolderSnapshot,
    LedgerTraits,
    Outcome,
    PreflightResult,
    Refused,
    Tariff,
    TokenInformation,
    Transfer,
)
from masspayout.ledger.signing.opening import open_signer
from masspayout.ledger.signing.port import Signer
from masspayout.ledger.transaction_ids import make_transaction_id, split_transaction_id
from masspayout.ledger.transfer_rules import check_transfer
from masspayout.settings import Settings

_NANOS_PER_MICROSECOND = 1_000

# The transactions in flight with a custodian: a signature takes long, and numbers are handed out one after the other.
_SLOWLY_SIGNED = 8

# A later number was made by a wrong clock: the network would refuse it until its time comes.
_CEILING_SECONDS = 5


class HederaLedger:
    """A Hedera network, connected on first use.

    Args:
        settings: The settings, of which ``HEDERA_…``, those of the payer and of its key count.
        clock: The database's time in nanoseconds since 1970; tests may give their network's.

    Raises:
        Invalid: The settings have no addresses of the network.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], int] = time.time_ns) -> None:
        network = find_network(settings)
        self._settings = settings
        self._clock = clock
        self._network_name = network.name
        self._transport = MirrorTransport(
            network.mirror_urls,
            requests_per_second=settings.hedera_mirror_requests_per_second,
            timeout_seconds=settings.hedera_mirror_timeout_seconds,
            tries=settings.hedera_mirror_tries,
            parallel=settings.hedera_mirror_parallel,
        )
        self._mirror = MirrorClient(self._transport)
        self._nodes = ConsensusNodes(network.nodes, timeout_seconds=settings.hedera_node_timeout_seconds)
        self._first_block = FirstBlock(network.name, self._mirror)
        self._outcomes = OutcomeFinder(self._nodes, self._mirror, self._first_block, settings)
        self._preflight = Preflight(self._mirror)
        self._statements = StatementReader(
            self._mirror, self._first_block, margin_seconds=settings.hedera_death_margin_seconds
        )
        self._health = NetworkHealth(network.name, self._mirror, self._nodes, self._first_block, clock)
        self._signer: Signer | None = None
        self._opening = asyncio.Lock()
        self._traits = LedgerTraits(
            name="hedera",
            recipients_per_transaction=settings.hedera_recipients_per_transaction,
            atomic=True,
            transactions_in_flight=min(settings.hedera_transactions_in_flight, _SLOWLY_SIGNED)
            if settings.signer == "dfns"
            else settings.hedera_transactions_in_flight,
            keeps_history=True,
            signs_times=True,
        )

    @property
    def traits(self) -> LedgerTraits:
        """The traits of this ledger."""
        return self._traits

    async def identity(self) -> str:
        """Return the network's name, and the first block that a mirror node shows of it."""
        return await self._first_block.identity()

    async def examine(self) -> str:
        """Return a sentence about mirror nodes, consensus nodes, their time, and the payer's key.

        Raises:
            Conflict: The key is not the payer's, the payer is unknown, or this machine's clock is off.
            Invalid: There is no key to sign with.
            LedgerUnavailable: No mirror node or no consensus node answers.
        """
        state = await self._health.describe()
        await self._preflight.require_key(self._settings.payer_account_id, await self._open_signer())
        return f"{state} The key is that of {self._settings.payer_account_id}."

    async def token(self, token_id: str) -> TokenInformation:
        """Describe a token, or HBAR.

        Raises:
            NotFound: There is no such token.
        """
        if token_id == HBAR:
            return describe_hbar()
        token = await self._preflight.token(token_id)
        return TokenInformation(
            token.token_id,
            token.name,
            token.symbol,
            token.decimals,
            token.total_supply,
            token.treasury_account_id,
            paused=is_paused(token),
            drawback=drawback_of(token, self._settings.payer_account_id),
        )

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        """Return the holders of a token, now or at an earlier time.

        The present balances move while they are read. Of earlier times mirror nodes keep snapshots, a quarter of an
        hour apart: the newest one that is not later is read, and its own time is returned.

        Raises:
            NotFound: There is no such token.
            Invalid: The time lies ahead of the network's, or before the first snapshot; or the token is HBAR.
        """
        if token_id == HBAR:
            raise Invalid("HBAR has no register of holders.", "Name a token as the asset; HBAR can be paid in.")
        await self._preflight.token(token_id)
        now_nanos = await self._mirror.newest_nanos()
        # The time of a snapshot was cut to microseconds when it was stored.
        at_nanos = None if at is None else to_nanos(at) + _NANOS_PER_MICROSECOND - 1
        if at_nanos is not None and at_nanos > now_nanos:
            raise Invalid(
                f"The time {at} lies ahead of the network's, which is {to_datetime(now_nanos)}.",
                "Ask again when it has passed.",
            )
        snapshot = None if at_nanos is None else f"lte:{format_timestamp(at_nanos)}"
        first = await self._mirror.holders_page(token_id, holders_query(snapshot))
        if at is not None and first.timestamp is None:
            raise Invalid(
                f"The mirror nodes keep no balances of {token_id} from {at} or earlier.", "Choose a later time."
            )
        reader = HolderReader(
            self._mirror, token_id, first, snapshot=snapshot, parallel=self._settings.hedera_mirror_parallel
        )
        # Live pages carry the time when one of their balances last changed, which may be long ago.
        taken_nanos = now_nanos if at is None else first.timestamp or now_nanos
        return HolderSnapshot(to_datetime(taken_nanos), reader.pages())

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return the balance of an account in a token; 0 when it is not associated."""
        if token_id == HBAR:
            account = await self._mirror.account(account_id)
            return 0 if account is None or account.balance is None else account.balance.balance or 0
        relationship = await self._mirror.relationship(account_id, token_id)
        return 0 if relationship is None else relationship.balance

    async def check_payer(
        self,
        payer_account_id: str,
        token_id: str,
        contract_terms: str | None = None,  # noqa: ARG002 - no payer here computes the amounts
    ) -> None:
        """Check that a payer could pay in a token now, apart from its balance.

        Raises:
            Conflict: The payer could not; the next step is the fix.
            Invalid: There is no key to sign with.
        """
        await self._preflight.require_payer(payer_account_id, token_id, await self._open_signer())
        await self._nodes.require_any()

    async def tariff(
        self,
        payer_account_id: str,
        token_id: str,
        contract_terms: str | None = None,  # noqa: ARG002 - no payer here computes the amounts
    ) -> Tariff:
        """Return the estimated duration of payments, and the network's fees for them."""
        per_transaction = min(self._settings.batch_size, self._traits.recipients_per_transaction)
        token = None if token_id == HBAR else await self._preflight.token(token_id)
        rate = await self._mirror.exchange_rate()
        held_units = await self.balance_units(payer_account_id, HBAR)

        def estimate(recipient_count: int) -> Estimate:
            transactions = costs.transaction_count(recipient_count, per_transaction)
            fee_units = costs.fee_tinybars(recipient_count, per_transaction, token, rate)
            fees = Fees(payer_account_id, fee_units, held_units, symbol="HBAR", decimals=DECIMALS, token_id=HBAR)
            return Estimate(costs.seconds(transactions, self._traits.transactions_in_flight), fees)

        return Tariff(estimate)

    async def preflight(
        self,
        payer_account_id: str,  # noqa: ARG002 - who pays makes no difference to those who receive
        token_id: str,
        account_ids: Sequence[str],
        contract_terms: str | None = None,  # noqa: ARG002 - no payer here computes the amounts
        *,
        max_lookups: int | None = None,
    ) -> PreflightResult:
        """Return the accounts that could not receive the token now.

        One request covers a hundred accounts, with their existence and associations. Freeze and KYC take a request for
        each account, which is sent where the token has a key for that.

        Raises:
            NotFound: There is no such token.
        """
        return await self._preflight.check(token_id, account_ids, max_lookups)

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the payer itself, with the smallest start of validity that it may use now, in nanoseconds.

        The start lies a little in the past, because the network refuses a start ahead of its own time.
        """
        now_nanos = self._clock()
        return Sender(
            f"{payer_account_id}@{self._network_name}",
            now_nanos - self._settings.hedera_start_in_the_past_seconds * NANOS_PER_SECOND,
            now_nanos + _CEILING_SECONDS * NANOS_PER_SECOND,
        )

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Build and sign a transaction for several nodes. Nothing is sent.

        Raises:
            LedgerRejected: The transfer can never be valid (too many recipients, an amount that is not positive).
            LedgerUnavailable: The custodian of the key cannot be reached.
            Invalid: There is no key to sign with.
        """
        settings, limit = self._settings, self._traits.recipients_per_transaction
        check_transfer(transfer, at_most=limit, setting="HEDERA_RECIPIENTS_PER_TRANSACTION")
        if any(payment.account_id == transfer.payer_account_id for payment in transfer.payments):
            payer = transfer.payer_account_id
            raise LedgerRejected(PAYER_IS_RECIPIENT, f"The payer {payer} cannot pay itself.", "Leave it out.")
        unsigned = build(
            transfer,
            self._nodes.choose(transfer.number, settings.hedera_nodes_per_transaction),
            valid_seconds=settings.hedera_valid_seconds,
            max_fee_tinybars=int(settings.hedera_max_fee_hbar * TINYBARS),
        )
        signed_bytes = await sign(unsigned, await self._open_signer())
        transaction_id = make_transaction_id(transfer.payer_account_id, transfer.number)
        expires_nanos = transfer.number + settings.hedera_valid_seconds * NANOS_PER_SECOND
        return SignedTransaction(transaction_id, signed_bytes, to_datetime(expires_nanos))

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a signed transaction. A return means that it was accepted, now or before; not that it succeeded.

        Raises:
            LedgerRejected: The transaction was refused on arrival. An earlier sending of the same bytes may still
                succeed.
            LedgerUnavailable: No node took it.
            LedgerUncertain: No answer came.
        """
        await self._nodes.submit(read_stored(signed_bytes))

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Return the outcome of a transaction, as far as there is evidence; see ``outcomes``.

        Raises:
            Invalid: The text is not a transaction id.
            LedgerUnavailable: Neither nodes nor mirror nodes answer.
        """
        outcome = await self._outcomes.find(transaction_id)
        if not isinstance(outcome, Refused) or signed_bytes is None:
            return outcome
        try:
            sent = read_stored(signed_bytes)
        except LedgerRejected:
            return outcome  # the bytes were altered since, and prove nothing about what was sent
        payer_account_id, _ = split_transaction_id(transaction_id)
        only_recipient = sent.recipient_ids[0] if len(sent.recipient_ids) == 1 else None
        code = await self._preflight.attribute(outcome.code, payer_account_id, sent.token_id, only_recipient)
        return Refused(code)

    async def clock_lead_seconds(self) -> float | None:
        """Return the seconds that the newest block of a mirror node ends ahead of our clock."""
        lead_nanos: int = await self._mirror.newest_nanos() - self._clock()
        return lead_nanos / NANOS_PER_SECOND

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream the statement of a payer after a consensus time, up to what each replica of a mirror node has seen.

        Raises:
            LedgerUnavailable: The mirror nodes cannot be read now.
        """
        async for page in self._statements.pages(payer_account_id, after=after):
            yield page

    async def statement_position(self, at: datetime) -> int:
        """Return a consensus time in nanoseconds: transactions from that time on are read, and none before."""
        return to_nanos(at) - 1

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Return a payer's balance at a consensus time, by the snapshot before it and the transactions since.

        Raises:
            LedgerUnavailable: The mirror nodes cannot be read now.
        """
        return await self._statements.held_units_at(payer_account_id, token_id, cursor)

    async def settling_seconds(self) -> int:
        """Return the longest validity of any signed transaction, plus the lag of the mirror nodes."""
        return self._settings.hedera_longest_valid_seconds + await self.delay_seconds()

    def payment_key(self, obligation: str) -> str | None:  # noqa: ARG002 - what is paid makes no difference
        """Return None: native transfers have no contract that remembers them."""
        return None

    async def delay_seconds(self) -> int:
        """Return the age of a mirror node's newest block, plus the lag between its replicas."""
        age_seconds = -((await self._mirror.newest_nanos() - self._clock()) // NANOS_PER_SECOND)
        return max(0, age_seconds) + self._settings.hedera_death_margin_seconds

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return the amount that each transaction moved to each recipient, by (transaction id, account id)."""
        found = await asyncio.gather(*(self._mirror.transactions(mirror_id(one)) for one in transaction_ids))
        moved: dict[tuple[str, str], int] = {}
        for transaction_id, transactions in zip(transaction_ids, found, strict=True):
            transaction = original(transactions)
            if transaction is None or transaction.result != SUCCESS:
                continue
            for (_, account_id), units in moved_units(transaction).items():
                if units > 0:
                    moved[transaction_id, account_id] = units
        return moved

    async def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of an account or contract after a cursor of (nanoseconds, index), in order."""
        async for event in EventReader(self._mirror).events(contract_id, after=after):
            yield event

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()
        await self._nodes.close()
        if self._signer is not None:
            await self._signer.close()

    async def _open_signer(self) -> Signer:
        async with self._opening:
            if self._signer is None:
                self._signer = await open_signer(self._settings)
            return self._signer
