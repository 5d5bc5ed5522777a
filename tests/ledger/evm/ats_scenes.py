"""Scenes with tokens of the Asset Tokenization Studio: their holders, and the contract that pays them."""

import random
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import URL

from anvil import Anvil
from ats import AtsTokens, mint, running_ats
from chains import Contract, deploy
from evm_harness import EvmHarness, evm_harness
from masspayout.context import Context
from masspayout.db.entities import Asset, DistributionStatus
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.jobs import Jobs
from masspayout.ledger.evm.ats import Announcement
from masspayout.ledger.evm.offers import Offers
from masspayout.payments import reconciliation
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from masspayout.settings import Settings

HOLDER_COUNTS = {Announcement.DIVIDEND: 250, Announcement.COUPON: 60}
PAYMENT_DECIMALS = 6
COUPON_PERIOD = timedelta(days=70)
HOUR = timedelta(hours=1)


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


def context_of(database: Database, harness: EvmHarness, settings: Settings) -> Context:
    return Context(settings, database, harness.ledger, Jobs(database.url))


async def pay(
    database: Database, harness: EvmHarness, settings: Settings, distribution_id: uuid.UUID
) -> tuple[DistributionStatus, reconciliation.Reconciliation]:
    await starts.execute(context_of(database, harness, settings), distribution_id)
    status = await DistributionPayer(database, harness.ledger, settings).pay(distribution_id)
    return status, await reconciliation.reconcile(database, harness.ledger, distribution_id)


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
