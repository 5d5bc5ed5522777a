"""Matured bonds, redeemed by an existing contract: everybody who holds some gets the principal, once."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from sqlalchemy import URL

from anvil import Anvil
from ats import CONTROL_LIST_ROLE, LOCKER_ROLE, MATURITY, REDEEMER_ROLE, AtsTokens, mint, running_ats
from chains import Contract, deploy
from crash_scenarios import HASTE, Scenario, die_everywhere
from databases import fresh_database
from evm_harness import EvmHarness, evm_harness
from evm_stages import Plan, scenario_on_chains
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType
from masspayout.db.session import Database
from masspayout.distributions import contract_payouts, previews
from masspayout.jobs import Jobs
from masspayout.kernel.errors import Conflict, Invalid, NobodyEligible
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.ledger.evm.contracts import recognise
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.payments.reconciliation import BreakKind
from masspayout.registers import assets
from masspayout.runtime import contract_administration
from masspayout.settings import Settings
from payouts import World
from unreliable_node import Faults

# Hundredths of a bond of 100, so that each is worth one payment token.
HOLDERS = {f"0x{0xB000 + number:040x}": 100 + 7 * number for number in range(24)}
DECIMALS = 6
FUNDS_UNITS = 10**12
ACCOUNTS = list(HOLDERS)
OLDER_REDEEMER_ROLE = bytes.fromhex("a0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c")
STRANGER = f"0x{0xC000:040x}"


def role(name: str) -> bytes:
    """Return a role that the contract gives out."""
    return keccak(text=f"lifecycle.cash.flow.role.{name}")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtsTokens]:
    with running_ats(tmp_path_factory.mktemp("anvil")) as tokens:
        mint(tokens.bond, HOLDERS)
        yield tokens


@dataclass(frozen=True)
class Redemption:
    """A bond with holders, and the contract that is to redeem it, which has money and every role."""

    harness: EvmHarness
    bond: Contract
    contract: Contract
    dollar: Contract
    world: World

    @property
    def asset(self) -> Asset:
        return self.world.asset

    async def offer(self, asset_id: str | None = None, contract_id: str | None = None) -> ContractOffer:
        administration = contract_administration(self.world.runtime)
        offer: ContractOffer = await administration.offer(
            asset_id or self.bond.address, contract_id or self.contract.address, redemption=True
        )
        return offer

    async def plan(self) -> Distribution:
        runtime = self.world.runtime
        return await contract_payouts.create(runtime, self.asset, await self.offer())

    async def pay(self, distribution_id: uuid.UUID) -> DistributionStatus:
        await self.world.execute(distribution_id)
        return await self.world.pay(distribution_id)

    async def failures(self, distribution_id: uuid.UUID) -> dict[str, str | None]:
        found = await self.world.find(distribution_id)
        return {holder.account_id: holder.failure_code for holder in found.holders if not holder.paid}

    async def unpayable(self, distribution_id: uuid.UUID) -> dict[str, str]:
        runtime, found = self.world.runtime, await self.world.find(distribution_id)
        return (await previews.preview(runtime, found)).unpayable

    def received(self, *accounts: str) -> list[int]:
        """Return what accounts were paid, in whole payment tokens."""
        balances = self.dollar.ask_all("balanceOf", [(account,) for account in accounts])
        return [balance // 10**DECIMALS for balance in balances]

    def bonds(self, *accounts: str) -> list[int]:
        return self.bond.ask_all("balanceOf", [(account,) for account in accounts])

    def transfer(self, sender: str, receiver: str, units: int) -> None:
        anvil = self.harness.anvil
        anvil.call("anvil_impersonateAccount", sender)
        anvil.call("anvil_setBalance", sender, hex(10**18))
        self.bond.send("transfer", receiver, units, sender=sender)

    def redeem_from_outside(self, *accounts: str) -> None:
        sender = self.harness.admin
        self.contract.send("executeBondCashOutByAddresses", self.bond.address, accounts, sender=sender)

    async def mature(self) -> None:
        await self.harness.let_pass(MATURITY - (await self.harness.now()).timestamp())


@pytest.fixture
async def redemption(
    tokens: AtsTokens, database_url: URL, database: Database, settings: Settings
) -> AsyncIterator[Redemption]:
    anvil = tokens.anvil
    beginning = anvil.call("evm_snapshot")
    async with evm_harness(anvil, database_url, settings, evm_recipients_per_transaction=10) as harness:
        yield await prepare(harness, database, tokens.bond)
    anvil.call("evm_revert", beginning)


async def prepare(harness: EvmHarness, database: Database, bond: Contract, *, is_older: bool = False) -> Redemption:
    """Make a contract that could redeem a bond, once that has matured; both are of today, or both are older."""
    dollar = harness.tokens[harness.add_token({}, decimals=DECIMALS)]
    contract = deploy(harness.anvil, "existing_cash_flow", bond.address, dollar.address, harness.admin)
    if not is_older:
        contract.send("upgrade", sender=harness.admin)
    contract.send("grantRole", role("cashout"), harness.senders[0], sender=harness.admin)
    redeemer_role = OLDER_REDEEMER_ROLE if is_older else REDEEMER_ROLE
    bond.send("grantRole", redeemer_role, contract.address, sender=harness.admin)
    await harness.fund(dollar.address, contract.address, FUNDS_UNITS)
    asset = await assets.import_asset(
        database, harness.ledger, bond.address, payment_token_id=dollar.address, lifecycle_contract_id=contract.address
    )
    runtime = Context(harness.settings, database, harness.ledger, Jobs(database.url))
    return Redemption(harness, bond, contract, dollar, World(runtime, asset))


async def test_everybody_gets_the_principal_and_no_bonds_are_left(redemption: Redemption) -> None:
    await redemption.mature()
    planned = await redemption.plan()
    assert (planned.type, planned.concept) == (DistributionType.SNAPSHOT, "Redemption")
    assert planned.total_amount == sum(HOLDERS.values())
    with pytest.raises(Conflict, match="has not ended"):
        await redemption.plan()
    harness, ledger = redemption.harness, redemption.harness.ledger
    payer, token, terms = redemption.contract.address, redemption.dollar.address, planned.contract_terms
    fees = (await ledger.tariff(payer, token, terms)).estimate(len(HOLDERS)).fees
    assert fees is not None
    harness.way.faults = Faults(lose_answer_percent=40, lose_request_percent=20, repeat_percent=40)
    assert await redemption.pay(planned.id) is DistributionStatus.COMPLETED
    harness.way.faults = Faults()
    assert fees.held_units - fees.units < await ledger.node.balance_wei(harness.senders[0]) < fees.held_units
    verdict = await redemption.world.reconcile(planned.id)
    assert verdict.agrees
    assert verdict.ledger_amount == sum(HOLDERS.values())
    assert redemption.received(*ACCOUNTS) == list(HOLDERS.values())
    assert not any(redemption.bonds(*ACCOUNTS))
    assert redemption.dollar.ask("balanceOf", redemption.contract.address) == FUNDS_UNITS - 10**DECIMALS * sum(
        HOLDERS.values()
    )
    with pytest.raises(NobodyEligible):
        await redemption.plan()


async def test_a_contract_redeems_the_bonds_of_its_own_time(
    anvil: Anvil, database_url: URL, database: Database, settings: Settings
) -> None:
    """They have another role for it, tell the date in another way, and do not tell what is locked."""
    bond = deploy(anvil, "older_bond", MATURITY)
    for account, units in HOLDERS.items():
        bond.send("mint", account, units, sender=anvil.accounts[0])
    async with evm_harness(anvil, database_url, settings) as harness:
        redemption = await prepare(harness, database, bond, is_older=True)
        with pytest.raises(Conflict, match="matures at 2040-01-01"):
            await redemption.plan()
        await redemption.mature()
        planned = await redemption.plan()
        assert await redemption.pay(planned.id) is DistributionStatus.COMPLETED
        assert (await redemption.world.reconcile(planned.id)).agrees
        assert redemption.received(*ACCOUNTS) == list(HOLDERS.values())
        assert bond.ask("totalSupply") == 0


async def test_what_is_in_its_way_is_named_one_after_the_other_and_nothing_is_sent(redemption: Redemption) -> None:
    harness, bond = redemption.harness, redemption.bond
    sender = harness.senders[0]
    # As it is when somebody begins: a contract of the version that bonds of this one have outgrown, and no roles.
    contract = deploy(harness.anvil, "existing_cash_flow", bond.address, redemption.dollar.address, harness.admin)

    async def refused(sentence: str, next_step: str) -> None:
        with pytest.raises(Conflict, match=re.escape(sentence)) as refusal:
            await redemption.offer(contract_id=contract.address)
        assert next_step in str(refusal.value.hint)

    await refused("does not let", f"grant {sender} the role 0x{role('cashout').hex()}")
    contract.send("grantRole", role("payout"), sender, sender=harness.admin)
    await refused("redeem bonds", f"grant {sender} the role 0x{role('cashout').hex()}")
    contract.send("grantRole", role("cashout"), sender, sender=harness.admin)
    contract.send("pause", sender=harness.admin)
    await refused("is paused, so no payment can be made", "masspayout evm unpause")
    contract.send("unpause", sender=harness.admin)
    await refused("does not answer (FunctionNotFound, 0x4ce02414)", "Have the contract upgraded")
    contract.send("upgrade", sender=harness.admin)
    await refused("matures at 2040-01-01 00:00:00 UTC", "Plan its redemption after that time")
    await redemption.mature()
    await refused(f"does not let the contract {contract.address} redeem it", f"the role 0x{REDEEMER_ROLE.hex()}")
    bond.send("grantRole", REDEEMER_ROLE, contract.address, sender=harness.admin)
    offer = await redemption.offer(contract_id=contract.address)
    assert {share.account_id: share.amount_units for share in offer.owed} == {
        account: units * 10**DECIMALS for account, units in HOLDERS.items()
    }
    assert harness.way.sent_count == 0


async def test_what_is_no_bond_or_redeems_none_is_refused(redemption: Redemption, tokens: AtsTokens) -> None:
    equity = tokens.equity.address
    with pytest.raises(Invalid, match="is no bond"):
        await redemption.offer(asset_id=equity)
    with pytest.raises(Invalid, match="is told the amounts"):
        await redemption.offer(contract_id=redemption.harness.payer_account_id)
    other = deploy(
        redemption.harness.anvil, "existing_cash_flow", equity, redemption.dollar.address, redemption.harness.senders[0]
    )
    with pytest.raises(Conflict, match="belongs to another asset"):
        await redemption.offer(contract_id=other.address)
    assert redemption.harness.way.sent_count == 0


async def test_a_role_that_is_taken_away_after_the_plan_stops_it_with_nothing_sent(redemption: Redemption) -> None:
    harness, contract = redemption.harness, redemption.contract
    await redemption.mature()
    planned = await redemption.plan()
    contract.send("revokeRole", role("cashout"), harness.senders[0], sender=harness.admin)
    with pytest.raises(Conflict, match="redeem bonds"):
        await redemption.world.execute(planned.id)
    contract.send("grantRole", role("cashout"), harness.senders[0], sender=harness.admin)
    await redemption.world.execute(planned.id)
    redemption.bond.send("revokeRole", REDEEMER_ROLE, contract.address, sender=harness.admin)
    assert await redemption.world.pay(planned.id) is DistributionStatus.FAILED
    assert (await redemption.world.find(planned.id)).failure_code == "REDEEMER_ROLE_MISSING"
    assert harness.way.sent_count == 0
    redemption.bond.send("grantRole", REDEEMER_ROLE, contract.address, sender=harness.admin)
    await redemption.world.retry(planned.id)
    assert await redemption.world.pay(planned.id) is DistributionStatus.COMPLETED
    assert (await redemption.world.reconcile(planned.id)).agrees


async def test_who_does_not_hold_what_was_planned_is_left_for_the_next_plan(redemption: Redemption) -> None:
    harness, bond = redemption.harness, redemption.bond
    seller, locked, blocked, refused, outsider = ACCOUNTS[:5]
    await redemption.mature()
    planned = await redemption.plan()
    redemption.transfer(seller, STRANGER, HOLDERS[seller])
    for granted in (LOCKER_ROLE, CONTROL_LIST_ROLE):
        bond.send("grantRole", granted, harness.admin, sender=harness.admin)
    bond.send("lock", 50, locked, (await harness.ledger.chain.head()).timestamp + 60, sender=harness.admin)
    bond.send("addToControlList", blocked, sender=harness.admin)
    await harness.freeze(refused, redemption.dollar.address)
    assert await redemption.unpayable(planned.id) == {
        locked: "HOLDING_LOCKED",
        blocked: "REDEMPTION_REFUSED",
        refused: "TRANSFER_REVERTED",
    }
    redemption.redeem_from_outside(outsider)

    assert await redemption.pay(planned.id) is DistributionStatus.FAILED
    assert await redemption.failures(planned.id) == {
        seller: "HOLDING_CHANGED",
        locked: "HOLDING_LOCKED",
        blocked: "REDEMPTION_REFUSED",
        refused: "TRANSFER_REVERTED",
        outsider: "ALREADY_REDEEMED",
    }
    assert (await redemption.world.reconcile(planned.id)).agrees
    assert redemption.received(*ACCOUNTS) == [0, 0, 0, 0, *list(HOLDERS.values())[4:]]
    assert redemption.bonds(refused) == [HOLDERS[refused]]

    await harness.unfreeze(refused, redemption.dollar.address)
    await harness.let_pass(120)
    bond.send("release", 1, locked, sender=harness.admin)
    await redemption.world.retry(planned.id)
    assert await redemption.world.pay(planned.id) is DistributionStatus.FAILED
    assert set(await redemption.failures(planned.id)) == {seller, blocked, outsider}
    assert redemption.received(locked, refused, outsider) == [HOLDERS[locked], HOLDERS[refused], HOLDERS[outsider]]

    bond.send("removeFromControlList", blocked, sender=harness.admin)
    again = await redemption.plan()
    assert await redemption.pay(again.id) is DistributionStatus.COMPLETED
    assert redemption.received(STRANGER, blocked) == [HOLDERS[seller], HOLDERS[blocked]]
    assert redemption.bond.ask("totalSupply") == 0


async def test_what_changes_after_signing_is_found_out_and_nobody_is_paid_again(redemption: Redemption) -> None:
    harness, world = redemption.harness, redemption.world
    part, gone, outsider = ACCOUNTS[:3]
    await redemption.mature()
    planned = await redemption.plan()
    await world.execute(planned.id)
    harness.way.faults = Faults(delay=True)

    async def when_all_is_sent(seconds: float) -> None:
        if harness.way.faults.delay:
            redemption.transfer(part, STRANGER, 40)
            redemption.transfer(gone, STRANGER, HOLDERS[gone])
            redemption.redeem_from_outside(outsider)
            harness.way.faults = Faults()
            await harness.way.deliver()
        await asyncio.sleep(seconds)

    runtime = world.runtime
    payer = DistributionPayer(runtime.database, runtime.ledger, runtime.settings, sleep=when_all_is_sent)
    assert await payer.pay(planned.id) is DistributionStatus.FAILED
    expected = {part: "OTHER_AMOUNT_PAID", gone: "HOLDING_CHANGED", outsider: "ALREADY_REDEEMED"}
    assert await redemption.failures(planned.id) == expected
    assert redemption.received(part, gone, outsider) == [HOLDERS[part] - 40, 0, HOLDERS[outsider]]
    verdict = await world.reconcile(planned.id)
    assert [(found.kind, found.account_id) for found in verdict.breaks] == [(BreakKind.UNRECORDED, part)]

    await world.retry(planned.id)
    assert await world.pay(planned.id) is DistributionStatus.FAILED
    assert await redemption.failures(planned.id) == expected | {part: "ALREADY_REDEEMED"}
    redemption.transfer(STRANGER, part, 40)
    again = await redemption.plan()
    assert again.excluded_accounts == [part]
    assert await redemption.pay(again.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(again.id)).agrees
    assert redemption.received(STRANGER, part) == [HOLDERS[gone], HOLDERS[part] - 40]
    with pytest.raises(NobodyEligible, match="were paid by a redemption before"):
        await redemption.plan()


async def test_what_an_existing_contract_reports_of_a_redemption_is_understood(redemption: Redemption) -> None:
    await redemption.mature()
    sender = redemption.harness.admin
    call = ("executeBondCashOutByAddresses", redemption.bond.address, ACCOUNTS[:2])
    receipt = redemption.contract.send(*call, sender=sender)
    existing = await recognise(redemption.harness.ledger.node, redemption.contract.address)
    paid = {account: HOLDERS[account] * 10**DECIMALS for account in ACCOUNTS[:2]}
    data = redemption.contract.interface.call(*call)
    assert (await existing.results(data, receipt, redemption.dollar.address)).paid_units == paid
    (log,) = [log for log in receipt["logs"] if log["address"] == redemption.contract.address]
    assert existing.event(log) == ("DistributionExecuted", {"paid": 2, "amount_units": sum(paid.values())})


@pytest.fixture
def scenario(tokens: AtsTokens, embedded_server: URL, migrated_template: str, tmp_path: Path) -> Iterator[Scenario]:
    """A redemption of a bond of which one holder is not taken by the payment token."""
    beginning = tokens.anvil.call("evm_snapshot")
    with (
        fresh_database(embedded_server, template=migrated_template) as url,
        scenario_on_chains(asyncio.run(_plan(tokens, url)), tokens.anvil, url, tmp_path) as scenario,
    ):
        yield scenario
    tokens.anvil.call("evm_revert", beginning)


async def _plan(tokens: AtsTokens, url: URL) -> Plan:
    haste = Settings(_env_file=None, **HASTE)  # type: ignore[call-arg,arg-type]
    database = Database(url)
    refused = ACCOUNTS[20]
    async with evm_harness(tokens.anvil, url, haste, batch_size=12) as harness:
        redemption = await prepare(harness, database, tokens.bond)
        await redemption.mature()
        planned = await redemption.plan()
        await harness.freeze(refused, redemption.dollar.address)
    await database.close()
    bad = {refused: "TRANSFER_REVERTED"}
    return Plan(planned.id, harness.settings, tokens.bond.address, redemption.dollar, ACCOUNTS, bad)


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_a_crash_while_bonds_are_redeemed_pays_nobody_twice_and_forgets_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    assert die_everywhere(scenario, embedded_server, stride=9) > 20
