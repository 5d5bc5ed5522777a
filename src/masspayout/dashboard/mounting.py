"""Mounting: every page at its path, beside the API, in the same process."""

from fastapi import FastAPI
from nicegui import app as pages_app
from nicegui import ui
from starlette.types import ASGIApp, Receive, Scope, Send

from masspayout.context import Context
from masspayout.dashboard.downloads import download_routes
from masspayout.dashboard.frame import ICON, serve_static_files
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.pages import PAGES
from masspayout.dashboard.sign_in import sign_in_routes


def mount(app: FastAPI, context: Context) -> None:
    """Serve the dashboard from an application, under what its own routes leave free."""
    serve_static_files()
    pages_app.include_router(sign_in_routes(context))
    pages_app.include_router(download_routes(context))
    registry = PageRegistry(context)
    for add_page in PAGES:
        add_page(registry)
    ui.run_with(
        app,
        title="Mass Payout",
        favicon=ICON,
        dark=None,
        tailwind=False,
        show_welcome_message=False,
    )
    pages_app.add_middleware(_LeftEarly)


class _LeftEarly:
    """Takes it as it is when a browser goes away before it is answered; the layers below call that an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except RuntimeError as error:
            if str(error) != "No response returned.":
                raise
