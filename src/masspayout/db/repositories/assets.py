"""Queries on ``asset``."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Asset, SyncStatus
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.errors import NotFound


class Assets(Repository[Asset]):
    """The imported tokens."""

    entity = Asset
    noun = "asset"

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
                f"See what there is with: masspayout asset list. Import it with: masspayout asset import {reference}",
            )
        return asset

    async def upsert(self, facts: Mapping[str, Any]) -> Asset:
        """Write what the ledger says of a token: a new asset, or the one that is there with those facts renewed."""
        new = insert(Asset).values(id=uuid7(), **facts)
        renewed = {name: new.excluded[name] for name in (*facts, "updated_at") if name != "token_id"}
        statement = new.on_conflict_do_update(index_elements=[Asset.token_id], set_=renewed).returning(Asset)
        return (await self.session.scalars(statement, execution_options={"populate_existing": True})).one()

    async def begin_sync(self, asset_id: uuid.UUID) -> None:
        """Say that the register is being read."""
        await self._set_sync(asset_id, sync_status=SyncStatus.SYNCING, sync_error=None)

    async def end_sync(self, asset_id: uuid.UUID, snapshot_at: datetime) -> None:
        """Say that the register is that of ``snapshot_at``."""
        await self._set_sync(asset_id, sync_status=SyncStatus.SYNCED, last_synced_at=snapshot_at, sync_error=None)

    async def fail_sync(self, asset_id: uuid.UUID, reason: str) -> None:
        """Say that the register could not be read, and why. It stays as it was."""
        await self._set_sync(asset_id, sync_status=SyncStatus.FAILED, sync_error=reason)

    async def lock_for_sync(self, asset_id: uuid.UUID) -> None:
        """Wait until no other sync of this asset is writing. Payments and new entitlements are not held up."""
        await self.session.execute(select(Asset.id).where(Asset.id == asset_id).with_for_update(key_share=True))

    async def _set_sync(self, asset_id: uuid.UUID, **columns: Any) -> None:
        await self.session.execute(update(Asset).where(Asset.id == asset_id).values(**columns))
