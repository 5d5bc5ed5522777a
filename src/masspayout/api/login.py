"""Sign-in of browsers by a link. The dashboard has pages of its own for it, and the form for passwords."""

from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from masspayout.api.authentication import source_address
from masspayout.context import Context
from masspayout.service.access import log_in_by_link, session_cookie

_LINK_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mass Payout</title></head>
<body style="font-family: sans-serif; max-width: 30em; margin: 4em auto">
<h1>Mass Payout</h1><p>This link signs you in, once.</p>
<form method="post" action="{action}"><button type="submit">Sign in</button></form>
</body></html>"""


def install_links(app: FastAPI, context: Context) -> None:
    """Let login links work in a process that has no dashboard, which has pages of its own for them."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in/{link}")
    async def show_link(link: str) -> Response:
        # Whoever looks ahead at links must not use one up: it takes a press of the button.
        return HTMLResponse(_LINK_PAGE.format(action=escape(f"/sign-in/{link}")))

    @routes.post("/sign-in/{link}")
    async def use_link(request: Request, link: str) -> Response:
        _, cookie = await log_in_by_link(
            context.database, context.settings, link, source_address=source_address(request)
        )
        response = RedirectResponse("/docs", status_code=303)
        response.set_cookie(**session_cookie(context.settings, cookie, is_https=request.url.scheme == "https"))
        return response

    app.include_router(routes)
