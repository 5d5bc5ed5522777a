"""Webhooks: whoever wants to hear of a payout does, at least once, signed, and from nowhere that we must not call."""

import asyncio
import ipaddress
import json
import logging
import socket
import stat
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import URL

import web_targets
from databases import run_sql
from masspayout import audit, distributions
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DeliveryStatus, ExecutionType, Webhook, WebhookDelivery
from masspayout.db.repositories import AnnouncedPayouts, Webhooks
from masspayout.db.session import Database
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.webhooks import addresses, sealing, targets
from masspayout.service.webhooks.deliveries import Deliverer, signature
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime
from web_targets import Respond, Target, answer, listening


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {
        "webhook_allow_private": True,
        "webhook_timeout_seconds": 60.0,
        "webhook_retry_seconds": 0.001,
        "webhook_tries": 3,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def world(database: Database, settings: Settings) -> AsyncIterator[World]:
    runtime = make_runtime(database, settings)
    yield await World.make(runtime, [(account, 100) for account in accounts(10)])
    await runtime.ledger.close()


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


TAKE = answer(200)


async def add(
    world: World, servers: AsyncExitStack, respond: Respond = TAKE, events: Sequence[str] = ("distribution.*",)
) -> tuple[Target, Webhook, str]:
    target = await servers.enter_async_context(listening(respond))
    webhook, secret = await targets.add(world.runtime.database, world.runtime.settings, target.url, events)
    return target, webhook, secret


async def deliver(world: World, **settings: object) -> int:
    return await Deliverer(world.runtime.database, world.runtime.settings.model_copy(update=settings)).deliver_due()


async def deliveries_of(world: World, webhook: Webhook | None = None) -> list[WebhookDelivery]:
    async with world.runtime.database.unit_of_work() as session:
        page = await Webhooks(session).find_deliveries(None if webhook is None else webhook.id, None, limit=1000)
        return sorted(page.items, key=lambda delivery: delivery.number)


async def pay(world: World, amount: str = "100") -> Any:
    dividend = await world.plan(amount, concept="Dividend 2031")
    await world.execute(dividend.id)
    await world.pay(dividend.id)
    return dividend


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
    settings = world.runtime.settings.model_copy(update={"batch_size": 5})
    small = World(Context(settings, world.runtime.database, world.runtime.ledger, world.runtime.jobs), world.asset)
    await pay(small)
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


# Where webhooks may lead


FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_no_webhook_leads_to_what_is_not_public(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Invalid, match="not an address of the public Internet"):
        await addresses.check_target(f"https://{host}/payouts", allow_private=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_disguise_makes_an_address_public(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        disguised = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))
        assert addresses.is_public(address) or not addresses.is_public(disguised)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://exämple.com/",
        "javascript:alert(1)",
        "example.com",
        "https://[::1",
        "https://example.com/" + "x" * 2000,
    ],
)
async def test_what_is_no_url_for_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        await addresses.check_target(url, allow_private=False)


async def test_a_name_that_leads_home_is_refused_when_it_is_added(database: Database) -> None:
    with pytest.raises(Invalid, match=r"localhost leads to .*127\.0\.0\.1|localhost leads to ::1"):
        await targets.add(database, Settings(_env_file=None), "https://localhost/payouts")  # type: ignore[call-arg]
    async with database.unit_of_work() as session:
        assert (await Webhooks(session).find_all()).total == 0


async def test_a_name_that_leads_home_later_is_refused_when_it_is_called(
    world: World, servers: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is public when it is added, and leads to this very machine when the connection is made."""
    target = await servers.enter_async_context(listening(answer(200)))
    loop = asyncio.get_running_loop()
    port = int(target.url.split(":")[2].split("/")[0])
    leads_to = "93.184.215.14"

    async def look_up(host: str, port: int, **_: Any) -> Any:
        assert host == "rebinding.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to, port))]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    strict = world.runtime.settings.model_copy(update={"webhook_allow_private": False})
    webhook, _ = await targets.add(world.runtime.database, strict, f"https://rebinding.example:{port}/payouts")
    leads_to = "127.0.0.1"
    delivery = await Deliverer(world.runtime.database, strict).test(webhook)
    assert delivery.status is not DeliveryStatus.DELIVERED
    assert "127.0.0.1, which is not an address of the public Internet" in str(delivery.error)
    assert target.received == []

    # What is allowed is connected to by the address that was looked up, and asked for by its name.
    allowed, _ = await targets.add(
        world.runtime.database, world.runtime.settings, f"http://rebinding.example:{port}/payouts"
    )
    delivery = await Deliverer(world.runtime.database, world.runtime.settings).test(allowed)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert target.received[0].headers["host"] == f"rebinding.example:{port}"


# Their secrets


async def test_secrets_are_nowhere_in_clear(
    world: World, servers: AsyncExitStack, database_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, _, secret = await add(world, servers, answer(500))
    await world.plan("100")
    await deliver(world)
    async with world.runtime.database.unit_of_work() as session:
        (webhook,) = (await Webhooks(session).find_all()).items
    stored = json.dumps([webhook.sealed_secret, webhook.url, webhook.events])
    assert secret not in stored
    assert secret.removeprefix("whsec_") not in stored + caplog.text
    assert sealing.unseal(world.runtime.settings, webhook.sealed_secret) == secret


def test_the_key_is_made_once_and_only_its_owner_reads_it(settings: Settings) -> None:
    sealed = sealing.seal(settings, "secret")
    key_file = settings.data_dir / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret.key"]
    assert sealing.unseal(settings, sealed) == "secret"


def test_another_key_opens_nothing_and_says_so(settings: Settings) -> None:
    ours = settings.model_copy(update={"secret_key": SecretStr("a key of sixteen characters")})
    theirs = settings.model_copy(update={"secret_key": SecretStr("another key of sixteen chars")})
    sealed = sealing.seal(ours, "secret")
    assert sealing.unseal(ours, sealed) == "secret"
    with pytest.raises(Conflict, match="encrypted with another key"):
        sealing.unseal(theirs, sealed)
    with pytest.raises(Invalid, match="5 characters"):
        sealing.seal(settings.model_copy(update={"secret_key": SecretStr("short")}), "secret")


@given(body=st.binary(max_size=200), timestamp=st.integers(0, 2**33))
def test_every_change_of_a_signed_delivery_changes_its_signature(body: bytes, timestamp: int) -> None:
    secret = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE="
    signed = signature(secret, "id", timestamp, body)
    assert signed != signature(secret, "id", timestamp, body + b" ")
    assert signed != signature(secret, "id", timestamp + 1, body)
    assert signed != signature(secret, "other", timestamp, body)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's reference libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


async def test_no_such_event_is_refused(database: Database, settings: Settings) -> None:
    for events in (["distribution.exploded"], [], ["*"]):
        with pytest.raises(Invalid, match="Choose among"):
            await targets.add(database, settings, "http://127.0.0.1:1/", events)
