"""Payouts by a contract that works out the amounts itself: they are frozen as it will pay them, to the unit."""

from collections.abc import Collection
from dataclasses import replace

from masspayout.audit import record_created
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType
from masspayout.db.repositories import refusing_second_obligation
from masspayout.entitlements import freeze_offer
from masspayout.kernel.errors import Conflict, NobodyEligible
from masspayout.kernel.next_steps import Action
from masspayout.kernel.obligations import key_of_announced
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.registers import ledger_binding


async def create(context: Context, asset: Asset, offer: ContractOffer, *, concept: str | None = None) -> Distribution:
    """Create a distribution that a contract pays by its own rule, with what everybody will get.

    Of a redemption those are left out, as excluded accounts, whom an earlier one paid: whether the bonds that they hold
    again were paid for is not known.

    Raises:
        Conflict: There is one for the same snapshot, dividend or coupon already, or a redemption that has not ended.
        NobodyEligible: There is nobody to pay.
    """
    binding = await ledger_binding.bind(context.ledger, context.settings)
    with refusing_second_obligation(_exists_already()):
        async with context.database.unit_of_work() as work:
            await work.assets.lock_for_sync(asset.id)
            known = await work.announced_payouts.find(asset.id, offer.terms)
            if known is not None and known.status not in _followed_by(offer):
                raise _exists_already() if offer.key else _has_not_ended(known)
            redeemed = set() if offer.key else await work.announced_payouts.redeemed(asset.id, offer.terms)
            offer, left_out = _without(offer, redeemed)
            if not offer.owed:
                raise _nobody_to_pay(asset, left_out)
            distribution = await work.distributions.save(
                Distribution(
                    asset_id=asset.id,
                    type=DistributionType(offer.kind),
                    execution_type=ExecutionType.MANUAL if offer.due_at is None else ExecutionType.SCHEDULED,
                    scheduled_time=offer.due_at,
                    concept=concept or offer.concept,
                    obligation_key=None if offer.key is None else key_of_announced(offer.key),
                    contract_terms=offer.terms,
                    excluded_accounts=left_out,
                )
            )
            record_created(work, distribution)
            await freeze_offer(work, binding, distribution, offer)
            await approvals.demand(work, context.settings, distribution)
    return distribution


def _followed_by(offer: ContractOffer) -> Collection[DistributionStatus]:
    """Return how a distribution of the same terms must have ended, so that there may be another."""
    called_off, ended = {DistributionStatus.CANCELLED}, {DistributionStatus.COMPLETED, DistributionStatus.FAILED}
    return called_off if offer.key else called_off | ended


def _without(offer: ContractOffer, accounts: Collection[str]) -> tuple[ContractOffer, list[str]]:
    """Leave accounts out of an offer. Return what is left of it, and who was in it."""
    left_out = [share for share in offer.owed if share.account_id in accounts]
    if not left_out:
        return offer, []
    owed = [share for share in offer.owed if share.account_id not in accounts]
    promised_units = offer.promised_units - sum(share.amount_units for share in left_out)
    return replace(offer, owed=owed, promised_units=promised_units), [share.account_id for share in left_out]


def _nobody_to_pay(asset: Asset, left_out: Collection[str]) -> NobodyEligible:
    if left_out:
        return NobodyEligible(
            f"All holders of {asset.token_id}, {len(left_out):,} accounts, were paid by a redemption before.",
            "Ask its issuer where their bonds come from.",
        )
    return NobodyEligible(
        f"There were no holders of {asset.token_id} then.",
        "Look at the register with: ",
        Action.LIST_HOLDERS.on(asset.token_id),
    )


def _has_not_ended(known: Distribution) -> Conflict:
    return Conflict(
        f"Payout {known.id} is a redemption of the same bond, and has not ended.",
        "Look at it with: ",
        Action.SHOW_DISTRIBUTION.on(known.id),
    )


def _exists_already() -> Conflict:
    return Conflict(
        "There is a payout for this already, and the contract pays it once.",
        "Look for it with: ",
        Action.LIST_DISTRIBUTIONS,
    )
