"""Distributions: created, reviewed, executed, retried, cancelled.

Every change of state is one compare-and-set; whoever comes second gets a Conflict that says how things stand.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import assets, funds
from masspayout.account_ids import canonical_account_id
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import BatchPayouts, Distributions
from masspayout.db.session import Database
from masspayout.errors import Conflict, Invalid, NotFound
from masspayout.freezing import freeze, payment_token_of
from masspayout.jobs import Jobs
from masspayout.ledger.port import Ledger
from masspayout.money import to_units
from masspayout.settings import Settings


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody wants paid out. ``amount`` is in whole payment tokens."""

    type: DistributionType
    payout_type: PayoutType | None
    amount: Decimal | None
    execution_type: ExecutionType = ExecutionType.MANUAL
    concept: str | None = None
    record_time: datetime | None = None
    excluded_accounts: Sequence[str] = field(default=())
    included_accounts: Sequence[str] = field(default=())


async def create(database: Database, ledger: Ledger, settings: Settings, asset: Asset, terms: Terms) -> Distribution:
    """Create a distribution and freeze it, so that what will be paid can be reviewed.

    The register is read anew first. With a ``record_time`` that lies ahead the freeze waits for it.

    Raises:
        Invalid: The terms are incomplete or contradict each other, or nobody is eligible. Nothing was written.
        Conflict: The asset has no payment token.
    """
    distribution = _from_terms(asset, terms)
    token = payment_token_of(asset, settings)
    to_units(terms.amount or Decimal(0), token.decimals)
    waits = terms.record_time is not None and terms.record_time > datetime.now(UTC)
    if terms.record_time is None:
        await assets.sync(database, ledger, asset.id)
    async with database.unit_of_work() as session:
        await Distributions(session).save(distribution)
        if not waits:
            await freeze(session, ledger, settings, distribution)
    return distribution


async def execute(
    session: AsyncSession, ledger: Ledger, settings: Settings, jobs: Jobs, distribution_id: uuid.UUID
) -> None:
    """Start paying: PENDING → PROCESSING, with the jobs that do it, in the caller's transaction.

    Raises:
        Conflict: It is not pending, or its record time lies ahead.
        InsufficientFunds: The payer holds less than the frozen total.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_execute and not distribution.is_frozen:
        _require_record_time_passed(distribution)
        await freeze(session, ledger, settings, distribution)
    if distribution.status.can_execute:
        await funds.require_for_unpaid(session, ledger, distribution)
    if not await distributions.begin(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "executed")
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def retry(session: AsyncSession, ledger: Ledger, jobs: Jobs, distribution_id: uuid.UUID) -> None:
    """Try again to pay those who are unpaid, and nobody else: FAILED → PROCESSING.

    Raises:
        Conflict: It has not failed.
        InsufficientFunds: The payer holds less than what is unpaid.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_retry:
        await funds.require_for_unpaid(session, ledger, distribution)
    if not await distributions.begin_retry(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "retried")
    batches = BatchPayouts(session)
    await batches.reopen_failed(distribution_id)
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


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


def _from_terms(asset: Asset, terms: Terms) -> Distribution:
    if terms.execution_type is not ExecutionType.MANUAL:
        raise Invalid(
            f"Execution {terms.execution_type} is not available yet.", "Use --execution MANUAL and execute it yourself."
        )
    if terms.payout_type is None:
        raise Invalid(
            "The payout type is missing: how is the amount to be divided?",
            "Say --payout PERCENTAGE (pro rata to balances) or --payout FIXED (the same for everyone).",
        )
    if terms.amount is None:
        raise Invalid("The amount is missing: how much is to be paid out?", "Say --amount with a number above 0.")
    if not terms.amount.is_finite() or terms.amount <= 0:
        raise Invalid(f"{terms.amount} is not an amount that can be paid out.", "Say --amount with a number above 0.")
    return Distribution(
        asset_id=asset.id,
        type=terms.type,
        execution_type=terms.execution_type,
        payout_type=terms.payout_type,
        amount=terms.amount,
        concept=terms.concept,
        record_time=terms.record_time,
        excluded_accounts=[canonical_account_id(account) for account in terms.excluded_accounts],
        included_accounts=[canonical_account_id(account) for account in terms.included_accounts],
    )


def _require_record_time_passed(distribution: Distribution) -> None:
    record_time = distribution.record_time
    if record_time is not None and record_time > datetime.now(UTC):
        raise Conflict(
            f"Distribution {distribution.id} takes the balances of {record_time:%Y-%m-%d %H:%M:%S} UTC, "
            "which lies ahead.",
            "Execute it after that time.",
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
