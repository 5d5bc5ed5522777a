"""Webhooks lead to public addresses only, whatever name they hide behind."""

import asyncio
import ipaddress
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.db.entities import DeliveryStatus
from masspayout.db.repositories import Webhooks
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid
from masspayout.service.webhooks import addresses, targets
from masspayout.service.webhooks.deliveries import Deliverer
from masspayout.settings import Settings
from payouts import World
from web_targets import answer, listening

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
