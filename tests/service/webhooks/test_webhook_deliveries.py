"""Deliveries: what is not taken is sent again, one target holds up no other, and what is done with is forgotten."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

import web_targets
from databases import run_sql
from masspayout import audit
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DeliveryStatus, Webhook
from masspayout.db.repositories import Webhooks
from masspayout.kernel.errors import Conflict, NotFound
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.webhooks import targets
from masspayout.service.webhooks.deliveries import Deliverer
from masspayout.settings import Settings
from payouts import World
from web_targets import answer
from webhook_deliveries import TAKE, add, deliver, deliveries_of, pay

FAILURES = {
    "an error": (answer(500), 500, "It answered 500."),
    "a redirect": (answer(302, "Location: http://127.0.0.1:1/"), 302, "redirects are not followed"),
    "somebody who hangs up": (web_targets.drop, None, "could not be reached"),
    "something that is no HTTP": (web_targets.garbage, None, "could not be reached"),
}


@pytest.mark.parametrize("how", FAILURES)
async def test_what_is_not_taken_is_sent_again_and_given_up_in_the_end(
    world: World, servers: AsyncExitStack, how: str
) -> None:
    respond, status, said = FAILURES[how]
    target, webhook, _ = await add(world, servers, respond, ["distribution.created"])
    await world.plan("100")
    assert await deliver(world) == 0
    (delivery,) = await deliveries_of(world, webhook)
    while delivery.status is DeliveryStatus.PENDING:
        assert await deliver(world) == 0
        (delivery,) = await deliveries_of(world, webhook)
    assert (delivery.status, delivery.tries, delivery.response_status) == (DeliveryStatus.FAILED, 3, status)
    assert said in str(delivery.error)
    assert len(target.received) == 3
    assert len({received.headers["webhook-id"] for received in target.received}) == 1, "the id stays the same"
    async with world.runtime.database.unit_of_work() as session:
        assert (await Webhooks(session).backlogs())[webhook.id].failed == 1


async def test_a_target_that_hangs_does_not_hold_up_the_others(world: World, servers: AsyncExitStack) -> None:
    hanging, _, _ = await add(world, servers, web_targets.never)
    quick, _, _ = await add(world, servers)
    await pay(world)
    assert await deliver(world, webhook_timeout_seconds=5.0) == 4
    assert len(quick.received) == 4
    assert hanging.received
    errors = {d.error for d in await deliveries_of(world) if d.status is DeliveryStatus.PENDING}
    assert errors == {"There was no answer within 5 seconds."}


async def test_what_happens_while_a_target_hangs_is_told_to_the_others_at_once(
    world: World, servers: AsyncExitStack
) -> None:
    """A thousand events come while the first answer is waited for; all but the one that hangs hear of all of them."""
    hanging, _, _ = await add(world, servers, web_targets.never)
    quick, _, _ = await add(world, servers)
    await world.plan("100")
    # The answer is waited for longer than the test lasts.
    delivering = asyncio.create_task(deliver(world, webhook_timeout_seconds=300.0))
    while not (hanging.received and quick.received):  # noqa: ASYNC110 - another server's books are looked at
        await asyncio.sleep(0.02)
    await asyncio.to_thread(
        run_sql,
        world.runtime.database.url,
        "INSERT INTO webhook_event (id, type, data, created_at) "
        "SELECT masspayout_uuid7(), 'distribution.created', '{}', clock_timestamp() FROM generate_series(1, 1000)",
    )
    while len(quick.received) < 1 + 1000:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert not delivering.done()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)


async def test_a_target_that_takes_nothing_for_a_day_is_switched_off_and_says_so(
    world: World, servers: AsyncExitStack
) -> None:
    url = world.runtime.database.url

    async def is_on(webhook: Webhook) -> tuple[bool, bool]:
        async with world.runtime.database.unit_of_work() as work:
            found = await Webhooks(work).get(webhook.id)
        return found.enabled, found.failing_since is not None

    _, dead, _ = await add(world, servers, answer(500), ["distribution.created"])
    _, alive, _ = await add(world, servers, TAKE, ["distribution.created"])
    for _ in range(3):
        await world.plan("100")
    assert await deliver(world) == 3
    assert (await is_on(dead), await is_on(alive)) == ((True, True), (True, False))
    await asyncio.to_thread(
        run_sql,
        url,
        "UPDATE webhook SET failing_since = failing_since - interval '25 hours'",
        "UPDATE webhook_delivery SET next_try_at = now()",
    )
    await deliver(world)
    assert (await is_on(dead), await is_on(alive)) == ((False, True), (True, False))
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute("SELECT subject_id FROM audit_entry WHERE action = 'webhook.switched_off'").fetchall()
    assert [str(row[0]) for row in rows] == [str(dead.id)]
    named = {
        "database_host": str(url.query["host"]),
        "database_port": int(str(url.query["port"])),
        "database_user": url.username,
        "database_name": url.database,
    }
    # A copy keeps what was worked out of the settings before: another one is made.
    results = await doctor.examine(Settings.model_validate({**world.runtime.settings.model_dump(), **named}), opening())
    (problem,) = [result for result in results if result.name == "webhooks"]
    assert "and is switched off" in problem.message
    assert f"masspayout webhook enable {dead.id}" in problem.hint
    await targets.set_enabled(world.runtime.database, dead.id, enabled=True)
    assert await is_on(dead) == (True, False)


async def test_an_answer_without_an_end_is_not_read(world: World, servers: AsyncExitStack) -> None:
    await add(world, servers, web_targets.endlessly, ["distribution.created"])
    await world.plan("100")
    assert await deliver(world) == 1


async def test_a_pause_grows_from_try_to_try(world: World, servers: AsyncExitStack) -> None:
    _, webhook, _ = await add(world, servers, answer(503), ["distribution.created"])
    await world.plan("100")
    pauses = []
    for _ in range(4):
        await deliver(world, webhook_retry_seconds=100.0, webhook_tries=50)
        (delivery,) = await deliveries_of(world, webhook)
        pauses.append((delivery.next_try_at - datetime.now(UTC)).total_seconds())
        await asyncio.to_thread(run_sql, world.runtime.database.url, "UPDATE webhook_delivery SET next_try_at = now()")
    for pause, longest in zip(pauses, (100, 200, 400, 800), strict=True):
        assert longest / 2 - 60 < pause <= longest


async def test_several_workers_send_everything_once_when_nothing_goes_wrong(
    world: World, servers: AsyncExitStack
) -> None:
    target, _, _ = await add(world, servers)
    for _ in range(15):
        await world.plan("1")
    await asyncio.gather(*(deliver(world) for _ in range(4)))
    await deliver(world)
    numbers = sorted(received.message["number"] for received in target.received)
    assert numbers == list(range(1, 31))


async def test_what_a_worker_that_died_had_taken_is_sent_again(world: World, servers: AsyncExitStack) -> None:
    target, webhook, _ = await add(world, servers, events=["distribution.created"])
    await world.plan("100")
    async with world.runtime.database.unit_of_work() as session:
        await Webhooks(session).fan_out(10)
        assert len(await Webhooks(session).claim(webhook.id, limit=10, claim_seconds=0)) == 1
    assert await deliver(world) == 1
    assert len(target.received) == 1


async def test_a_delivery_is_sent_once_more_when_somebody_asks(world: World, servers: AsyncExitStack) -> None:
    target, webhook, _ = await add(world, servers, events=["distribution.created"])
    await world.plan("100")
    await deliver(world)
    (delivery,) = await deliveries_of(world, webhook)
    await targets.send_again(world.runtime.database, delivery.id)
    with pytest.raises(Conflict, match="was not given up"):
        await targets.send_again(world.runtime.database, delivery.id)
    assert await deliver(world) == 1
    first, second = target.received
    assert first.body == second.body


async def test_a_test_event_tells_how_it_went(world: World, servers: AsyncExitStack) -> None:
    target, webhook, secret = await add(world, servers)
    deliverer = Deliverer(world.runtime.database, world.runtime.settings)
    assert (await deliverer.test(webhook)).status is DeliveryStatus.DELIVERED
    assert target.received[0].message["type"] == "webhook.test"
    assert target.received[0].is_signed_with(secret)
    _, broken, _ = await add(world, servers, answer(404))
    assert (await deliverer.test(broken)).error == "It answered 404."


async def test_a_target_that_is_removed_takes_its_log_along(world: World, servers: AsyncExitStack) -> None:
    target, webhook, _ = await add(world, servers)
    await world.plan("100")
    await deliver(world)
    await targets.remove(world.runtime.database, webhook.id)
    with pytest.raises(NotFound):
        await targets.remove(world.runtime.database, webhook.id)
    assert await deliveries_of(world) == []
    await world.plan("100")
    assert await deliver(world) == 0
    assert len(target.received) == 2
    assert (await audit.verify(world.runtime.database)).holds


async def test_what_is_done_with_is_forgotten_in_time(world: World, servers: AsyncExitStack) -> None:
    await add(world, servers)
    await add(world, servers, answer(500))
    await world.plan("100")
    await deliver(world, webhook_retry_seconds=1000.0)
    deliverer = Deliverer(world.runtime.database, world.runtime.settings)
    assert await deliverer.forget_old(datetime.now(UTC)) == 0
    assert await deliverer.forget_old(datetime.now(UTC) + timedelta(days=31)) == 0, "somebody still waits for them"
    assert {d.status for d in await deliveries_of(world)} == {DeliveryStatus.PENDING}
    await asyncio.to_thread(run_sql, world.runtime.database.url, "UPDATE webhook_delivery SET status = 'FAILED'")
    await deliverer.forget_old(datetime.now(UTC) + timedelta(days=31))
    assert await deliverer.forget_old(datetime.now(UTC) + timedelta(days=31)) == 2 or not await deliveries_of(world)
