"""Path by policy by identity: nothing begins without its approvals, and one person in an open policy is let be."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from approving import approve, run_due, schedule
from databases import run_sql
from masspayout.app import Payouts
from masspayout.automation import series
from masspayout.controls.policy_content import read_content
from masspayout.db.entities import (
    Distribution,
    DistributionStatus,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
    Policy,
)
from masspayout.distributions import PayoutList, payout_lists
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.backoff import Backoff
from masspayout.kernel.errors import Conflict
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.roles import Role
from masspayout.registers import assets
from masspayout.service import access
from payouts import PAYMENT_TOKEN, World

NOW = datetime.now(UTC)
Begin = Callable[[], Awaitable[object]]
Path = Callable[[World], Awaitable[tuple[Distribution, Begin]]]

OPEN: dict[str, Any] = {"mode": "open"}
POLICIES: dict[str, dict[str, Any]] = {
    "none": {},
    "open": OPEN,
    "guarded": {"mode": "guarded", "approvals": 1},
    "of a group": {
        "mode": "guarded",
        "rules": [{"need": [{"group": "treasury", "n": 1}]}],
        "groups": {"treasury": ["ben"]},
    },
}


@pytest.fixture
def terms() -> dict[str, Any]:
    """The environment asks for nothing: what holds is the policy."""
    return {"approvals_required": 0}


@pytest.fixture
async def world(world: World) -> World:
    """The same, planned by a user of the database."""
    async with world.runtime.database.unit_of_work() as work:
        for name in ("ana", "ben"):
            await access.add_user(work, name, role=Role.ADMIN)
    return world


async def by_hand(world: World) -> tuple[Distribution, Begin]:
    made = await world.plan("100")
    return made, lambda: world.execute(made.id)


async def by_use_case(world: World) -> tuple[Distribution, Begin]:
    """As commands, requests and pages do."""
    made = await world.plan("100")
    return made, lambda: Payouts(world.runtime).start(made.id)


async def as_list(world: World) -> tuple[Distribution, Begin]:
    """As ``masspayout pay`` does."""
    token = await payout_lists.payment_token(world.runtime, PAYMENT_TOKEN)
    entries = PayoutList(("0.0.31", "0.0.32"), (5, 7), 12)
    made = await payout_lists.create(world.runtime, world.asset, token, entries, PayoutTerms(concept="bonus"))
    return made, lambda: Payouts(world.runtime).start_or_resume(made.id)


async def scheduled(world: World) -> tuple[Distribution, Begin]:
    due = await schedule(world)
    later = datetime.now(UTC) + timedelta(minutes=5)
    await run_due(world, later - timedelta(hours=1))
    return due, lambda: run_due(world, later)


async def of_series(world: World) -> tuple[Distribution, Begin]:
    wanted = PayoutTerms(
        type=DistributionType.COUPON,
        payout_type=PayoutType.FIXED,
        amount=Decimal(10),
        execution_type=ExecutionType.RECURRING,
    )
    async with world.runtime.database.unit_of_work() as work:
        calendar = series.Calendar(Frequency.DAILY, NOW + timedelta(minutes=1))
        made = await series.create(world.runtime, world.asset, wanted, calendar, now=NOW)
    await series.make_occurrences(world.runtime.database, NOW + timedelta(minutes=2), Backoff())
    async with world.runtime.database.unit_of_work() as work:
        occurrences = await work.distributions.find_of_series(made.id, 9)
    await assets.sync(world.runtime.database, world.runtime.ledger, world.asset.id)
    return occurrences[-1], lambda: run_due(world, NOW + timedelta(minutes=5))


async def retried(world: World) -> tuple[Distribution, Begin]:
    """One that failed after it had begun under an open policy."""
    made = await world.plan("100")
    await asyncio.to_thread(
        run_sql, world.runtime.database.url, f"UPDATE distribution SET status = 'FAILED' WHERE id = '{made.id}'"
    )
    return made, lambda: world.retry(made.id)


async def by_sql(world: World) -> tuple[Distribution, Begin]:
    """As a shell, or a version that knows no policy, does."""
    made = await world.plan("100")
    start = f"UPDATE distribution SET status = 'PROCESSING' WHERE id = '{made.id}' AND status = 'PENDING'"
    return made, lambda: asyncio.to_thread(run_sql, world.runtime.database.url, start)


PATHS: dict[str, Path] = {
    "by hand": by_hand,
    "by use case": by_use_case,
    "as a list": as_list,
    "scheduled": scheduled,
    "of a series": of_series,
    "retried": retried,
    "by SQL": by_sql,
}

# Who approves of what the creator planned, and under which policies the payout may begin with that.
IDENTITIES = {
    "nobody": {"none", "open"},
    "creator": {"none", "open"},
    "token": {"none", "open"},
    "link": {"none", "open"},
    "other": {"none", "open", "guarded"},
    "member": {"none", "open", "guarded", "of a group"},
}


async def actor_of(world: World, identity: str, made: Distribution) -> Actor | None:
    async with world.runtime.database.unit_of_work() as work:
        ana, ben = [(await access.find_user(work, name)).id for name in ("ana", "ben")]
    return {
        "nobody": None,
        "creator": Actor(ActorKind.USER, str(made.created_by).partition(":")[2], "dora"),
        "token": Actor(ActorKind.TOKEN, "9", "nightly", owner_id=str(ben)),
        "link": Actor(ActorKind.USER, str(ben), "ben", is_by_link=True),
        "other": Actor(ActorKind.USER, str(ana), "ana"),
        "member": Actor(ActorKind.USER, str(ben), "ben"),
    }[identity]


async def put_in_force(world: World, content: dict[str, Any]) -> None:
    stored = read_content(content).stored()
    async with world.runtime.database.unit_of_work() as work:
        await work.policies.lock()
        await work.policies.add(Policy(content=stored, made_by="USER:0", made_by_name="dora", made_at=NOW))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("identity", IDENTITIES)
async def test_what_begins_has_its_approvals(world: World, path: str, policy: str, identity: str) -> None:
    if POLICIES[policy]:
        await put_in_force(world, POLICIES[policy])
    made, begin = await PATHS[path](world)
    # The first try freezes what is frozen when it is due, and shows what it waits for.
    with suppress(Conflict, psycopg.errors.CheckViolation):
        await begin()
    is_free = policy in IDENTITIES["nobody"]
    assert (await world.find_status(made.id) is DistributionStatus.PROCESSING) is is_free
    actor = await actor_of(world, identity, made)
    if actor is not None and not is_free:
        with suppress(Conflict):
            await approve(world, await world.find(made.id), actor)
        with suppress(Conflict, psycopg.errors.CheckViolation):
            await begin()
    has_begun = await world.find_status(made.id) is DistributionStatus.PROCESSING
    assert has_begun is (policy in IDENTITIES[identity])


async def test_two_people_are_enough_to_run_everything(world: World) -> None:
    ana, ben = [Actor(ActorKind.USER, str((await _user(world, name)).id), name) for name in ("ana", "ben")]
    await put_in_force(world, POLICIES["guarded"])
    for creator, approver in ((ana, ben), (ben, ana)):
        with acting_as(creator):
            made = await world.plan("100")
        await approve(world, made, approver)
        with acting_as(creator):
            await world.execute(made.id)
        assert await world.pay(made.id) is DistributionStatus.COMPLETED


async def test_approvals_stand_when_a_failed_payout_is_retried(world: World) -> None:
    await put_in_force(world, POLICIES["guarded"])
    made = await world.plan("100")
    approver = await actor_of(world, "other", made)
    assert approver is not None
    await approve(world, made, approver)
    await world.execute(made.id)
    async with world.runtime.database.unit_of_work() as work:
        await work.distributions.stop(made.id, "PAYER_STOPPED", "for a test", None)  # type: ignore[arg-type]
    assert await world.pay(made.id) is DistributionStatus.FAILED
    await world.retry(made.id)
    assert await world.pay(made.id) is DistributionStatus.COMPLETED


async def _user(world: World, name: str) -> Any:
    async with world.runtime.database.unit_of_work() as work:
        return await access.find_user(work, name)
