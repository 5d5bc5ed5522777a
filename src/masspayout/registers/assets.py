"""Assets, imported from the ledger by token id, and the sync of their registers."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from masspayout import audit
from masspayout.db.entities import Asset
from masspayout.db.repositories import RegisterChange
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.actors import ActorKind, current_actor
from masspayout.kernel.errors import AnotherLedger, Invalid, MassPayoutError
from masspayout.kernel.next_steps import Action
from masspayout.kernel.spool import Spool
from masspayout.ledger.contract_offers import AnnouncedPayout, PayingByContract
from masspayout.ledger.identity import contradict, settings_of
from masspayout.ledger.port import Ledger, TokenInformation
from masspayout.registers import announced_payouts, ledger_binding

_log = logging.getLogger(__name__)

_LARGEST_BIGINT = 2**63 - 1
# A sync reads the whole register, so not more often than once a minute.
_SHORTEST_TIMER_SECONDS = 60
_LONGEST_TIMER_SECONDS = 365 * 86_400

# The lease of a sync. It is longer than any sync takes: after it the worker must have died, and another one may sync.
_CLAIM = timedelta(minutes=10)
_TRY_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of a sync: the number of holders, the time of the snapshot, and the changes of the register."""

    holder_count: int
    snapshot_at: datetime
    change: RegisterChange


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reading of the ledger for a sync: the holders of an asset at one time, and what its token announces."""

    identity: str
    holders: Spool
    taken_at: datetime
    announced: Sequence[AnnouncedPayout]
    payment_token: TokenInformation | None


async def import_asset(
    database: Database,
    ledger: Ledger,
    token_id: str,
    *,
    payment_token_id: str | None = None,
    lifecycle_contract_id: str | None = None,
    for_lists: bool = False,
) -> Asset:
    """Import a token as an asset, or update the asset. A value that is not given stays as it is.

    Args:
        database: The database of the assets.
        ledger: The ledger of the token.
        token_id: The token.
        payment_token_id: The payment token of its distributions.
        lifecycle_contract_id: Its LifeCycle Cash Flow contract.
        for_lists: True if only payout lists are paid on the asset, which need no register. Its supply may then be
            larger than 64 bits hold; the largest such number is stored for it.

    Raises:
        Invalid: An id has the wrong form, the token's supply does not fit 64 bits, the payment token takes a part of
            what is paid in it, or the contract is none that could pay.
        NotFound: The ledger knows no such token.
        AnotherLedger: The asset was imported from another ledger, and has payouts that are not finished.
    """
    facts = await _facts(ledger, token_id, payment_token_id, lifecycle_contract_id, for_lists=for_lists)
    identity = await ledger.identity()
    async with database.unit_of_work() as work:
        assets = work.assets
        known = await assets.find_by_token_id(token_id=str(facts["token_id"]))
        facts["ledger_identity"] = identity if known is None else await _binding_of(work, known, identity)
        before = None if known is None else {name: getattr(known, name) for name in facts}
        asset = await assets.upsert(facts)
        if before is None:
            audit.record(work, "asset.imported", asset.id, after=facts)
        else:
            audit.record_change(work, "asset.changed", asset.id, before, facts)
        return asset


async def _binding_of(work: UnitOfWork, known: Asset, identity: str) -> str:
    """Return the ledger that an asset is bound to from now on.

    An asset with nothing planned may move to another one.
    """
    if not contradict(known.ledger_identity or identity, identity):
        return max(known.ledger_identity or "", identity, key=len)  # the identity that says more
    if await work.ledger_bindings.has_plans(known):
        raise AnotherLedger(
            f"Asset {known.token_id} was imported from the ledger {known.ledger_identity}, payouts on it are still to "
            f"come, and the settings lead to {identity} now: nothing was done.",
            f"Go on with {settings_of(str(known.ledger_identity))}, use another database for this ledger, "
            "or cancel what is planned: ",
            Action.LIST_DISTRIBUTIONS,
            ", ",
            Action.LIST_SERIES,
        )
    return identity


async def find_payment_token(ledger: Ledger, token_id: str) -> TokenInformation:
    """Return the ledger's facts about a payment token.

    Raises:
        Invalid: The id has the wrong form, or recipients would not get what is paid in the token.
        NotFound: The ledger knows no such token.
    """
    token = await ledger.token(canonical_account_id(token_id, what="payment token id"))
    if token.drawback is not None:
        raise Invalid(f"No payout should be paid in {token.token_id}: {token.drawback}", "Name another payment token.")
    return token


async def _facts(
    ledger: Ledger, token_id: str, payment_token_id: str | None, lifecycle_contract_id: str | None, *, for_lists: bool
) -> dict[str, str | int | None]:
    """Return the columns of an asset, as the ledger has them."""
    token = await ledger.token(canonical_account_id(token_id, what="token id"))
    if not for_lists:
        _require_storable(token)
    facts: dict[str, str | int | None] = {
        "token_id": token.token_id,
        "name": token.name,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "total_supply": min(token.total_supply_units, _LARGEST_BIGINT),
        "treasury_account_id": token.treasury_account_id,
    }
    if payment_token_id is not None:
        payment_token = await find_payment_token(ledger, payment_token_id)
        facts |= {
            "payment_token_id": payment_token.token_id,
            "payment_token_symbol": payment_token.symbol,
            "payment_token_decimals": payment_token.decimals,
        }
    if lifecycle_contract_id is not None:
        contract_id = canonical_account_id(lifecycle_contract_id, what="contract id")
        if isinstance(ledger, PayingByContract):
            await ledger.require_contract(contract_id)
        facts["lifecycle_contract_id"] = contract_id
    return facts


async def sync(
    database: Database,
    ledger: Ledger,
    asset_id: uuid.UUID,
    *,
    identity: str | None = None,
    is_recorded: bool = True,
) -> SyncResult:
    """Sync the register of an asset, and the payouts that its token announces, with the ledger.

    Holders are streamed into a file first, and then merged in one transaction. Of two syncs at once, the one that read
    earlier leaves the register alone. After a failed sync the register is as before, and the asset's status is FAILED.

    Args:
        database: The database of the register.
        ledger: The ledger to read.
        asset_id: The asset.
        identity: The ledger's identity, if the caller knows it already.
        is_recorded: True to record in the audit trail that a person had it read, if it had changed.

    Raises:
        AnotherLedger: The asset was imported from another ledger.
        NotFound: There is no such asset, or its token is gone.
        Invalid: The token's supply has outgrown 64 bits.
        LedgerUnavailable: The ledger cannot be read now.
    """
    async with database.unit_of_work() as work:
        asset = await work.assets.get(asset_id)
        await work.assets.begin_sync(asset.id)
    try:
        reading = await _read(ledger, asset, identity or await ledger.identity())
        now = await database.clock.now()
        async with database.unit_of_work() as work:
            return await _merge(work, asset, reading, now, is_recorded=is_recorded)
    except Exception as error:
        reason = error.message if isinstance(error, MassPayoutError) else repr(error)
        async with database.unit_of_work() as work:
            await work.assets.fail_sync(asset.id, reason)
        raise


async def _read(ledger: Ledger, asset: Asset, identity: str) -> _Reading:
    ledger_binding.require(identity, asset.ledger_identity, f"Asset {asset.token_id} was imported from")
    _require_storable(await ledger.token(asset.token_id))
    snapshot = await ledger.holders(asset.token_id)
    holders = await Spool.of(snapshot.pages)
    announced = await announced_payouts.read(ledger, asset)
    return _Reading(identity, holders, snapshot.taken_at, announced, await _unknown_payment_token(ledger, asset))


async def _unknown_payment_token(ledger: Ledger, asset: Asset) -> TokenInformation | None:
    """Return the payment token of an asset for which another program wrote only the token's id."""
    if asset.payment_token_id is None or asset.payment_token_decimals is not None:
        return None
    return await find_payment_token(ledger, asset.payment_token_id)


async def _merge(work: UnitOfWork, before: Asset, reading: _Reading, now: datetime, *, is_recorded: bool) -> SyncResult:
    """Write a reading into the register, unless a later one was merged since the asset was read."""
    assets, holders = work.assets, work.holders
    asset = await assets.lock_for_sync(before.id)
    await ledger_binding.require_of_asset(work, reading.identity, asset)
    merged_at = asset.last_synced_at
    if merged_at is not None and merged_at != before.last_synced_at and merged_at > reading.taken_at:
        return SyncResult(asset.holder_count or 0, merged_at, RegisterChange(added=0, changed=0, removed=0))
    holder_count = await holders.stage(reading.holders.pages())
    change = await holders.merge_staged(asset.id)
    held_units = await holders.staged_units()
    await assets.end_sync(asset.id, reading.taken_at, holder_count=holder_count, held_units=held_units)
    if (token := reading.payment_token) is not None:
        facts = {"payment_token_symbol": token.symbol, "payment_token_decimals": token.decimals}
        if await assets.complete_payment_token(asset.id, token.token_id, facts):
            audit.record(work, "asset.changed", asset.id, after=facts)
    await announced_payouts.sync(work, asset, reading.announced, now)
    if is_recorded and current_actor().kind is not ActorKind.SYSTEM and any(asdict(change).values()):
        audit.record(work, "asset.synced", asset.id, after={"holder_count": holder_count, **asdict(change)})
    return SyncResult(holder_count, reading.taken_at, change)


async def set_sync_timer(database: Database, asset_id: uuid.UUID, every_seconds: int | None, now: datetime) -> None:
    """Sync a register at an interval from now on; with None, only on request.

    Raises:
        Invalid: The interval is shorter than a minute, or longer than a year.
    """
    if every_seconds is not None and not _SHORTEST_TIMER_SECONDS <= every_seconds <= _LONGEST_TIMER_SECONDS:
        raise Invalid(
            f"A register cannot be read every {every_seconds:,} seconds.",
            f"Give a time from {_SHORTEST_TIMER_SECONDS} seconds (1m) to {_LONGEST_TIMER_SECONDS:,} seconds (365d).",
        )
    async with database.unit_of_work() as work:
        before = {"sync_every_seconds": (await work.assets.get(asset_id)).sync_every_seconds}
        await work.assets.set_timer(asset_id, every_seconds, None if every_seconds is None else now)
        audit.record_change(work, "asset.changed", asset_id, before, {"sync_every_seconds": every_seconds})


async def sync_due(database: Database, ledger: Ledger, now: datetime) -> int:
    """Sync every register that is due, by its timer or since its token changed hands. Return their number.

    Each register is claimed, so one of many workers syncs it. A sync that fails, or whose worker dies, is retried.
    """
    count = 0
    claimed_until = now + _CLAIM
    while asset := await _claim(database, now, claimed_until):
        every = None if asset.sync_every_seconds is None else timedelta(seconds=asset.sync_every_seconds)
        following = None if every is None else now + every
        try:
            await sync(database, ledger, asset.id)
            count += 1
        except MassPayoutError as error:
            _log.warning("the register of %s could not be read: %s", asset.token_id, error)
            following = now + _TRY_AGAIN
        except Exception:  # noqa: BLE001 - whatever is wrong with one register must not hold up the others
            _log.exception("the register of %s could not be read", asset.token_id)
            following = now + _TRY_AGAIN
        async with database.unit_of_work() as work:
            await work.assets.end_claimed_sync(asset.id, claimed_until, following)
    return count


async def _claim(database: Database, now: datetime, until: datetime) -> Asset | None:
    async with database.unit_of_work() as work:
        return await work.assets.claim_due_sync(now, until)


def _require_storable(token: TokenInformation) -> None:
    if token.total_supply_units > _LARGEST_BIGINT:
        raise Invalid(
            f"Token {token.token_id} has a supply of {token.total_supply_units:,} smallest units, "
            f"more than the {_LARGEST_BIGINT:,} that a register can hold.",
            "This token can be used to pay, but payouts cannot be made to its holders. Import another one.",
        )
