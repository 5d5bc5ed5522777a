"""Conditions, besides its state, under which a distribution starts or is retried."""

from datetime import datetime

from masspayout.controls import approvals, funds, limits
from masspayout.controls.funds import FundsReading
from masspayout.controls.send_backs import was_sent_back
from masspayout.db.entities import Asset, Distribution
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, ContractPaused
from masspayout.kernel.pauses import payout_paused
from masspayout.kernel.types import Due
from masspayout.settings import Settings


def require_due(distribution: Distribution, now: datetime) -> None:
    """Refuse what is not due yet.

    Raises:
        Conflict: Its time lies ahead.
    """
    scheduled_time = distribution.scheduled_time
    if scheduled_time is not None and scheduled_time > now:
        raise Conflict(
            f"Payout {distribution.id} is not due before {scheduled_time:%Y-%m-%d %H:%M:%S} UTC.",
            "It starts by itself then. To pay earlier, cancel it and create another.",
        )


def require_record_time_passed(distribution: Distribution, now: datetime) -> None:
    """Refuse to freeze balances of a time that has not come.

    Raises:
        Conflict: Its record time lies ahead.
    """
    record_time = distribution.record_time
    if record_time is not None and record_time > now:
        raise Conflict(
            f"Payout {distribution.id} takes the balances of {record_time:%Y-%m-%d %H:%M:%S} UTC, which lies ahead.",
            "Execute it after that time.",
        )


async def require_contract_unpaused(work: UnitOfWork, distribution: Distribution) -> None:
    """Refuse what the asset's contract stands still for.

    Raises:
        ContractPaused: It is paused.
    """
    require_unpaused(await work.assets.get(distribution.asset_id))


def require_unpaused(asset: Asset) -> None:
    """Refuse what the contract of an asset stands still for.

    Raises:
        ContractPaused: It is paused.
    """
    if asset.contract_paused:
        raise ContractPaused(
            f"The contract {asset.lifecycle_contract_id} of {asset.token_id} is paused, so no payment can be made.",
            "Have it unpaused. Scheduled payouts then go on by themselves; start the others again.",
        )


async def require_not_paused(work: UnitOfWork, distribution: Distribution) -> None:
    """Refuse what people paused, or sent back.

    Raises:
        PayoutPaused: The distribution, its asset or the installation is paused.
        Conflict: An approver sent it back.
    """
    pause = await work.pauses.find(distribution.id)
    if pause is not None:
        raise payout_paused(distribution.id, pause)
    if distribution.sent_back_at is not None and distribution.status.can_execute:
        raise was_sent_back(distribution)


async def hold_off_pauses(work: UnitOfWork, distribution: Distribution) -> None:
    """Refuse what was paused meanwhile, and have pauses wait until the transaction ends: as late as can be.

    Raises:
        PayoutPaused: The distribution, its asset or the installation is paused.
    """
    if await work.pauses.hold_off(distribution.id):
        await require_not_paused(work, distribution)


async def require_free(
    work: UnitOfWork,
    settings: Settings,
    distribution: Distribution,
    funds_reading: FundsReading | None,
    due: Due,
    now: datetime,
) -> None:
    """Check that what is due of a frozen distribution may be paid: people approve, there are funds, no limit is passed.

    Raises:
        Conflict: The ledger was not read for what it is now.
        ApprovalsMissing: Fewer people approved of it than have to.
        InsufficientFunds: The payer holds less, or has promised it to payouts under way.
        LimitExceeded: It is more than may be paid out, at once or in a day.
    """
    if funds_reading is None or funds_reading.token != funds.frozen_token(distribution):
        raise overtaken(distribution)
    await approvals.require(work, settings, distribution, now)
    await funds.reserve(work, funds_reading, due)
    await limits.spend(work, settings, distribution, due.amount, now)


def overtaken(distribution: Distribution) -> Conflict:
    """Return the error of a distribution that is not any more what the ledger was read for."""
    return Conflict(
        f"Payout {distribution.id} was changed while the ledger was read: nothing was started.", "Try again."
    )
