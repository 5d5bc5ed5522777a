"""On Hedera nobody is paid twice and nobody is forgotten, wherever a process dies, and however bad the network is.

Answers are lost, transactions delayed and doubled, one node knows of nothing, another one says FAIL_INVALID of all that
succeeded, the mirror node is twenty minutes behind and at times does not find what is there, and the clocks of the
processes are five seconds fast or slow.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import URL

from crash_scenarios import HASTE, Scenario, die_everywhere, forget_everywhere
from databases import fresh_database
from hedera_network import EmulatedNetwork, Faults, NetworkClock
from hedera_worlds import PAYER, build_world, open_ledger, world_settings
from masspayout.context import Context
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.registers import assets
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts

HOLDERS = [(account, 100 + n) for n, account in enumerate(accounts(27))]
FROZEN = HOLDERS[12][0]
FAULTS = Faults(
    lose_answer_percent=30,
    lose_request_percent=10,
    delay_percent=20,
    delay_seconds=30,
    duplicate_percent=50,
    busy_percent=10,
    throttle_percent=5,
    lying_nodes=(4,),
    false_receipt_nodes=(5,),
    mirror_lie="misrouted",
    mirror_lie_percent=20,
    mirror_lag_seconds=20 * 60,
    mirror_error_percent=5,
    mirror_drop_percent=5,
)
TERMS = {
    **HASTE,
    "transient_retries": 100,
    # What is under way arrives when the network's time passes, and that passes when somebody has looked in vain: nobody
    # waits for it in real seconds.
    "hedera_consensus_wait_seconds": 0.0,
    "hedera_transactions_in_flight": 4,
    "hedera_mirror_requests_per_second": 1000.0,
}


# The untruths that were told on all stages, by kind.
COUNTS: Counter[str] = Counter()


@dataclass
class HederaStage:
    """A network of its own for one death, in the state that the payout was planned in."""

    network: EmulatedNetwork
    settings: Settings

    def calm_down(self) -> None:
        self.network.set_faults(Faults())
        self.network.clock.advance(600)  # whatever is still under way arrives now, if it can

    def wait_until_shown(self) -> None:
        self.network.clock.advance(FAULTS.mirror_lag_seconds + FAULTS.delay_seconds)

    def received_units(self) -> dict[str, int]:
        held = self.network.operator.balances(PAYMENT_TOKEN)
        return {account: units for account, units in held.items() if account != PAYER}


@contextmanager
def stage(_: URL) -> Iterator[HederaStage]:
    with stage_behind(0) as ready:
        yield ready


@contextmanager
def stage_behind(seconds: float) -> Iterator[HederaStage]:
    """Set up a network whose clock is behind, so that much of its time may pass before it is ahead of the database."""
    with TemporaryDirectory() as directory:
        clock = NetworkClock(Path(directory) / "network-clock")
        clock.advance(-seconds)
        clock.close()
        with _running(Path(directory)) as ready:
            yield ready


@contextmanager
def _running(directory: Path) -> Iterator[HederaStage]:
    with EmulatedNetwork.start(directory, name="the stage") as network:
        build_world(network, HOLDERS)
        network.operator.associate(FROZEN, PAYMENT_TOKEN, frozen=True)
        network.clock.advance(1800)  # so that a mirror node that is twenty minutes behind has seen all of it
        network.set_faults(FAULTS)
        yield HederaStage(network, world_settings(network, directory, **TERMS))
        COUNTS.update(network.mirror.liar.counts, false_receipts=network.false_receipts)


@contextmanager
def behind_for_hours(_: URL) -> Iterator[HederaStage]:
    """The clock of the database is not behind the network's, before a doubt is over; and a mirror node is a little."""
    with stage_behind(2 * 3_600) as ready:
        ready.network.set_faults(replace(FAULTS, mirror_lag_seconds=40))
        yield ready


@pytest.fixture(scope="module")
def scenario(embedded_server: URL, migrated_template: str) -> Iterator[Scenario]:
    with fresh_database(embedded_server, template=migrated_template) as url:
        distribution_id = asyncio.run(_plan(url))
        bad = {FROZEN: "ACCOUNT_FROZEN_FOR_TOKEN"}
        yield Scenario(url, distribution_id, bad, "hedera_worlds:open_ledger", stage)


async def _plan(url: URL) -> uuid.UUID:
    with stage(url) as ready:
        ready.network.set_faults(Faults())
        database = Database(url)
        runtime = Context(ready.settings, database, open_ledger(url, ready.settings), Jobs(url))
        asset = await assets.import_asset(database, runtime.ledger, ASSET_TOKEN, payment_token_id=PAYMENT_TOKEN)
        dividend = await World(runtime, asset).plan("1000")
        await runtime.ledger.close()
        await database.close()
        return dividend.id


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_a_crash_anywhere_on_hedera_pays_nobody_twice_and_forgets_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    assert die_everywhere(scenario, embedded_server, stride=6, up_to=150) > 50
    assert all(COUNTS[kind] for kind in ("misrouted", "false_receipts"))


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_commits_that_are_lost_on_hedera_pay_nobody_twice_and_forget_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    found = forget_everywhere(replace(scenario, stage=behind_for_hours), embedded_server, stride=5, up_to=150)
    assert sum(each.lost_payments > 0 for each in found) > 2
    assert sum(each.was_noticed is True for each in found if each.lost_payments) > 0
    assert sum(each.adopted > 0 for each in found) > 2
