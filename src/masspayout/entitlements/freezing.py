"""The freeze: the moment at which the entitlements of a distribution are written.

Afterwards nothing about the entitlements changes but their payment. The register hash proves which entitlements they
were.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from masspayout import audit
from masspayout.db.entities import Asset, Distribution
from masspayout.db.repositories import (
    analyse_large,
    refusing_rows,
)
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.entitlements import supplied
from masspayout.kernel.errors import Conflict, Invalid, NobodyEligible
from masspayout.kernel.money import subtract, to_decimal, to_units
from masspayout.kernel.next_steps import Action, Field
from masspayout.kernel.obligations import key_of_deposit, key_of_occurrence, obligation_of
from masspayout.kernel.spool import Spool
from masspayout.kernel.types import PaymentToken, Share, Totals
from masspayout.ledger.contract_offers import Announcing, ComputingAmounts, ContractOffer
from masspayout.ledger.port import Ledger
from masspayout.registers import Binding, ledger_binding
from masspayout.settings import Settings

_log = logging.getLogger(__name__)


def payment_token_of(settings: Settings, asset: Asset) -> PaymentToken:
    """Return the payment token of an asset's distributions, with the account that pays.

    Raises:
        Conflict: The asset was imported without a payment token.
    """
    if asset.payment_token_id is None or asset.payment_token_decimals is None:
        raise Conflict(
            f"Asset {asset.token_id} has no payment token.",
            "Name one with: ",
            Action.NAME_PAYMENT_TOKEN.on(asset.token_id),
        )
    payer = (asset.lifecycle_contract_id if settings.pays_from_contract else None) or settings.payer_account_id
    return PaymentToken(asset.payment_token_id, asset.payment_token_decimals, payer)


async def require_explicit_amounts(ledger: Ledger, token: PaymentToken) -> PaymentToken:
    """Return a payment token whose payer pays the amounts that it is told.

    Raises:
        Conflict: The payer is a contract that computes the amounts itself.
    """
    if isinstance(ledger, ComputingAmounts):
        await ledger.require_explicit_amounts(token.payer_account_id)
    return token


@dataclass(frozen=True, slots=True)
class FreezeReading:
    """The ledger's facts for a freeze, read before the transaction that writes the entitlements.

    Attributes:
        binding: The ledger that was read.
        token: The payment token, with the account that pays.
        balances: The balances at the record time; None if those of the register count.
        taken_at: The time of these balances.
        offer: The shares that the asset's contract will pay, if it computes the amounts itself.
    """

    binding: Binding
    token: PaymentToken
    balances: Spool | None = None
    taken_at: datetime | None = None
    offer: ContractOffer | None = None


async def read(
    ledger: Ledger, settings: Settings, binding: Binding, distribution: Distribution, asset: Asset
) -> FreezeReading:
    """Read from the ledger what the freeze of a distribution needs.

    Raises:
        AnotherLedger: The asset belongs to another ledger.
        Conflict: The asset has no payment token, or no longer a contract that could pay what it announced; or its
            contract computes the amounts itself, and the distribution is not one of the contract's.
        LedgerUnavailable: The ledger cannot be read now.
        NobodyEligible: The contract would pay nobody.
    """
    ledger_binding.require(binding.identity, asset.ledger_identity, f"Asset {asset.token_id} was imported from")
    if distribution.contract_terms is not None:
        offer = await _announced_offer(ledger, distribution, asset)
        token = PaymentToken(offer.token_id, offer.decimals, offer.contract_id, distribution.contract_terms)
        return FreezeReading(binding, token, offer=offer)
    token = await require_explicit_amounts(ledger, payment_token_of(settings, asset))
    if distribution.record_time is None:
        return FreezeReading(binding, token)
    snapshot = await ledger.holders(asset.token_id, at=distribution.record_time)
    return FreezeReading(binding, token, await Spool.of(snapshot.pages), snapshot.taken_at)


async def _announced_offer(ledger: Ledger, distribution: Distribution, asset: Asset) -> ContractOffer:
    terms, contract_id = distribution.contract_terms, asset.lifecycle_contract_id
    if terms is None or contract_id is None or not isinstance(ledger, Announcing):
        raise Conflict(
            f"{asset.token_id} has no contract any more that could pay what it announced.",
            "Name it with: ",
            Action.NAME_CONTRACT.on(asset.token_id),
        )
    offer = await ledger.announced_offer(contract_id, distribution.type.value, terms)
    if not offer.owed:
        raise nobody_holds(asset)
    return offer


async def freeze(work: UnitOfWork, settings: Settings, distribution: Distribution, reading: FreezeReading) -> Totals:
    """Write the entitlements of a distribution and plan its batches, in the caller's transaction.

    The balances are those of ``record_time`` where it is set, else those of the register.

    Raises:
        AnotherLedger: The asset belongs to another ledger.
        Conflict: The distribution is frozen already, or no longer pending; or the register was never synced; or the
            asset was changed since the ledger was read; or another program wrote holders or batches of it.
        NobodyEligible: No holder is eligible, or everybody's share rounds down to nothing.
    """
    # Syncs and other freezes of the asset end before ours begins; what they changed is read after that.
    asset = await work.assets.lock_for_sync(distribution.asset_id)
    await ledger_binding.require_of_asset(work, reading.binding.identity, asset)
    await work.refresh(distribution)
    if distribution.is_frozen or not distribution.status.can_execute:
        raise _cannot_be_frozen(distribution)
    is_supplied = await supplied.are_supplied(work, distribution)
    if reading.offer is not None:
        if is_supplied:
            raise supplied.beside_an_offer(distribution)
        return await freeze_offer(work, reading.binding, distribution, reading.offer)
    _require_unchanged(settings, distribution, asset, reading)
    if is_supplied:
        return await _freeze_supplied(work, distribution, reading)
    snapshot_at = await stage_balances(work, reading, asset)
    excluded = excluded_accounts(distribution, asset, reading.token)
    if distribution.amount is None or distribution.payout_type is None:
        raise Invalid(
            f"Payout {distribution.id} has no amount to pay.",
            "Create it with ",
            Field.AMOUNT,
            " and ",
            Field.PAYOUT_TYPE,
            ".",
        )
    decimals = reading.token.decimals
    with refusing_rows(distribution.id):
        totals = await work.freeze(distribution).write_division(
            to_units(distribution.amount, decimals),
            decimals,
            excluded,
            reading.binding.batch_size,
            staged=reading.balances is not None,
        )
    if totals.entitlement_count == 0:
        raise nobody_holds(asset)
    await record_freeze(
        work, reading.binding, distribution, reading.token, totals, snapshot_at, promised=distribution.amount
    )
    return totals


async def _freeze_supplied(work: UnitOfWork, distribution: Distribution, reading: FreezeReading) -> Totals:
    """Freeze the entitlements that another program wrote with the distribution, as they are."""
    binding, token = reading.binding, reading.token
    with refusing_rows(distribution.id):
        totals = await supplied.write_supplied(work, distribution, token, binding.batch_size)
    promised = distribution.amount or totals.total_amount
    outside = await supplied.strangers(work, distribution)
    if outside:
        _log.warning("distribution %s pays accounts outside the register: %s", distribution.id, ", ".join(outside))
    about = {"entitlements": "as another program wrote them", "outside_register": outside}
    await record_freeze(work, binding, distribution, token, totals, None, promised=promised, about=about)
    return totals


def _require_unchanged(settings: Settings, distribution: Distribution, asset: Asset, reading: FreezeReading) -> None:
    """Refuse a reading that is older than a change of the payment token, the payer or the record time."""
    has_record_time = distribution.record_time is not None
    if payment_token_of(settings, asset) != reading.token or has_record_time != (reading.balances is not None):
        raise Conflict(
            f"Payout {distribution.id} was changed while the ledger was read: nothing was written.", "Try again."
        )


async def freeze_offer(work: UnitOfWork, binding: Binding, distribution: Distribution, offer: ContractOffer) -> Totals:
    """Write the entitlements as a contract will pay them, and plan the batches, in the caller's transaction.

    Raises:
        Conflict: The distribution was frozen or cancelled in the meantime, or the offer names an account twice.
        NobodyEligible: No holder can be paid.
    """
    owed = _in_account_order(offer)
    token = PaymentToken(offer.token_id, offer.decimals, offer.contract_id)
    distribution.amount = to_decimal(offer.promised_units, token.decimals)
    with refusing_rows(distribution.id):
        totals = await work.freeze(distribution).write_shares(owed, token.decimals, binding.batch_size)
    await record_freeze(work, binding, distribution, token, totals, offer.snapshot_at, promised=distribution.amount)
    return totals


def _in_account_order(offer: ContractOffer) -> Sequence[Share]:
    """Return the shares of an offer in account order, as the register hash is defined; tokens list holders in any."""
    owed = sorted(offer.owed)
    for share, following in pairwise(owed):
        if share.account_id == following.account_id:
            raise Conflict(
                f"The contract {offer.contract_id} names {share.account_id} twice, so the amount due is not known.",
                "Ask its issuer to correct the list of holders.",
            )
    return owed


async def record_freeze(
    work: UnitOfWork,
    binding: Binding,
    distribution: Distribution,
    token: PaymentToken,
    totals: Totals,
    snapshot_at: datetime | None,
    *,
    promised: Decimal,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write the result of a freeze on the distribution.

    Args:
        work: The transaction of the freeze.
        binding: The ledger of the freeze.
        distribution: The distribution.
        token: The payment token, with the account that pays.
        totals: The totals of the written entitlements.
        snapshot_at: The time of the balances.
        promised: The amount to be divided, in whole payment tokens.
        about: Further facts for the audit trail.

    Raises:
        AnotherLedger: The asset belongs to another ledger.
        Conflict: The distribution was frozen or cancelled in the meantime.
        NobodyEligible: There is nothing to pay.
    """
    asset = await work.assets.get(distribution.asset_id)
    await ledger_binding.require_of_asset(work, binding.identity, asset)
    if totals.payable_count == 0:
        raise nothing_to_pay(promised, totals.entitlement_count)
    obligation = await _obligation(work, distribution)
    facts = {
        "snapshot_at": snapshot_at,
        "register_hash": totals.register_hash,
        "payment_token_id": token.token_id,
        "payment_token_decimals": token.decimals,
        "payer_account_id": token.payer_account_id,
        "ledger_identity": binding.identity,
        "obligation_key": obligation,
        "ledger_key": binding.payment_key(obligation),
        "entitlement_count": totals.entitlement_count,
        "payable_count": totals.payable_count,
        "batch_count": totals.batch_count,
        "total_amount": totals.total_amount,
        "remainder_amount": subtract(promised, totals.total_amount),
    }
    if not await work.distributions.mark_frozen(distribution.id, **facts):
        raise _cannot_be_frozen(distribution)
    await analyse_large(work, totals)
    audit.record(work, "distribution.frozen", distribution.id, after={**facts, **(about or {})})
    await work.refresh(distribution)


async def _obligation(work: UnitOfWork, distribution: Distribution) -> str:
    """Return the obligation key of a distribution; one without a key of its own gets the key of its series."""
    if distribution.obligation_key is None and distribution.series_id is not None:
        if distribution.trigger_event_id is not None:
            event = await work.contract_events.get(distribution.trigger_event_id)
            position = (event.contract_id, event.timestamp_nanos, event.event_index)
            return key_of_deposit(distribution.series_id, *position)
        if distribution.scheduled_time is not None:
            return key_of_occurrence(distribution.series_id, distribution.scheduled_time)
    return obligation_of(distribution)


def excluded_accounts(distribution: Distribution, asset: Asset, token: PaymentToken) -> list[str]:
    """Return the excluded accounts: treasury, payer and paying contract unless included, and those of the operator."""
    always_excluded: Iterable[str | None] = (
        asset.treasury_account_id,
        token.payer_account_id,
        asset.lifecycle_contract_id,
    )
    excluded = {account for account in always_excluded if account} - set(distribution.included_accounts)
    return sorted(excluded | set(distribution.excluded_accounts))


def nobody_holds(asset: Asset) -> NobodyEligible:
    """Return the error of an asset without an eligible holder."""
    return NobodyEligible(
        f"No holder is eligible: {asset.token_id} has no holders besides the excluded ones.",
        "Look at the register with: ",
        Action.LIST_HOLDERS.on(asset.token_id),
    )


def nothing_to_pay(amount: Decimal, holder_count: int) -> NobodyEligible:
    """Return the error of an amount that is too small to be divided among so many."""
    return NobodyEligible(
        f"No amount to pay: {amount:f} among {holder_count:,} holders rounds down to zero for each.",
        "Pay out a larger amount.",
    )


def _cannot_be_frozen(distribution: Distribution) -> Conflict:
    return Conflict(
        f"Payout {distribution.id} cannot be frozen: it is frozen already, or no longer pending.",
        "See: ",
        Action.SHOW_DISTRIBUTION.on(distribution.id),
    )


async def stage_balances(work: UnitOfWork, reading: FreezeReading, asset: Asset) -> datetime | None:
    """Stage the balances that a freeze divides by, and return their time.

    Raises:
        Conflict: The register was never synced.
    """
    if reading.balances is not None:
        await work.holders.stage(reading.balances.pages())
        return reading.taken_at
    if asset.last_synced_at is None:
        raise Conflict(
            f"The register of {asset.token_id} has not been read.",
            "Read it with: ",
            Action.SYNC_REGISTER.on(asset.token_id),
        )
    return asset.last_synced_at
