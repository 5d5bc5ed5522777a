"""Assets and their registers as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from masspayout.api.models.base import AccountId, Count, RequestModel, ResponseModel, Time
from masspayout.db.entities import SyncStatus


class AssetResponse(ResponseModel):
    """An imported token."""

    id: UUID
    token_id: str = Field(examples=["0.0.5000"])
    name: str
    symbol: str
    decimals: int
    total_supply: int = Field(description="In smallest units.")
    treasury_account_id: str | None
    payment_token_id: str | None = Field(description="The payment token.")
    payment_token_symbol: str | None
    payment_token_decimals: int | None
    lifecycle_contract_id: str | None
    ledger_identity: str | None = Field(description="The ledger that it was imported from.")
    contract_paused: bool = Field(description="While it is true, payouts are stopped.")
    sync_status: SyncStatus | None
    sync_error: str | None
    last_synced_at: Time | None = Field(description="The register is that of this time.")
    sync_every_seconds: int | None
    created_at: Time | None
    updated_at: Time | None


class RegisteredHolderResponse(ResponseModel):
    """A holder of an asset and its balance now."""

    account_id: str
    balance: int = Field(description="In smallest units of the asset.")


class RegisterChangeResponse(ResponseModel):
    """The number of holders that a sync added, changed and removed."""

    added: Count
    changed: Count
    removed: Count


class SyncResponse(ResponseModel):
    """The result of a sync."""

    holder_count: Count
    snapshot_at: Time = Field(description="The register is that of this time.")
    change: RegisterChangeResponse


class AssetImportRequest(RequestModel):
    """A token to import. Fields that are not given stay as they are."""

    token_id: AccountId
    payment_token_id: AccountId | None = Field(default=None, description="The payment token.")
    lifecycle_contract_id: AccountId | None = Field(default=None, description="Its LifeCycle Cash Flow contract.")


class AssetPatchRequest(RequestModel):
    """A change of an asset. Fields that are not given stay as they are."""

    payment_token_id: AccountId | None = Field(default=None, description="The payment token.")
    lifecycle_contract_id: AccountId | None = Field(default=None, description="Its LifeCycle Cash Flow contract.")
    sync_every_seconds: Annotated[int, Field(ge=60, le=31_536_000)] | None = Field(
        default=None, description="Have a worker read the register as often as this; null: no more."
    )
