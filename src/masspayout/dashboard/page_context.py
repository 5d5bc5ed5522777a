"""Page context: one open page, with the identity of its reader and what they may do.

A page asks ``page_context.may(…)`` before it shows a button. Pressing the button runs in ``page_context.handler(…)``,
which looks the session up again and asks once more: what a browser sends proves nothing.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec
from urllib.parse import quote

from fastapi import Request
from nicegui import Client, ui
from nicegui import context as nicegui_context

from masspayout.app import Payouts
from masspayout.context import Context
from masspayout.dashboard.components import messages
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import acting_as
from masspayout.kernel.errors import MassPayoutError, NotAuthenticated
from masspayout.kernel.roles import Permission
from masspayout.service.access import SESSION_COOKIE, Identity, find_session

_log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class PageContext:
    """Context of a page that a signed-in reader has open."""

    context: Context
    identity: Identity
    request: Request
    source_address: str | None
    client: Client = field(default_factory=lambda: nicegui_context.client)

    @property
    def database(self) -> Database:
        """The database that the page shows."""
        return self.context.database

    @property
    def payouts(self) -> Payouts:
        """The use cases of payouts."""
        return Payouts(self.context)

    def unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Return one transaction."""
        return self.context.database.unit_of_work()

    def may(self, permission: Permission) -> bool:
        """Return whether the visitor has a permission, so that a page shows only buttons that work."""
        return self.identity.may(permission)

    def argument(self, name: str, default: str = "") -> str:
        """Return what the page's address says after the question mark."""
        return str(self.request.query_params.get(name, default))

    def handler(
        self, permission: Permission, action: Callable[Arguments, Awaitable[None]]
    ) -> Callable[Arguments, Awaitable[None]]:
        """Return an event handler that asks again whether the visitor may do this, then does it in their name.

        An error is shown as a message: one sentence on the error, one on the next step.
        """

        @wraps(action)
        async def handle(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
            # In the page itself, not in the part of it that was pressed: that may be renewed meanwhile.
            with self.client:
                await self._act(permission, partial(action, *arguments, **options))

        return handle

    async def _act(self, permission: Permission, act: Callable[[], Awaitable[None]]) -> None:
        """Do something in the visitor's name, if they may."""
        try:
            identity = await find_session(self.database, self.request.cookies.get(SESSION_COOKIE, ""))
            identity.require(permission)
            with acting_as(identity.actor(self.source_address)):
                await act()
        except NotAuthenticated as error:
            messages.notify_error(error)
            ui.navigate.to(self._sign_in_path)
        except MassPayoutError as error:
            messages.notify_error(error)

    @property
    def _sign_in_path(self) -> str:
        """The page that signs the reader in and leads back here."""
        url = self.request.url
        return f"/sign-in?next={quote(url.path + (f'?{url.query}' if url.query else ''), safe='')}"

    def every(self, seconds: float, refresh: Callable[[], Awaitable[Any]]) -> ui.timer:
        """Bring a part of the page up to date again and again, while the page is open."""

        async def guarded() -> None:
            try:
                await find_session(self.database, self.request.cookies.get(SESSION_COOKIE, ""))
                await refresh()
            except NotAuthenticated:
                # Whoever may not come in any more must not read on, either.
                with self.client:
                    ui.navigate.to(self._sign_in_path)
            except MassPayoutError as error:
                _log.info("a page could not be brought up to date: %s", error)

        return ui.timer(seconds, guarded, immediate=False)


async def find_identity(context: Context, request: Request) -> Identity | None:
    """Return who a browser's cookie says it is; nobody when it says nothing good."""
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        return None
    try:
        return await find_session(context.database, cookie)
    except NotAuthenticated:
        return None


def source_address(request: Request) -> str | None:
    """Return the address that a request comes from."""
    return None if request.client is None else request.client.host
