"""Queries on ``asset``."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Asset, SyncStatus
from masspayout.db.repositories import references
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.account_ids import is_account_id
from masspayout.kernel.errors import NotFound
from masspayout.kernel.next_steps import Action


class Assets(Repository[Asset]):
    """The imported tokens."""

    entity = Asset
    noun = "asset"
    listed_by = Action.LIST_ASSETS

    async def find_by_token_id(self, token_id: str) -> Asset | None:
        """Return the asset of a token, or nothing."""
        return await self.session.scalar(select(Asset).where(Asset.token_id == token_id))

    async def get_by_reference(self, reference: str) -> Asset:
        """Return an asset by its token id, its symbol in any case, its id, the beginning of that, or ``latest``.

        Raises:
            Invalid: Several assets have this symbol, or several ids begin with the reference.
            NotFound: There is no such asset.
        """
        asset = await self.find_by_token_id(reference.strip().lower())
        if asset is None and not is_account_id(reference):
            asset = await self._find_by_symbol(reference) or await self._find_by_id_or_latest(reference)
        if asset is None:
            raise NotFound(
                f"There is no asset {reference!r}.",
                "List the tokens with: ",
                Action.LIST_ASSETS,
                ". Import it with: ",
                Action.IMPORT_ASSET.on(reference),
            )
        return asset

    async def _find_by_symbol(self, symbol: str) -> Asset | None:
        query = select(Asset).where(func.lower(Asset.symbol) == func.lower(symbol.strip())).order_by(Asset.token_id)
        found = (await self.session.scalars(query.limit(references.MOST_CANDIDATES))).all()
        if len(found) > 1:
            subject = f"Several tokens have the symbol {symbol!r}"
            raise references.ambiguous(
                subject, [asset.token_id for asset in found], "Give the token id of the one you mean."
            )
        return found[0] if found else None

    async def _find_by_id_or_latest(self, reference: str) -> Asset | None:
        asset_id = await references.find_id(self.session, Asset, reference)
        return None if asset_id is None else await self.find_by_id(asset_id)

    async def search(self, contains: str, page: int = 1, limit: int = 25) -> Page[Asset]:
        """Return one page of the assets whose name, symbol or token id contains some text, by name."""
        columns = (Asset.name, Asset.symbol, Asset.token_id)
        condition = or_(*(column.icontains(contains, autoescape=True) for column in columns))
        rows = select(Asset).where(condition).order_by(func.lower(Asset.name), Asset.id)
        return await read_page(self.session, rows, page, limit)

    async def upsert(self, facts: Mapping[str, Any]) -> Asset:
        """Write the ledger's facts about a token: a new asset, or the existing one with those facts updated."""
        new = insert(Asset).values(id=uuid7(), **facts)
        renewed = {name: new.excluded[name] for name in (*facts, "updated_at") if name != "token_id"}
        statement = new.on_conflict_do_update(index_elements=[Asset.token_id], set_=renewed).returning(Asset)
        return (await self.session.scalars(statement, execution_options={"populate_existing": True})).one()

    async def begin_sync(self, asset_id: uuid.UUID) -> None:
        """Mark the register as being synced."""
        await self._set_sync(asset_id, sync_status=SyncStatus.SYNCING, sync_error=None)

    async def end_sync(self, asset_id: uuid.UUID, snapshot_at: datetime, *, holder_count: int, held_units: int) -> None:
        """Mark the register as that of ``snapshot_at``, with the number of holders and the sum of their balances."""
        await self._set_sync(
            asset_id,
            sync_status=SyncStatus.SYNCED,
            last_synced_at=snapshot_at,
            sync_error=None,
            holder_count=holder_count,
            held_units=held_units,
        )

    async def fail_sync(self, asset_id: uuid.UUID, reason: str) -> None:
        """Mark the sync as failed, with the reason. The register stays as it was."""
        await self._set_sync(asset_id, sync_status=SyncStatus.FAILED, sync_error=reason)

    async def lock_for_sync(self, asset_id: uuid.UUID) -> Asset:
        """Lock the asset once no other sync of it is writing, and return its row as of then.

        Payments and new entitlements go on.

        Raises:
            NotFound: There is none with this id.
        """
        query = select(Asset).where(Asset.id == asset_id).with_for_update(key_share=True)
        locked: Asset | None = await self.session.scalar(query, execution_options={"populate_existing": True})
        return locked or await self.get(asset_id)

    async def request_sync(self, token_id: str, at: datetime) -> None:
        """Request a sync of a token's register at a time, unless an earlier one is due anyway."""
        await self.session.execute(
            update(Asset)
            .where(Asset.token_id == token_id)
            .values(sync_requested_at=func.least(Asset.sync_requested_at, literal(at, UtcTimestamp)))
        )

    async def set_timer(self, asset_id: uuid.UUID, every_seconds: int | None, first: datetime | None) -> None:
        """Set the interval of a register's sync, or none."""
        await self._set_sync(asset_id, sync_every_seconds=every_seconds, sync_requested_at=first)

    async def claim_due_sync(self, now: datetime, until: datetime) -> Asset | None:
        """Claim the sync that is most overdue. Unless it ends or is put off by then, it is due again at ``until``."""
        due = (
            select(Asset.id)
            .where(Asset.sync_requested_at <= now)
            .order_by(Asset.sync_requested_at)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
        )
        statement = (
            update(Asset).where(Asset.id == due.scalar_subquery()).values(sync_requested_at=until).returning(Asset)
        )
        return (await self.session.scalars(statement, execution_options={"populate_existing": True})).one_or_none()

    async def end_claimed_sync(self, asset_id: uuid.UUID, claimed_until: datetime, following: datetime | None) -> None:
        """Set the time of a register's next sync, unless another one was requested during this one."""
        await self.session.execute(
            update(Asset)
            .where(Asset.id == asset_id, Asset.sync_requested_at == claimed_until)
            .values(sync_requested_at=following)
        )

    async def renew_payment_token(
        self, contract_id: str, token_id: str, symbol: str, decimals: int
    ) -> Sequence[uuid.UUID]:
        """Write a contract's present payment token on its assets. Return the changed ones."""
        statement = (
            update(Asset)
            .where(
                Asset.lifecycle_contract_id == contract_id,
                or_(
                    Asset.payment_token_id.is_distinct_from(token_id),
                    Asset.payment_token_symbol.is_distinct_from(symbol),
                    Asset.payment_token_decimals.is_distinct_from(decimals),
                ),
            )
            .values(payment_token_id=token_id, payment_token_symbol=symbol, payment_token_decimals=decimals)
            .returning(Asset.id)
        )
        return (await self.session.scalars(statement)).all()

    async def complete_payment_token(self, asset_id: uuid.UUID, token_id: str, facts: Mapping[str, object]) -> bool:
        """Write symbol and decimals of an asset's payment token, if only its id is known, and is still this one."""
        statement = (
            update(Asset)
            .where(Asset.id == asset_id, Asset.payment_token_id == token_id, Asset.payment_token_decimals.is_(None))
            .values(**facts)
            .returning(Asset.id)
        )
        return (await self.session.scalars(statement)).one_or_none() is not None

    async def set_contract_paused(self, contract_id: str, *, paused: bool) -> Sequence[uuid.UUID]:
        """Write on a contract's assets if the contract is paused. Return the changed ones."""
        statement = (
            update(Asset)
            .where(Asset.lifecycle_contract_id == contract_id, Asset.contract_paused != paused)
            .values(contract_paused=paused)
            .returning(Asset.id)
        )
        return (await self.session.scalars(statement)).all()

    async def _set_sync(self, asset_id: uuid.UUID, **columns: Any) -> None:
        await self.session.execute(update(Asset).where(Asset.id == asset_id).values(**columns))
