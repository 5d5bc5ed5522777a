"""Queries on ``asset``."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Asset, SyncStatus
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import UtcTimestamp, uuid7
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
        """Return an asset by its token id or its UUID.

        Raises:
            NotFound: There is no such asset.
        """
        asset = await self.find_by_token_id(reference.strip().lower())
        if asset is None:
            try:
                asset = await self.find_by_id(uuid.UUID(reference))
            except ValueError:
                asset = None
        if asset is None:
            raise NotFound(
                f"There is no asset {reference!r}.",
                "See what there is with: ",
                Action.LIST_ASSETS,
                ". Import it with: ",
                Action.IMPORT_ASSET.on(reference),
            )
        return asset

    async def search(self, contains: str, page: int = 1, limit: int = 25) -> Page[Asset]:
        """Return one page of the assets whose name, symbol or token id contains some text, by name."""
        columns = (Asset.name, Asset.symbol, Asset.token_id)
        condition = or_(*(column.icontains(contains, autoescape=True) for column in columns))
        rows = select(Asset).where(condition).order_by(func.lower(Asset.name), Asset.id)
        return await read_page(self.session, rows, page, limit)

    async def upsert(self, facts: Mapping[str, Any]) -> Asset:
        """Write what the ledger says of a token: a new asset, or the one that is there with those facts renewed."""
        new = insert(Asset).values(id=uuid7(), **facts)
        renewed = {name: new.excluded[name] for name in (*facts, "updated_at") if name != "token_id"}
        statement = new.on_conflict_do_update(index_elements=[Asset.token_id], set_=renewed).returning(Asset)
        return (await self.session.scalars(statement, execution_options={"populate_existing": True})).one()

    async def begin_sync(self, asset_id: uuid.UUID) -> None:
        """Say that the register is being read."""
        await self._set_sync(asset_id, sync_status=SyncStatus.SYNCING, sync_error=None)

    async def end_sync(self, asset_id: uuid.UUID, snapshot_at: datetime, *, holder_count: int, held_units: int) -> None:
        """Say that the register is that of ``snapshot_at``, how many are in it and what they hold together."""
        await self._set_sync(
            asset_id,
            sync_status=SyncStatus.SYNCED,
            last_synced_at=snapshot_at,
            sync_error=None,
            holder_count=holder_count,
            held_units=held_units,
        )

    async def fail_sync(self, asset_id: uuid.UUID, reason: str) -> None:
        """Say that the register could not be read, and why. It stays as it was."""
        await self._set_sync(asset_id, sync_status=SyncStatus.FAILED, sync_error=reason)

    async def lock_for_sync(self, asset_id: uuid.UUID) -> None:
        """Wait until no other sync of this asset is writing. Payments and new entitlements are not held up."""
        await self.session.execute(select(Asset.id).where(Asset.id == asset_id).with_for_update(key_share=True))

    async def request_sync(self, token_id: str, at: datetime) -> None:
        """Have the register of a token's asset read at a time, unless it is to be read earlier anyway."""
        await self.session.execute(
            update(Asset)
            .where(Asset.token_id == token_id)
            .values(sync_requested_at=func.least(Asset.sync_requested_at, literal(at, UtcTimestamp)))
        )

    async def set_timer(self, asset_id: uuid.UUID, every_seconds: int | None, first: datetime | None) -> None:
        """Have a register read again and again, or no more."""
        await self._set_sync(asset_id, sync_every_seconds=every_seconds, sync_requested_at=first)

    async def claim_due_sync(self, now: datetime, until: datetime) -> Asset | None:
        """Take the sync that is most overdue. Unless it is ended or put off by then, it is due again at ``until``."""
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
        """Say when a register is to be read next, unless somebody asked for it while it was being read."""
        await self.session.execute(
            update(Asset)
            .where(Asset.id == asset_id, Asset.sync_requested_at == claimed_until)
            .values(sync_requested_at=following)
        )

    async def renew_payment_token(
        self, contract_id: str, token_id: str, symbol: str, decimals: int
    ) -> Sequence[uuid.UUID]:
        """Write what a contract pays in from now on, on its assets. Returns those that this changes."""
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
        """Write symbol and decimals of the payment token, if its id is all that is known of it, and still this one."""
        statement = (
            update(Asset)
            .where(Asset.id == asset_id, Asset.payment_token_id == token_id, Asset.payment_token_decimals.is_(None))
            .values(**facts)
            .returning(Asset.id)
        )
        return (await self.session.scalars(statement)).one_or_none() is not None

    async def set_contract_paused(self, contract_id: str, *, paused: bool) -> Sequence[uuid.UUID]:
        """Write whether a contract is paused, on its assets. Returns those that this changes."""
        statement = (
            update(Asset)
            .where(Asset.lifecycle_contract_id == contract_id, Asset.contract_paused != paused)
            .values(contract_paused=paused)
            .returning(Asset.id)
        )
        return (await self.session.scalars(statement)).all()

    async def _set_sync(self, asset_id: uuid.UUID, **columns: Any) -> None:
        await self.session.execute(update(Asset).where(Asset.id == asset_id).values(**columns))
