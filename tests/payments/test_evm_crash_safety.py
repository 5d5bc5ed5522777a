"""Nobody is paid twice and nobody is forgotten on an EVM chain either, wherever a process dies and answers are lost."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from chains import Contract
from crash_scenarios import HASTE, Scenario, die_everywhere, forget_everywhere, open_attempts
from databases import fresh_database
from evm_harness import EvmHarness, evm_harness
from evm_stages import FAULTS, Plan, scenario_on_chains
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus
from masspayout.db.session import Database
from masspayout.distributions import payout_lists
from masspayout.distributions.csv_import import PayoutList
from masspayout.jobs import Jobs
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.evm.erc20 import TRANSFER_TOPIC, topic_of, transfer_of
from masspayout.registers import assets
from masspayout.settings import Settings
from payouts import World
from unreliable_node import Faults
from workers import kill_workers

HOLDERS = [f"0x{number:040x}" for number in range(0x10001, 0x10001 + 26)]
BAD = {HOLDERS[3]: "TRANSFER_REVERTED", HOLDERS[20]: "TRANSFER_REVERTED"}
ACCOUNTS = [f"0x{number:040x}" for number in range(0x30001, 0x30001 + 1_200)]
FUNDS_UNITS = 10**24


@pytest.fixture(scope="module")
def scenario(
    embedded_server: URL, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    directory = tmp_path_factory.mktemp("anvil")
    with (
        running_anvil(directory / "first") as anvil,
        fresh_database(embedded_server, template=migrated_template) as url,
        scenario_on_chains(asyncio.run(_plan(anvil, url)), anvil, url, directory) as scenario,
    ):
        yield scenario


async def _plan(anvil: Anvil, url: URL) -> Plan:
    haste = Settings(_env_file=None, **HASTE)  # type: ignore[call-arg,arg-type]
    database = Database(url)
    async with evm_harness(anvil, url, haste, batch_size=13) as harness:
        asset_token = harness.add_token({holder: 100 + n for n, holder in enumerate(HOLDERS)}, decimals=2)
        payment_token = harness.add_token({}, decimals=18)
        await harness.fund(payment_token, harness.payer_account_id, 10**24)
        for holder in BAD:
            await harness.freeze(holder, payment_token)
        settings = harness.settings.model_copy(update={"payer_account_id": harness.payer_account_id})
        asset = await assets.import_asset(database, harness.ledger, asset_token, payment_token_id=payment_token)
        dividend = await World(Context(settings, database, harness.ledger, Jobs(url)), asset).plan("1000")
    await database.close()
    return Plan(dividend.id, settings, asset_token, harness.tokens[payment_token], HOLDERS, BAD)


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_a_crash_at_any_side_effect_pays_nobody_twice_and_forgets_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    assert die_everywhere(scenario, embedded_server) > 20


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_commits_that_are_lost_at_a_side_effect_pay_nobody_twice_and_forget_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    """The contract's paid flags and the nonces decide: nothing is waited for."""
    found = forget_everywhere(scenario, embedded_server, stride=3)
    assert sum(each.lost_payments > 0 for each in found) > 2
    assert sum(each.was_noticed is True for each in found if each.lost_payments) > 0
    assert sum(each.adopted > 0 for each in found) > 2


@pytest.mark.longest
@pytest.mark.timeout(900)
@pytest.mark.parametrize("no_mempool", [False, True], ids=["a node", "a relay without a mempool"])
async def test_workers_that_are_killed_at_random_pay_everybody_once(
    tmp_path: Path, database: Database, settings: Settings, no_mempool: bool
) -> None:
    """The chain's own logs and balances say who got what, and its counters that no transaction was left behind."""
    bad = dict.fromkeys(ACCOUNTS[700:705], "TRANSFER_REVERTED")
    with running_anvil(tmp_path / "anvil") as anvil:
        async with evm_harness(anvil, database.url, settings, sender_count=2) as harness:
            token = harness.tokens[harness.add_token({}, decimals=18)]
            await harness.fund(token.address, harness.payer_account_id, FUNDS_UNITS)
            for account in bad:
                await harness.freeze(account, token.address)
            world = await _payer_of_lists(harness, database, token.address)
            payout_lists_made: list[PayoutList] = []

            async def pay() -> uuid.UUID:
                payout_lists_made.append(PayoutList(tuple(ACCOUNTS), _amounts(len(payout_lists_made)), FUNDS_UNITS))
                return await _pay_list(world, token.address, payout_lists_made[-1])

            harness.way.faults = replace(FAULTS, no_mempool=no_mempool)
            payouts = await kill_workers(world, pay, kills=6, **_settings_of_workers(harness))
            harness.way.faults = Faults()

            found = [await world.find(payout) for payout in payouts]
            verdicts = [await world.reconcile(payout) for payout in payouts]
            owed = [entry for entries in payout_lists_made for entry in entries if entry[0] not in bad]
            assert sorted(_transfers(token, harness.payer_account_id)) == sorted(owed)
            received: Counter[str] = Counter()
            for account, units in owed:
                received[account] += units
            held = token.ask_all("balanceOf", [(account,) for account in (*ACCOUNTS, harness.payer_account_id)])
            assert held == [*(received[account] for account in ACCOUNTS), FUNDS_UNITS - received.total()]
            for sender in harness.senders:
                latest, pending = (
                    anvil.call("eth_getTransactionCount", sender, block) for block in ("latest", "pending")
                )
                assert latest == pending
    assert all(verdict.agrees for verdict in verdicts)
    assert sum(verdict.ledger_amount for verdict in verdicts) * 10**18 == received.total()
    for payout in found:
        assert payout.status is DistributionStatus.FAILED
        assert {h.account_id: h.failure_code for h in payout.holders if not h.paid} == bad
    assert open_attempts(database.url) == 0


def _amounts(round_number: int) -> tuple[int, ...]:
    """Return amounts that differ from account to account and from list to list, in units."""
    first = 10**18 + round_number * len(ACCOUNTS)
    return tuple(range(first, first + len(ACCOUNTS)))


async def _payer_of_lists(harness: EvmHarness, database: Database, token_id: str) -> World:
    settings = harness.settings.model_copy(update={"payer_account_id": harness.payer_account_id})
    asset = await assets.import_asset(database, harness.ledger, token_id, payment_token_id=token_id, for_lists=True)
    return World(Context(settings, database, harness.ledger, Jobs(database.url)), asset)


async def _pay_list(world: World, token_id: str, entries: PayoutList) -> uuid.UUID:
    runtime = world.runtime
    token = await payout_lists.payment_token(runtime, token_id)
    made = await payout_lists.create(runtime, world.asset, token, entries, PayoutTerms())
    await world.execute(made.id)
    return made.id


def _settings_of_workers(harness: EvmHarness) -> dict[str, str]:
    return {
        "LEDGER": "evm",
        "EVM_RPC_URL": harness.settings.evm_rpc_url,
        "EVM_CONFIRMATIONS": str(harness.settings.evm_confirmations),
        "EVM_KEYS": harness.settings.evm_keys.get_secret_value(),
        "EVM_RECIPIENTS_PER_TRANSACTION": str(harness.settings.evm_recipients_per_transaction),
    }


def _transfers(token: Contract, payer: str) -> Iterator[tuple[str, int]]:
    """Yield whom the contract paid how much, by the token's own logs."""
    wanted = {"address": token.address, "topics": [TRANSFER_TOPIC, topic_of(payer)], "fromBlock": "0x0"}
    for log in token.anvil.call("eth_getLogs", wanted):
        moved = transfer_of(log)
        assert moved is not None
        yield moved[1:]
