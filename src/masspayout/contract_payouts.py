"""Payouts by a contract that works out the amounts itself: they are frozen as it will pay them, to the unit."""

from sqlalchemy.exc import IntegrityError

from masspayout import approvals, distributions
from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.errors import Conflict, NobodyEligible
from masspayout.freezing import PaymentToken, effective_batch_size, record_freeze
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.ledger.port import Ledger
from masspayout.money import to_decimal
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
    token = PaymentToken(offer.token_id, offer.decimals, offer.contract_id)
    promised = to_decimal(offer.promised_units, token.decimals)
    distribution = Distribution(
        asset_id=asset.id,
        type=DistributionType(offer.kind),
        execution_type=ExecutionType.MANUAL if offer.due_at is None else ExecutionType.SCHEDULED,
        scheduled_time=offer.due_at,
        amount=promised,
        concept=concept,
        obligation_key=offer.key,
        contract_terms=offer.terms,
    )
    try:
        async with database.unit_of_work() as session:
            totals = await Distributions(session).create_distribution_with_holders(
                distribution, offer.owed, decimals=token.decimals, batch_size=effective_batch_size(ledger, settings)
            )
            distributions.record_created(session, distribution)
            await record_freeze(session, distribution, token, totals, offer.snapshot_at, promised=promised)
            await approvals.demand(session, settings, distribution)
    except IntegrityError as conflict:
        if "idx_distribution_obligation" not in str(conflict.orig):
            raise
        raise Conflict(
            "There is a distribution for this already, and the contract pays it once.",
            "Look for it with: masspayout distribution list",
        ) from None
    return distribution
