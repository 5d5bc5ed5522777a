"""Sign-in of browsers by a link or through an OpenID Connect provider. The dashboard has the form for passwords."""

from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from masspayout.api.authentication import source_address
from masspayout.context import Context
from masspayout.service.access import log_in_by_link, session_cookie
from masspayout.service.access.oidc import OpenIdProvider

_STATE_COOKIE = "masspayout_oidc"
_STATE_SECONDS = 600

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
        return _with_cookie(request, context, cookie, "/docs")

    app.include_router(routes)


def install_oidc(app: FastAPI, context: Context) -> None:
    """Add sign-in through the OpenID Connect provider, if the settings name one."""
    if context.settings.oidc_issuer is None:
        return
    provider = OpenIdProvider(context.settings)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in/oidc")
    async def begin(request: Request) -> Response:
        address, state = await provider.begin(str(request.url_for("finish_oidc_sign_in")))
        response = RedirectResponse(address, status_code=303)
        # Lax: the provider's page leads back here, and the cookie has to come along.
        response.set_cookie(
            _STATE_COOKIE,
            state,
            max_age=_STATE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
            path="/sign-in",
        )
        return response

    @routes.get("/sign-in/oidc/callback", name="finish_oidc_sign_in")
    async def finish(request: Request) -> Response:
        _, cookie = await provider.finish(
            context.database,
            str(request.url_for("finish_oidc_sign_in")),
            dict(request.query_params),
            request.cookies.get(_STATE_COOKIE, ""),
            source_address=source_address(request),
        )
        response = _with_cookie(request, context, cookie, "/")
        response.delete_cookie(_STATE_COOKIE, path="/sign-in")
        return response

    app.include_router(routes)


def _with_cookie(request: Request, context: Context, cookie: str, path: str) -> Response:
    response = RedirectResponse(path, status_code=303)
    response.set_cookie(**session_cookie(context.settings, cookie, is_https=request.url.scheme == "https"))
    return response
