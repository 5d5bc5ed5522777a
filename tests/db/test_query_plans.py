"""What is done once per batch costs the same for the last batch of a large distribution as for the first.

The plans are those of the statements that the code really runs: they are recorded while a batch is paid.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event, text

from databases import fresh_database, run_sql
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Distribution, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import Distributions, Entitlements, Holders
from masspayout.db.repositories.batch_payouts import _TALLY
from masspayout.db.repositories.claims import _CLAIM
from masspayout.db.session import Database
from masspayout.entitlements.freezing import record_freeze
from masspayout.kernel.types import PaymentToken, Share
from masspayout.payments.attempts import BatchAttempts
from masspayout.registers import assets, ledger_binding
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, make_runtime

BATCH_SIZE = 25
BATCHES = 400
LARGE_TABLES = {"holder", "batch_payout", "attempt"}
# Those that lead to one row, or to one batch. Every other index leads to all of a distribution, or of a status.
NARROW_INDEXES = {
    "holder_pkey",
    "idx_holder_batch",
    "idx_holder_unique",
    "batch_payout_pkey",
    "idx_batch_open",
    "idx_batch_number",
    "attempt_pkey",
    "idx_attempt_open",
    "idx_attempt_number",
    "idx_attempt_transaction",
    "distribution_pkey",
    "idx_ledger_sequence_account",
}
ACCOUNTS = [f"0.0.{100_000 + number}" for number in range(BATCH_SIZE * BATCHES)]

# Every batch has a transaction that is settled, as if somebody had been left unpaid in each.
HISTORY = """
    INSERT INTO attempt (id, batch_payout_id, transaction_id, signed_bytes, expires_at, status, recipient_count,
                         total_amount, settled_at)
    SELECT masspayout_uuid7(), id, id::text, '\\x00', now(), 'SETTLED', total_holders, total_amount, now()
      FROM batch_payout
"""


@dataclass
class Recorder:
    """The statements that were run, each with its parameters."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self.statements.append((statement, parameters))


@dataclass
class Scene:
    """Three large distributions of one asset that are being paid."""

    world: World
    distributions: list[Distribution]

    @property
    def database(self) -> Database:
        return self.world.runtime.database

    @property
    def attempts(self) -> BatchAttempts:
        runtime = self.world.runtime
        return BatchAttempts(runtime.database, runtime.ledger, runtime.settings)

    @contextmanager
    def recorded(self) -> Iterator[Recorder]:
        recorder = Recorder()
        engine = self.database._engine.sync_engine
        event.listen(engine, "before_cursor_execute", recorder)
        yield recorder
        event.remove(engine, "before_cursor_execute", recorder)

    async def pay_batch(self, distribution: Distribution, *, after: int) -> Recorder:
        """Pay the batch that follows a number, and say with which statements. The payer's statement was read before."""
        attempts = self.attempts
        await attempts.gate.sync(str(distribution.payer_account_id))
        with self.recorded() as recorder:
            claimed = await attempts.claim(distribution, after=after)
            assert claimed is not None
            assert claimed.batch_number == after + 1
            await attempts.pay(claimed)
        return recorder

    def plans(self, recorder: Recorder) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every node of every recorded statement's plan, with the statement."""
        with psycopg.connect(**connect_arguments(self.database.url)) as connection:
            for statement, parameters in recorder.statements:
                for (plan,) in connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters):
                    yield from ((statement, node) for node in nodes_of(plan[0]["Plan"]))


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)


@pytest.fixture(scope="module")
async def scene(embedded_server: URL, migrated_template: str) -> AsyncIterator[Scene]:
    settings = Settings(_env_file=None, batch_size=BATCH_SIZE)  # type: ignore[call-arg]
    with fresh_database(embedded_server, template=migrated_template) as url:
        database = Database(url)
        runtime = make_runtime(database, settings)
        world = await World.make(runtime, [(account, 100) for account in ACCOUNTS])
        await assets.sync(database, runtime.ledger, world.asset.id)
        distributions = [await begin_large_distribution(world) for _ in range(3)]
        await asyncio.to_thread(run_sql, url, HISTORY, "VACUUM ANALYZE")
        yield Scene(world, distributions)
        await runtime.ledger.close()
        await database.close()


async def begin_large_distribution(
    world: World, accounts: Sequence[str] = ACCOUNTS, batch_size: int = BATCH_SIZE
) -> Distribution:
    distribution = Distribution(
        asset_id=world.asset.id,
        type=DistributionType.DIVIDEND,
        execution_type=ExecutionType.MANUAL,
        payout_type=PayoutType.FIXED,
        amount=Decimal(len(accounts)),
    )
    shares = (Share(account, 100, 1_000_000) for account in accounts)
    binding = await ledger_binding.bind(world.runtime.ledger, world.runtime.settings)
    async with world.runtime.database.unit_of_work() as session:
        distributions = Distributions(session)
        totals = await distributions.create_distribution_with_holders(
            distribution, shares, decimals=6, batch_size=batch_size
        )
        token = PaymentToken(PAYMENT_TOKEN, 6, world.runtime.settings.payer_account_id)
        await record_freeze(session, binding, distribution, token, totals, None, promised=totals.total_amount)
        await distributions.begin(distribution.id, datetime.now(UTC))
    return distribution


async def test_no_statement_that_pays_a_batch_scans_a_table(scene: Scene) -> None:
    first, middle, _ = scene.distributions
    bad = ACCOUNTS[BATCH_SIZE * (BATCHES // 2) + 3]
    await scene.world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await scene.world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)

    smooth = await scene.pay_batch(first, after=0)
    # The bad recipient has the transaction split, released, signed anew, and failed.
    with_failure = await scene.pay_batch(middle, after=BATCHES // 2)

    everything = Recorder(smooth.statements + with_failure.statements)
    plans = list(scene.plans(everything))
    assert not [sql for sql, node in plans if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE_TABLES]
    assert {node["Index Name"] for _, node in plans if "Index Name" in node} <= NARROW_INDEXES
    assert not [sql for sql, node in plans if "Index Name" in node and "Index Cond" not in node]
    touched = " ".join(statement for statement, _ in everything.statements)
    for trace in ("paid = true", "failure_code = failure.code", "SET attempt_id = NULL, updated_at", "SKIP LOCKED"):
        assert trace in touched


async def test_a_batch_takes_as_many_statements_at_the_end_as_at_the_beginning(scene: Scene) -> None:
    last = scene.distributions[2]
    at_the_beginning = await scene.pay_batch(last, after=0)
    at_the_end = await scene.pay_batch(last, after=BATCHES - 1)
    assert [statement for statement, _ in at_the_end.statements] == [
        statement for statement, _ in at_the_beginning.statements
    ]
    assert len(at_the_beginning.statements) <= 12


@pytest.mark.parametrize("statement", [_CLAIM.text, _TALLY.text], ids=["claim", "tally"])
async def test_a_batch_takes_as_many_pages_at_the_end_as_at_the_beginning(scene: Scene, statement: str) -> None:
    distribution = scene.distributions[0]
    async with scene.database.unit_of_work() as session:
        beginning_pages = await pages_touched(session, statement, distribution, batch_number=2)
        await session.execute(
            text("UPDATE batch_payout SET status = 'COMPLETED' WHERE distribution_id = :id AND batch_number < :last"),
            {"id": distribution.id, "last": BATCHES},
        )
        end_pages = await pages_touched(session, statement, distribution, batch_number=BATCHES)
        await session.rollback()
    assert end_pages <= 2 * beginning_pages
    assert end_pages < 100


async def pages_touched(session: Any, statement: str, distribution: Distribution, *, batch_number: int) -> int:
    parameters = {
        "distribution_id": distribution.id,
        "batch_number": batch_number,
        "after": batch_number - 1,
        "claim_seconds": 30.0,
        "begun_only": False,
    }
    explained = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
    wanted = {name: parameters[name] for name in explained._bindparams}
    plan = (await session.scalar(explained, wanted))[0]["Plan"]
    assert plan["Actual Rows"] == (1 if "SKIP LOCKED" in statement or "count(" in statement else BATCH_SIZE)
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


# From so many on the planner takes the index over distributions when its statistics do not know the distribution.
MORE_ACCOUNTS = [f"0.0.{100_000 + number}" for number in range(20_000)]


@pytest.fixture(scope="module", params=["embedded_server", "debian_server"])
async def later_scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """A database for ten large distributions, which autovacuum analyses after the first and then no more."""
    settings = Settings(_env_file=None, batch_size=BATCH_SIZE)  # type: ignore[call-arg]
    with fresh_database(request.getfixturevalue(request.param)) as url:
        await asyncio.to_thread(migrations.upgrade, url)
        tables = ("holder", "batch_payout", "attempt")
        await asyncio.to_thread(
            run_sql, url, *(f"ALTER TABLE {name} SET (autovacuum_enabled = off)" for name in tables)
        )
        database = Database(url)
        runtime = make_runtime(database, settings)
        world = await World.make(runtime, [(account, 100) for account in MORE_ACCOUNTS])
        await assets.sync(database, runtime.ledger, world.asset.id)
        yield Scene(world, [])
        await runtime.ledger.close()
        await database.close()


@pytest.mark.parametrize("count", [1, 2, 10])
async def test_a_batch_of_a_later_payout_is_found_by_its_index_alone(later_scene: Scene, count: int) -> None:
    while len(later_scene.distributions) < count:
        later_scene.distributions.append(
            await begin_large_distribution(later_scene.world, MORE_ACCOUNTS, batch_size=100)
        )
        if len(later_scene.distributions) == 1:
            await asyncio.to_thread(run_sql, later_scene.database.url, "ANALYZE")
    distribution = later_scene.distributions[-1]
    bad = MORE_ACCOUNTS[3]
    await later_scene.world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await later_scene.world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    with_failure = await later_scene.pay_batch(distribution, after=0)
    await later_scene.world.sandbox.admin.unfreeze([bad], PAYMENT_TOKEN)
    smooth = await later_scene.pay_batch(distribution, after=100)

    nodes = [node for _, node in later_scene.plans(Recorder(smooth.statements + with_failure.statements))]
    assert not [node for node in nodes if node.get("Relation Name") == "holder" and node["Node Type"] == "Seq Scan"]
    # By its key a row is found that the batch's index has led to before.
    by_batch = [node for node in nodes if str(node.get("Index Name")).startswith("idx_holder")]
    assert len(by_batch) >= 5
    narrow = dict.fromkeys(("idx_holder_unique", "idx_holder_account"), "account_id") | {
        "idx_holder_batch": "batch_number"
    }
    assert {node.get("Index Name") for node in by_batch} <= set(narrow)
    assert not [node for node in by_batch if narrow[node["Index Name"]] not in node["Index Cond"]]


async def test_a_deep_page_is_found_by_the_index_and_not_by_sorting(scene: Scene) -> None:
    distribution = scene.distributions[1]
    with scene.recorded() as recorder:
        async with scene.database.unit_of_work() as session:
            entitlements = await Entitlements(session, distribution).find_after(ACCOUNTS[9_000], 100)
            register = await Holders(session).find_register_after(distribution.asset_id, ACCOUNTS[9_000], 100)
    assert [holder.account_id for holder in entitlements] == ACCOUNTS[9_001:9_101]
    assert [holder.account_id for holder in register] == ACCOUNTS[9_001:9_101]
    nodes = [(node["Node Type"], node.get("Index Name")) for _, node in scene.plans(recorder)]
    assert nodes == [("Limit", None), ("Index Scan", "idx_holder_unique")] * 2


async def test_what_pages_show_is_found_by_the_index_at_any_depth(scene: Scene) -> None:
    distribution = scene.distributions[1]
    with scene.recorded() as recorder:
        async with scene.database.unit_of_work() as session:
            entitlements, holders = Entitlements(session, distribution), Holders(session)
            (deep,) = await holders.find_register_after(distribution.asset_id, ACCOUNTS[9_000], 1)
            await holders.find_sorted(distribution.asset_id, largest_first=True, after=deep, limit=20)
            await holders.find_sorted(distribution.asset_id, after=deep, limit=20)
            prefixed = await holders.find_sorted(distribution.asset_id, prefix="0.0.1090", limit=20)
            await entitlements.find_by_prefix("0.0.1090", 20)
            (owed,) = await entitlements.find_after(ACCOUNTS[9_000], 1)
            await entitlements.find_failed(20, owed)
            unpaid = await entitlements.find_paid(20, owed, paid=False)
    assert [holder.account_id for holder in prefixed] == ACCOUNTS[9_000:9_020]
    assert [holder.account_id for holder in unpaid] == ACCOUNTS[9_002:9_022]
    nodes = [node for _, node in scene.plans(recorder)]
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "holder"]
    assert not [node for node in nodes if "Index Name" in node and "Index Cond" not in node]
