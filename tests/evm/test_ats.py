"""Tokens of the Asset Tokenization Studio: a real one, read, paid on, reconciled."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from chains import Contract
from equity import deploy_equity
from evm_harness import EvmHarness, evm_harness
from masspayout import assets, distributions, reconciliation
from masspayout.batch_payouts import DistributionPayer
from masspayout.db.entities import DistributionStatus, DistributionType, PayoutType
from masspayout.db.session import Database
from masspayout.errors import LedgerRejected
from masspayout.jobs import Jobs
from masspayout.ledger.evm.ats import AtsToken
from masspayout.settings import Settings

HOLDERS = {f"0x{0xE000 + number:040x}": 100 + 7 * number for number in range(250)}
PAYMENT_DECIMALS = 6


@dataclass(frozen=True)
class Equity:
    anvil: Anvil
    token: Contract
    snapshot_id: int


@pytest.fixture(scope="module")
def equity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Equity]:
    """A token with 250 holders, a snapshot of them, and a transfer after it."""
    with running_anvil(tmp_path_factory.mktemp("anvil")) as anvil:
        token = deploy_equity(anvil, HOLDERS)
        snapshot_id = token.ask("takeSnapshot", sender=anvil.accounts[0])
        token.send("takeSnapshot", sender=anvil.accounts[0])
        first = next(iter(HOLDERS))
        anvil.call("anvil_impersonateAccount", first)
        anvil.call("anvil_setBalance", first, hex(10**18))
        token.send("transfer", anvil.accounts[7], 40, sender=first)
        yield Equity(anvil, token, snapshot_id)


@pytest.fixture
async def harness(equity: Equity, database_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(equity.anvil, database_url, settings, evm_recipients_per_transaction=100) as harness:
        yield harness


async def read(pages: object) -> dict[str, int]:
    found: dict[str, int] = {}
    async for page in pages:  # type: ignore[attr-defined]
        for account, units in page:
            assert account not in found
            found[account] = units
    return found


async def test_its_holders_are_read_by_pages_now_and_at_a_snapshot(equity: Equity, harness: EvmHarness) -> None:
    now = dict(HOLDERS)
    now[next(iter(HOLDERS))] -= 40
    now[equity.anvil.accounts[7]] = 40
    snapshot = await harness.ledger.holders(equity.token.address)
    assert await read(snapshot.pages) == now
    token = await AtsToken.recognise(harness.ledger.node, equity.token.address)
    assert token is not None
    assert await read(token.holders_at_snapshot(equity.snapshot_id)) == HOLDERS
    with pytest.raises(LedgerRejected, match="does not answer"):
        await token.supply_at_snapshot(equity.snapshot_id + 7)


async def test_a_plain_token_is_none_of_them(harness: EvmHarness) -> None:
    assert await AtsToken.recognise(harness.ledger.node, await harness.make_token({})) is None


async def test_a_dividend_on_it_is_paid_and_reconciled(
    equity: Equity, harness: EvmHarness, database: Database, settings: Settings
) -> None:
    payment_token = harness.add_token({}, decimals=PAYMENT_DECIMALS)
    settings = settings.model_copy(update={"payer_account_id": harness.payer_account_id})
    await harness.fund(payment_token, harness.payer_account_id, 10**12)
    asset = await assets.import_asset(database, harness.ledger, equity.token.address, payment_token_id=payment_token)
    assert (asset.symbol, asset.decimals, asset.total_supply) == ("HRB", 2, sum(HOLDERS.values()))
    terms = distributions.Terms(
        type=DistributionType.DIVIDEND, payout_type=PayoutType.PERCENTAGE, amount=Decimal("250000.000001")
    )
    distribution = await distributions.create(database, harness.ledger, settings, asset, terms)
    async with database.unit_of_work() as session:
        await distributions.execute(session, harness.ledger, settings, Jobs(database.url), distribution.id)
    status = await DistributionPayer(database, harness.ledger, settings).pay(distribution.id)
    verdict = await reconciliation.reconcile(database, harness.ledger, distribution.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    balances = harness.tokens[payment_token].ask_all("balanceOf", [(account,) for account in HOLDERS])
    assert all(balances)
    left = harness.tokens[payment_token].ask("balanceOf", harness.payer_account_id)
    assert left == 10**12 - 250_000_000_001
