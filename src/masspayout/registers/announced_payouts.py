"""Dividends and coupons that tokens announce: each becomes one distribution, which is synced until it is frozen.

A payout whose time lies ahead starts by itself. One whose time had passed before it was first read waits for a person,
because it may have been paid in another way.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from masspayout import audit
from masspayout.audit import record_cancelled, record_created
from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.obligations import key_of_announced
from masspayout.ledger.contract_offers import AnnouncedPayout, Announcing
from masspayout.ledger.port import Ledger

_DATES = ("execution_type", "scheduled_time", "record_time")


async def read(ledger: Ledger, asset: Asset) -> Sequence[AnnouncedPayout]:
    """Return the payouts that the token of an asset announces and its contract can pay.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    if asset.lifecycle_contract_id is None or not isinstance(ledger, Announcing):
        return ()
    return await ledger.announced_payouts(asset.token_id, asset.lifecycle_contract_id)


async def sync(work: UnitOfWork, asset: Asset, announcements: Sequence[AnnouncedPayout], now: datetime) -> None:
    """Make the distributions of an asset what its token announces, in the transaction that holds the asset's lock.

    A distribution that is frozen, started, or cancelled by a person stays as it is.
    """
    for announced in announcements:
        known = await work.announced_payouts.find(asset.id, announced.terms)
        if known is None:
            await _import(work, asset, announced, now)
        elif announced.cancelled:
            if await work.announced_payouts.cancel_unfrozen(known.id):
                record_cancelled(work, known.id)
        else:
            await _move(work, known, _dates(announced, known, now))


async def _import(work: UnitOfWork, asset: Asset, announced: AnnouncedPayout, now: datetime) -> None:
    if announced.cancelled:
        return
    imported = await work.announced_payouts.add(
        asset_id=asset.id,
        type=DistributionType(announced.kind),
        concept=f"{announced.kind.capitalize()} {announced.number}",
        obligation_key=key_of_announced(announced.key),
        contract_terms=announced.terms,
        **_dates(announced, None, now),
    )
    if imported is not None:
        record_created(work, imported)


async def _move(work: UnitOfWork, known: Distribution, dates: Mapping[str, Any]) -> None:
    before = {name: getattr(known, name) for name in _DATES}
    if dates != before and await work.announced_payouts.move_unfrozen(known.id, dates):
        audit.record_change(work, "distribution.changed", known.id, before, dates)


def _dates(announced: AnnouncedPayout, known: Distribution | None, now: datetime) -> dict[str, Any]:
    """Return the automatic start of a payout, if any. A start that was set before stays, though it may be overdue."""
    by_itself = announced.execution_at > now or (known is not None and known.scheduled_time == announced.execution_at)
    return {
        "execution_type": ExecutionType.SCHEDULED if by_itself else ExecutionType.MANUAL,
        "scheduled_time": announced.execution_at if by_itself else None,
        "record_time": announced.record_at,
    }
