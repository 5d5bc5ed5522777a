"""Tokens of the Asset Tokenization Studio: a real one, read, paid on, reconciled."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import URL

from anvil import Anvil
from ats import LOCKER_ROLE, AtsTokens, mint, running_ats
from chains import Contract, Receipt, deploy
from evm_harness import EvmHarness, evm_harness
from masspayout import distributions
from masspayout.automation import scheduler
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import AnnouncedPayouts, Distributions
from masspayout.db.session import Database
from masspayout.distributions import contract_payouts, starts
from masspayout.distributions.terms import Terms
from masspayout.jobs import Jobs
from masspayout.kernel.errors import Conflict, ContractPaused, LedgerRejected
from masspayout.ledger.evm.ats import Announcement, AtsToken
from masspayout.ledger.evm.contracts import recognise
from masspayout.ledger.evm.offers import Offers
from masspayout.payments import reconciliation
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from masspayout.settings import Settings
from unreliable_node import Faults

HOLDER_COUNTS = {Announcement.DIVIDEND: 250, Announcement.COUPON: 60}
PAYMENT_DECIMALS = 6
COUPON_PERIOD = timedelta(days=70)


@dataclass(frozen=True)
class Security:
    """A token that announces something to its holders: an equity token its dividends, a bond its coupons."""

    anvil: Anvil
    token: Contract
    kind: Announcement
    holders: Mapping[str, int]
    snapshot_id: int

    def announce(self, record_at: datetime, execution_at: datetime) -> int:
        """Announce a dividend of 0.25 a share, or a coupon of 5 % a year on 100 a bond, and return its number."""
        dates = [int(date.timestamp()) for date in (record_at, execution_at)]
        if self.kind is Announcement.DIVIDEND:
            self.token.send("setDividend", (*dates, 25, 2), sender=self.anvil.accounts[0])
            return int(self.token.ask("getDividendsCount"))
        begin, end = (int(date.timestamp()) for date in (record_at - COUPON_PERIOD, record_at))
        self.token.send("setCoupon", (*dates, begin, end, dates[0], 5, 2, 1), sender=self.anvil.accounts[0])
        return int(self.token.ask("getCouponCount"))

    def call_off(self, number: int) -> None:
        self.token.send(f"cancel{self.kind}", number, sender=self.anvil.accounts[0])

    def owed_units(self, account: str) -> int:
        """Return what somebody is owed of it: of a dividend in as many decimals as it was announced with."""
        if self.kind is Announcement.DIVIDEND:
            return int(self.holders[account] * 25 // 100 * 10 ** (PAYMENT_DECIMALS - 2))
        numerator = self.holders[account] * 100 * 5 * COUPON_PERIOD.days * 10**PAYMENT_DECIMALS
        return int(numerator // (10**4 * 365))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtsTokens]:
    with running_ats(tmp_path_factory.mktemp("anvil")) as tokens:
        yield tokens


@pytest.fixture(scope="module", params=list(Announcement), ids=str)
def security(request: pytest.FixtureRequest, tokens: AtsTokens) -> Security:
    """A token with holders, a snapshot of them, and a transfer after it."""
    anvil = tokens.anvil
    kind: Announcement = request.param
    token = tokens.equity if kind is Announcement.DIVIDEND else tokens.bond
    # The token lists its holders in the order in which they came, which is not that of their addresses.
    numbers = random.Random(14).sample(range(HOLDER_COUNTS[kind]), HOLDER_COUNTS[kind])
    holders = {f"0x{0xE000 + number:040x}": 100 + 7 * number for number in numbers}
    mint(token, holders)
    snapshot_id = token.ask("takeSnapshot", sender=anvil.accounts[0])
    token.send("takeSnapshot", sender=anvil.accounts[0])
    first = next(iter(holders))
    anvil.call("anvil_impersonateAccount", first)
    anvil.call("anvil_setBalance", first, hex(10**18))
    token.send("transfer", anvil.accounts[7], 40, sender=first)
    return Security(anvil, token, kind, holders, snapshot_id)


@pytest.fixture
async def harness(security: Security, database_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(security.anvil, database_url, settings, evm_recipients_per_transaction=100) as harness:
        yield harness


async def read(pages: object) -> dict[str, int]:
    found: dict[str, int] = {}
    async for page in pages:  # type: ignore[attr-defined]
        for account, units in page:
            assert account not in found
            found[account] = units
    return found


def context_of(database: Database, harness: EvmHarness, settings: Settings) -> Context:
    return Context(settings, database, harness.ledger, Jobs(database.url))


async def pay(
    database: Database, harness: EvmHarness, settings: Settings, distribution_id: uuid.UUID
) -> tuple[DistributionStatus, reconciliation.Reconciliation]:
    await starts.execute(context_of(database, harness, settings), distribution_id)
    status = await DistributionPayer(database, harness.ledger, settings).pay(distribution_id)
    return status, await reconciliation.reconcile(database, harness.ledger, distribution_id)


async def test_its_holders_are_read_by_pages_now_and_at_a_snapshot(security: Security, harness: EvmHarness) -> None:
    now = dict(security.holders)
    now[next(iter(security.holders))] -= 40
    now[security.anvil.accounts[7]] = 40
    snapshot = await harness.ledger.holders(security.token.address)
    assert await read(snapshot.pages) == now
    token = await AtsToken.recognise(harness.ledger.node, security.token.address)
    assert token is not None
    assert await read(token.holders_at_snapshot(security.snapshot_id)) == security.holders
    with pytest.raises(LedgerRejected, match="does not answer"):
        await token.supply_at_snapshot(security.snapshot_id + 7)


async def test_what_is_locked_is_still_its_holders(security: Security, harness: EvmHarness) -> None:
    beginning = harness.anvil.call("evm_snapshot")
    admin, until = harness.admin, int((await harness.now() + HOUR).timestamp())
    some, everything = list(security.holders)[1:3]
    security.token.send("grantRole", LOCKER_ROLE, admin, sender=admin)
    security.token.send("lock", 30, some, until, sender=admin)
    security.token.send("lock", security.holders[everything], everything, until, sender=admin)
    held = await read((await harness.ledger.holders(security.token.address)).pages)
    assert {account: held[account] for account in (some, everything)} == {
        account: security.holders[account] for account in (some, everything)
    }
    then = await harness.now()
    await harness.let_pass(10)
    assert await read((await harness.ledger.holders(security.token.address, at=then)).pages) == held
    # Its Transfer events say that what was locked was burnt: where nothing else can be asked, that is noticed.
    harness.way.faults = Faults(oldest_state=int(harness.anvil.call("eth_blockNumber"), 16))
    with pytest.raises(LedgerRejected, match="cannot be told from its events"):
        await harness.ledger.holders(security.token.address, at=then)
    harness.way.faults = Faults()
    snapshot_id = security.token.ask("takeSnapshot", sender=admin)
    security.token.send("takeSnapshot", sender=admin)
    token = await AtsToken.recognise(harness.ledger.node, security.token.address)
    assert token is not None
    free = await read(token.holders_at_snapshot(snapshot_id))
    del held[everything]
    assert free == {**held, some: held[some] - 30}
    harness.anvil.call("evm_revert", beginning)


async def test_a_plain_token_is_none_of_them(harness: EvmHarness) -> None:
    assert await AtsToken.recognise(harness.ledger.node, await harness.make_token({})) is None


async def test_a_dividend_on_it_is_paid_and_reconciled(
    security: Security, harness: EvmHarness, database: Database, settings: Settings
) -> None:
    payment_token = harness.add_token({}, decimals=PAYMENT_DECIMALS)
    settings = settings.model_copy(update={"payer_account_id": harness.payer_account_id})
    await harness.fund(payment_token, harness.payer_account_id, 10**12)
    asset = await assets.import_asset(database, harness.ledger, security.token.address, payment_token_id=payment_token)
    assert (asset.symbol[:3], asset.decimals, asset.total_supply) == ("HRB", 2, sum(security.holders.values()))
    terms = Terms(type=DistributionType.DIVIDEND, payout_type=PayoutType.PERCENTAGE, amount=Decimal("250000.000001"))
    distribution = await distributions.create(context_of(database, harness, settings), asset, terms)
    status, verdict = await pay(database, harness, settings, distribution.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    balances = harness.tokens[payment_token].ask_all("balanceOf", [(account,) for account in security.holders])
    assert all(balances)
    left = harness.tokens[payment_token].ask("balanceOf", harness.payer_account_id)
    assert left == 10**12 - 250_000_000_001


@dataclass(frozen=True)
class CashFlow:
    """A contract that works out the amounts, of the asset, with money."""

    asset: Asset
    contract: Contract
    payment_token: Contract
    offers: Offers


@pytest.fixture
async def cash_flow(security: Security, harness: EvmHarness, database: Database) -> CashFlow:
    payment_token = harness.tokens[harness.add_token({}, decimals=PAYMENT_DECIMALS)]
    contract = deploy(
        security.anvil, "existing_cash_flow", security.token.address, payment_token.address, harness.senders[0]
    )
    await harness.fund(payment_token.address, contract.address, 10**12)
    asset = await assets.import_asset(
        database,
        harness.ledger,
        security.token.address,
        payment_token_id=payment_token.address,
        lifecycle_contract_id=contract.address,
    )
    return CashFlow(
        asset,
        contract,
        payment_token,
        Offers(harness.ledger.node, harness.ledger.chain, security.token.address, contract.address),
    )


async def test_an_existing_contract_pays_what_was_approved(
    security: Security, harness: EvmHarness, database: Database, settings: Settings, cash_flow: CashFlow
) -> None:
    offer = await cash_flow.offers.for_snapshot(security.snapshot_id, Decimal(1000))
    distribution = await contract_payouts.create(context_of(database, harness, settings), cash_flow.asset, offer)
    status, verdict = await pay(database, harness, settings, distribution.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    supply = sum(security.holders.values())
    shares = [1000 * 10**PAYMENT_DECIMALS * units // supply for units in security.holders.values()]
    assert cash_flow.payment_token.ask_all("balanceOf", [(account,) for account in security.holders]) == shares
    again = await cash_flow.offers.for_snapshot(security.snapshot_id, Decimal(7))
    with pytest.raises(Conflict, match="pays it once"):
        await contract_payouts.create(context_of(database, harness, settings), cash_flow.asset, again)


async def test_an_existing_contract_pays_what_the_token_announced(
    security: Security, harness: EvmHarness, database: Database, settings: Settings, cash_flow: CashFlow
) -> None:
    now = await harness.now()
    number = security.announce(now + HOUR, now + 2 * HOUR)
    with pytest.raises(Conflict, match="goes to who holds it at"):
        await cash_flow.offers.for_announcement(security.kind, number)
    await harness.let_pass(3 * HOUR.total_seconds())
    offer = await cash_flow.offers.for_announcement(security.kind, number)
    distribution = await contract_payouts.create(context_of(database, harness, settings), cash_flow.asset, offer)
    status, verdict = await pay(database, harness, settings, distribution.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    last = list(security.holders)[-1]
    assert cash_flow.payment_token.ask("balanceOf", last) == security.owed_units(last)


@dataclass(frozen=True)
class Earlier:
    """What somebody else has a contract pay, before we do, for the snapshot that we pay."""

    security: Security
    harness: EvmHarness
    cash_flow: CashFlow

    def execute(self, amount_units: int, *holders: str) -> Receipt:
        call = ("executeAmountSnapshotByAddresses", self.security.token.address, self.security.snapshot_id)
        self.harness.anvil.call("anvil_impersonateAccount", self.harness.senders[0])
        return self.cash_flow.contract.send(*call, holders, amount_units, sender=self.harness.senders[0])

    async def plan_and_pay(
        self, database: Database, settings: Settings
    ) -> tuple[DistributionStatus, reconciliation.Reconciliation, dict[str, str | None]]:
        """Pay the snapshot, and return how that ended, with who is unpaid and why."""
        offer = await self.cash_flow.offers.for_snapshot(self.security.snapshot_id, Decimal(1000))
        made = await contract_payouts.create(context_of(database, self.harness, settings), self.cash_flow.asset, offer)
        status, verdict = await pay(database, self.harness, settings, made.id)
        async with database.unit_of_work() as session:
            found = await Distributions(session).find_by_id(made.id, with_holders=True)
        assert found is not None
        return status, verdict, {h.account_id: h.failure_code for h in found.holders if not h.paid}


THOUSAND = 1000 * 10**PAYMENT_DECIMALS


@pytest.fixture
def earlier(security: Security, harness: EvmHarness, cash_flow: CashFlow) -> Earlier:
    return Earlier(security, harness, cash_flow)


@pytest.mark.parametrize("is_other_version", [False, True], ids=["as now", "in other words"])
async def test_who_comes_back_as_failed_but_was_paid_before_is_paid(
    earlier: Earlier, database: Database, settings: Settings, is_other_version: bool
) -> None:
    paid, refused = list(earlier.security.holders)[:2]
    contract, token = earlier.cash_flow.contract, earlier.cash_flow.payment_token
    contract.send("report_in_other_words", is_other_version, sender=earlier.harness.admin)
    earlier.execute(THOUSAND, paid)
    contract.send("report_in_other_words", False, sender=earlier.harness.admin)
    token.send("refuse", refused, True, sender=earlier.harness.admin)

    status, verdict, unpaid = await earlier.plan_and_pay(database, settings)

    assert (status, unpaid) == (DistributionStatus.FAILED, {refused: "TRANSFER_REVERTED"})
    assert verdict.agrees
    assert verdict.paid_count == len(earlier.security.holders) - 1


@pytest.mark.parametrize("amount_units", [0, THOUSAND // 2], ids=["nothing", "another amount"])
async def test_who_was_paid_something_else_before_is_shown_as_such(
    earlier: Earlier, database: Database, settings: Settings, amount_units: int
) -> None:
    paid = next(iter(earlier.security.holders))
    earlier.execute(amount_units, paid)

    status, verdict, unpaid = await earlier.plan_and_pay(database, settings)

    assert (status, unpaid) == (DistributionStatus.FAILED, {paid: "OTHER_AMOUNT_PAID"})
    assert verdict.agrees is (amount_units == 0)
    assert {found.account_id for found in verdict.breaks} == ({paid} if amount_units else set())


async def test_what_was_transferred_for_something_else_is_no_payment(
    earlier: Earlier, database: Database, settings: Settings
) -> None:
    refused = next(iter(earlier.security.holders))
    contract, token = earlier.cash_flow.contract, earlier.cash_flow.payment_token
    share = THOUSAND * earlier.security.holders[refused] // sum(earlier.security.holders.values())
    earlier.harness.anvil.call("anvil_impersonateAccount", earlier.harness.senders[0])
    contract.send("transferPaymentToken", refused, share, sender=earlier.harness.senders[0])
    token.send("refuse", refused, True, sender=earlier.harness.admin)

    status, verdict, unpaid = await earlier.plan_and_pay(database, settings)

    assert (status, unpaid) == (DistributionStatus.FAILED, {refused: "TRANSFER_REVERTED"})
    assert verdict.agrees


async def test_a_contract_whose_reports_nobody_understands_is_believed_by_its_transfers(
    earlier: Earlier, database: Database, settings: Settings
) -> None:
    refused = next(iter(earlier.security.holders))
    contract, token = earlier.cash_flow.contract, earlier.cash_flow.payment_token
    contract.send("report_in_other_words", True, sender=earlier.harness.admin)
    token.send("refuse", refused, True, sender=earlier.harness.admin)

    status, verdict, unpaid = await earlier.plan_and_pay(database, settings)

    assert (status, unpaid) == (DistributionStatus.FAILED, {refused: "TRANSFER_REVERTED"})
    assert verdict.agrees


async def test_what_an_existing_contract_reports_is_understood(harness: EvmHarness, cash_flow: CashFlow) -> None:
    existing = await recognise(harness.ledger.node, cash_flow.contract.address)
    harness.anvil.call("anvil_impersonateAccount", harness.senders[0])
    await existing.check(harness.senders[0], cash_flow.payment_token.address)
    for name, reported in (("pause", "Paused"), ("unpause", "Unpaused")):
        receipt = cash_flow.contract.send(name, sender=harness.senders[0])
        assert existing.event(receipt["logs"][0]) == (reported, {"account_id": harness.senders[0]})
        if name == "pause":
            with pytest.raises(ContractPaused):
                await existing.check(harness.senders[0], cash_flow.payment_token.address)
    with pytest.raises(Conflict, match="does not let"):
        await existing.check(harness.admin, cash_flow.payment_token.address)
    other = harness.add_token({}, decimals=2)
    receipt = cash_flow.contract.send("updatePaymentToken", other, sender=harness.senders[0])
    assert existing.event(receipt["logs"][0]) == ("PaymentTokenChanged", {"token_id": other})


HOUR = timedelta(hours=1)


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
