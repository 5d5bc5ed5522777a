"""Payouts by a contract that works out the amounts itself: they are frozen as it will pay them, to the unit."""

from sqlalchemy.exc import IntegrityError

from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType
from masspayout.db.repositories import AnnouncedPayouts, Assets, Distributions
from masspayout.db.session import Database
from masspayout.distribution_records import record_created
from masspayout.errors import Conflict, NobodyEligible
from masspayout.freezing import freeze_offer
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


async def create(
    database: Database,
    ledger: Ledger,
    settings: Settings,
    asset: Asset,
    offer: ContractOffer,
    *,
    concept: str | None = None,
) -> Distribution:
    """Create a distribution that a contract pays by its own rule, with what everybody will get.

    Raises:
        Conflict: There is one for the same snapshot, dividend or coupon already.
        NobodyEligible: There is nobody to pay.
    """
    if not offer.owed:
        raise NobodyEligible(f"Nobody held {asset.token_id} then.", "Check the number of the snapshot.")
    distribution = Distribution(
        asset_id=asset.id,
        type=DistributionType(offer.kind),
        execution_type=ExecutionType.MANUAL if offer.due_at is None else ExecutionType.SCHEDULED,
        scheduled_time=offer.due_at,
        concept=concept,
        obligation_key=offer.key,
        contract_terms=offer.terms,
    )
    try:
        async with database.unit_of_work() as session:
            await Assets(session).lock_for_sync(asset.id)
            known = await AnnouncedPayouts(session).find(asset.id, offer.terms)
            if known is not None and known.status is not DistributionStatus.CANCELLED:
                raise _exists_already()
            await Distributions(session).save(distribution)
            record_created(session, distribution)
            await freeze_offer(session, ledger, settings, distribution, offer)
    except IntegrityError as conflict:
        if "idx_distribution_obligation" not in str(conflict.orig):
            raise
        raise _exists_already() from None
    return distribution


def _exists_already() -> Conflict:
    return Conflict(
        "There is a distribution for this already, and the contract pays it once.",
        "Look for it with: masspayout distribution list",
    )
