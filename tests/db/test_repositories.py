"""The repositories: what they find, in which order, and that size does not matter."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import (
    Asset,
    Distribution,
    DistributionStatus,
    DistributionType,
    EventListener,
    ExecutionType,
    RegisterEntry,
)
from masspayout.db.repositories import Assets, Distributions, Entitlements, EventListeners, Holders
from masspayout.db.session import Database
from masspayout.db.types import uuid7
from masspayout.kernel.errors import NotFound
from masspayout.kernel.types import Share

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
async def asset(database: Database) -> Asset:
    async with database.unit_of_work() as session:
        return await Assets(session).save(new_asset("0.0.5001"))


def new_asset(token_id: str) -> Asset:
    return Asset(token_id=token_id, name="Bond", symbol="BND", total_supply=1000, decimals=0)


def new_distribution(asset: Asset, **columns: object) -> Distribution:
    return Distribution(
        asset_id=asset.id, type=DistributionType.COUPON, execution_type=ExecutionType.SCHEDULED, **columns
    )


async def test_a_distribution_comes_with_what_was_asked_for_and_nothing_else(database: Database, asset: Asset) -> None:
    shares = [Share(f"0.0.{number}", 1, number) for number in (11, 12, 13)]
    async with database.unit_of_work() as session:
        made = await write(session, asset, shares, batch_size=2)
    async with database.unit_of_work() as session:
        found = await Distributions(session).find_by_id(made.id, with_asset=True, with_holders=True, with_batches=True)
        assert found is not None
        assert found.asset.token_id == "0.0.5001"
        assert {holder.account_id for holder in found.holders} == {"0.0.11", "0.0.12", "0.0.13"}
        assert [batch.batch_number for batch in found.batches] == [1, 2]
    async with database.unit_of_work() as session:
        bare = await Distributions(session).get(made.id)
        for relation in ("asset", "holders", "batches"):
            with pytest.raises(InvalidRequestError, match="lazy='raise'"):
                getattr(bare, relation)


async def write(session: AsyncSession, asset: Asset, shares: Sequence[Share], *, batch_size: int) -> Distribution:
    distribution = new_distribution(asset)
    await Distributions(session).create_distribution_with_holders(
        distribution, shares, decimals=6, batch_size=batch_size
    )
    return distribution


async def test_what_is_not_there_is_none_or_an_error_with_a_sentence(database: Database) -> None:
    nobody = uuid7()
    async with database.unit_of_work() as session:
        assert await Distributions(session).find_by_id(nobody) is None
        assert await Assets(session).find_by_token_id("0.0.404") is None
        for repository in (Assets(session), Distributions(session), EventListeners(session)):
            with pytest.raises(NotFound, match=f"There is no {repository.noun} {nobody}"):
                await repository.get(nobody)


async def test_an_asset_is_found_by_token_id_and_by_either_reference(database: Database) -> None:
    token_id = "0x" + "ab" * 20
    async with database.unit_of_work() as session:
        assets = Assets(session)
        asset = await assets.save(new_asset(token_id))
        assert await assets.find_by_token_id(token_id) is asset
        for reference in (token_id, token_id.upper().replace("0X", "0x"), str(asset.id)):
            assert await assets.get_by_reference(reference) is asset
        for reference in ("", "0.0.404", str(uuid7())):
            with pytest.raises(NotFound):
                await assets.get_by_reference(reference)


async def test_what_was_saved_can_be_read_and_changed_and_says_when(database: Database, asset: Asset) -> None:
    assert isinstance(asset.id, uuid.UUID)
    assert asset.created_at is not None
    assert asset.created_at.tzinfo is UTC
    async with database.unit_of_work() as session:
        found = await Assets(session).get(asset.id)
        found.name = "Renamed"
        await Assets(session).save(found)
        assert found.updated_at is not None
        assert found.updated_at > asset.created_at


async def test_keyset_paging_gives_what_pages_give_newest_first(database: Database, asset: Asset) -> None:
    made: list[uuid.UUID] = []
    for size in (1, 4, 2):  # those of one transaction have one time
        async with database.unit_of_work() as session:
            made += [(await Distributions(session).save(new_distribution(asset))).id for _ in range(size)]
    async with database.unit_of_work() as session:
        repository = Distributions(session)
        pages = [await repository.find_all(page, 3) for page in (1, 2, 3, 4)]
        assert {page.total for page in pages} == {7}
        by_page = [item.id for page in pages for item in page.items]
        assert by_page == made[::-1]
        by_key: list[uuid.UUID] = []
        last = None
        while rows := await repository.find_older(last, 2):
            by_key += [row.id for row in rows]
            last = rows[-1]
        assert by_key == by_page
        assert (await repository.find_all()).total == 7


async def test_distributions_are_listed_by_asset_and_status(database: Database, asset: Asset) -> None:
    async with database.unit_of_work() as session:
        other = await Assets(session).save(new_asset("0.0.5002"))
        repository = Distributions(session)
        mine = await repository.save(new_distribution(asset))
        cancelled = await repository.save(new_distribution(other, status=DistributionStatus.CANCELLED))
        for wanted, expected in (
            ((None, None), [cancelled, mine]),
            ((asset.id, None), [mine]),
            ((None, DistributionStatus.CANCELLED), [cancelled]),
            ((asset.id, DistributionStatus.CANCELLED), []),
        ):
            found = await repository.find_of_asset(*wanted)
            assert (found.items, found.total) == (expected, len(expected))


async def test_what_is_due_comes_the_longest_overdue_first_by_its_index(database: Database, asset: Asset) -> None:
    async with database.unit_of_work() as session:
        repository = Distributions(session)
        for days, status in (
            (-1, DistributionStatus.PENDING),
            (-3, DistributionStatus.PENDING),
            (0, DistributionStatus.PENDING),
            (1, DistributionStatus.PENDING),
            (-2, DistributionStatus.CANCELLED),
        ):
            due = NOW + timedelta(days=days)
            await repository.save(new_distribution(asset, scheduled_time=due, status=status))
        await repository.save(new_distribution(asset))
        found = await repository.find_pending_scheduled(NOW)
        assert [each.scheduled_time for each in found] == [NOW - timedelta(days=3), NOW - timedelta(days=1), NOW]
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text(
                "EXPLAIN SELECT * FROM distribution "
                "WHERE status = 'PENDING' AND scheduled_time <= now() ORDER BY scheduled_time"
            )
        )
        assert "idx_distribution_scheduled" in "\n".join(plan)


async def test_more_holders_than_one_statement_takes_parameters_are_written_in_one_transaction(
    database: Database, asset: Asset
) -> None:
    accounts = sorted(f"0.0.{number}" for number in range(1, 20_001))
    shares = [Share(account, 3, 0 if number % 1000 == 0 else number) for number, account in enumerate(accounts)]
    async with database.unit_of_work() as session:
        totals = await Distributions(session).create_distribution_with_holders(
            distribution := new_distribution(asset), shares, decimals=6, batch_size=100
        )
    assert (totals.entitlement_count, totals.payable_count, totals.batch_count) == (20_000, 19_980, 200)
    assert totals.total_amount == Decimal(sum(share.amount_units for share in shares)).scaleb(-6)
    async with database.unit_of_work() as session:
        entitlements = Entitlements(session, distribution)
        streamed = [holder.account_id async for holder in entitlements.stream(chunk=3000)]
        assert streamed == accounts
        assert await entitlements.register_hash() == totals.register_hash
        assert (await entitlements.find(page=200, limit=100)).total == 20_000


async def test_what_fails_midway_leaves_nothing(database: Database, asset: Asset) -> None:
    def breaking_off() -> list[Share]:
        return [Share("0.0.11", 1, 1), Share("0.0.12", -1, 1)]

    with pytest.raises(Exception, match="holder_balance_check"):
        async with database.unit_of_work() as session:
            await write(session, asset, breaking_off(), batch_size=100)
    async with database.unit_of_work() as session:
        assert (await Distributions(session).find_all()).total == 0


async def test_the_register_is_paged_by_account(database: Database, asset: Asset) -> None:
    async with database.unit_of_work() as session:
        session.add_all(
            RegisterEntry(asset_id=asset.id, account_id=f"0.0.{number}", balance=1) for number in range(10, 17)
        )
        await session.flush()
        register = Holders(session)
        pages = [await register.find_register(asset.id, page, 3) for page in (1, 2, 3)]
        by_page = [holder.account_id for page in pages for holder in page.items]
        assert by_page == [f"0.0.{number}" for number in range(10, 17)]
        after = await register.find_register_after(asset.id, "0.0.13", 2)
        assert [holder.account_id for holder in after] == ["0.0.14", "0.0.15"]


async def test_an_event_listener_is_found_by_its_contract(database: Database) -> None:
    async with database.unit_of_work() as session:
        listeners = EventListeners(session)
        made = await listeners.save(EventListener(contract_id="0.0.9", last_processed_timestamp=2**62))
        assert made.enabled is True
    async with database.unit_of_work() as session:
        listeners = EventListeners(session)
        found = await listeners.find_by_contract_id("0.0.9")
        assert found is not None
        assert (found.id, found.last_processed_timestamp) == (made.id, 2**62)
        assert await listeners.find_by_contract_id("0.0.10") is None
        assert (await listeners.find_all()).total == 1
