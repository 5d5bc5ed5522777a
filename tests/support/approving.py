"""Approvals in tests: people who give them, and payouts that wait for them."""

from datetime import UTC, datetime, timedelta

from masspayout.automation import scheduler
from masspayout.controls import approvals
from masspayout.db.entities import (
    Distribution,
    ExecutionType,
)
from masspayout.db.repositories import Approvals
from masspayout.kernel.actors import SYSTEM, Actor, ActorKind, acting_as
from masspayout.kernel.payout_status import ApprovalCount
from payouts import World

CREATOR, ANA, BEN, CLEO = (Actor(ActorKind.USER, str(n), name) for n, name in enumerate(["dora", "ana", "ben", "cleo"]))


async def approve(
    world: World, distribution: Distribution, actor: Actor, register_hash: str | None = None
) -> ApprovalCount:
    with acting_as(actor):
        seen = register_hash or str(distribution.register_hash)
        return await approvals.approve(world.runtime.database, distribution.id, seen)


async def run_due(world: World, now: datetime) -> int:
    runtime = world.runtime
    with acting_as(SYSTEM):
        return await scheduler.run_due(runtime, now)


async def count_of(world: World, distribution: Distribution) -> ApprovalCount | None:
    async with world.runtime.database.unit_of_work() as session:
        return (await Approvals(session).counts([distribution.id])).get(distribution.id)


async def schedule(world: World) -> Distribution:
    return await world.plan(
        "100", execution_type=ExecutionType.SCHEDULED, scheduled_time=datetime.now(UTC) + timedelta(minutes=1)
    )
