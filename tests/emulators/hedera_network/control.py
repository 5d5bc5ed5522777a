"""The control of a network in another process, over HTTP, beside the mirror node's own paths.

POST /control/faults            {"lose_answer_percent": 30}
POST /control/advance           {"seconds": 60}
POST /control/operator/METHOD   {"account_id": "0.0.2", …}   any method of ``operator.Operator``

A key is an object as the mirror node shows it: {"_type": "ED25519", "key": "…"}.
"""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from hedera_network.clock import NetworkClock
from hedera_network.faults import Faults
from hedera_network.keys import PublicKey
from hedera_network.operator import Operator
from masspayout.ledger.signing.port import KeyType


def add_control(
    application: web.Application, operator: Operator, clock: NetworkClock, set_faults: Callable[[Faults], None]
) -> None:
    """Let a network be told over HTTP what it can be told as an object."""

    async def faults(request: web.Request) -> web.Response:
        wanted: dict[str, Any] = await request.json()
        terms: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in wanted.items()
        }
        set_faults(Faults(**terms))
        return web.json_response(None)

    async def advance(request: web.Request) -> web.Response:
        clock.advance((await request.json())["seconds"])
        return web.json_response(None)

    async def operate(request: web.Request) -> web.Response:
        method: Callable[..., Any] = getattr(operator, request.match_info["method"])
        arguments = await request.json()
        if "key" in arguments:
            key = arguments["key"]
            arguments["key"] = PublicKey(KeyType(key["_type"]), bytes.fromhex(key["key"]))
        return web.json_response(method(**arguments), dumps=_dump)

    application.router.add_post("/control/faults", faults)
    application.router.add_post("/control/advance", advance)
    application.router.add_post("/control/operator/{method}", operate)


def _dump(result: object) -> str:
    """Write a result as JSON: ids, numbers and maps as they are, what is kept of accounts as their fields."""
    return json.dumps(result, default=lambda one: {name: str(getattr(one, name)) for name in one.__slots__})
