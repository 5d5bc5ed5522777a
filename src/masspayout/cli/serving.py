"""Serving: the HTTP service, alone or with dashboard and worker in one process."""

import asyncio
import ipaddress
import logging

from fastapi import FastAPI

from masspayout import dashboard
from masspayout.api import create_app
from masspayout.api.server import answer_requests, listen
from masspayout.app.control import announce_policy
from masspayout.cli.output import out
from masspayout.context import Context
from masspayout.db.capacity import require_room
from masspayout.kernel.actors import operating_system_user
from masspayout.kernel.errors import Conflict
from masspayout.service import access
from masspayout.worker import run_worker, set_by_signals


async def serve_alone(context: Context, host: str | None, port: int | None) -> None:
    """Serve API and dashboard, until told to stop."""
    stop = asyncio.Event()
    with set_by_signals(stop):
        await _answer(context, _application(context), host, port, stop)


async def serve_everything(context: Context, host: str | None, port: int | None) -> None:
    """Run API, dashboard and worker in this process, until told to stop."""
    logging.getLogger("masspayout").setLevel(logging.INFO)
    stop = asyncio.Event()
    app = _application(context)
    working = asyncio.create_task(run_worker(context, concurrency=2, stop=stop))
    try:
        await _answer(context, app, host, port, stop)
    finally:
        stop.set()
        await working


def _application(context: Context) -> FastAPI:
    """Return the API, and the dashboard beside it."""
    app = create_app(context, with_sign_in_links=False)
    dashboard.mount(app, context)
    return app


async def _answer(context: Context, app: FastAPI, host: str | None, port: int | None, stop: asyncio.Event) -> None:
    """Print the address of the service and a way to sign in, and serve requests until told to stop."""
    settings = context.settings
    await require_room(context.database, settings.database_connections)
    await announce_policy(context.database, settings)
    host = settings.http_host if host is None else host
    can_come_in = await _can_anybody_come_in(context)
    if not can_come_in:
        _require_own_machine(host)
    with listen(host, settings.http_port if port is None else port) as listener:
        shown_host = f"[{host}]" if ":" in host else host
        address = f"http://{shown_host}:{listener.getsockname()[1]}"
        out.print(f"Mass Payout answers at {address}; its API is described at {address}/docs. Stop it with Ctrl-C.")
        if not can_come_in:
            await _show_login_link(context, address)
        await answer_requests(app, settings, listener, stop)


async def _can_anybody_come_in(context: Context) -> bool:
    if context.settings.oidc_issuer is not None:
        return True
    async with context.database.unit_of_work() as work:
        return await access.can_anybody_come_in(work)


def _require_own_machine(host: str) -> None:
    """Refuse to listen where others can knock, as long as nobody could come in but by a link on this terminal."""
    try:
        is_own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise Conflict(
            f"The service listens on {host} only when there is a user with a password, or a token.",
            "Add one: masspayout user add NAME --role admin, or: masspayout token create NAME --role admin",
        )


async def _show_login_link(context: Context, address: str) -> None:
    """Print a link that signs the reader of this terminal in, once."""
    async with context.database.unit_of_work() as work:
        user = await access.local_admin(work, operating_system_user().name)
        _, secret = await access.make_link(work, user)
    out.print(f"No users or tokens yet. This link signs you in, once, as {user.name}:")
    out.print(f"  {address}/sign-in/{secret}")
    out.print(f"For a program, create a token: masspayout token create NAME --role operator --user {user.name}")
