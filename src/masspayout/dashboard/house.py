"""The house: where pages are opened. Each gets its frame, and only those who are signed in get in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import ui

from masspayout.context import Context
from masspayout.dashboard import frame
from masspayout.dashboard.components.empty import show_empty
from masspayout.dashboard.next_steps import words_of
from masspayout.dashboard.visits import Visit, find_visitor, source_address
from masspayout.kernel.errors import Invalid, MassPayoutError, NotFound
from masspayout.kernel.roles import Permission

Build = Callable[[Visit], Awaitable[None]]

# A page that reads the ledger may take longer than one that reads tables.
_RESPONSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class House:
    """What all pages have in common: the context that they show."""

    context: Context

    def page(
        self, path: str, title: str, *, section: str, permission: Permission = Permission.VIEW
    ) -> Callable[[Build], Build]:
        """Open a page at a path. The function that it decorates builds what stands in the frame.

        Args:
            path: Where it is; parts in braces are the request's ``path_params``.
            title: What the browser's tab says.
            section: Which entry of the navigation it belongs to.
            permission: What one must be allowed to do, to see it.
        """

        def decorate(build: Build) -> Build:
            @ui.page(path, title=f"{title} · Mass Payout", response_timeout=_RESPONSE_SECONDS)
            async def show(request: Request) -> RedirectResponse | None:
                identity = await find_visitor(self.context, request)
                if identity is None:
                    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return RedirectResponse(f"/sign-in?next={quote(back)}", status_code=303)
                visit = Visit(self.context, identity, request, source_address(request))
                with await frame.show(visit, section):
                    await _build(visit, build, permission)
                return None

            return build

        return decorate


async def _build(visit: Visit, build: Build, permission: Permission) -> None:
    if not visit.may(permission):
        ui.status_code(403)
        show_empty(
            "This page is not for your role",
            f"You are {visit.identity.role}, which may not {permission}. Ask an admin.",
        )
        return
    try:
        await build(visit)
    except (NotFound, Invalid) as error:
        ui.status_code(404)
        show_empty("There is nothing here", error.message, ("Go to the overview", "/"))
    except MassPayoutError as error:
        ui.status_code(503)
        show_empty("This cannot be shown right now", words_of(error), ("Try again", visit.request.url.path))
