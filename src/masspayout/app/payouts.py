"""The use cases of payouts, each of them once.

The reads of the ledger, the transactions and their order are decided here, not above.
Beside this, edges read: lists and details come from the repositories.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from masspayout import distributions
from masspayout.app.holding import Holding
from masspayout.automation import series
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import Approval, Asset, Distribution, DistributionStatus, EntryAnswer, Payer, Series
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import (
    Chosen,
    PayoutList,
    Preview,
    contract_payouts,
    payout_lists,
    previews,
    starts,
)
from masspayout.entitlements import HashCheck, register_hashes
from masspayout.kernel.actors import current_actor
from masspayout.kernel.payout_status import ApprovalCount, PayoutStatus, Progress
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.types import PaymentToken
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.payments import (
    Answered,
    DistributionPayer,
    PayerGate,
    PayerReport,
    ProgressCallback,
    Reconciliation,
    Secured,
    ignore_progress,
    reconciliation,
    recovery,
)
from masspayout.registers import assets

# Mirror nodes are some seconds behind the ledger.
_RECONCILIATION_POLLS = 30
_RECONCILIATION_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ListWarning:
    """Warnings before a payout list is paid.

    Attributes:
        was_forgotten: The ledger shows payments of the list that the database does not know.
        unchecked_count: Of how many accounts it is not known whether they can receive the token.
    """

    was_forgotten: bool = False
    unchecked_count: int = 0


@dataclass(frozen=True, slots=True)
class PayoutDetail:
    """One payout at one moment.

    Attributes:
        distribution: With its asset.
        status: How it stands.
        approvals: Those that count, in the order in which they were given.
    """

    distribution: Distribution
    status: PayoutStatus
    approvals: Sequence[Approval]


class Payouts(Holding):
    """The use cases of payouts, and of the terms that they follow from.

    A request may be sent again, by somebody who died before the answer came. ``resumed`` says so: what it asks for may
    be done already, and then nothing is done and nothing is wrong.

    Args:
        context: Which database, which ledger, and how they are to be used.
        stop: Once it is set, ``pay`` begins no other batch.
        sleep: Waits for so many seconds; tests may give their own.
    """

    def __init__(
        self,
        context: Context,
        *,
        stop: asyncio.Event | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(context)
        self._sleep = sleep
        self._payer = DistributionPayer(context.database, context.ledger, context.settings, stop=stop, sleep=sleep)

    # Planned

    async def create(self, asset: Asset, terms: PayoutTerms) -> Distribution:
        """Create a distribution, as ``distributions.create`` does; one with the id of the terms is left as it is."""
        made = None if terms.id is None else await self.made_before(terms.id)
        return made or await distributions.create(self._context, asset, terms)

    async def create_series(self, asset: Asset, terms: PayoutTerms) -> Series:
        """Create a series, as ``series.create`` does; one with the id of the terms is left as it is."""
        if terms.id is not None:
            async with self._context.database.unit_of_work() as work:
                made = await work.series.find_by_id(terms.id)
            if made is not None:
                return made
        return await series.create(self._context, asset, terms, series.plan_of(terms))

    async def create_by_contract(self, asset: Asset, offer: ContractOffer, concept: str | None) -> Distribution:
        """Create a distribution that a contract pays by its own rule, as ``contract_payouts.create`` does."""
        return await contract_payouts.create(self._context, asset, offer, concept=concept)

    async def list_token(self, asset: Asset | None, token_id: str | None = None) -> PaymentToken:
        """Return what a list is paid in: a token that is named, or what the asset's distributions are paid in.

        Raises:
            Invalid: The id has the wrong form, or recipients would not get what is paid in the token.
            NotFound: The ledger knows no such token.
            Conflict: The asset has no payment token, or the payer is a contract that works out the amounts itself.
        """
        if token_id is None and asset is not None:
            return await payout_lists.payment_token_of_asset(self._context, asset)
        return await payout_lists.payment_token(self._context, token_id or "")

    async def create_of_list(
        self,
        asset: Asset,
        token: PaymentToken,
        payout_list: PayoutList,
        terms: PayoutTerms,
        *,
        check_first: bool = False,
        allow_unpayable: bool = False,
    ) -> Distribution:
        """Create a distribution of a list, as ``payout_lists.create`` does.

        With ``check_first`` nothing is created unless the funds suffice and everybody can receive the token, as
        ``payout_lists.check`` finds out.
        """
        if check_first:
            await payout_lists.check(self._context, token, payout_list, allow_unpayable=allow_unpayable)
        return await payout_lists.create(self._context, asset, token, payout_list, terms)

    async def find_or_create_of_list(
        self,
        asset_token_id: str,
        token: PaymentToken,
        payout_list: PayoutList,
        terms: PayoutTerms,
        warn: Callable[[ListWarning], None],
        *,
        allow_unpayable: bool = False,
    ) -> Distribution:
        """Return the distribution that pays a list: the existing one, adopted from the ledger if need be, or a new one.

        The payer is synced before; while it stays in doubt, this waits. Nothing is
        written, not even the asset, before all of the list is known to be good and ``warn`` was told.

        Raises:
            InsufficientFunds: The payer holds less than the list's total.
            InvalidRows: Some accounts cannot receive the token; all of them are named.
            LedgerUnavailable: The ledger cannot be read now.
        """
        await self._sync_payer(token.payer_account_id)
        async with self._context.database.unit_of_work() as work:
            found = await payout_lists.find(work, token, payout_list, terms)
            was_forgotten = await payout_lists.was_paid_before(work, token, payout_list, terms)
        if found is not None:
            return found
        warning = ListWarning(was_forgotten=True)
        if not was_forgotten:
            unchecked_count = await payout_lists.check(
                self._context, token, payout_list, allow_unpayable=allow_unpayable
            )
            warning = ListWarning(unchecked_count=unchecked_count)
        warn(warning)
        database, ledger = self._context.database, self._context.ledger
        asset = await assets.import_asset(database, ledger, asset_token_id, for_lists=True)
        made = await payout_lists.create(self._context, asset, token, payout_list, terms)
        # What the ledger shows of a payout that the database had forgotten is adopted by the one that was made.
        await self._sync_payer(token.payer_account_id)
        return made

    async def preview(self, distribution: Distribution) -> Preview:
        """Preview a frozen distribution, as ``previews.preview`` does."""
        return await previews.preview(self._context, distribution)

    async def dry_run(
        self, asset: Asset, terms: PayoutTerms, *, on_progress: ProgressCallback = ignore_progress
    ) -> Preview:
        """Return the dry run of terms, as ``previews.dry_run`` does. Nothing is written."""
        return await previews.dry_run(self._context, asset, terms, on_progress=on_progress)

    async def dry_run_of_list(
        self, token: PaymentToken, payout_list: PayoutList, *, on_progress: ProgressCallback = ignore_progress
    ) -> Preview:
        """Return the dry run of a list, as ``previews.dry_run_of_list`` does. Nothing is written."""
        return await previews.dry_run_of_list(self._context, token, payout_list, on_progress=on_progress)

    # Begun, stopped, tried again

    async def approve(self, distribution_id: uuid.UUID, register_hash: str, *, resumed: bool = False) -> ApprovalCount:
        """Approve of a distribution as the current actor, as ``approvals.approve`` does."""
        if resumed:
            found = await self.read_detail(distribution_id)
            if any(approval.person == current_actor().person for approval in found.approvals):
                return found.status.approvals
        return await approvals.approve(self._context.database, distribution_id, register_hash)

    async def start(self, distribution_id: uuid.UUID, *, resumed: bool = False) -> None:
        """Have workers pay a distribution, as ``starts.execute`` does."""
        if not (resumed and not (await self._status(distribution_id)).can_execute):
            await starts.execute(self._context, distribution_id)

    async def retry(self, distribution_id: uuid.UUID, *, chosen: Chosen | None = None, resumed: bool = False) -> None:
        """Have workers try the unpaid again, or some of them, as ``starts.retry`` does."""
        if not (resumed and not (await self._status(distribution_id)).can_retry):
            await starts.retry(self._context, distribution_id, chosen=chosen)

    async def start_or_resume(self, distribution_id: uuid.UUID) -> None:
        """Do what is next for a list that is to be paid, as ``payout_lists.start_or_resume`` does."""
        await payout_lists.start_or_resume(self._context, distribution_id)

    async def cancel(self, distribution_id: uuid.UUID, *, resumed: bool = False) -> None:
        """Call a distribution off for which nothing was sent, as ``distributions.cancel`` does."""
        if resumed and await self._status(distribution_id) is DistributionStatus.CANCELLED:
            return
        async with self._context.database.unit_of_work() as work:
            await distributions.cancel(work, distribution_id)

    async def pay(self, distribution_id: uuid.UUID) -> DistributionStatus:
        """Pay what was begun, in this process, until nothing of it is left to do. Other workers may help."""
        return await self._payer.pay(distribution_id)

    async def pay_time_slice(
        self, distribution_id: uuid.UUID, seconds: float | None
    ) -> tuple[DistributionStatus, float]:
        """Pay what was begun for so long, or until there is nothing to do for it now.

        Returns what became of it, and if it is PROCESSING still, after how many seconds somebody has to go on.
        """
        return await self._payer.pay_time_slice(distribution_id, seconds)

    # Looked at, and proven

    async def find(self, reference: str) -> Distribution:
        """Return a distribution by its id, the beginning of that or ``latest`` as somebody wrote it, with its asset.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: There is no such distribution.
        """
        async with self._context.database.unit_of_work() as work:
            return await distributions.find(work, reference)

    async def read_detail(self, reference: str | uuid.UUID) -> PayoutDetail:
        """Return a distribution with its asset, how it stands and who approved of it: all of one moment.

        Raises:
            NotFound: There is none, or that is no id.
        """
        async with self._context.database.unit_of_work() as work:
            distribution = await distributions.find(work, reference)
            status = await _read_status(work, distribution)
            given = await work.approvals.find_of_distribution(distribution.id) if status.approvals.given else []
            return PayoutDetail(distribution, status, given)

    async def status(self, distribution_id: uuid.UUID) -> PayoutStatus:
        """Return the status of a distribution.

        Raises:
            NotFound: There is none with this id.
        """
        async with self._context.database.unit_of_work() as work:
            return await _read_status(work, await work.distributions.get(distribution_id))

    async def progress(self, distribution_id: uuid.UUID) -> Progress:
        """Return the progress of a distribution, from its batches' counters: cheap enough to poll."""
        async with self._context.database.unit_of_work() as work:
            return await work.batch_payouts.progress(distribution_id)

    async def waits_for(self, distribution_id: uuid.UUID) -> str | None:
        """Return the reason why the oldest open transaction of a distribution waits; None when none does."""
        async with self._context.database.unit_of_work() as work:
            return await work.attempts.find_wait(distribution_id)

    async def reconcile(self, distribution_id: uuid.UUID) -> Reconciliation:
        """Compare the ledger's books with the database, as ``reconciliation.reconcile`` does."""
        return await reconciliation.reconcile(self._context.database, self._context.ledger, distribution_id)

    async def reconcile_after_payment(self, distribution_id: uuid.UUID) -> Reconciliation:
        """Reconcile what was just paid once the ledger's books show it, but wait for them a minute at most."""
        verdict = await self.reconcile(distribution_id)
        for _ in range(_RECONCILIATION_POLLS - 1):
            if verdict.breaks or not verdict.unseen_count:
                break
            await self._sleep(_RECONCILIATION_POLL_SECONDS)
            verdict = await self.reconcile(distribution_id)
        return verdict

    # Recovered

    async def recover(self, payer: str | None = None) -> tuple[Secured | None, Sequence[PayerReport]]:
        """Bring what the ledger shows into a database that forgot it, as ``recovery.recover`` does."""
        context = self._context
        return await recovery.recover(context.database, context.ledger, context.settings, payer)

    async def answer(self, transaction_id: str, answer: EntryAnswer, reason: str) -> Answered:
        """Write down what a person says of a debit that nobody could explain, as ``recovery.answer`` does."""
        context = self._context
        return await recovery.answer(context.database, context.ledger, context.settings, transaction_id, answer, reason)

    async def begin_statement(self, account: str, since: datetime, reason: str) -> None:
        """Have the statement of a payer begin at a time, as ``recovery.begin_statement`` does."""
        await recovery.begin_statement(self._context.database, self._context.ledger, account, since, reason)

    async def make_copy(self) -> str:
        """Make this database an installation of its own. Return its code."""
        return await recovery.make_copy(self._context.database)

    async def fix_hashes(self, distribution_id: uuid.UUID | None = None) -> Sequence[HashCheck]:
        """Fix register hashes that the contract of the payout confirms, as ``register_hashes.fix`` does."""
        return await register_hashes.fix(self._context.database, self._context.ledger, distribution_id)

    async def report_payers(self) -> Sequence[PayerReport]:
        """Return the report of each payer, from the database alone."""
        database = self._context.database
        return [await recovery.report(database, payer) for payer in await recovery.list_payers(database)]

    async def report_payer(self, payer: Payer) -> PayerReport:
        """Return the report of a payer, from the database alone."""
        return await recovery.report(self._context.database, payer)

    async def note_withdrawal(self, account: str, transaction_id: str, token_id: str) -> None:
        """Write down, before it is sent, that a debit is a withdrawal, as ``recovery.note_withdrawal`` does."""
        await recovery.note_withdrawal(self._context.database, self._context.ledger, account, transaction_id, token_id)

    async def _sync_payer(self, payer_account_id: str) -> None:
        """Read what the ledger shows of a payer; while it is in doubt, wait until the ledger has shown the rest."""
        gate = PayerGate(self._context.database, self._context.ledger, self._context.settings)
        state = await gate.sync(payer_account_id)
        while not state.is_open and not state.needs_person:
            await self._sleep(state.wait_seconds)
            state = await gate.sync(payer_account_id)

    async def made_before(self, distribution_id: uuid.UUID) -> Distribution | None:
        """Return what a process made that died before it could say so."""
        async with self._context.database.unit_of_work() as work:
            return await work.distributions.find_by_id(distribution_id)

    async def _status(self, distribution_id: uuid.UUID) -> DistributionStatus:
        async with self._context.database.unit_of_work() as work:
            return (await work.distributions.get(distribution_id)).status


async def _read_status(work: UnitOfWork, distribution: Distribution) -> PayoutStatus:
    progress = await work.batch_payouts.progress(distribution.id)
    return PayoutStatus(
        distribution_id=distribution.id,
        status=distribution.status,
        is_frozen=distribution.is_frozen,
        progress=progress,
        # While nobody has failed, there is no reason to be counted.
        failures=await work.entitlements(distribution).failure_counts() if progress.failed_count else {},
        approvals=(await work.approvals.counts([distribution.id]))[distribution.id],
        pause=await work.pauses.find(distribution.id),
        sent_back=distribution.sent_back,
    )
