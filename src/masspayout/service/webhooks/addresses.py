"""Addresses that webhooks may have: public ones by HTTPS, unless the settings allow others.

A name may resolve to another address tomorrow, or between check and use. So it is resolved again on every connection,
and the connection goes to the very address that was checked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from masspayout.kernel.errors import Invalid

_LONGEST_URL = 2000
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 addresses that carry an IPv4 address (NAT64, RFC 6052), which the standard library does not take apart.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """A name resolves to an address that no webhook may have."""


def check_url(url: str, *, allow_private: bool) -> SplitResult:
    """Refuse a text that is no URL, or a URL with parts that a webhook has no use for. Names are not resolved.

    Raises:
        Invalid: The URL is wrong, or leads to a private address.
    """
    hint = "Give a URL such as https://example.com/payouts."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid(f"{url!r} is not a URL.", hint) from None
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid("The URL is longer than 2,000 characters, or has some that no URL has.", hint)
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise Invalid(f"{url!r} is not the URL of a web server.", hint)
    if parts.scheme == "http" and not allow_private:
        raise Invalid(f"{url!r} is not encrypted.", "Use https, or set WEBHOOK_ALLOW_PRIVATE=true for a test.")
    if parts.username is not None or parts.fragment:
        raise Invalid("The URL carries a user name or a fragment.", "Leave them out: deliveries are signed.")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return parts
    if not allow_private and not is_public(literal):
        raise _forbidden(parts.hostname, [literal])
    return parts


async def check_target(url: str, *, allow_private: bool) -> None:
    """Check a URL, and the addresses that its name resolves to now.

    Raises:
        Invalid: The URL is wrong, or its name resolves to no address, or to one that no webhook may have.
    """
    parts = check_url(url, allow_private=allow_private)
    host = str(parts.hostname)
    try:
        addresses = await _look_up(host, parts.port or 443)
    except OSError as error:
        raise Invalid(f"{host} cannot be found: {error.strerror or error}.", "Check its name.") from None
    if not allow_private and not all(map(is_public, addresses)):
        raise _forbidden(host, addresses)


def is_public(address: _Address) -> bool:
    """Return True for an address of the public Internet.

    An IPv4 address inside an IPv6 one has to be public as well.
    """
    if isinstance(address, ipaddress.IPv6Address):
        disguised = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            disguised.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if not all(is_public(inner) for inner in disguised if inner is not None):
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Connections to names that resolve to allowed addresses only, and to those very addresses."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._connections = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name, refuse it if any of its addresses is forbidden, and connect to the first that answers."""
        addresses = await _look_up(host, port)
        if not self._allow_private and not all(map(is_public, addresses)):
            raise ForbiddenAddressError(str(_forbidden(host, addresses).message))
        failure: Exception = OSError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._connections.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait between retries, for the pool."""
        await asyncio.sleep(seconds)


def connection_pool(*, allow_private: bool) -> httpcore.AsyncConnectionPool:
    """Return a pool that connects to allowed addresses only, follows no redirect and knows no proxy."""
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        network_backend=CheckedConnections(allow_private=allow_private),
        max_connections=64,
        max_keepalive_connections=0,
    )


async def _look_up(host: str, port: int) -> Sequence[_Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An address may carry the scope of its link: fe80::1%eth0.
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _forbidden(host: str, addresses: Sequence[_Address]) -> Invalid:
    named = ", ".join(str(address) for address in addresses if not is_public(address))
    return Invalid(
        f"{host} leads to {named}, which is not an address of the public Internet.",
        "Choose a public target, or set WEBHOOK_ALLOW_PRIVATE=true if it is really yours.",
    )
