"""Page registry: pages are registered by path; each gets its frame, and is shown to signed-in readers only."""

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
from masspayout.dashboard.page_context import PageContext, find_identity, source_address
from masspayout.kernel.errors import Invalid, MassPayoutError, NotFound
from masspayout.kernel.roles import Permission, Role

Build = Callable[[PageContext], Awaitable[None]]

# A page that reads the ledger may take longer than one that reads tables.
_RESPONSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PageRegistry:
    """Registry of pages, with the context that they show."""

    context: Context

    def page(
        self, path: str, title: str, *, section: str, permission: Permission = Permission.VIEW
    ) -> Callable[[Build], Build]:
        """Register a page at a path. The decorated function builds the content of the frame.

        Args:
            path: Where it is; parts in braces are the request's ``path_params``.
            title: The title of the browser's tab.
            section: The entry of the navigation that it belongs to.
            permission: The permission that the page needs.
        """

        def decorate(build: Build) -> Build:
            @ui.page(path, title=f"{title} · Mass Payout", response_timeout=_RESPONSE_SECONDS)
            async def show(request: Request) -> RedirectResponse | None:
                identity = await find_identity(self.context, request)
                if identity is None:
                    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return RedirectResponse(f"/sign-in?next={quote(back)}", status_code=303)
                page_context = PageContext(self.context, identity, request, source_address(request))
                with await frame.show(page_context, section):
                    await _build(page_context, build, permission)
                return None

            return build

        return decorate


async def _build(page_context: PageContext, build: Build, permission: Permission) -> None:
    if not page_context.may(permission):
        ui.status_code(403)
        role = Role.least_with(permission)
        show_empty(
            "You do not have access",
            f"{permission.capitalize()} needs the {role.capitalize()} role. Ask an admin.",
        )
        return
    try:
        await build(page_context)
    except (NotFound, Invalid) as error:
        ui.status_code(404)
        show_empty("Page not found", error.message, ("Go to the overview", "/"))
    except MassPayoutError as error:
        ui.status_code(503)
        show_empty("This page cannot be shown now", words_of(error), ("Try again", page_context.request.url.path))
