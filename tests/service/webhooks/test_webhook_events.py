"""Webhooks tell of what happened to a payout: every change, to whoever asked for it, signed."""

import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from masspayout import distributions
from masspayout.app import Payouts
from masspayout.controls import approvals
from masspayout.db.entities import DeliveryStatus, ExecutionType
from masspayout.db.repositories import AnnouncedPayouts, Webhooks
from masspayout.db.session import Database
from masspayout.distributions import PauseSubject
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Invalid
from masspayout.service.webhooks import targets
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts
from web_targets import Target
from webhook_deliveries import add, deliver, deliveries_of, pay


async def test_a_target_hears_of_a_payout_from_its_creation_to_its_end(world: World, servers: AsyncExitStack) -> None:
    target, webhook, secret = await add(world, servers)
    dividend = await pay(world)
    assert await deliver(world) == 4
    assert await deliver(world) == 0

    messages = sorted((received.message for received in target.received), key=lambda message: message["number"])
    assert [(message["number"], message["type"]) for message in messages] == [
        (1, "distribution.created"),
        (2, "distribution.frozen"),
        (3, "distribution.processing"),
        (4, "distribution.completed"),
    ]
    last = messages[-1]["data"]
    assert (last["distribution_id"], last["status"], last["total_amount"]) == (
        str(dividend.id),
        "COMPLETED",
        "100.000000",
    )
    assert (last["concept"], last["register_hash"]) == ("Dividend 2031", dividend.register_hash)
    for received in target.received:
        assert received.is_signed_with(secret)
        assert not received.is_signed_with(secret[:-4] + "AAA=")
        assert received.headers["webhook-id"] == received.message["id"]
        assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 600
        assert datetime.fromisoformat(received.message["occurred_at"]).tzinfo is not None
    logged = await deliveries_of(world, webhook)
    assert [(d.status, d.tries, d.response_status, d.error) for d in logged] == [
        (DeliveryStatus.DELIVERED, 1, 200, None)
    ] * 4
    assert all(d.response_ms is not None and d.response_ms >= 0 and d.delivered_at is not None for d in logged)


async def test_targets_hear_of_what_they_want_only(world: World, servers: AsyncExitStack) -> None:
    bad = accounts(10)[3]
    await world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    batches, _, _ = await add(world, servers, events=["batch.*"])
    failures, _, _ = await add(world, servers, events=["batch.failed", "distribution.failed", "distribution.cancelled"])
    await pay(world.using(batch_size=5))
    called_off = await world.plan("1")
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, called_off.id)
    await deliver(world)

    def heard(target: Target) -> list[str]:
        return sorted(received.message["type"] for received in target.received)

    assert heard(batches) == ["batch.completed", "batch.failed"]
    assert heard(failures) == ["batch.failed", "distribution.cancelled", "distribution.failed"]
    (failed,) = [r.message["data"] for r in batches.received if r.message["type"] == "batch.failed"]
    assert (failed["batch_number"], failed["successful_payments"], failed["failed_payments"]) == (1, 4, 1)


async def test_an_event_is_written_with_its_change_or_not_at_all(world: World, servers: AsyncExitStack) -> None:
    target, _, _ = await add(world, servers)
    dividend = await world.plan("100")
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, dividend.id)
        await session.rollback()
    await deliver(world)
    assert sorted(r.message["type"] for r in target.received) == ["distribution.created", "distribution.frozen"]


async def test_without_anybody_who_listens_nothing_is_written(world: World, servers: AsyncExitStack) -> None:
    await pay(world)
    _, webhook, _ = await add(world, servers, events=["batch.failed"])
    await targets.set_enabled(world.runtime.database, webhook.id, enabled=False)
    await pay(world)
    async with world.runtime.database.unit_of_work() as session:
        assert await Webhooks(session).fan_out(100) == 0
    assert await deliveries_of(world) == []


async def test_other_dates_are_told(world: World, servers: AsyncExitStack) -> None:
    target, _, _ = await add(world, servers, events=["distribution.changed"])
    at = datetime(2040, 3, 31, 9, tzinfo=UTC)
    planned = await world.plan("100", execution_type=ExecutionType.SCHEDULED, scheduled_time=at)
    put_off = {"scheduled_time": at + timedelta(days=1), "record_time": at}
    for _ in range(2):  # the second time nothing is new
        async with world.runtime.database.unit_of_work() as session:
            assert await AnnouncedPayouts(session).move_unfrozen(planned.id, put_off)
    await deliver(world)
    (values,) = [received.message for received in target.received]
    assert values["type"] == "distribution.changed"
    assert values["data"]["distribution_id"] == str(planned.id)
    assert {name: datetime.fromisoformat(values["data"][name]) for name in put_off} == put_off


async def test_approvals_are_told(world: World, servers: AsyncExitStack) -> None:
    target, _, _ = await add(world, servers, events=["distribution.approved"])
    dividend = await world.plan("100")
    with acting_as(Actor(ActorKind.USER, "1", "ana")):
        await approvals.approve(world.runtime.database, dividend.id, str(dividend.register_hash))
    await deliver(world)
    (received,) = target.received
    assert (received.message["data"]["approved_by"], received.message["data"]["status"]) == ("ana", "PENDING")


async def test_no_such_event_is_refused(database: Database, settings: Settings) -> None:
    for events in (["distribution.exploded"], [], ["*"]):
        with pytest.raises(Invalid, match="Choose among"):
            await targets.add(database, settings, "http://127.0.0.1:1/", events)


async def test_pauses_and_second_thoughts_are_told(world: World, servers: AsyncExitStack) -> None:
    events = ["distribution.*", "asset.*", "installation.*"]
    target, _, _ = await add(world, servers, events=events)
    payouts, ana = Payouts(world.runtime), Actor(ActorKind.USER, "1", "ana")
    strict = world.using(approvals_required=1)
    back, running = await strict.plan("100"), await world.plan("200")
    await world.execute(running.id)
    with acting_as(ana):
        await approvals.approve(world.runtime.database, back.id, str(back.register_hash))
        await payouts.withdraw_approval(back.id)
        await approvals.approve(world.runtime.database, back.id, str(back.register_hash))
        await payouts.send_back(back.id, "Wrong date")
        await payouts.resubmit(back.id)
        for subject in (
            PauseSubject(distribution_id=running.id),
            PauseSubject(asset_id=world.asset.id),
            PauseSubject(),
        ):
            await payouts.pause(subject, "An audit")
            await payouts.resume(subject)
    await deliver(world)
    messages = sorted((received.message for received in target.received), key=lambda message: message["number"])
    expected = {
        "distribution.approval_withdrawn": {"withdrawn_by": "ana", "distribution_id": str(back.id)},
        "distribution.sent_back": {"sent_back_by": "ana", "reason": "Wrong date", "distribution_id": str(back.id)},
        "distribution.resubmitted": {"distribution_id": str(back.id), "status": "PENDING"},
        "distribution.paused": {"paused_by": "ana", "reason": "An audit", "distribution_id": str(running.id)},
        "distribution.resumed": {"resumed_by": "ana", "status": "PROCESSING", "distribution_id": str(running.id)},
        "asset.paused": {"paused_by": "ana", "reason": "An audit", "asset_id": str(world.asset.id)},
        "asset.resumed": {"resumed_by": "ana", "asset_id": str(world.asset.id)},
        "installation.paused": {"paused_by": "ana", "reason": "An audit"},
        "installation.resumed": {"resumed_by": "ana", "reason": "An audit"},
    }
    received = [message for message in messages if message["type"] in expected]
    assert [message["type"] for message in received] == list(expected), "each once: a send-back withdraws nothing"
    for message in received:
        assert message["data"].items() >= expected[message["type"]].items(), message
