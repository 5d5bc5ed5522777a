"""Four eyes: nothing is paid that not enough others approved of, exactly as it is paid."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from approving import ANA, BEN, CLEO, CREATOR, approve, count_of
from databases import run_sql
from masspayout import audit, distributions
from masspayout.db.entities import (
    DistributionStatus,
)
from masspayout.db.repositories import Approvals, AuditEntries
from masspayout.db.session import Database
from masspayout.kernel.actors import SYSTEM, Actor, ActorKind
from masspayout.kernel.errors import ApprovalsMissing, Conflict
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime


async def test_paying_begins_when_enough_others_have_approved(world: World) -> None:
    dividend = await world.plan("100")
    assert (dividend.created_by, dividend.created_by_name) == (CREATOR.person, "dora")
    assert await count_of(world, dividend) == ApprovalCount(given=0, required=2)
    with pytest.raises(ApprovalsMissing, match=r"waits for 2 of 2 approvals.*distribution approve"):
        await world.execute(dividend.id)

    assert not (await approve(world, dividend, ANA)).is_complete
    with pytest.raises(ApprovalsMissing, match="waits for 1 of 2 approvals"):
        await world.execute(dividend.id)
    assert (await approve(world, dividend, BEN)).is_complete
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED

    async with world.runtime.database.unit_of_work() as session:
        given = await Approvals(session).find_of_distribution(dividend.id)
        trail = (await AuditEntries(session).find(action="distribution.approved")).items
    assert [approval.actor_name for approval in given] == ["ana", "ben"]
    assert [(entry.actor_name, (entry.after or {})["register_hash"]) for entry in trail] == [
        ("ben", dividend.register_hash),
        ("ana", dividend.register_hash),
    ]


async def test_the_creator_approves_in_no_guise(world: World) -> None:
    dividend = await world.plan("100")
    with pytest.raises(Conflict, match="created by you"):
        await approve(world, dividend, CREATOR)
    token_of_creator = Actor(ActorKind.TOKEN, "77", "nightly", owner_id=CREATOR.id)
    for program in (SYSTEM, token_of_creator):
        with pytest.raises(Conflict, match="only people approve"):
            await approve(world, dividend, program)
    assert await count_of(world, dividend) == ApprovalCount(given=0, required=2)


async def test_everybody_counts_once_in_whatever_guise(world: World) -> None:
    dividend = await world.plan("100")
    await approve(world, dividend, ANA)
    with pytest.raises(Conflict, match="before"):
        await approve(world, dividend, ANA)
    with pytest.raises(Conflict, match="only people approve"):
        await approve(world, dividend, Actor(ActorKind.TOKEN, "78", "anas token", owner_id=ANA.id))
    results = await asyncio.gather(*(approve(world, dividend, BEN) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, ApprovalCount) for result in results) == 1
    assert await count_of(world, dividend) == ApprovalCount(given=2, required=2)


async def test_what_is_approved_is_what_was_seen(world: World) -> None:
    dividend, other = await world.plan("100"), await world.plan("200")
    with pytest.raises(Conflict, match="does not match"):
        await approve(world, dividend, ANA, str(other.register_hash))
    waiting = await world.plan("100", record_time=datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(Conflict, match="not frozen yet"):
        await approve(world, waiting, ANA, "0" * 64)
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, other.id)
    with pytest.raises(Conflict, match="CANCELLED"):
        await approve(world, other, ANA)


CHANGES = {
    "register_hash": "UPDATE distribution SET register_hash = repeat('a', 64)",
    "payer": "UPDATE distribution SET payer_account_id = '0.0.666'",
    "payment token": "UPDATE distribution SET payment_token_id = '0.0.666'",
    "total": "UPDATE distribution SET total_amount = 1",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_changes_afterwards_voids_approvals_which_can_be_given_anew(world: World, change: str) -> None:
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    await asyncio.to_thread(run_sql, world.runtime.database.url, CHANGES[change])
    with pytest.raises(ApprovalsMissing, match="waits for 2 of 2"):
        await world.execute(dividend.id)
    changed = await world.find(dividend.id)
    assert (await approve(world, changed, ANA)).given == 1


async def test_entitlements_that_were_changed_in_the_database_are_not_paid(world: World) -> None:
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    theft = "UPDATE holder SET account_id = '0.0.666' WHERE distribution_id IS NOT NULL AND account_id = '0.0.20003'"
    await asyncio.to_thread(run_sql, world.runtime.database.url, theft)
    with pytest.raises(Conflict, match="not those that were approved"):
        await world.execute(dividend.id)
    assert await world.find_status(dividend.id) is DistributionStatus.PENDING


async def test_approvals_and_starts_that_meet_never_pay_unapproved(world: World) -> None:
    dividend = await world.plan("100")
    await approve(world, dividend, ANA)
    results = await asyncio.gather(
        *(world.execute(dividend.id) for _ in range(3)), approve(world, dividend, BEN), return_exceptions=True
    )
    began = [result for result in results[:3] if result is None]
    assert len(began) <= 1
    assert all(isinstance(result, Conflict) for result in results[:3] if result is not None)
    if not began:
        await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_a_retry_needs_no_new_approvals(world: World) -> None:
    bad = accounts(10)[3]
    await world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await world.sandbox.admin.unfreeze([bad], PAYMENT_TOKEN)
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_what_failed_before_approvals_were_asked_for_is_retried_with_them(
    database: Database, settings: Settings
) -> None:
    easy = make_runtime(database, settings)
    world = await World.make(easy, [(account, 100) for account in accounts(3)])
    await world.sandbox.admin.associate([accounts(3)[0]], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([accounts(3)[0]], PAYMENT_TOKEN)
    dividend = await world.plan("9")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    strict = world.using(approvals_required=1)
    with pytest.raises(ApprovalsMissing):
        await strict.retry(dividend.id)
    await approve(strict, dividend, ANA)
    await strict.retry(dividend.id)
    await easy.ledger.close()


async def test_asking_for_less_holds_for_what_is_frozen_from_then_on(world: World) -> None:
    dividend = await world.plan("100")
    lax = world.using(approvals_required=0)
    with pytest.raises(ApprovalsMissing):
        await lax.execute(dividend.id)
    await lax.execute((await lax.plan("100")).id)


@pytest.mark.parametrize("terms", [{"approvals_required": 1, "approval_threshold_amount": f"5, {PAYMENT_TOKEN}=100"}])
async def test_less_than_the_threshold_needs_no_approval(world: World) -> None:
    await world.execute((await world.plan("99.99")).id)
    at_the_threshold = await world.plan("100")
    with pytest.raises(ApprovalsMissing):
        await world.execute(at_the_threshold.id)


async def test_the_trail_of_all_this_holds(world: World) -> None:
    dividend = await world.plan("100")
    await asyncio.gather(*(approve(world, dividend, actor) for actor in (ANA, BEN, CLEO)))
    await world.execute(dividend.id)
    assert (await audit.verify(world.runtime.database)).holds
