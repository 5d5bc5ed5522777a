"""Dividends and coupons that a token of the Asset Tokenization Studio announces, and what becomes of them."""

import asyncio
from datetime import UTC, datetime

import pytest

from evm_harness import EvmHarness
from ledger.evm.ats_scenes import (
    HOUR,
    PAYMENT_DECIMALS,
    CashFlow,
    Security,
    cash_flow,
    context_of,
    harness,
    pay,
    security,
    tokens,
)
from masspayout import distributions
from masspayout.automation import scheduler
from masspayout.db.entities import Asset, Distribution, DistributionStatus, ExecutionType
from masspayout.db.repositories import AnnouncedPayouts, Distributions
from masspayout.db.session import Database
from masspayout.distributions import contract_payouts
from masspayout.kernel.errors import Conflict
from masspayout.payments import reconciliation
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from masspayout.settings import Settings

__all__ = ["cash_flow", "harness", "security", "tokens"]


async def time_ahead(harness: EvmHarness) -> datetime:
    """Return a whole second that lies ahead of the chain's clock and of ours."""
    chain = (await harness.ledger.chain.head()).timestamp
    return max(datetime.fromtimestamp(chain, UTC), datetime.now(UTC).replace(microsecond=0)) + HOUR


async def imported(database: Database, asset: Asset, security: Security, number: int) -> Distribution:
    """Return the one distribution that a dividend or coupon became."""
    async with database.unit_of_work() as session:
        page = await Distributions(session).find_of_asset(asset.id, None, limit=100)
    (found,) = [each for each in page.items if each.concept == f"{security.kind} {number}"]
    return found


async def test_what_the_token_announces_becomes_one_distribution_that_is_synced(
    security: Security, harness: EvmHarness, database: Database, cash_flow: CashFlow
) -> None:
    record_at = await time_ahead(harness)
    number = security.announce(record_at, record_at + HOUR)

    async def sync() -> Distribution:
        await assets.sync(database, harness.ledger, cash_flow.asset.id)
        return await imported(database, cash_flow.asset, security, number)

    await asyncio.gather(sync(), sync())
    found = await sync()
    assert (found.type, found.execution_type, found.status) == (security.kind.upper(), "SCHEDULED", "PENDING")
    assert (found.record_time, found.scheduled_time, found.amount) == (record_at, record_at + HOUR, None)

    # As if it had been announced for other days when it was imported.
    for earlier in (
        {"record_time": record_at - HOUR, "scheduled_time": record_at + 7 * HOUR},
        {"execution_type": ExecutionType.MANUAL, "scheduled_time": None},
    ):
        async with database.unit_of_work() as session:
            assert await AnnouncedPayouts(session).move_unfrozen(found.id, earlier)
        moved = await sync()
        assert moved.id == found.id
        assert (moved.record_time, moved.scheduled_time) == (record_at, record_at + HOUR)
        assert moved.execution_type is ExecutionType.SCHEDULED

    security.call_off(number)
    for _ in range(2):
        assert (await sync()).status is DistributionStatus.CANCELLED


async def test_what_a_person_called_off_or_the_token_before_it_was_seen_is_not_imported_again(
    security: Security, harness: EvmHarness, database: Database, cash_flow: CashFlow
) -> None:
    record_at = await time_ahead(harness)
    number = security.announce(record_at, record_at + HOUR)
    withdrawn = security.announce(record_at, record_at + 2 * HOUR)
    security.call_off(withdrawn)
    await assets.sync(database, harness.ledger, cash_flow.asset.id)
    async with database.unit_of_work() as session:
        await distributions.cancel(session, (await imported(database, cash_flow.asset, security, number)).id)
    await assets.sync(database, harness.ledger, cash_flow.asset.id)
    assert (await imported(database, cash_flow.asset, security, number)).status is DistributionStatus.CANCELLED
    async with database.unit_of_work() as session:
        page = await Distributions(session).find_of_asset(cash_flow.asset.id, None, limit=100)
    assert f"{security.kind} {withdrawn}" not in {each.concept for each in page.items}


async def test_what_was_imported_is_paid_by_itself_on_its_day_and_one_of_the_past_is_not(
    security: Security, harness: EvmHarness, database: Database, settings: Settings, cash_flow: CashFlow
) -> None:
    long_ago = datetime(2024, 3, 31, tzinfo=UTC)
    past = security.announce(long_ago, long_ago + HOUR)
    record_at = await time_ahead(harness)
    number = security.announce(record_at, record_at + HOUR)
    await assets.sync(database, harness.ledger, cash_flow.asset.id)
    context = context_of(database, harness, settings)
    when = record_at + 2 * HOUR
    # By our clock it is due, by the chain's it is not: it waits.
    await scheduler.run_due(context, when)
    assert (await imported(database, cash_flow.asset, security, number)).status is DistributionStatus.PENDING
    chain_now = (await harness.ledger.chain.head()).timestamp
    await harness.let_pass(when.timestamp() - chain_now)
    await scheduler.run_due(context, when)
    begun = await imported(database, cash_flow.asset, security, number)
    assert begun.status is DistributionStatus.PROCESSING
    assert begun.amount == begun.total_amount
    assert await DistributionPayer(database, harness.ledger, settings).pay(begun.id) is DistributionStatus.COMPLETED
    assert (await reconciliation.reconcile(database, harness.ledger, begun.id)).agrees
    last = list(security.holders)[-1]
    assert cash_flow.payment_token.ask("balanceOf", last) == security.owed_units(last)
    offer = await cash_flow.offers.for_announcement(security.kind, number)
    with pytest.raises(Conflict, match="pays it once"):
        await contract_payouts.create(context_of(database, harness, settings), cash_flow.asset, offer)

    waiting = await imported(database, cash_flow.asset, security, past)
    assert (waiting.execution_type, waiting.scheduled_time) == (ExecutionType.MANUAL, None)
    assert waiting.status is DistributionStatus.PENDING
    status, verdict = await pay(database, harness, settings, waiting.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees


async def test_our_own_contract_pays_what_the_token_announced(
    security: Security, harness: EvmHarness, database: Database, settings: Settings
) -> None:
    payment_token = harness.add_token({}, decimals=PAYMENT_DECIMALS)
    await harness.fund(payment_token, harness.payer_account_id, 10**12)
    asset = await assets.import_asset(
        database,
        harness.ledger,
        security.token.address,
        payment_token_id=payment_token,
        lifecycle_contract_id=harness.payer_account_id,
    )
    long_ago = datetime(2024, 6, 30, tzinfo=UTC)
    number = security.announce(long_ago, long_ago + HOUR)
    await assets.sync(database, harness.ledger, asset.id)
    status, verdict = await pay(database, harness, settings, (await imported(database, asset, security, number)).id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    last = list(security.holders)[-1]
    assert harness.tokens[payment_token].ask("balanceOf", last) == security.owed_units(last)
