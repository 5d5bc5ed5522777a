"""Assets and their registers: imported, renewed, kept in step with the ledger, never half."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from databases import run_sql
from masspayout.context import Context
from masspayout.db.entities import Asset, Entitlement, RegisterEntry, SyncStatus
from masspayout.db.repositories import Assets, Holders, RegisterChange
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid, LedgerUnavailable, NotFound
from masspayout.ledger.port import HolderBalance, HolderSnapshot
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.registers import assets
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, TREASURY, World

HOLDERS = [("0.0.21", 5), ("0.0.22", 7), ("0x" + "ab" * 20, 11)]


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, HOLDERS)


async def register_of(world: World) -> dict[str, int]:
    async with world.runtime.database.unit_of_work() as session:
        rows = (await Holders(session).find_register(world.asset.id, limit=1000)).items
    return {holder.account_id: holder.balance for holder in rows if holder.account_id != TREASURY}


async def asset_of(world: World) -> Asset:
    async with world.runtime.database.unit_of_work() as session:
        return await Assets(session).get(world.asset.id)


async def sync(world: World) -> RegisterChange:
    return (await assets.sync(world.runtime.database, world.runtime.ledger, world.asset.id)).change


async def test_an_import_writes_what_the_ledger_says(world: World) -> None:
    asset = world.asset
    assert (asset.token_id, asset.name, asset.symbol, asset.decimals) == (ASSET_TOKEN, "Green Bond", "GRB", 2)
    assert (asset.total_supply, asset.treasury_account_id) == (1023, TREASURY)
    assert (asset.payment_token_id, asset.payment_token_symbol, asset.payment_token_decimals) == (
        PAYMENT_TOKEN,
        "TUSD",
        6,
    )
    for time in (asset.created_at, asset.updated_at):
        assert time is not None
        assert time.tzinfo is UTC
        assert abs((datetime.now(UTC) - time).total_seconds()) < 3600
    assert asset.sync_status is None


async def test_importing_again_renews_and_keeps_what_is_not_given(world: World) -> None:
    contract = "0x" + "CD" * 20
    before = world.asset.updated_at
    await world.sandbox.admin.deposit(ASSET_TOKEN, 10, "0.0.21")
    runtime = world.runtime
    again = await assets.import_asset(
        runtime.database, runtime.ledger, f" {ASSET_TOKEN} ", lifecycle_contract_id=contract
    )
    assert again.id == world.asset.id
    assert (again.total_supply, again.payment_token_id) == (1033, PAYMENT_TOKEN)
    assert again.lifecycle_contract_id == contract.lower()
    assert before is not None
    assert again.updated_at is not None
    assert again.updated_at > before
    assert again.created_at == world.asset.created_at


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"token_id": "0.0.404"}, NotFound),
        ({"token_id": "token"}, Invalid),
        ({"token_id": ASSET_TOKEN, "payment_token_id": "0.0.404"}, NotFound),
        ({"token_id": ASSET_TOKEN, "payment_token_id": "0x12"}, Invalid),
        ({"token_id": ASSET_TOKEN, "lifecycle_contract_id": "contract"}, Invalid),
    ],
)
async def test_what_cannot_be_imported_is_refused(
    runtime: Context, arguments: dict[str, Any], refusal: type[Exception]
) -> None:
    sandbox = runtime.ledger
    assert isinstance(sandbox, SandboxLedger)
    await sandbox.admin.create_token(ASSET_TOKEN, name="A", symbol="A", decimals=0)
    with pytest.raises(refusal):
        await assets.import_asset(runtime.database, sandbox, **arguments)
    async with runtime.database.unit_of_work() as session:
        assert (await Assets(session).find_all()).total == 0


async def test_a_supply_beyond_64_bits_can_be_paid_in_but_not_on(world: World) -> None:
    database, ledger = world.runtime.database, world.runtime.ledger
    await world.sandbox.admin.create_token("0.0.8001", name="W", symbol="W", decimals=18, supply_units=2**63)
    with pytest.raises(Invalid, match="supply of 9,223,372,036,854,775,808"):
        await assets.import_asset(database, ledger, "0.0.8001")
    assert await assets.import_asset(database, ledger, ASSET_TOKEN, payment_token_id="0.0.8001")


async def test_a_sync_adds_the_new_removes_the_gone_and_changes_the_changed(world: World) -> None:
    assert await sync(world) == RegisterChange(added=4, changed=0, removed=0)
    assert await register_of(world) == dict(HOLDERS)
    assert await sync(world) == RegisterChange(added=0, changed=0, removed=0)
    url = world.runtime.database.url
    await world.sandbox.admin.deposit(ASSET_TOKEN, 10, "0.0.21")
    await world.sandbox.admin.deposit(ASSET_TOKEN, 1, "0.0.99")
    # Somebody whom the ledger does not know any more.
    run_sql(url, "UPDATE holder SET account_id = '0.0.1' WHERE account_id = '0.0.22'")
    assert await sync(world) == RegisterChange(added=2, changed=1, removed=1)
    assert await register_of(world) == {**dict(HOLDERS), "0.0.21": 15, "0.0.99": 1}


async def test_updated_at_moves_for_those_that_changed_and_no_others(world: World) -> None:
    await sync(world)
    await world.sandbox.admin.deposit(ASSET_TOKEN, 10, "0.0.21")
    asset_before = await asset_of(world)
    await sync(world)
    async with world.runtime.database.unit_of_work() as session:
        moved = select(RegisterEntry.account_id).where(RegisterEntry.updated_at > RegisterEntry.created_at)
        assert (await session.scalars(moved)).all() == ["0.0.21"]
        zones = {time.tzinfo for time in await session.scalars(select(RegisterEntry.created_at)) if time}
        assert zones == {UTC}
    asset = await asset_of(world)
    assert asset.updated_at is not None
    assert asset_before.updated_at is not None
    assert asset.updated_at > asset_before.updated_at


async def test_a_sync_leaves_other_registers_and_all_entitlements_alone(world: World) -> None:
    runtime = world.runtime
    await world.sandbox.admin.create_token("0.0.5002", name="B", symbol="B", decimals=0, holders=[("0.0.21", 1)])
    other = await assets.import_asset(runtime.database, runtime.ledger, "0.0.5002")
    await assets.sync(runtime.database, runtime.ledger, other.id)
    dividend = await world.plan("100")
    run_sql(runtime.database.url, "UPDATE sandbox.holding SET balance_units = 0 WHERE token_id = '0.0.5001'")
    before = await rows_besides_the_register(world)
    assert (await sync(world)).removed == 4
    assert await rows_besides_the_register(world) == before
    assert len(before) == 1 + len((await world.find(dividend.id)).holders)


async def rows_besides_the_register(world: World) -> list[tuple[Any, ...]]:
    columns = (
        Entitlement.id,
        Entitlement.account_id,
        Entitlement.balance,
        Entitlement.payment_amount,
        Entitlement.updated_at,
    )
    mine = (Entitlement.asset_id == world.asset.id) & Entitlement.distribution_id.is_(None)
    async with world.runtime.database.unit_of_work() as session:
        return [tuple(row) for row in await session.execute(select(*columns).where(~mine).order_by(Entitlement.id))]


async def test_syncs_at_once_wait_for_each_other(world: World) -> None:
    database = world.runtime.database
    other = Database(database.url)
    async with asyncio.timeout(240):
        results = await asyncio.gather(
            *(assets.sync(each, world.runtime.ledger, world.asset.id) for each in (database, other) * 3)
        )
    await other.close()
    assert sorted(result.change.added for result in results) == [0, 0, 0, 0, 0, 4]
    assert await register_of(world) == dict(HOLDERS)
    assert (await asset_of(world)).sync_status is SyncStatus.SYNCED


class BreakingLedger:
    """The ledger, whose list of holders breaks off after one page."""

    def __init__(self, ledger: SandboxLedger, error: Exception) -> None:
        self._ledger = ledger
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        return HolderSnapshot(datetime.now(UTC), self._pages())

    async def _pages(self) -> AsyncIterator[list[HolderBalance]]:
        yield [HolderBalance("0.0.777", 1)]
        raise self._error


@pytest.mark.parametrize("error", [LedgerUnavailable("The mirror is away.", "Wait."), ValueError("not foreseen")])
async def test_a_sync_that_fails_leaves_the_register_as_it_was_and_says_so(world: World, error: Exception) -> None:
    await sync(world)
    synced_at = (await asset_of(world)).last_synced_at
    breaking: Any = BreakingLedger(world.sandbox, error)
    with pytest.raises(type(error)):
        await assets.sync(world.runtime.database, breaking, world.asset.id)
    assert await register_of(world) == dict(HOLDERS)
    asset = await asset_of(world)
    assert (asset.sync_status, asset.last_synced_at) == (SyncStatus.FAILED, synced_at)
    assert str(error.args[0]) in (asset.sync_error or "")
    await sync(world)
    asset = await asset_of(world)
    assert (asset.sync_status, asset.sync_error) == (SyncStatus.SYNCED, None)


async def test_a_supply_that_outgrew_64_bits_fails_the_sync_with_that_reason(world: World) -> None:
    await sync(world)
    await world.sandbox.admin.deposit(ASSET_TOKEN, 2**63, "0.0.21")
    with pytest.raises(Invalid, match="more than the 9,223,372,036,854,775,807"):
        await sync(world)
    asset = await asset_of(world)
    assert asset.sync_status is SyncStatus.FAILED
    assert await register_of(world) == dict(HOLDERS)
