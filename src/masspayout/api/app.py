"""The application: authenticated routes, problem details, headers, documents."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from masspayout.api import login, problems, swagger_ui
from masspayout.api.authenticated_route import KEY_HEADER, REPLAYED_HEADER
from masspayout.api.authentication import Authenticator
from masspayout.api.headers import RequestIds, SecureHeaders
from masspayout.api.oidc_login import OidcLogin
from masspayout.api.openapi import describe
from masspayout.api.routes import (
    access,
    assets,
    control,
    creation,
    distributions,
    holding,
    listeners,
    operations,
    series,
    webhooks,
)
from masspayout.context import Context
from masspayout.service.doctor import Readiness
from masspayout.service.metrics import Metrics

PREFIX = "/api/v1"

_ROUTERS = (
    assets.router,
    creation.router,
    distributions.router,
    holding.router,
    series.router,
    listeners.router,
    access.router,
    control.router,
    webhooks.router,
    operations.router,
)


def api_routes() -> Iterator[tuple[str, APIRoute]]:
    """Yield every route of the API, with its path."""
    for router in _ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield f"{PREFIX}{route.path_format}", route


class _Documented(FastAPI):
    """An application whose OpenAPI document says all that holds for its routes."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        return describe(self, api_routes())


def create_app(context: Context, *, with_sign_in_links: bool = True) -> FastAPI:
    """Return the HTTP application of a process.

    Args:
        context: The parts of the process. The caller that opened it closes it, after the application has stopped.
        with_sign_in_links: Sign-in links lead to a page of the API; the dashboard has pages of its own for them.
    """
    app = _with_routes()
    app.state.context = context
    app.state.authenticator = Authenticator(context)
    app.state.readiness = Readiness(context)
    app.state.metrics = Metrics(context.database)
    app.state.oidc_login = None
    if context.settings.oidc_issuer is not None:
        app.state.oidc_login = OidcLogin(context)
        app.state.oidc_login.install(app)
    if with_sign_in_links:
        login.install_links(app, context)
    problems.install(app)
    _add_headers(app, context)
    return app


def api_document() -> dict[str, Any]:
    """Return the OpenAPI document, which is the same for every process."""
    return _with_routes().openapi()


def _with_routes() -> FastAPI:
    app = _Documented(
        title="Mass Payout",
        version=version("masspayout"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    api = APIRouter(prefix=PREFIX)
    for router in _ROUTERS:
        api.include_router(router)
    app.include_router(api)
    app.include_router(operations.probes)
    swagger_ui.install(app, f"{PREFIX}/openapi.json")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the job queue open, into which requests put work, and have the provider confirm sessions."""
    context: Context = app.state.context
    oidc_login: OidcLogin | None = app.state.oidc_login
    async with context.jobs.app.open_async(), nullcontext() if oidc_login is None else oidc_login.confirming():
        yield


def _add_headers(app: FastAPI, context: Context) -> None:
    origins = [origin.strip() for origin in (context.settings.cors_origins or "").split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", KEY_HEADER],
            expose_headers=["Location", "Retry-After", REPLAYED_HEADER],
            max_age=600,
        )
    app.add_middleware(SecureHeaders)
    app.add_middleware(RequestIds)
