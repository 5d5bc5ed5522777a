"""Previews of what does not exist yet: they say what creating would come to, and write nothing."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest

from command_line import rows_of
from masspayout import distributions
from masspayout.context import Context
from masspayout.db.entities import DistributionType, PayoutType
from masspayout.distributions import previews
from masspayout.distributions.csv_import import parse_payout_list
from masspayout.distributions.previews import Preview
from masspayout.entitlements.freezing import payment_token_of
from masspayout.kernel.errors import Invalid, NobodyEligible
from masspayout.kernel.payout_terms import PayoutTerms
from payouts import PAYMENT_TOKEN, World, accounts

COUNT = 57


@pytest.fixture
async def world(runtime: Context) -> World:
    chance = random.Random(7)
    world = await World.make(runtime, [(account, chance.randint(1, 10**6)) for account in accounts(COUNT)])
    await world.sandbox.admin.freeze(accounts(COUNT)[5:8], PAYMENT_TOKEN)
    await world.sandbox.admin.dissociate(accounts(COUNT)[50:51], PAYMENT_TOKEN)
    return world


def terms(payout: PayoutType, amount: str, **others: object) -> PayoutTerms:
    return PayoutTerms(DistributionType.DIVIDEND, payout, Decimal(amount), **others)  # type: ignore[arg-type]


async def dry_run(world: World, wanted: PayoutTerms) -> Preview:
    runtime, now = world.runtime, datetime.now(UTC)
    return await previews.dry_run(runtime, world.asset, wanted, now=now)


@pytest.mark.parametrize("payout", PayoutType)
@pytest.mark.parametrize("amount", ["1000", "0.000031", "0.1", "777.123456"])
async def test_a_trial_says_what_creating_then_comes_to(world: World, payout: PayoutType, amount: str) -> None:
    wanted = terms(payout, amount, excluded_accounts=[accounts(COUNT)[0]])
    if payout is PayoutType.FIXED and amount == "0.000031":
        with pytest.raises(NobodyEligible, match="rounds down to zero"):
            await dry_run(world, wanted)
        return
    result = await dry_run(world, wanted)
    runtime = world.runtime
    created = await distributions.create(runtime, world.asset, wanted)
    assert await previews.preview(runtime, created) == result
    assert set(result.unpayable) <= set(accounts(COUNT)[5:8] + accounts(COUNT)[50:51])


async def test_a_trial_of_balances_at_a_record_time_or_of_one_ahead(world: World) -> None:
    earlier = await world.sandbox.admin.now()
    wanted = terms(PayoutType.PERCENTAGE, "1000")
    now = await dry_run(world, wanted)
    assert await dry_run(world, replace(wanted, record_time=earlier)) == now
    assert await dry_run(world, replace(wanted, record_time=datetime.now(UTC) + timedelta(days=9))) == now


async def test_a_trial_writes_nothing(world: World) -> None:
    await dry_run(world, terms(PayoutType.PERCENTAGE, "1000"))
    before = rows_of(world.runtime.database.url)
    on_progress: list[int] = []
    runtime = world.runtime
    wanted = terms(PayoutType.FIXED, "1000", record_time=await world.sandbox.admin.now())
    parts = (runtime, world.asset, wanted)
    await previews.dry_run(*parts, now=datetime.now(UTC), on_progress=on_progress.append)
    assert rows_of(world.runtime.database.url) == before
    assert on_progress == [COUNT]


async def test_a_trial_asks_the_ledger_about_a_thousand_accounts_at_a_time(runtime: Context) -> None:
    many = await World.make(runtime, [(account, 1) for account in accounts(2500)])
    on_progress: list[int] = []
    parts = (runtime, many.asset, terms(PayoutType.PERCENTAGE, "1000"))
    await previews.dry_run(*parts, now=datetime.now(UTC), on_progress=on_progress.append)
    assert on_progress == [1000, 2000, 2500]


async def test_what_cannot_be_divided_says_so(world: World) -> None:
    with pytest.raises(Invalid, match="amount is missing"):
        await dry_run(world, replace(terms(PayoutType.FIXED, "1"), amount=None))
    with pytest.raises(NobodyEligible, match=r"No holder is eligible: 0\.0\.5001"):
        await dry_run(world, terms(PayoutType.FIXED, "1", excluded_accounts=accounts(COUNT)))


async def test_a_trial_of_a_list_says_who_could_not_receive_it(world: World) -> None:
    runtime = world.runtime
    token = payment_token_of(runtime.settings, world.asset)
    rows = "".join(f"{account},{number + 1}.5\n" for number, account in enumerate(accounts(COUNT)))
    payout_list = parse_payout_list(BytesIO(f"account_id,amount\n{rows}".encode()), token.decimals)
    result = await previews.dry_run_of_list(runtime, token, payout_list)
    assert (result.payable_count, result.transaction_count) == (COUNT, 1)
    assert (result.smallest_amount, result.largest_amount) == (Decimal("1.5"), Decimal(COUNT) + Decimal("0.5"))
    assert result.total_amount == sum(range(1, COUNT + 1)) + COUNT * Decimal("0.5")
    assert sorted(result.unpayable) == sorted(accounts(COUNT)[5:8] + accounts(COUNT)[50:51])
