"""Signing in and out: plain forms that work without a script, since nothing of the dashboard is open before."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from masspayout.context import Context
from masspayout.dashboard.frame import MARK, head_links
from masspayout.dashboard.markup import Content, Html, h, join
from masspayout.dashboard.next_steps import words_of
from masspayout.dashboard.page_context import find_identity, source_address
from masspayout.kernel.errors import MassPayoutError
from masspayout.service.access import (
    SESSION_COOKIE,
    can_anybody_come_in,
    has_to_be_confirmed,
    local_path,
    log_in,
    log_in_by_link,
    log_out,
    session_cookie,
)


def sign_in_routes(context: Context) -> APIRouter:
    """Return the routes by which browsers get a session and end it."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in")
    async def form(request: Request, next: str = "/", error: str = "") -> Response:  # noqa: A002 - its name in the address
        path = await _path_of_known(context, request, next)
        if path is not None and not error:
            return RedirectResponse(path, status_code=303)
        async with context.database.unit_of_work() as work:
            is_new = not await can_anybody_come_in(work)
        return _page(_password_form(local_path(next)), _provider(context, next), _hint(is_new), error=error)

    @routes.post("/sign-in")
    async def by_password(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - its name in the form
    ) -> Response:
        try:
            _, cookie = await log_in(
                context.database, context.settings, name, password, source_address=source_address(request)
            )
        except MassPayoutError as error:
            return _page(_password_form(local_path(next), name), error=words_of(error), status_code=401)
        return _with_cookie(request, context, cookie, local_path(next))

    @routes.get("/sign-in/{link}")
    async def link_form(link: str) -> Response:
        # Whoever looks ahead at links, as mail programs do, must not use one up: it takes a press of the button.
        return _page(
            h("p", "This link signs you in, once.", class_="soft"),
            h("form", h("button", "Sign in", type="submit"), method="post", action=f"/sign-in/{link}"),
        )

    @routes.post("/sign-in/{link}")
    async def by_link(request: Request, link: str) -> Response:
        try:
            _, cookie = await log_in_by_link(
                context.database, context.settings, link, source_address=source_address(request)
            )
        except MassPayoutError as error:
            return RedirectResponse(f"/sign-in?{urlencode({'error': words_of(error)})}", status_code=303)
        return _with_cookie(request, context, cookie, "/")

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        identity = await find_identity(context, request)
        if identity is not None:
            await log_out(context.database, identity)
        response = RedirectResponse("/sign-in", status_code=303)
        response.delete_cookie(SESSION_COOKIE)
        return response

    return routes


async def _path_of_known(context: Context, request: Request, path: str) -> str | None:
    """Return where a reader goes who need not fill in the form; None if there is a need.

    One who came through the provider goes there once more: it asks for nothing as long as its own session lasts, so the
    reader sees no more than a flicker.
    """
    if await find_identity(context, request):
        return local_path(path)
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if context.settings.oidc_issuer is not None and await has_to_be_confirmed(context.database, cookie):
        return _begin_at_provider(path)
    return None


def _with_cookie(request: Request, context: Context, cookie: str, path: str) -> Response:
    response = RedirectResponse(path, status_code=303)
    response.set_cookie(**session_cookie(context.settings, cookie, is_https=request.url.scheme == "https"))
    return response


def _password_form(path: str, name: str = "") -> Html:
    return h(
        "form",
        h("label", "Name", h("input", name="name", value=name, autocomplete="username", required=True, autofocus=True)),
        h(
            "label",
            "Password",
            h("input", name="password", type="password", autocomplete="current-password", required=True),
        ),
        h("input", name="next", type="hidden", value=path),
        h("button", "Sign in", type="submit"),
        method="post",
        action="/sign-in",
    )


def _begin_at_provider(path: str) -> str:
    return f"/sign-in/oidc?{urlencode({'next': local_path(path)})}"


def _provider(context: Context, path: str) -> Html | None:
    """Return the way in through the OpenID Connect provider, if there is one. The API has its routes."""
    issuer = context.settings.oidc_issuer
    if issuer is None:
        return None
    name = urlsplit(issuer).hostname or issuer
    return join(
        h("p", "or", class_="or"),
        h("a", f"Sign in with {name}", href=_begin_at_provider(path), class_="btn-link centred"),
    )


def _hint(is_new: bool) -> Html:
    if is_new:
        return h(
            "p",
            "No users yet. Add the first one with ",
            h("span", "masspayout user add NAME --role admin", class_="mono"),
            ", then sign in here.",
            class_="note",
        )
    return h("p", "Forgot the password? An admin can send you a link that signs you in once.", class_="note")


def _page(*content: Content, error: str = "", status_code: int = 200) -> HTMLResponse:
    """Return a page with a card in its middle."""
    body = h(
        "main",
        h(
            "div",
            h("div", MARK, "Mass Payout", class_="brand", style="padding:0"),
            h("h1", "Sign in"),
            h("div", h("p", error), class_="callout bad", role="alert") if error else None,
            *content,
            class_="card",
        ),
        class_="signin",
    )
    head = join(
        h("meta", charset="utf-8"),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("title", "Sign in · Mass Payout"),
        head_links(),
    )
    document = h("html", h("head", head), h("body", body, style="margin:0"), lang="en")
    return HTMLResponse(f"<!doctype html>{document}", status_code=status_code)
