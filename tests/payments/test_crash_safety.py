"""Nobody is paid twice and nobody is forgotten, wherever a process dies.

The first test dies at every side effect there is, one after the other. The second kills real workers at random.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from crash_scenarios import HASTE, Scenario, die_everywhere, forget_everywhere, open_attempts
from databases import copied_database, fresh_database
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.db.session import Database
from masspayout.ledger.sandbox import Faults
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime
from workers import kill_workers

# Five batches. The two who cannot be paid are in one of them: it is halved until each of them is alone, and the others
# are paid whole.
HOLDERS = accounts(60)
FROZEN, DISSOCIATED = HOLDERS[26], HOLDERS[33]
BAD = {FROZEN: "ACCOUNT_FROZEN_FOR_TOKEN", DISSOCIATED: "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"}
TOTAL = Decimal(1000)
FAULTS = Faults(lose_answer_percent=30, lose_request_percent=10, duplicate_percent=20)


@dataclass
class SandboxStage:
    """The sandbox's books: in our database, and copied with it; or in one of their own.

    Attributes:
        url: The database that they are in.
    """

    url: URL
    settings: Settings

    def calm_down(self) -> None:
        """Its books are complete at any time."""

    def wait_until_shown(self) -> None:
        """They show everything at once."""

    def received_units(self) -> dict[str, int]:
        return _received_units(self.url)


@pytest.fixture(scope="module")
def scenario(embedded_server: URL, migrated_template: str) -> Iterator[Scenario]:
    settings = Settings(_env_file=None, **HASTE, batch_size=12)  # type: ignore[call-arg,arg-type]
    with fresh_database(embedded_server, template=migrated_template) as url:
        distribution_id = asyncio.run(_prepare(url, settings))

        @contextmanager
        def stage(url: URL) -> Iterator[SandboxStage]:
            yield SandboxStage(url, settings)

        yield Scenario(url, distribution_id, BAD, "payouts:make_sandbox", stage)


@pytest.fixture(scope="module")
def scenario_beside_books(embedded_server: URL, migrated_template: str) -> Iterator[Scenario]:
    """A smaller payout, and a sandbox that forgets nothing when our database does."""
    with (
        fresh_database(embedded_server) as books,
        fresh_database(embedded_server, template=migrated_template) as url,
    ):
        terms = {**HASTE, "batch_size": 7, "sandbox_valid_seconds": 30}

        def settings_with(books_url: URL) -> Settings:
            address = books_url.render_as_string(hide_password=False)
            settings = Settings(_env_file=None, **terms)  # type: ignore[call-arg,arg-type]
            return settings.model_copy(update={"sandbox_database_url": SecretStr(address)})

        distribution_id = asyncio.run(_prepare(url, settings_with(books), HOLDERS[:28]))

        @contextmanager
        def stage(_: URL) -> Iterator[SandboxStage]:
            with copied_database(books) as copy:
                yield SandboxStage(copy, settings_with(copy))

        bad = {FROZEN: BAD[FROZEN]}
        yield Scenario(url, distribution_id, bad, "lost_commits:ImpatientSandbox", stage)


async def _prepare(url: URL, settings: Settings, holders: Sequence[str] = HOLDERS) -> uuid.UUID:
    database = Database(url)
    runtime = make_runtime(database, settings)
    world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(holders)])
    await world.sandbox.admin.associate(list(BAD), PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([FROZEN], PAYMENT_TOKEN)
    await world.sandbox.admin.dissociate([DISSOCIATED], PAYMENT_TOKEN)
    await world.sandbox.admin.set_faults(FAULTS)
    dividend = await world.plan(str(TOTAL))
    await runtime.ledger.close()
    await database.close()
    return dividend.id


@pytest.mark.longest
@pytest.mark.timeout(1500)
def test_a_crash_at_any_side_effect_pays_nobody_twice_and_forgets_nobody(
    scenario: Scenario, embedded_server: URL
) -> None:
    assert die_everywhere(scenario, embedded_server) > 100


@pytest.mark.longest
@pytest.mark.timeout(1500)
def test_commits_that_are_lost_at_any_side_effect_pay_nobody_twice_and_forget_nobody(
    scenario_beside_books: Scenario, embedded_server: URL
) -> None:
    found = forget_everywhere(scenario_beside_books, embedded_server)
    assert len(found) > 100
    assert sum(each.lost_payments > 0 for each in found) > 30
    assert sum(each.was_noticed is True for each in found if each.lost_payments) > 10
    assert sum(each.adopted > 0 for each in found) > 30
    assert sum(each.signed_again > 0 for each in found) > 0


def _received_units(url: URL) -> dict[str, int]:
    """Return what the sandbox's own books say that each account got of the payment token."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute(
            """
            SELECT account_id, balance_units FROM sandbox.holding
             WHERE token_id = %s AND balance_units > 0 AND account_id NOT IN ('0.0.1001', '0.0.900')
            """,
            [PAYMENT_TOKEN],
        ).fetchall()
    return {account_id: int(units) for account_id, units in rows}


@pytest.mark.longest
@pytest.mark.timeout(600)
async def test_workers_that_are_killed_at_random_pay_everybody_once(
    database: Database, database_url: URL, settings: Settings
) -> None:
    runtime = make_runtime(database, settings)
    holders = accounts(2_000)
    bad = dict.fromkeys(holders[1000:1010], "ACCOUNT_FROZEN_FOR_TOKEN")
    world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(holders)])
    await world.sandbox.admin.associate(list(bad), PAYMENT_TOKEN)
    await world.sandbox.admin.freeze(list(bad), PAYMENT_TOKEN)
    await world.sandbox.admin.set_faults(FAULTS)

    async def pay() -> uuid.UUID:
        dividend = await world.plan(str(TOTAL))
        await world.execute(dividend.id)
        return dividend.id

    dividends = await kill_workers(world, pay, kills=10, BATCH_SIZE="25")

    found = [await world.find(dividend) for dividend in dividends]
    verdicts = [await world.reconcile(dividend) for dividend in dividends]
    await runtime.ledger.close()
    owed: Counter[str] = Counter()
    for dividend in found:
        assert dividend.status is DistributionStatus.FAILED
        assert {h.account_id: h.failure_code for h in dividend.holders if not h.paid} == bad
        owed.update({h.account_id: int((h.payment_amount or 0) * 10**6) for h in dividend.holders if h.paid})
    assert _received_units(database_url) == owed
    assert all(verdict.agrees for verdict in verdicts)
    assert open_attempts(database_url) == 0
