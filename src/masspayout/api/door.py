"""The door: who asks, whether they may, and how often. Nothing of a route runs before the door has let somebody in."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from fastapi import Request

from masspayout.api.rates import RateLimit
from masspayout.context import Context
from masspayout.kernel.errors import Forbidden, NotAuthenticated
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Permission
from masspayout.service import access
from masspayout.service.access import SESSION_COOKIE, Identity

# How long it is believed who somebody is, without asking the database. What this process revokes ends at once.
_BELIEVED_SECONDS = 1.0
_MOST_BELIEVED = 10_000
_FAILURES_PER_MINUTE = 60

_CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a route asks of who calls it.

    Attributes:
        permission: What they must be allowed to do; None: anybody may call it.
        takes_files: Whether its body may be as long as a payout list.
        tells_secret: Whether its answer has a secret in it, which must not be kept in clear.
    """

    permission: Permission | None
    takes_files: bool = False
    tells_secret: bool = False


Endpoint = TypeVar("Endpoint", bound=Callable[..., object])

_RULES = "door_rules"


def requires(
    permission: Permission, *, takes_files: bool = False, tells_secret: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Say of an endpoint what it takes to call it."""
    return _ruled(Rules(permission, takes_files, tells_secret))


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Say of an endpoint that anybody may call it."""
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


class Door:
    """Lets people and programs in."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._rates = RateLimit(context.settings.rate_limit_per_minute)
        self._failures = RateLimit(_FAILURES_PER_MINUTE)
        self._believed: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    async def let_in(self, request: Request, permission: Permission) -> Identity:
        """Return who asks, once it is certain that they may.

        Raises:
            NotAuthenticated: It is not known who asks.
            Forbidden: Their role does not allow it, or another site has their browser ask.
            TooManyRequests: They ask too often.
        """
        credential, is_cookie = _credential_of(request)
        identity = self._believe(credential) or await self._find_out(request, credential, is_cookie=is_cookie)
        self._rates.take(identity.credential_id)
        if is_cookie and request.method not in _CHANGES_NOTHING:
            _require_own_page(request)
        identity.require(permission)
        return identity

    def forget_all(self) -> None:
        """Believe nobody any more: somebody was just kept out."""
        self._believed.clear()

    def _believe(self, credential: str) -> Identity | None:
        identity, until = self._believed.get(credential, (None, 0.0))
        if identity is None or time.monotonic() >= until:
            return None
        return None if identity.expires_at is not None and identity.expires_at <= datetime.now(UTC) else identity

    async def _find_out(self, request: Request, credential: str, *, is_cookie: bool) -> Identity:
        find = access.find_session if is_cookie else access.authenticate_token
        try:
            identity = await find(self._database, credential)
        except NotAuthenticated:
            self._failures.take(source_address(request))
            raise
        self._believed.pop(credential, None)
        self._believed[credential] = (identity, time.monotonic() + _BELIEVED_SECONDS)
        if len(self._believed) > _MOST_BELIEVED:
            self._believed.popitem(last=False)
        return identity


def source_address(request: Request) -> str | None:
    """Return the address that a request comes from."""
    return None if request.client is None else request.client.host


def credential_of(request: Request) -> str:
    """Return the secret that somebody came in with."""
    return _credential_of(request)[0]


def _credential_of(request: Request) -> tuple[str, bool]:
    """Return what was shown, and whether a browser showed it of itself."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential.strip():
        return credential.strip(), False
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie:
        return cookie, True
    raise NotAuthenticated(
        "It is not known who asks.",
        "Send an API token as Authorization: Bearer mpt_…; make one with: ",
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
