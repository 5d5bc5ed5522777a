"""Starts: a distribution begins to be paid, or its unpaid holders are retried.

The ledger is read first, outside of any transaction. Then one transaction checks all that must hold,
freezes what is not frozen yet, changes the state by compare-and-set and enqueues the jobs that pay.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from masspayout import audit
from masspayout.context import Context
from masspayout.controls import FundsReading, approvals, frozen_token, funds, policies, start_conditions
from masspayout.db.entities import Asset, Distribution, DistributionStatus
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import lifecycle
from masspayout.entitlements import FreezeReading, freeze, freezing
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.next_steps import Action
from masspayout.kernel.payout_status import conflict
from masspayout.kernel.types import Due
from masspayout.payments import PayerGate
from masspayout.registers import Binding, ledger_binding

# How many of many accounts an error names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection of unpaid holders to retry: only these accounts, only those with this failure code, or both."""

    accounts: Sequence[str] | None = None
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The ledger's facts on a distribution before it begins.

    Attributes:
        binding: The ledger.
        freezing: The reading that it is frozen from; None if it is frozen already.
        funds: The payer's funds; None if its state does not allow a start.
    """

    binding: Binding
    freezing: FreezeReading | None = None
    funds: FundsReading | None = None


@dataclass(frozen=True, slots=True)
class SharedReadings:
    """Readings of the ledger that several distributions share which start within seconds.

    Funds are not among them: amounts paid meanwhile would still count as held.

    Attributes:
        binding: The ledger.
        gate: The statements of payers: each is read once, and again when that is due.
        registers: By asset, since when its register is known to be read. A ledger may show its holders as of minutes
            ago, so the time that a register is of does not tell.
    """

    binding: Binding
    gate: PayerGate
    registers: dict[uuid.UUID, datetime] = field(default_factory=dict)

    @classmethod
    async def begin(cls, context: Context, registers: dict[uuid.UUID, datetime] | None = None) -> "SharedReadings":
        """Return the ledger that the settings lead to.

        Args:
            context: The parts of the process.
            registers: Registers that were read shortly before.

        Raises:
            LedgerUnavailable: It cannot be found out now.
        """
        binding = await ledger_binding.bind(context.ledger, context.settings)
        gate = PayerGate(context.database, context.ledger, context.settings, binding.identity)
        return cls(binding, gate, {} if registers is None else registers)

    def has_register(self, asset_id: uuid.UUID, since: datetime | None) -> bool:
        """Return whether a register was read after a time."""
        read_at = self.registers.get(asset_id)
        return since is not None and read_at is not None and read_at >= since


async def execute(context: Context, distribution_id: uuid.UUID, *, now: datetime | None = None) -> None:
    """Start paying: PENDING → PROCESSING. The register is read anew where it counts.

    A distribution that needs approvals is frozen first, so that approvers see its amounts.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It is not pending, or not due yet, or its record time lies ahead.
        PayoutPaused: Somebody paused the asset or the installation.
        ContractPaused: The asset's contract is paused.
        ApprovalsMissing: Approvals are missing.
        InsufficientFunds: The payer holds less than the frozen total.
        LimitExceeded: It is more than may be paid out, at once or in a day.
        NobodyEligible: There is nobody to freeze it for.
        LedgerUnavailable: The ledger cannot be read now.
        ClockIsOff: This machine's clock is far from the database's.
    """
    now = now or await context.database.clock.now()
    readiness = await prepare(context, distribution_id, now)
    await _require_approvals_of_frozen(context, distribution_id, readiness, now)
    async with context.database.unit_of_work() as work:
        await begin(work, context, await work.distributions.get(distribution_id), readiness, now)


async def retry(
    context: Context, distribution_id: uuid.UUID, *, chosen: Chosen | None = None, now: datetime | None = None
) -> None:
    """Retry the unpaid holders, and no others: FAILED → PROCESSING.

    One that failed before it was frozen is frozen now. With ``chosen``, the other unpaid stay as they are.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It has not failed, or nobody who was chosen is unpaid.
        Invalid: An account that was chosen is none of the unpaid.
        PayoutPaused: Somebody paused the payout, its asset or the installation.
        ContractPaused: The asset's contract is paused.
        ApprovalsMissing: Approvals are missing. Those given before it failed still count.
        InsufficientFunds: The payer holds less than what is unpaid.
        LimitExceeded: It is more than may be paid out in a day.
        NobodyEligible: There is nobody to freeze it for.
        LedgerUnavailable: The ledger cannot be read now.
        ClockIsOff: This machine's clock is far from the database's.
    """
    now = now or await context.database.clock.now()
    readiness = await prepare(context, distribution_id, now)
    await _require_approvals_of_frozen(context, distribution_id, readiness, now)
    async with context.database.unit_of_work() as work:
        if chosen is None and await lifecycle.reopen_unfrozen(work, distribution_id):
            await begin(work, context, await work.distributions.get(distribution_id), readiness, now)
        else:
            await _begin_again(work, context, distribution_id, readiness, chosen, now)


async def prepare(
    context: Context,
    distribution_id: uuid.UUID,
    now: datetime,
    *,
    register_since: datetime | None = None,
    shared: SharedReadings | None = None,
) -> Readiness:
    """Read from the ledger what a distribution needs to begin. Nothing of the database waits for it.

    Args:
        context: The parts of the process.
        distribution_id: Its id.
        now: The present.
        register_since: A register that was read after this time is new enough; else it is read anew.
        shared: Readings for others that start with it.

    Raises:
        NotFound: There is no such distribution.
        AnotherLedger: It began on another ledger.
        Conflict: It is not due yet, or its record time lies ahead, or it cannot be frozen.
        ContractPaused: The asset's contract is paused.
        LedgerUnavailable: The ledger cannot be read now.
        ClockIsOff: This machine's clock is far from the database's.
    """
    database, ledger, settings = context.database, context.ledger, context.settings
    distribution, asset = await _find_with_asset(database, distribution_id)
    shared = shared or await SharedReadings.begin(context)
    binding = shared.binding
    if not distribution.status.can_execute and not distribution.status.can_retry:
        return Readiness(binding)
    await database.clock.require_right()
    if asset is None:
        ledger_binding.require_began_on(binding.identity, distribution)
        # What the ledger shows as paid of it, and the database forgot, is not due any more.
        await shared.gate.sync(str(distribution.payer_account_id))
        return Readiness(binding, funds=await funds.read(ledger, frozen_token(distribution)))
    _require_freezable(distribution, asset, now)
    if not shared.has_register(asset.id, register_since) and await lifecycle.read_register(
        context, distribution, asset, since=register_since, identity=binding.identity
    ):
        shared.registers[asset.id] = now
        # What a token announced may have been put off, or called off.
        async with database.unit_of_work() as work:
            distribution, asset = await work.distributions.get(distribution_id), await work.assets.get(asset.id)
        if not distribution.status.can_execute and not distribution.status.can_retry:
            return Readiness(binding)
        start_conditions.require_due(distribution, now)
    reading = await freezing.read(ledger, settings, binding, distribution, asset)
    return Readiness(binding, reading, await funds.read(ledger, reading.token))


async def _find_with_asset(database: Database, distribution_id: uuid.UUID) -> tuple[Distribution, Asset | None]:
    """Return a distribution with its asset; without it once the distribution is frozen, and needs no register."""
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
        return distribution, None if distribution.is_frozen else await work.assets.get(distribution.asset_id)


def _require_freezable(distribution: Distribution, asset: Asset, now: datetime) -> None:
    """Refuse what cannot be frozen yet, before the ledger is read for it."""
    start_conditions.require_due(distribution, now)
    start_conditions.require_unpaused(asset)
    start_conditions.require_record_time_passed(distribution, now)


async def _require_approvals_of_frozen(
    context: Context, distribution_id: uuid.UUID, readiness: Readiness, now: datetime
) -> None:
    """Freeze what may need approvals and is not frozen, so that people see what they approve of.

    Raises:
        ApprovalsMissing: It was frozen, and waits for approvals now.
    """
    settings = context.settings
    if readiness.freezing is None:
        return
    async with context.database.unit_of_work() as work:
        found = await work.distributions.get(distribution_id)
        if not (await policies.in_force(work, settings, found.asset_id)).is_guarded:
            return
        if await lifecycle.reopen_unfrozen(work, distribution_id):
            await work.refresh(found)
        if await freeze_for_approval(work, context, found, readiness, now):
            await work.rollback()
            return
    async with context.database.unit_of_work() as work:
        await approvals.require(work, settings, await work.distributions.get(distribution_id), now)


async def freeze_for_approval(
    work: UnitOfWork, context: Context, distribution: Distribution, readiness: Readiness, now: datetime
) -> bool:
    """Freeze a distribution that is due if it may need approvals. Return whether it has all that it needs.

    If not, it waits for them once the caller's transaction commits.

    Raises:
        Conflict: It is not due yet, or its record time lies ahead.
        ContractPaused: The asset's contract is paused.
        NobodyEligible: There is nobody to freeze it for.
    """
    policy = await policies.in_force(work, context.settings, distribution.asset_id)
    if not policy.is_guarded and not distribution.approvals_required:
        return True
    await _freeze_if_due(work, context, distribution, readiness, now)
    return (await approvals.demand(work, context.settings, distribution, now)).is_complete


async def _freeze_if_due(
    work: UnitOfWork, context: Context, distribution: Distribution, readiness: Readiness, now: datetime
) -> None:
    reading = readiness.freezing
    start_conditions.require_due(distribution, now)
    await start_conditions.require_contract_unpaused(work, distribution)
    if not distribution.is_frozen:
        start_conditions.require_record_time_passed(distribution, now)
        if reading is None:
            raise start_conditions.overtaken(distribution)
    await ledger_binding.require_of_distribution(work, readiness.binding.identity, distribution)
    if reading is not None and not distribution.is_frozen:
        await freeze(work, context.settings, distribution, reading)
        await approvals.demand(work, context.settings, distribution, now)


async def begin(
    work: UnitOfWork, context: Context, distribution: Distribution, readiness: Readiness, now: datetime
) -> None:
    """Start paying a distribution that was prepared, with the jobs that do it, in the caller's transaction.

    Args:
        work: The transaction.
        context: The parts of the process.
        distribution: It was read in this transaction.
        readiness: The ledger's facts on it.
        now: The present.

    Raises:
        MassPayoutError: As ``execute`` raises it.
    """
    if distribution.status.can_execute:
        await start_conditions.require_not_paused(work, distribution)
        await _freeze_if_due(work, context, distribution, readiness, now)
        due = await work.entitlements(distribution).unpaid()
        await start_conditions.require_free(work, context.settings, distribution, readiness.funds, due, now)
    await start_conditions.hold_off_pauses(work, distribution)
    if not await work.distributions.begin(distribution.id, now):
        await work.refresh(distribution)
        if distribution.status.can_execute:
            raise start_conditions.overtaken(distribution)
        raise conflict(distribution.id, distribution.status, "executed")
    audit.record_start(work, "distribution.executed", distribution, DistributionStatus.PENDING)
    await context.jobs.enqueue_payment(work, distribution.id, batch_count=distribution.batch_count or 0)


async def _begin_again(
    work: UnitOfWork,
    context: Context,
    distribution_id: uuid.UUID,
    readiness: Readiness,
    chosen: Chosen | None,
    now: datetime,
) -> None:
    repository = work.distributions
    distribution = await repository.get(distribution_id)
    if distribution.status.can_retry:
        await start_conditions.require_not_paused(work, distribution)
        await ledger_binding.require_of_distribution(work, readiness.binding.identity, distribution)
        await start_conditions.require_contract_unpaused(work, distribution)
        due = await _due_at_retry(work, distribution, chosen)
        await start_conditions.require_free(work, context.settings, distribution, readiness.funds, due, now)
    await start_conditions.hold_off_pauses(work, distribution)
    if not await repository.begin_retry(distribution_id, now):
        await work.refresh(distribution)
        if distribution.status.can_retry:
            raise start_conditions.overtaken(distribution)
        raise conflict(distribution.id, distribution.status, "retried")
    what = {} if chosen is None else {"chosen": asdict(chosen)}
    audit.record_start(work, "distribution.retried", distribution, DistributionStatus.FAILED, **what)
    await _reopen(work, distribution, chosen)
    await context.jobs.enqueue_payment(work, distribution_id, batch_count=distribution.batch_count or 0)


async def _due_at_retry(work: UnitOfWork, distribution: Distribution, chosen: Chosen | None) -> Due:
    """Return what is due to those who are to be tried again; refuse accounts that nothing can be retried for."""
    entitlements = work.entitlements(distribution)
    if chosen is None:
        return await entitlements.unpaid()
    if chosen.accounts and (strangers := await entitlements.find_not_failed(chosen.accounts)):
        named = ", ".join(strangers[:_NAMED]) + (" …" if len(strangers) > _NAMED else "")
        raise Invalid(
            f"{len(strangers):,} of the accounts chosen are not among the unpaid of payout {distribution.id}: {named}.",
            "List the unpaid holders: ",
            Action.LIST_UNPAID.on(distribution.id),
        )
    return await entitlements.failed(chosen.accounts, chosen.failure_code)


async def _reopen(work: UnitOfWork, distribution: Distribution, chosen: Chosen | None) -> None:
    """Open the batches again of those who are to be tried again."""
    batches = work.batch_payouts
    if chosen is None:
        await batches.reopen_failed(distribution.id)
    elif not await batches.reopen_some(distribution.id, chosen.accounts, chosen.failure_code):
        raise Conflict(
            f"None of the selected holders of {distribution.id} is unpaid.",
            "List the unpaid holders: ",
            Action.LIST_UNPAID.on(distribution.id),
        )
