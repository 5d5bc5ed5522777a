"""Distributions: created, reviewed, executed, retried, cancelled.

Every change of state is one compare-and-set; whoever comes second gets a Conflict that says how things stand.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import approvals, assets, audit, same_ledger, start_conditions
from masspayout.db.entities import Asset, Distribution, DistributionStatus, ExecutionType
from masspayout.db.repositories import BatchPayouts, Distributions, Due, Entitlements
from masspayout.db.session import Database, clock_of
from masspayout.distribution_records import record_cancelled, record_created
from masspayout.errors import Conflict, Invalid, NotFound
from masspayout.freezing import freeze, payment_token_of
from masspayout.jobs import Jobs
from masspayout.ledger.failures import describe_failure
from masspayout.ledger.port import Ledger
from masspayout.payer_gate import attend
from masspayout.settings import Settings
from masspayout.terms import Terms, check_schedule, from_terms

__all__ = [
    "Chosen",
    "Terms",
    "cancel",
    "create",
    "execute",
    "find",
    "freeze_for_approval",
    "get_ready",
    "read_register",
    "reopen_unfrozen",
    "retry",
    "stop",
]

# How many of many accounts an error names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of the unpaid to try again: only these accounts, only those with this failure code, or both."""

    accounts: Sequence[str] | None = None
    failure_code: str | None = None


async def create(
    database: Database, ledger: Ledger, settings: Settings, asset: Asset, terms: Terms, *, now: datetime | None = None
) -> Distribution:
    """Create a distribution. A MANUAL one is frozen at once, so that what will be paid can be reviewed.

    The register is read anew first. With a ``record_time`` that lies ahead the freeze waits for it; a SCHEDULED one
    freezes when it is due.

    Raises:
        Invalid: The terms are incomplete or contradict each other, or nobody is eligible. Nothing was written.
        Conflict: The asset has no payment token, or its contract works out the amounts itself.
    """
    now = now or await database.clock.now()
    token = await payment_token_of(ledger, settings, asset)
    distribution = from_terms(asset, terms, token)
    check_schedule(terms, now)
    is_scheduled = terms.execution_type is ExecutionType.SCHEDULED
    waits = is_scheduled or (terms.record_time is not None and terms.record_time > now)
    if not is_scheduled:
        await read_register(database, ledger, distribution)
    async with database.unit_of_work() as session:
        await Distributions(session).save(distribution)
        record_created(session, distribution)
        if not waits:
            await freeze(session, ledger, settings, distribution)
    return distribution


async def read_register(database: Database, ledger: Ledger, distribution: Distribution) -> None:
    """Read the register anew for a distribution that is still to be frozen from it, or that follows what a token says.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    if not distribution.is_frozen and (distribution.record_time is None or distribution.contract_terms is not None):
        await assets.sync(database, ledger, distribution.asset_id)


async def get_ready(
    database: Database, ledger: Ledger, settings: Settings, distribution: Distribution, *, now: datetime | None = None
) -> None:
    """Do what comes before executing or retrying, in transactions of its own: to be called by whoever does so by hand.

    The register is read anew where it counts. What has to be approved first is frozen, so that people see what it is.

    Raises:
        ApprovalsMissing: It was frozen, and waits for approvals now.
        LedgerUnavailable: The ledger cannot be read now.
    """
    now = now or await database.clock.now()
    if not distribution.status.can_execute and not distribution.status.can_retry:
        return
    await read_register(database, ledger, distribution)
    if distribution.is_frozen:
        # What the ledger shows as paid of it, and the database forgot, is not due any more.
        await attend(database, ledger, settings, str(distribution.payer_account_id))
    if distribution.is_frozen or not settings.approvals_required:
        return
    async with database.unit_of_work() as session:
        await reopen_unfrozen(session, distribution.id)
        found = await Distributions(session).get(distribution.id)
        if await freeze_for_approval(session, ledger, settings, found, now):
            await session.rollback()
            return
    async with database.unit_of_work() as session:
        await approvals.require(session, settings, await Distributions(session).get(distribution.id))


async def freeze_for_approval(
    session: AsyncSession, ledger: Ledger, settings: Settings, distribution: Distribution, now: datetime
) -> bool:
    """Freeze a distribution that is due if it may need approvals, and say whether it has all that it needs.

    If not, it waits for them once the caller's transaction commits.

    Raises:
        Conflict: It is not due yet, or its record time lies ahead.
        ContractPaused: The asset's contract is paused.
        NobodyEligible: There is nobody to freeze it for.
    """
    if not settings.approvals_required and not distribution.approvals_required:
        return True
    await _freeze_if_due(session, ledger, settings, distribution, now)
    return (await approvals.demand(session, settings, distribution)).is_complete


async def _freeze_if_due(
    session: AsyncSession, ledger: Ledger, settings: Settings, distribution: Distribution, now: datetime
) -> None:
    start_conditions.require_due(distribution, now)
    await same_ledger.require_of_distribution(session, ledger, distribution)
    await start_conditions.require_contract_unpaused(session, distribution)
    if not distribution.is_frozen:
        start_conditions.require_record_time_passed(distribution, now)
        await freeze(session, ledger, settings, distribution)


async def execute(
    session: AsyncSession,
    ledger: Ledger,
    settings: Settings,
    jobs: Jobs,
    distribution_id: uuid.UUID,
    *,
    now: datetime | None = None,
) -> None:
    """Start paying: PENDING → PROCESSING, with the jobs that do it, in the caller's transaction.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It is not pending, or not due yet, or its record time lies ahead.
        ContractPaused: The asset's contract is paused.
        ApprovalsMissing: Fewer people approved of it than have to.
        InsufficientFunds: The payer holds less than the frozen total.
        LimitExceeded: It is more than may be paid out, at once or in a day.
        NobodyEligible: There is nobody to freeze it for.
        ClockIsOff: This machine's clock is far from the database's.
    """
    now = now or await clock_of(session).now()
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_execute:
        await clock_of(session).require_right()
        await _freeze_if_due(session, ledger, settings, distribution, now)
        due = await Entitlements(session, distribution).unpaid()
        await start_conditions.require_free(session, ledger, settings, distribution, due, now)
    if not await distributions.begin(distribution_id, now):
        await session.refresh(distribution)
        raise _conflict(distribution, "executed")
    _record_start(session, "distribution.executed", distribution, DistributionStatus.PENDING)
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def retry(
    session: AsyncSession,
    ledger: Ledger,
    settings: Settings,
    jobs: Jobs,
    distribution_id: uuid.UUID,
    *,
    chosen: Chosen | None = None,
    now: datetime | None = None,
) -> None:
    """Try again to pay those who are unpaid, and nobody else: FAILED → PROCESSING.

    One that failed before it was frozen is frozen now. With ``chosen``, the other unpaid stay as they are.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It has not failed, or nobody who was chosen is unpaid.
        Invalid: An account that was chosen is none of the unpaid.
        ContractPaused: The asset's contract is paused.
        ApprovalsMissing: Fewer people approved of it than have to. Whoever approved before it failed still counts.
        InsufficientFunds: The payer holds less than what is unpaid.
        LimitExceeded: It is more than may be paid out in a day.
        NobodyEligible: There is nobody to freeze it for.
        ClockIsOff: This machine's clock is far from the database's.
    """
    now = now or await clock_of(session).now()
    distributions = Distributions(session)
    if chosen is None and await reopen_unfrozen(session, distribution_id):
        await execute(session, ledger, settings, jobs, distribution_id, now=now)
        return
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_retry:
        await clock_of(session).require_right()
        await same_ledger.require_of_distribution(session, ledger, distribution)
        await start_conditions.require_contract_unpaused(session, distribution)
        due = await _due_at_retry(session, distribution, chosen)
        await start_conditions.require_free(session, ledger, settings, distribution, due, now)
    if not await distributions.begin_retry(distribution_id, now):
        await session.refresh(distribution)
        raise _conflict(distribution, "retried")
    _record_start(session, "distribution.retried", distribution, DistributionStatus.FAILED, chosen)
    await _reopen(session, distribution, chosen)
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def _due_at_retry(session: AsyncSession, distribution: Distribution, chosen: Chosen | None) -> Due:
    """Return what is due to those who are to be tried again; refuse accounts that nothing can be retried for."""
    entitlements = Entitlements(session, distribution)
    if chosen is None:
        return await entitlements.unpaid()
    if chosen.accounts and (strangers := await entitlements.find_not_failed(chosen.accounts)):
        named = ", ".join(strangers[:_NAMED]) + (" …" if len(strangers) > _NAMED else "")
        raise Invalid(
            f"{len(strangers):,} of the accounts chosen are not among the unpaid of distribution {distribution.id}: "
            f"{named}.",
            f"See who is: masspayout distribution holders {distribution.id} --failed",
        )
    return await entitlements.failed(chosen.accounts, chosen.failure_code)


async def _reopen(session: AsyncSession, distribution: Distribution, chosen: Chosen | None) -> None:
    """Open the batches again of those who are to be tried again."""
    batches = BatchPayouts(session)
    if chosen is None:
        await batches.reopen_failed(distribution.id)
    elif not await batches.reopen_some(distribution.id, chosen.accounts, chosen.failure_code):
        raise Conflict(
            f"Nobody of distribution {distribution.id} who was chosen is unpaid.",
            f"See who is: masspayout distribution holders {distribution.id} --failed",
        )


async def reopen_unfrozen(session: AsyncSession, distribution_id: uuid.UUID) -> bool:
    """FAILED → PENDING for one that never got as far as its freeze. False when it is none of those."""
    if not await Distributions(session).reopen_unfrozen(distribution_id):
        return False
    audit.record_move(
        session, "distribution.reopened", distribution_id, DistributionStatus.FAILED, DistributionStatus.PENDING
    )
    return True


async def cancel(session: AsyncSession, distribution_id: uuid.UUID) -> None:
    """Call a distribution off for which nothing was sent: PENDING → CANCELLED.

    Raises:
        Conflict: It is not pending any more.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if not await distributions.cancel(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "cancelled")
    record_cancelled(session, distribution_id)


async def find(session: AsyncSession, reference: str) -> Distribution:
    """Return a distribution by its id, with its asset.

    Raises:
        NotFound: There is none, or the reference is no id.
    """
    try:
        distribution = await Distributions(session).find_by_id(uuid.UUID(reference), with_asset=True)
    except ValueError:
        distribution = None
    if distribution is None:
        raise NotFound(f"There is no distribution {reference!r}.", "List them with: masspayout distribution list")
    return distribution


async def stop(session: AsyncSession, distribution_id: uuid.UUID, code: str) -> None:
    """Begin no other batch, because of a failure that concerns everybody. What was sent is settled."""
    failure = describe_failure(code)
    message = f"{failure.sentence} {failure.next_step}"
    if await Distributions(session).stop(distribution_id, code, message):
        audit.record(session, "distribution.stopped", distribution_id, after={"failure_code": code})


def _record_start(
    session: AsyncSession,
    action: str,
    distribution: Distribution,
    from_status: DistributionStatus,
    chosen: Chosen | None = None,
) -> None:
    """Write down who has a distribution paid, and what it was that they have paid."""
    what: dict[str, Any] = {"register_hash": distribution.register_hash, "total_amount": distribution.total_amount}
    if chosen is not None:
        what["chosen"] = asdict(chosen)
    audit.record_move(session, action, distribution.id, from_status, DistributionStatus.PROCESSING, **what)


def _conflict(distribution: Distribution, verb: str) -> Conflict:
    next_step = {
        DistributionStatus.PENDING: f"Execute it with: masspayout distribution execute {distribution.id}",
        DistributionStatus.PROCESSING: f"Watch it with: masspayout distribution show {distribution.id}",
        DistributionStatus.COMPLETED: f"Prove it with: masspayout reconcile {distribution.id}",
        DistributionStatus.FAILED: f"Pay the unpaid with: masspayout distribution retry {distribution.id}",
        DistributionStatus.CANCELLED: "Create a new one with: masspayout distribution create",
    }
    return Conflict(
        f"Distribution {distribution.id} cannot be {verb}: it is {distribution.status}.", next_step[distribution.status]
    )
