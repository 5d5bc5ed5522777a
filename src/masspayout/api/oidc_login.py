"""Sign-in of browsers through an OpenID Connect provider: its routes, and the pages that say why it failed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from html import escape
from urllib.parse import parse_qs, quote, unquote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from masspayout.api.authentication import source_address
from masspayout.api.bodies import received
from masspayout.api.problems import status_of
from masspayout.api.rate_limits import RateLimit
from masspayout.context import Context
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.logs import conceal
from masspayout.service.access import SESSION_COOKIE, local_path, log_out_of_provider, session_cookie
from masspayout.service.access.oidc import (
    Confirmations,
    OpenIdProvider,
    ProviderUnavailable,
    begun_cookie,
    callback_address,
)

CALLBACK = "/sign-in/oidc/callback"
BACKCHANNEL_LOGOUT = "/auth/backchannel-logout"

_BEGUN_SECONDS = 600
# Logins that somebody began and left, in other tabs, until their cookies would make a request too long.
_MOST_BEGUN = 10
# From one address, which a whole office may share: each may ask something of the provider.
_SIGN_INS_PER_MINUTE = 240
_LONGEST_LOGOUT_BYTES = 1 << 16
_NOT_STORED = {"Cache-Control": "no-store"}
_log = logging.getLogger(__name__)

_ERROR_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign-in failed · Mass Payout</title></head>
<body style="font-family: sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em; line-height: 1.5">
<h1>Sign-in failed</h1><p role="alert">{message}</p><p>{next_step}</p>
<p><a href="/sign-in/oidc?next={path}">Try again</a> · <a href="/sign-in">Sign in another way</a></p>
</body></html>"""


class OidcLogin:
    """Sign-in through the provider that the settings name, in one application."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._provider = OpenIdProvider(context.settings)
        self._rates = RateLimit(_SIGN_INS_PER_MINUTE)

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        routes = APIRouter(include_in_schema=False)
        routes.add_api_route("/sign-in/oidc", self._begin, methods=["GET"], response_model=None)
        routes.add_api_route(CALLBACK, self._finish, methods=["GET"], response_model=None)
        routes.add_api_route("/sign-out", self._log_out, methods=["POST"], response_model=None)
        routes.add_api_route(BACKCHANNEL_LOGOUT, self._log_out_by_provider, methods=["POST"], response_model=None)
        app.include_router(routes)

    @asynccontextmanager
    async def confirming(self) -> AsyncIterator[None]:
        """Have the provider confirm open sessions in the background."""
        task = asyncio.create_task(self._confirm_again_and_again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _confirm_again_and_again(self) -> None:
        confirmations = Confirmations(self._context.database, self._settings, self._provider)
        while True:
            await confirmations.confirm_due()
            await asyncio.sleep(confirmations.pause_seconds)

    async def _begin(self, request: Request, next: str = "/") -> Response:  # noqa: A002 - its name in the address
        try:
            self._rates.take(source_address(request))
            address, begun = await self._provider.begin(self._address(request, CALLBACK), next)
        except MassPayoutError as error:
            return _failed(error, next)
        response = RedirectResponse(address, status_code=303, headers=_NOT_STORED)
        others = [name for name in request.cookies if name.startswith(begun_cookie(""))]
        for name in others if len(others) >= _MOST_BEGUN else ():
            response.delete_cookie(name, path="/sign-in")
        # Lax: the provider's page leads back here, and the cookie has to come along.
        response.set_cookie(
            begun.cookie,
            quote(begun.written()),
            max_age=_BEGUN_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._is_https(request),
            path="/sign-in",
        )
        return response

    async def _finish(self, request: Request) -> Response:
        answer = dict(request.query_params)
        cookie = begun_cookie(answer.get("state", ""))
        try:
            self._rates.take(source_address(request))
            finished = await self._provider.finish(
                self._context.database,
                self._address(request, CALLBACK),
                answer,
                unquote(request.cookies.get(cookie, "")),
                source_address=source_address(request),
            )
        except MassPayoutError as error:
            response: Response = _failed(error, "/")
        else:
            response = RedirectResponse(finished.next, status_code=303, headers=_NOT_STORED)
            is_https = self._is_https(request)
            response.set_cookie(**session_cookie(self._settings, finished.cookie, is_https=is_https))
        if cookie in request.cookies:
            response.delete_cookie(cookie, path="/sign-in")
        return response

    async def _log_out(self, request: Request) -> Response:
        """End the session here, and where the provider began it, there."""
        text = request.cookies.get(SESSION_COOKIE, "")
        is_of_provider, sealed_grant = await log_out_of_provider(self._context.database, text)
        address = None
        if is_of_provider:
            with suppress(MassPayoutError):
                address = await self._provider.log_out_address(sealed_grant, self._address(request, "/sign-in"))
        response = RedirectResponse(address or "/sign-in", status_code=303, headers=_NOT_STORED)
        response.delete_cookie(SESSION_COOKIE)
        return response

    async def _log_out_by_provider(self, request: Request) -> Response:
        """End the sessions that a logout token of the provider names (OpenID Connect Back-Channel Logout 1.0)."""
        async with received(request, _LONGEST_LOGOUT_BYTES) as body:
            form = parse_qs((await Request(request.scope, body.receive).body()).decode(errors="replace"))
        try:
            ended = await self._provider.log_out_by_provider(
                self._context.database, form.get("logout_token", [""])[0], source_address(request)
            )
        except ProviderUnavailable as error:
            _log.warning("a logout by the provider could not be checked: %s", error)
            return JSONResponse({"error": "temporarily_unavailable"}, 503, headers=_NOT_STORED)
        except MassPayoutError as error:
            _log.warning("a logout by the provider was refused: %s", error)
            answer = {"error": "invalid_request", "error_description": error.message}
            return JSONResponse(answer, 400, headers=_NOT_STORED)
        _log.info("the provider ended %d session(s)", ended)
        return Response(status_code=200, headers=_NOT_STORED)

    def _address(self, request: Request, path: str) -> str:
        return callback_address(self._settings, str(request.base_url), path)

    def _is_https(self, request: Request) -> bool:
        return request.url.scheme == "https" or (self._settings.public_url or "").startswith("https:")


def _failed(error: MassPayoutError, path: str) -> Response:
    """Return the page that says why a sign-in failed, and log it: those who can fix it read logs."""
    _log.warning("a sign-in through the provider failed: %s %s", error.message, error.next_step)
    page = _ERROR_PAGE.format(
        message=escape(conceal(error.message)),
        next_step=escape(conceal(str(error.next_step))),
        path=quote(local_path(path), safe=""),
    )
    return HTMLResponse(page, status_code=status_of(error), headers=_NOT_STORED)
