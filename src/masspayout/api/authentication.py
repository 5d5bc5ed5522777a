"""Authentication of requests: the caller's identity, permission and rate are checked before a route runs."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from fastapi import Request

from masspayout.api.rate_limits import RateLimit
from masspayout.context import Context
from masspayout.kernel.errors import Forbidden, NotAuthenticated
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Permission
from masspayout.service import access
from masspayout.service.access import SESSION_COOKIE, Identity

# How long a credential is cached without asking the database. What this process revokes ends at once.
_CREDENTIAL_CACHE_SECONDS = 1.0
_CREDENTIAL_CACHE_SIZE = 10_000
_FAILURES_PER_MINUTE = 60

_CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The conditions of a route on its caller and its body.

    Attributes:
        permission: The permission that the caller needs; None: anybody may call it.
        takes_files: The body may be as long as a payout list.
        tells_secret: The response has a secret in it, which must not be stored in clear.
    """

    permission: Permission | None
    takes_files: bool = False
    tells_secret: bool = False


Endpoint = TypeVar("Endpoint", bound=Callable[..., object])

_RULES = "route_rules"


def requires(
    permission: Permission, *, takes_files: bool = False, tells_secret: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Set the conditions of an endpoint."""
    return _ruled(Rules(permission, takes_files, tells_secret))


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Let anybody call an endpoint."""
    return _ruled(Rules(None))(endpoint)


def rules_of(endpoint: Callable[..., object]) -> Rules:
    """Return what an endpoint asks of who calls it.

    Raises:
        TypeError: It does not say; then nobody may call it.
    """
    rules = getattr(endpoint, _RULES, None)
    if not isinstance(rules, Rules):
        raise TypeError(f"{endpoint.__qualname__} does not say who may call it: use @requires or @open_to_all.")
    return rules


class Authenticator:
    """Authenticates callers: API tokens and browser sessions, with a cache of the last credentials."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._confirmed_for = timedelta(days=context.settings.oidc_token_days)
        self._rates = RateLimit(context.settings.rate_limit_per_minute)
        self._failures = RateLimit(_FAILURES_PER_MINUTE)
        self._cached: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    async def authenticate(self, request: Request, permission: Permission) -> Identity:
        """Return the identity of the caller, once their permission is certain.

        Raises:
            NotAuthenticated: The request is not authenticated.
            Forbidden: Their role does not allow it, or another site has their browser ask.
            TooManyRequests: They ask too often.
        """
        credential, is_cookie = _credential_of(request)
        identity = self._find_cached(credential) or await self._look_up(request, credential, is_cookie=is_cookie)
        self._rates.take(identity.credential_id)
        if is_cookie and request.method not in _CHANGES_NOTHING:
            _require_own_page(request)
        identity.require(permission)
        return identity

    def clear_credential_cache(self) -> None:
        """Clear the credential cache: a credential was just revoked."""
        self._cached.clear()

    def _find_cached(self, credential: str) -> Identity | None:
        identity, until = self._cached.get(credential, (None, 0.0))
        if identity is None or time.monotonic() >= until:
            return None
        return None if identity.expires_at is not None and identity.expires_at <= datetime.now(UTC) else identity

    async def _look_up(self, request: Request, credential: str, *, is_cookie: bool) -> Identity:
        try:
            if is_cookie:
                identity = await access.find_session(self._database, credential)
            else:
                identity = await access.authenticate_token(
                    self._database, credential, confirmed_for=self._confirmed_for
                )
        except NotAuthenticated:
            self._failures.take(source_address(request))
            raise
        self._cached.pop(credential, None)
        self._cached[credential] = (identity, time.monotonic() + _CREDENTIAL_CACHE_SECONDS)
        if len(self._cached) > _CREDENTIAL_CACHE_SIZE:
            self._cached.popitem(last=False)
        return identity


def source_address(request: Request) -> str | None:
    """Return the address that a request comes from."""
    return None if request.client is None else request.client.host


def credential_of(request: Request) -> str:
    """Return the credential of a request: its API token, or the text of its session cookie."""
    return _credential_of(request)[0]


def _credential_of(request: Request) -> tuple[str, bool]:
    """Return the credential of a request, and whether a browser sent it of itself, as a cookie."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential.strip():
        return credential.strip(), False
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie:
        return cookie, True
    raise NotAuthenticated(
        "The request is not authenticated.",
        "Send an API token as Authorization: Bearer mpt_…; create one with: ",
        Action.CREATE_TOKEN,
    )


def _require_own_page(request: Request) -> None:
    """Refuse what a page of another site has a browser send along with our cookie."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_foreign = site not in (None, "same-origin", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        is_foreign = True
    if is_foreign:
        raise Forbidden(
            "The request comes from a page of another site.", "Programs send an API token instead of the cookie."
        )


def _ruled(rules: Rules) -> Callable[[Endpoint], Endpoint]:
    def rule(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _RULES, rules)
        return endpoint

    return rule
