"""The fix of register hashes that earlier versions took in the token's order of holders.

The register hash is defined over the entitlements in account order. Where a stored hash does not match, the contract
that computed the amounts is asked again. The hash is fixed only if the entitlements are what the contract says, to the
unit; everything else is reported with its differences and left as it is.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from masspayout import audit
from masspayout.db.entities import Asset, Distribution
from masspayout.db.repositories import register_hash_of
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, MassPayoutError
from masspayout.kernel.money import to_decimal
from masspayout.kernel.next_steps import Action
from masspayout.ledger.contract_offers import Announcing, ContractOffer
from masspayout.ledger.port import Ledger
from masspayout.registers import ledger_binding

_IN_LISTED_ORDER = (
    "The entitlements are unchanged, and are what the contract works out. "
    "The former hash was taken over them in the order in which the token lists its holders."
)
_IN_UNKNOWN_ORDER = (
    "The entitlements are what the contract works out. "
    "The order that the former hash was taken in is not known, so approvals bound to it no longer count."
)


class HashState(StrEnum):
    """The relation of a stored register hash to the entitlements."""

    FITS = "FITS"
    FIXED = "FIXED"
    DIFFERS = "DIFFERS"


@dataclass(frozen=True, slots=True)
class HashCheck:
    """The result for one distribution.

    Attributes:
        distribution_id: The distribution.
        state: FIXED is written and audited; DIFFERS is left as it is.
        message: One sentence with the reason.
        differences: The accounts about which database and contract disagree, a sentence each.
        approvals_kept: The number of approvals of the former hash that count for the fixed one.
    """

    distribution_id: uuid.UUID
    state: HashState
    message: str
    differences: Sequence[str] = ()
    approvals_kept: int = 0


class _Entitlement(NamedTuple):
    balance_units: int
    amount: Decimal

    def __str__(self) -> str:
        return f"{self.amount:f} for a balance of {self.balance_units:,}"


_Entitlements = Mapping[str, _Entitlement]


async def fix(database: Database, ledger: Ledger, distribution_id: uuid.UUID | None = None) -> Sequence[HashCheck]:
    """Check the register hash of one frozen distribution, or of all, and fix those that the contract confirms.

    Args:
        database: The database of the distributions.
        ledger: The ledger of the contracts that computed the amounts.
        distribution_id: The only one to check.

    Raises:
        NotFound: There is no such distribution.
        Conflict: The distribution is not frozen, so it has no register hash.
    """
    if distribution_id is not None:
        return [await _fix_one(database, ledger, distribution_id)]
    async with database.unit_of_work() as work:
        found = await work.register_hashes.find_frozen()
    return [await _fix_one(database, ledger, each) for each in found]


async def _fix_one(database: Database, ledger: Ledger, distribution_id: uuid.UUID) -> HashCheck:
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
        asset = await work.assets.get(distribution.asset_id)
        if not distribution.is_frozen:
            raise Conflict(
                f"Payout {distribution_id} is not frozen yet, so it has no register hash.",
                "See: ",
                Action.SHOW_DISTRIBUTION.on(distribution_id),
            )
        true_hash = await work.entitlements(distribution).register_hash()
    if true_hash == distribution.register_hash:
        return HashCheck(distribution_id, HashState.FITS, "The register hash fits the entitlements.")
    try:
        offer = await _offer_again(database, ledger, distribution, asset)
    except MassPayoutError as error:
        return HashCheck(distribution_id, HashState.DIFFERS, error.message)
    return await _fix_as_offered(database, distribution, offer)


async def _offer_again(database: Database, ledger: Ledger, distribution: Distribution, asset: Asset) -> ContractOffer:
    """Return the offer of the contract that computed a distribution's amounts, asked again.

    Raises:
        Conflict: No contract computed the amounts, or the asset no longer names it, or the payout was cancelled there.
        AnotherLedger: The distribution was frozen on another ledger.
        LedgerError: The contract cannot be asked now.
    """
    if distribution.contract_terms is None or not isinstance(ledger, Announcing):
        raise Conflict(
            "The entitlements are not those that were frozen, and no contract worked them out that could be asked: "
            "the rows were changed in the database."
        )
    await ledger_binding.require_bound_ledger(database, ledger, distribution)
    contract_id = distribution.payer_account_id or asset.lifecycle_contract_id or ""
    return await ledger.announced_offer(contract_id, distribution.type.value, distribution.contract_terms)


async def _fix_as_offered(database: Database, distribution: Distribution, offer: ContractOffer) -> HashCheck:
    """Fix the hash in one transaction with the comparison that permits it."""
    offered = {
        share.account_id: _Entitlement(share.balance_units, to_decimal(share.amount_units, offer.decimals))
        for share in offer.owed
        if share.account_id not in distribution.excluded_accounts
    }
    async with database.unit_of_work() as work:
        entitlements = work.entitlements(distribution)
        frozen = {
            holder.account_id: _Entitlement(holder.balance, holder.payment_amount or Decimal(0))
            async for holder in entitlements.stream()
        }
        differences = [*_differing_terms(distribution, offer), *_differing_accounts(frozen, offered)]
        if differences:
            message = "The entitlements are not what the contract says; nothing was changed."
            return HashCheck(distribution.id, HashState.DIFFERS, message, differences)
        before, after = distribution.register_hash, await entitlements.register_hash() or ""
        hashes = work.register_hashes
        if not await hashes.replace(distribution.id, before, after):
            return HashCheck(distribution.id, HashState.DIFFERS, "Another process changed its hash; check it again.")
        in_listed_order = before == register_hash_of((account, *frozen[account]) for account in offered)
        kept = await hashes.rebind_approvals(distribution.id, before, after) if in_listed_order else 0
        message = _IN_LISTED_ORDER if in_listed_order else _IN_UNKNOWN_ORDER
        audit.record(
            work,
            "distribution.hash_fixed",
            distribution.id,
            before={"register_hash": before},
            after={"register_hash": after, "reason": message, "approvals_kept": kept},
        )
    return HashCheck(distribution.id, HashState.FIXED, message, approvals_kept=kept)


def _differing_terms(distribution: Distribution, offer: ContractOffer) -> Iterator[str]:
    """Yield a sentence for each fact of the freeze that the contract states otherwise."""
    facts = {
        "payer": (distribution.payer_account_id, offer.contract_id),
        "payment token": (distribution.payment_token_id, offer.token_id),
        "decimals": (distribution.payment_token_decimals, offer.decimals),
    }
    for name, (frozen, offered) in facts.items():
        if frozen != offered:
            yield f"{name}: database {frozen}, contract {offered}"


def _differing_accounts(frozen: _Entitlements, offered: _Entitlements) -> Iterator[str]:
    """Yield a sentence for each account whose entitlement is not what the contract says."""
    for account_id in sorted({*frozen, *offered}):
        ours, theirs = frozen.get(account_id), offered.get(account_id)
        if ours != theirs:
            yield f"{account_id}: database {ours or 'nothing'}, contract {theirs or 'nothing'}"
