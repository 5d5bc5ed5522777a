"""The networks: their consensus nodes, from the SDK, and their public mirror nodes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hiero_sdk_python.client.network import Network

from masspayout.kernel.errors import Invalid
from masspayout.settings import Settings

_NODE = re.compile(r"(?P<address>[^=\s]+:[0-9]{1,5})=(?P<account>[0-9]+\.[0-9]+\.[0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class HederaNetwork:
    """A network: its name, the addresses of its consensus nodes by their accounts, and of its mirror nodes."""

    name: str
    nodes: Mapping[str, str]
    mirror_urls: Sequence[str]


def find_network(settings: Settings) -> HederaNetwork:
    """Return the network that the settings name.

    Raises:
        Invalid: A custom network's addresses are missing, or an address has the wrong form.
    """
    name = settings.hedera_network
    if name == "custom" and not (settings.hedera_nodes and settings.hedera_mirror_urls):
        raise Invalid(
            "HEDERA_NETWORK=custom does not say where the network is.",
            "Set HEDERA_NODES (host:port=0.0.3, …) and HEDERA_MIRROR_URLS.",
        )
    nodes = _parse_nodes(settings.hedera_nodes) if settings.hedera_nodes else _known_nodes(name)
    urls = _parse_urls(settings.hedera_mirror_urls) if settings.hedera_mirror_urls else [Network.MIRROR_NODE_URLS[name]]
    return HederaNetwork(name, nodes, urls)


def _known_nodes(name: str) -> dict[str, str]:
    return {str(account): address for address, account in Network.DEFAULT_NODES[name]}


def _parse_nodes(text: str) -> dict[str, str]:
    nodes = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _NODE.fullmatch(part)
        if match is None:
            raise Invalid(f"HEDERA_NODES has {part!r}, which is no node.", "Write it as host:port=0.0.3.")
        nodes[match["account"]] = match["address"]
    if not nodes:
        raise Invalid(f"HEDERA_NODES={text!r} names no node.", "Write it as host:port=0.0.3, separated by commas.")
    return nodes


def _parse_urls(text: str) -> list[str]:
    urls = [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise Invalid(f"HEDERA_MIRROR_URLS has {url!r}, which is no address.", "Write it as https://host.")
    if not urls:
        raise Invalid(f"HEDERA_MIRROR_URLS={text!r} names no mirror node.", "Write it as https://host.")
    return urls
