"""Distributions: created, reviewed, executed, retried, cancelled.

Every change of state is one compare-and-set; whoever comes second gets a Conflict that says how things stand.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import assets, audit, funds
from masspayout.account_ids import canonical_account_id
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import Assets, BatchPayouts, Distributions, Entitlements
from masspayout.db.session import Database
from masspayout.errors import Conflict, ContractPaused, Invalid, NotFound
from masspayout.freezing import PaymentToken, freeze, payment_token_of
from masspayout.jobs import Jobs
from masspayout.ledger.failures import describe_failure
from masspayout.ledger.port import Ledger
from masspayout.money import to_units
from masspayout.settings import Settings

_FARTHEST_AHEAD = timedelta(days=36_525)

# How many of many accounts an error names.
_NAMED = 3

# What the audit trail says of a new one, by the names of its columns.
_TERMS = (
    "asset_id",
    "series_id",
    "type",
    "execution_type",
    "payout_type",
    "amount",
    "concept",
    "scheduled_time",
    "record_time",
    "excluded_accounts",
    "included_accounts",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody wants paid out. ``amount`` is in whole payment tokens."""

    type: DistributionType
    payout_type: PayoutType | None
    amount: Decimal | None
    execution_type: ExecutionType = ExecutionType.MANUAL
    concept: str | None = None
    record_time: datetime | None = None
    scheduled_time: datetime | None = None
    excluded_accounts: Sequence[str] = field(default=())
    included_accounts: Sequence[str] = field(default=())


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
        Conflict: The asset has no payment token.
    """
    now = now or datetime.now(UTC)
    token = payment_token_of(asset, settings)
    distribution = from_terms(asset, terms, token)
    _check_schedule(terms, now)
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
    """Read the register anew for a distribution that is still to be frozen from it.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    if not distribution.is_frozen and distribution.record_time is None:
        await assets.sync(database, ledger, distribution.asset_id)


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
        Conflict: It is not pending, or not due yet, or its record time lies ahead.
        ContractPaused: The asset's contract is paused.
        InsufficientFunds: The payer holds less than the frozen total.
        NobodyEligible: There is nobody to freeze it for.
    """
    now = now or datetime.now(UTC)
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_execute:
        _require_due(distribution, now)
        await _require_contract_unpaused(session, distribution)
        if not distribution.is_frozen:
            _require_record_time_passed(distribution, now)
            await freeze(session, ledger, settings, distribution)
        await funds.require_for_unpaid(session, ledger, distribution)
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
        Conflict: It has not failed, or nobody who was chosen is unpaid.
        Invalid: An account that was chosen is none of the unpaid.
        ContractPaused: The asset's contract is paused.
        InsufficientFunds: The payer holds less than what is unpaid.
        NobodyEligible: There is nobody to freeze it for.
    """
    distributions = Distributions(session)
    if chosen is None and await reopen_unfrozen(session, distribution_id):
        await execute(session, ledger, settings, jobs, distribution_id, now=now)
        return
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_retry:
        await _require_contract_unpaused(session, distribution)
        if chosen is None:
            await funds.require_for_unpaid(session, ledger, distribution)
        else:
            await _require_chosen(session, ledger, distribution, chosen)
    if not await distributions.begin_retry(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "retried")
    _record_start(session, "distribution.retried", distribution, DistributionStatus.FAILED, chosen)
    await _reopen(session, distribution, chosen)
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def _require_chosen(session: AsyncSession, ledger: Ledger, distribution: Distribution, chosen: Chosen) -> None:
    """Refuse accounts that nothing can be retried for, and check that the payer can pay the others."""
    entitlements = Entitlements(session, distribution)
    if chosen.accounts and (strangers := await entitlements.find_not_failed(chosen.accounts)):
        named = ", ".join(strangers[:_NAMED]) + (" …" if len(strangers) > _NAMED else "")
        raise Invalid(
            f"{len(strangers):,} of the accounts chosen are not among the unpaid of distribution {distribution.id}: "
            f"{named}.",
            f"See who is: masspayout distribution holders {distribution.id} --failed",
        )
    due = await entitlements.failed(chosen.accounts, chosen.failure_code)
    await funds.require(ledger, funds.frozen_token(distribution), due)


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


def from_terms(asset: Asset, terms: Terms, token: PaymentToken, *, amount_required: bool = True) -> Distribution:
    """Return the distribution that terms describe, not written yet.

    Raises:
        Invalid: The payout type or the amount is missing, or the amount or an account has the wrong form.
    """
    if terms.payout_type is None:
        raise Invalid(
            "The payout type is missing: how is the amount to be divided?",
            "Say --payout PERCENTAGE (pro rata to balances) or --payout FIXED (the same for everyone).",
        )
    if terms.amount is None and amount_required:
        raise Invalid("The amount is missing: how much is to be paid out?", "Say --amount with a number above 0.")
    if terms.amount is not None:
        if not terms.amount.is_finite() or terms.amount <= 0:
            raise Invalid(
                f"{terms.amount} is not an amount that can be paid out.", "Say --amount with a number above 0."
            )
        to_units(terms.amount, token.decimals)
    return Distribution(
        asset_id=asset.id,
        type=terms.type,
        execution_type=terms.execution_type,
        payout_type=terms.payout_type,
        amount=terms.amount,
        concept=terms.concept,
        record_time=terms.record_time,
        scheduled_time=terms.scheduled_time,
        excluded_accounts=[canonical_account_id(account) for account in terms.excluded_accounts],
        included_accounts=[canonical_account_id(account) for account in terms.included_accounts],
    )


def require_ahead(time: datetime, now: datetime, *, what: str) -> None:
    """Refuse a time that has passed, or that no calendar is made for.

    Raises:
        Invalid: It does not lie ahead, or more than a century.
    """
    if time <= now:
        raise Invalid(
            f"The {what} {time:%Y-%m-%d %H:%M:%S %Z} has passed: it is {now:%Y-%m-%d %H:%M:%S %Z}.",
            "Choose a time that lies ahead.",
        )
    if time > now + _FARTHEST_AHEAD:
        raise Invalid(f"The {what} {time:%Y-%m-%d %H:%M:%S %Z} lies more than a century ahead.", "Check the year.")


def record_created(session: AsyncSession, distribution: Distribution) -> None:
    """Write down who made a distribution, and its terms."""
    terms = {name: getattr(distribution, name) for name in _TERMS}
    audit.record(session, "distribution.created", distribution.id, after=terms)


def record_cancelled(session: AsyncSession, distribution_id: uuid.UUID) -> None:
    """Write down who called a distribution off."""
    pending, cancelled = DistributionStatus.PENDING, DistributionStatus.CANCELLED
    audit.record_move(session, "distribution.cancelled", distribution_id, pending, cancelled)


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


def _check_schedule(terms: Terms, now: datetime) -> None:
    """Refuse a time without SCHEDULED, SCHEDULED without a time, and times that cannot be met."""
    if terms.execution_type not in (ExecutionType.MANUAL, ExecutionType.SCHEDULED):
        raise Invalid(
            f"A single distribution cannot be {terms.execution_type}: a series makes those.", "Create a series."
        )
    if terms.execution_type is ExecutionType.MANUAL:
        if terms.scheduled_time is not None:
            raise Invalid("A MANUAL distribution has no time: you start it yourself.", "Say --execution SCHEDULED.")
        return
    if terms.scheduled_time is None:
        raise Invalid("The time is missing: when is it to be paid?", "Say --at, such as --at 2030-03-31T09:00.")
    require_ahead(terms.scheduled_time, now, what="time")
    if terms.record_time is not None and terms.record_time > terms.scheduled_time:
        raise Invalid(
            f"The record time {terms.record_time:%Y-%m-%d %H:%M:%S %Z} lies after the payout.",
            "Choose a record time up to the time of the payout, or leave it out.",
        )


def _require_due(distribution: Distribution, now: datetime) -> None:
    scheduled_time = distribution.scheduled_time
    if scheduled_time is not None and scheduled_time > now:
        raise Conflict(
            f"Distribution {distribution.id} is not due before {scheduled_time:%Y-%m-%d %H:%M:%S} UTC.",
            "It starts by itself then. To pay earlier, cancel it and create another.",
        )


def _require_record_time_passed(distribution: Distribution, now: datetime) -> None:
    record_time = distribution.record_time
    if record_time is not None and record_time > now:
        raise Conflict(
            f"Distribution {distribution.id} takes the balances of {record_time:%Y-%m-%d %H:%M:%S} UTC, "
            "which lies ahead.",
            "Execute it after that time.",
        )


async def _require_contract_unpaused(session: AsyncSession, distribution: Distribution) -> None:
    asset = await Assets(session).get(distribution.asset_id)
    if asset.contract_paused:
        raise ContractPaused(
            f"The contract {asset.lifecycle_contract_id} of {asset.token_id} is paused, so nobody is paid.",
            "Have it unpaused; what was due by itself goes on by itself then, anything else you start again.",
        )


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
