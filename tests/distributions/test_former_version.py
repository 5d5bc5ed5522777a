"""A database of the version before payers had statements goes on where it was, and forgets nothing.

``former/version_0015.sql`` was made by that version: a payout with three of six batches paid, one signed and not sent,
one sent whose outcome nobody wrote down; a list that is paid; a dividend that is frozen. The books lie in it too.
"""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from databases import fresh_database, run_sql
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import Assets
from masspayout.db.session import Database
from masspayout.distributions import payout_lists
from masspayout.distributions.csv_import import PayoutList
from masspayout.kernel.errors import Conflict
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts, make_runtime

FORMER = Path(__file__).parent / "former" / "version_0015.sql"
UNITS = 10**6


@pytest.fixture
def former_url(server_url: URL) -> Iterator[URL]:
    with fresh_database(server_url) as url:
        run_sql(url, FORMER.read_text(encoding="utf-8"))
        yield url


@pytest.fixture
async def world(former_url: URL, settings: Settings) -> AsyncIterator[World]:
    migrations.upgrade(former_url)
    database = Database(former_url)
    runtime = make_runtime(database, settings.model_copy(update={"batch_size": 5}))
    async with database.unit_of_work() as session:
        asset = await Assets(session).get_by_reference(ASSET_TOKEN)
    yield World(runtime, asset)
    await runtime.ledger.close()
    await database.close()


def received_units(url: URL) -> dict[str, int]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute(
            "SELECT account_id, balance_units FROM sandbox.holding WHERE token_id = %s AND account_id LIKE '0.0.2%%'",
            [PAYMENT_TOKEN],
        ).fetchall()
    return {account_id: int(units) for account_id, units in rows if units}


def owed_units(url: URL) -> dict[str, int]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute(
            "SELECT account_id, sum(payment_amount) FROM holder WHERE distribution_id IS NOT NULL GROUP BY account_id"
        ).fetchall()
    return {account_id: int(amount * UNITS) for account_id, amount in rows}


def payout(url: URL, status: DistributionStatus) -> uuid.UUID:
    with psycopg.connect(**connect_arguments(url)) as connection:
        (row,) = connection.execute("SELECT id FROM distribution WHERE status = %s", [status.value]).fetchall()
    return uuid.UUID(str(row[0]))


async def finish(world: World) -> None:
    """Pay what was begun, and the dividend that was frozen."""
    url = world.runtime.database.url
    begun_id, frozen_id = payout(url, DistributionStatus.PROCESSING), payout(url, DistributionStatus.PENDING)
    assert await world.pay(begun_id) is DistributionStatus.COMPLETED
    await world.execute(frozen_id)
    assert await world.pay(frozen_id) is DistributionStatus.COMPLETED
    for each in (begun_id, frozen_id):
        assert (await world.reconcile(each)).agrees
    assert received_units(url) == owed_units(url)


async def test_what_the_former_version_began_is_paid_to_its_end(world: World) -> None:
    await finish(world)


async def test_a_list_that_the_former_version_paid_is_not_payable_again(world: World) -> None:
    runtime = world.runtime
    token = await payout_lists.payment_token(runtime, PAYMENT_TOKEN)
    entries = PayoutList(tuple(sorted(accounts(30)[:7])), (2 * UNITS,) * 7, 14 * UNITS)
    parts = (runtime, world.asset, token, entries)
    with pytest.raises(Conflict, match="There is a payout for this very list already"):
        await payout_lists.create(*parts, PayoutTerms(concept="March 2026"))
    assert await payout_lists.create(*parts, PayoutTerms(concept="March 2026", again=2))


async def test_payments_of_the_former_version_that_were_lost_are_adopted_by_their_former_mark(world: World) -> None:
    url = world.runtime.database.url
    begun_id = payout(url, DistributionStatus.PROCESSING)
    lost = f"(SELECT id FROM batch_payout WHERE batch_number IN (2, 5) AND distribution_id = '{begun_id}')"
    run_sql(
        url,
        f"UPDATE holder SET attempt_id = NULL, paid = false WHERE attempt_id IN (SELECT id FROM attempt WHERE "
        f"batch_payout_id IN {lost})",
        f"DELETE FROM attempt WHERE batch_payout_id IN {lost}",
        f"UPDATE batch_payout SET status = 'PENDING', successful_payments = 0, paid_amount = 0, transaction_id = NULL, "
        f"executed_at = NULL WHERE id IN {lost}",
    )
    await finish(world)
    adopted = "SELECT count(*) FROM attempt WHERE signed_bytes IS NULL AND status = 'SETTLED'"
    with psycopg.connect(**connect_arguments(url)) as connection:
        assert connection.execute(adopted).fetchone() == (2,)
