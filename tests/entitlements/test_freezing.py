"""The freeze against an independent reckoning: what SQL writes is what ``money`` says, for any register."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from division import split_equal, split_pro_rata
from masspayout.context import Context
from masspayout.db.entities import (
    Asset,
    BatchPayout,
    BatchStatus,
    Distribution,
    DistributionType,
    Entitlement,
    ExecutionType,
    PayoutType,
)
from masspayout.db.repositories import Assets, BatchPayouts, Distributions
from masspayout.entitlements.freezing import FreezeReading, freeze, payment_token_of
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import to_decimal, to_units
from masspayout.registers import ledger_binding
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World
from shared_data import shared_file

LARGEST_BIGINT = 2**63 - 1
TREASURY, PAYER, CONTRACT = "0.0.900", "0.0.1001", "0x" + "c0" * 20

ACCOUNT_IDS = (
    st.integers(0, 10**19 - 1).map("0.0.{}".format)
    | st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)).map("{0[0]}.{0[1]}.{0[2]}".format)
    | st.binary(min_size=20, max_size=20).filter(any).map(lambda address: "0x" + address.hex())
    | st.sampled_from([TREASURY, PAYER, CONTRACT])
)
BALANCES = st.sampled_from([0, 1, 2, 3, LARGEST_BIGINT]) | st.integers(0, LARGEST_BIGINT)


@dataclass(frozen=True)
class Case:
    """A register and the terms of a payout on it."""

    register: dict[str, int]
    decimals: int
    total_units: int
    payout: PayoutType
    batch_size: int
    excluded: list[str]
    included: list[str]

    @cached_property
    def eligible(self) -> dict[str, int]:
        """Who may get something, worked out by hand."""
        outside = ({TREASURY, PAYER, CONTRACT} - set(self.included)) | set(self.excluded)
        return {account: units for account, units in self.register.items() if units > 0 and account not in outside}

    @cached_property
    def shares_units(self) -> dict[str, int]:
        """What everybody gets, by ``money``."""
        if self.payout is PayoutType.PERCENTAGE:
            return split_pro_rata(self.total_units, self.eligible)
        each_units, _ = split_equal(self.total_units, self.eligible)
        return dict.fromkeys(self.eligible, each_units)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    register = draw(st.dictionaries(ACCOUNT_IDS, BALANCES, max_size=40))
    some = st.lists(st.sampled_from(sorted(register) or [TREASURY]), max_size=5, unique=True)
    return Case(
        register=register,
        decimals=draw(st.integers(0, 18)),
        total_units=draw(st.integers(1, 200) | st.integers(1, 10**30)),
        payout=draw(st.sampled_from(PayoutType)),
        batch_size=draw(st.integers(1, 12)),
        excluded=draw(some),
        included=draw(st.lists(st.sampled_from([TREASURY, PAYER, CONTRACT]), unique=True)),
    )


async def check(runtime: Context, case: Case) -> None:
    """Freeze a case and compare all that was written with the reckoning; leave no trace."""
    settings = runtime.settings.model_copy(update={"batch_size": case.batch_size, "payer_account_id": PAYER})
    binding = await ledger_binding.bind(runtime.ledger, settings)
    async with runtime.database.unit_of_work() as session, session.begin_nested() as example:
        distribution = await _write_case(Assets(session), case)
        asset = await Assets(session).get(distribution.asset_id)
        reading = FreezeReading(binding, payment_token_of(settings, asset))
        if any(case.eligible and case.shares_units.values()):
            await freeze(session, settings, distribution, reading)
            await _compare(session, case, distribution)
        else:
            with pytest.raises(Invalid):
                await freeze(session, settings, distribution, reading)
        await example.rollback()


async def _compare(session: AsyncSession, case: Case, distribution: Distribution) -> None:
    mine = select(Entitlement).where(Entitlement.distribution_id == distribution.id)
    holders = (await session.scalars(mine)).all()
    batches = await BatchPayouts(session).find_of_distribution(distribution.id)
    _compare_shares(case, holders)
    _compare_batches(case, distribution, holders, batches)
    _compare_totals(case, distribution)


async def _write_case(assets: Assets, case: Case) -> Distribution:
    session = assets.session
    asset = await assets.save(
        Asset(
            token_id="0.0.5001",
            name="Green Bond",
            symbol="GRB",
            total_supply=LARGEST_BIGINT,
            decimals=0,
            treasury_account_id=TREASURY,
            lifecycle_contract_id=CONTRACT,
            payment_token_id="0.0.7001",
            payment_token_decimals=case.decimals,
            last_synced_at=datetime.now(UTC),
        )
    )
    rows = [{"asset_id": asset.id, "account_id": account, "balance": units} for account, units in case.register.items()]
    if rows:
        await session.execute(insert(Entitlement), rows)
    return await Distributions(session).save(
        Distribution(
            asset_id=asset.id,
            type=DistributionType.DIVIDEND,
            execution_type=ExecutionType.MANUAL,
            payout_type=case.payout,
            amount=to_decimal(case.total_units, case.decimals),
            excluded_accounts=case.excluded,
            included_accounts=case.included,
        )
    )


def _compare_shares(case: Case, holders: Sequence[Entitlement]) -> None:
    written = {h.account_id: to_units(h.payment_amount or Decimal(0), case.decimals) for h in holders}
    assert written == case.shares_units
    assert {h.account_id: h.balance for h in holders} == case.eligible
    assert not any(h.paid or h.attempt_id or h.failure_code for h in holders)


def _compare_batches(
    case: Case, distribution: Distribution, holders: Sequence[Entitlement], batches: Sequence[BatchPayout]
) -> None:
    in_order = sorted(holders, key=lambda holder: holder.account_id.encode())
    payable = [holder for holder in in_order if holder.payment_amount]
    assert [holder.batch_number for holder in payable] == [n // case.batch_size + 1 for n in range(len(payable))]
    assert all(holder.batch_number is None for holder in in_order if not holder.payment_amount)
    assert [batch.batch_number for batch in batches] == list(range(1, -(-len(payable) // case.batch_size) + 1))
    assert distribution.batch_count == len(batches)
    units_of = defaultdict(list)
    for holder in payable:
        units_of[holder.batch_number].append(to_units(holder.payment_amount or Decimal(0), case.decimals))
    for batch in batches:
        assert batch.total_holders == len(units_of[batch.batch_number])
        assert to_units(batch.total_amount or Decimal(0), case.decimals) == sum(units_of[batch.batch_number])
        assert batch.status is BatchStatus.PENDING


def _compare_totals(case: Case, distribution: Distribution) -> None:
    shares = case.shares_units
    paid_units = sum(shares.values())
    assert distribution.is_frozen
    assert distribution.entitlement_count == len(shares)
    assert distribution.payable_count == sum(units > 0 for units in shares.values())
    assert distribution.total_amount == to_decimal(paid_units, case.decimals)
    assert distribution.remainder_amount == to_decimal(case.total_units - paid_units, case.decimals)
    if case.payout is PayoutType.PERCENTAGE:
        assert distribution.total_amount == distribution.amount
    assert distribution.register_hash == register_hash(case)


def register_hash(case: Case) -> str:
    """The documented formula, in Python: SHA-256 over the SHA-256 of each thousand lines."""
    shares = case.shares_units
    lines = [
        f"{account},{case.eligible[account]},{to_decimal(shares[account], case.decimals):f}"
        for account in sorted(shares, key=str.encode)
    ]
    slices = ["\n".join(lines[start : start + 1000]) for start in range(0, len(lines), 1000)]
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in slices]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


EQUAL_HOLDERS = Case(
    register=dict.fromkeys(["0.0.9", "0.0.10", "0x" + "ab" * 20, "0.0.1"], 1),
    decimals=0,
    total_units=2,
    payout=PayoutType.PERCENTAGE,
    batch_size=1,
    excluded=[],
    included=[],
)
LARGE_AMOUNTS = Case(
    register={"0.0.1": LARGEST_BIGINT, "0.0.2": LARGEST_BIGINT - 1, "0.0.3": 1},
    decimals=18,
    total_units=2**255 + 1,
    payout=PayoutType.FIXED,
    batch_size=2,
    excluded=[],
    included=[],
)


@given(case=cases())
@example(EQUAL_HOLDERS)
@example(LARGE_AMOUNTS)
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_the_freeze_writes_what_money_says(runtime: Context, case: Case) -> None:
    await check(runtime, case)


@pytest.mark.parametrize("payout", PayoutType)
async def test_neither_the_hash_nor_a_batch_ends_where_a_block_is_read(runtime: Context, payout: PayoutType) -> None:
    register = {f"0.0.{number}": number % 7 for number in range(25_000)}  # more than the cursor hands over at once
    await check(runtime, Case(register, 2, 123_456_789, payout, 97, [], []))


async def test_a_real_register_is_paid_to_the_unit(runtime: Context) -> None:
    file = shared_file("register-2457.csv")
    rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
    register = {account: int(balance) for account, balance in rows}
    world = await World.make(runtime, register.items())

    dividend = await world.plan("1000000")

    found = await world.find(dividend.id)
    amounts = {holder.account_id: to_units(holder.payment_amount or Decimal(0), 6) for holder in found.holders}
    assert amounts == split_pro_rata(1_000_000 * 10**6, register)
    assert f"{found.total_amount}" == "1000000.000000"
    assert found.remainder_amount == 0


async def test_balances_of_the_record_time_count_and_not_those_of_now(runtime: Context) -> None:
    world = await World.make(runtime, [("0.0.21", 1), ("0.0.22", 1)])
    record_time = await world.sandbox.admin.now()
    await world.sandbox.admin.deposit(ASSET_TOKEN, 1_000_000, "0.0.21")
    await world.sandbox.admin.deposit(ASSET_TOKEN, 5, "0.0.23")

    dividend = await world.plan("1000", record_time=record_time)

    found = await world.find(dividend.id)
    amounts = {holder.account_id: holder.payment_amount for holder in found.holders}
    assert amounts == {"0.0.21": Decimal(500), "0.0.22": Decimal(500)}
    assert found.snapshot_at == record_time


async def test_a_payer_or_contract_among_the_holders_gets_nothing_unless_included(runtime: Context) -> None:
    payer = runtime.settings.payer_account_id
    world = await World.make(runtime, [(payer, 10), ("0.0.21", 10), ("0.0.22", 10)])
    usual = await world.find((await world.plan("90", excluded_accounts=["0.0.22"])).id)
    everybody = await world.find((await world.plan("100", included_accounts=[payer, "0.0.900"])).id)
    assert [holder.account_id for holder in usual.holders] == ["0.0.21"]
    assert {holder.account_id for holder in everybody.holders} == {payer, "0.0.21", "0.0.22", "0.0.900"}
    assert everybody.payment_token_id == PAYMENT_TOKEN


async def test_nobody_eligible_is_an_error_and_leaves_no_distribution(runtime: Context) -> None:
    world = await World.make(runtime, [("0.0.21", 10)])
    with pytest.raises(Invalid, match="No holder is eligible"):
        await world.plan("90", excluded_accounts=["0.0.21"])
    with pytest.raises(Invalid, match="rounds down to zero"):
        await world.plan("0.000001", PayoutType.FIXED, included_accounts=["0.0.900"])
    async with runtime.database.unit_of_work() as session:
        assert (await Distributions(session).find_all()).total == 0
        assert await session.scalar(select(func.count()).where(Entitlement.distribution_id.is_not(None))) == 0
