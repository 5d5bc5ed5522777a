"""People: they start, approve, cancel, retry and explain payouts, over the same code as any edge."""

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from masspayout.controls import approvals
from masspayout.db.entities import Distribution, DistributionStatus, EntryAnswer
from masspayout.distributions import PauseSubject, lifecycle, pauses, starts
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, MassPayoutError
from masspayout.payments import recovery, sync_payer
from simulator.plans import PayoutPlan
from simulator.verdicts import has_unexplained

if TYPE_CHECKING:
    from simulator.desks import Desk

_LONGEST_WAIT_SECONDS = 60.0

OPERATOR, APPROVERS = "olga", ("ana", "ben")


def person(name: str) -> Actor:
    """Return a person who is logged in."""
    return Actor(ActorKind.USER, id=name, name=name)


async def operate(desk: "Desk") -> None:
    """Look again and again: start what is to start, retry what failed, explain what nobody knows."""
    while True:
        await _wait(desk)
        with suppress(MassPayoutError):
            for distribution in await _read_overview(desk):
                await _act_on(desk, distribution)
            if desk.world.faults.is_calm:
                for row in list(desk.process.server.rows("pause")):
                    if row.ended_at is None:
                        await _resume(desk, desk.world.plan_of(row.distribution_id))
            if has_unexplained(desk.process.server):
                await _explain(desk)


async def approve(desk: "Desk", name: str) -> None:
    """Look again and again, and approve of what waits for it: once more when it was forgotten."""
    while True:
        await _wait(desk)
        with suppress(MassPayoutError):
            for distribution in await _read_overview(desk):
                if distribution.status in (DistributionStatus.PENDING, DistributionStatus.FAILED):
                    with suppress(Conflict), acting_as(person(name)):
                        await approvals.approve(desk.database, distribution.id, str(distribution.register_hash))
                        desk.process.tell(f"approves {desk.world.name_of(distribution.id)}")


async def cancel(desk: "Desk", payout: PayoutPlan) -> None:
    """Try once to call a payout off."""
    assert payout.cancelled_at is not None
    await desk.process.sleep(max(0.0, payout.cancelled_at - desk.process.loop.time()))
    with suppress(MassPayoutError), acting_as(person(OPERATOR)):
        async with desk.database.unit_of_work() as work:
            await lifecycle.cancel(work, desk.world.ids[payout.name])
        desk.process.tell(f"cancels {payout.name}")


async def pause(desk: "Desk", payout: PayoutPlan) -> None:
    """Pause a payout for a while, if it is being paid then."""
    assert payout.paused is not None
    begins_at, seconds = payout.paused
    await desk.process.sleep(max(0.0, begins_at - desk.process.loop.time()))
    with suppress(MassPayoutError), acting_as(person(OPERATOR)):
        await pauses.pause(desk.context, PauseSubject(desk.world.ids[payout.name]), "Wait.")
        desk.process.tell(f"pauses {payout.name}")
        await desk.process.sleep(seconds)
        await _resume(desk, payout)


async def _resume(desk: "Desk", payout: PayoutPlan) -> None:
    with acting_as(person(OPERATOR)):
        await pauses.resume(desk.context, PauseSubject(desk.world.ids[payout.name]))
    desk.process.tell(f"resumes {payout.name}")


async def _wait(desk: "Desk") -> None:
    """Wait until it is worth looking: something changed, something is to start, or it was quiet for long."""
    ahead = [payout.begins_at - desk.process.loop.time() for payout in desk.world.plan.payouts]
    await desk.world.change(min((each for each in ahead if each > 0), default=_LONGEST_WAIT_SECONDS))
    await desk.process.sleep(desk.world.glance_seconds * (0.5 + desk.process.chance.random()))


async def _read_overview(desk: "Desk") -> list[Distribution]:
    """Return all distributions as they stand."""
    server = desk.process.server
    await desk.process.step("looks at the overview")
    if not server.is_up:
        return []
    return cast("list[Distribution]", list(server.rows("distribution")))


async def _act_on(desk: "Desk", distribution: Distribution) -> None:
    payout = desk.world.plan_of(distribution.id)
    begins = distribution.status is DistributionStatus.PENDING and not payout.is_scheduled
    try:
        if begins and desk.process.loop.time() >= payout.begins_at:
            with acting_as(person(OPERATOR)):
                await starts.execute(desk.context, distribution.id)
            desk.process.tell(f"starts {payout.name}")
        elif distribution.status is DistributionStatus.FAILED:
            desk.world.fix()
            with acting_as(person(OPERATOR)):
                await starts.retry(desk.context, distribution.id, chosen=_choose(desk, payout))
            desk.process.tell(f"retries {payout.name}")
    except MassPayoutError as error:
        desk.process.tell(f"is told of {payout.name}: {error.message}")


def _choose(desk: "Desk", payout: PayoutPlan) -> starts.Chosen | None:
    """Return one holder to try again, now and then; None for all."""
    chance = desk.process.chance
    if desk.world.faults.is_calm or chance.random() > 0.3:
        return None
    accounts = [account for batch in payout.batches for account, _ in batch]
    return starts.Chosen(accounts=[accounts[int(chance.random() * len(accounts))]])


async def _explain(desk: "Desk") -> None:
    """Have what stops the payer looked at, and say of payments that are none of ours that they are not."""
    context = desk.context
    await sync_payer(context.database, context.ledger, context.settings, desk.world.payer)
    async with desk.database.unit_of_work() as work:
        payers = await work.payers.find_known()
        entries = [entry for payer in payers for entry in await work.payers.find_unmatched(payer.id)]
    for entry in entries:
        if not desk.world.is_foreign(entry):
            continue
        for name in (OPERATOR, APPROVERS[0]):
            with suppress(Conflict), acting_as(person(name)):
                await recovery.answer(
                    context.database,
                    context.ledger,
                    context.settings,
                    entry.transaction_id,
                    EntryAnswer.NO_PAYOUT,
                    "A transfer of the treasury.",
                )
                desk.process.tell(f"{name} explains {entry.transaction_id}")
