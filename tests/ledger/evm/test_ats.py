"""Tokens of the Asset Tokenization Studio: a real one, read, paid on, reconciled."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from ats import LOCKER_ROLE
from chains import Receipt
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
from masspayout.db.entities import DistributionStatus, DistributionType, PayoutType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.distributions import contract_payouts
from masspayout.kernel.errors import Conflict, ContractPaused, LedgerRejected
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.evm.ats import AtsToken
from masspayout.ledger.evm.contracts import recognise
from masspayout.payments import reconciliation
from masspayout.registers import assets
from masspayout.settings import Settings
from unreliable_node import Faults

__all__ = ["cash_flow", "harness", "security", "tokens"]


async def read(pages: object) -> dict[str, int]:
    found: dict[str, int] = {}
    async for page in pages:  # type: ignore[attr-defined]
        for account, units in page:
            assert account not in found
            found[account] = units
    return found


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
    terms = PayoutTerms(
        type=DistributionType.DIVIDEND, payout_type=PayoutType.PERCENTAGE, amount=Decimal("250000.000001")
    )
    distribution = await distributions.create(context_of(database, harness, settings), asset, terms)
    status, verdict = await pay(database, harness, settings, distribution.id)
    assert status is DistributionStatus.COMPLETED
    assert verdict.agrees
    balances = harness.tokens[payment_token].ask_all("balanceOf", [(account,) for account in security.holders])
    assert all(balances)
    left = harness.tokens[payment_token].ask("balanceOf", harness.payer_account_id)
    assert left == 10**12 - 250_000_000_001


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
