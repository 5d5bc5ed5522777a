"""Logins through the provider: the authorization code flow with PKCE; and logouts, there of ours and here of its."""

import json
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from masspayout import audit
from masspayout.db.session import Database
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Forbidden, Invalid, MassPayoutError, NotAuthenticated
from masspayout.service.access.cookies import local_path
from masspayout.service.access.identities import Identity
from masspayout.service.access.oidc.claims import are_groups_left_out, has_name, has_role_claim, names_of, role_of
from masspayout.service.access.oidc.connections import Connection, Tokens
from masspayout.service.access.oidc.people import Subject, follow_provider, require_enabled
from masspayout.service.access.sessions import ProviderLogin, WayIn, begin_session
from masspayout.service.sealing import seal, unseal
from masspayout.settings import Settings
from masspayout.settings.oidc import is_loopback

_RANDOM_BYTES = 32
_COOKIE = "masspayout_oidc_"
_COOKIE_LETTERS = 16
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_SECONDS = 600
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """The values of a login that the browser must bring back unchanged, and where it wants to go afterwards."""

    state: str
    nonce: str
    verifier: str
    next: str = "/"

    @property
    def cookie(self) -> str:
        """The name of the cookie that has these values: each login, so each tab, has one of its own."""
        return begun_cookie(self.state)

    def written(self) -> str:
        """Return the text of that cookie."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that succeeded: the identity, the text of the session's cookie, and the path to go to."""

    identity: Identity
    cookie: str
    next: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The provider's tokens of a session, as they are kept, encrypted."""

    refresh_token: str | None
    id_token: str | None

    def sealed(self, settings: Settings) -> str | None:
        """Return the encrypted form; None if there is no key to encrypt with: then the user signs in again sooner."""
        try:
            return seal(settings, json.dumps(asdict(self)))
        except Invalid as error:
            _log.warning("the provider's tokens are not kept: %s", error)
            return None

    @classmethod
    def unsealed(cls, settings: Settings, text: str) -> "Grant":
        """Return a grant of its encrypted form.

        Raises:
            Conflict: It was encrypted with another key.
        """
        return cls(**json.loads(unseal(settings, text)))


class OpenIdProvider:
    """The OpenID provider that the settings name."""

    def __init__(self, settings: Settings, connection: Connection | None = None) -> None:
        self._settings = settings
        self.connection = connection or Connection(settings)

    async def begin(self, redirect_address: str, next_path: str = "/") -> tuple[str, Begun]:
        """Return the provider's address to send a browser to, and the values that the browser must bring back.

        Raises:
            ProviderUnavailable: The provider cannot be reached.
        """
        description = await self.connection.describe()
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        begun = Begun(state, nonce, verifier, local_path(next_path))
        address = prepare_grant_uri(
            description["authorization_endpoint"],
            self.connection.client_id,
            "code",
            redirect_uri=redirect_address,
            scope=self._settings.oidc_scopes,
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        return address, begun

    async def finish(
        self,
        database: Database,
        redirect_address: str,
        answer: Mapping[str, str],
        brought_back: str,
        *,
        source_address: str | None = None,
    ) -> Finished:
        """Begin a session of the user whom the provider authenticated.

        Args:
            database: The database of the users; a user who logs in for the first time is added.
            redirect_address: The address that the provider sent the browser to.
            answer: The parameters of the provider's answer.
            brought_back: The cookie of the login that ``begin`` began.
            source_address: The address of the browser.

        Raises:
            NotAuthenticated: The answer belongs to another login, or the provider refused.
            ProviderUnavailable: The provider cannot be reached.
            Forbidden: The user has no role here, or is disabled.
            Conflict: The user's name belongs to somebody else.
        """
        begun = _read_begun(brought_back, answer.get("state", ""))
        if "error" in answer:
            reason = f"{answer['error']}: {answer.get('error_description', '')}".rstrip(": .")[:300]
            raise NotAuthenticated(f"The provider refused the sign-in: {reason}.", "Ask who runs the provider.")
        tokens = await self.connection.exchange(answer.get("code", ""), begun.verifier, redirect_address)
        claims = await self.claims_of(tokens)
        if not _is_same(str(claims.get("nonce")), begun.nonce):
            raise NotAuthenticated("The provider's token belongs to another sign-in.", "Start the sign-in again.")
        role = role_of(self._settings, claims)
        provider = self.login_of(tokens, claims)
        async with database.unit_of_work() as work:
            user = await follow_provider(work, self.subject_of(claims), role, source_address)
            if user is not None and role is not None and not user.disabled:
                identity, cookie = await begin_session(
                    work, self._settings, user, source_address, WayIn.PROVIDER, provider
                )
                return Finished(identity, cookie, begun.next)
        if user is not None:  # written down by now, and told outside of the transaction, which an error would undo
            async with database.unit_of_work() as work:
                await require_enabled(work, user)
        raise self._no_role(claims)

    async def claims_of(self, tokens: Tokens, *, is_login: bool = True) -> dict[str, Any]:
        """Return the claims of an identity token, and what it lacks from the userinfo endpoint.

        Args:
            tokens: The provider's tokens.
            is_login: There has to be an identity token. When tokens are renewed, userinfo alone may do.

        Raises:
            NotAuthenticated: The token is not valid, or the endpoint tells of somebody else.
            ProviderUnavailable: The provider cannot be reached.
        """
        if tokens.id_token is not None:
            claims = await self.connection.verify(tokens.id_token)
        elif is_login or tokens.access_token is None:
            raise NotAuthenticated(
                "The provider gave no identity token.", "Have the scope openid allowed for this client."
            )
        else:
            claims = dict(await self.connection.userinfo(tokens.access_token))
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise NotAuthenticated("The provider's token does not say whose it is.", "Ask who runs the provider.")
        if tokens.access_token is None or (has_role_claim(self._settings, claims) and has_name(self._settings, claims)):
            return claims
        more = await self.connection.userinfo(tokens.access_token)
        if more and more.get("sub") != claims["sub"]:
            raise NotAuthenticated(
                "The provider's userinfo endpoint tells of somebody else than its token.", "Ask who runs the provider."
            )
        return {**more, **claims}

    def subject_of(self, claims: Mapping[str, Any]) -> Subject:
        """Return the person whom claims are about."""
        return Subject(self.connection.issuer, str(claims["sub"]), tuple(names_of(self._settings, claims)))

    def login_of(self, tokens: Tokens, claims: Mapping[str, Any]) -> ProviderLogin:
        """Return what a session keeps of the provider's answer."""
        return ProviderLogin(
            _text(claims.get("sid")),
            Grant(tokens.refresh_token, tokens.id_token).sealed(self._settings),
            tokens.refresh_token is not None,
            datetime.now(UTC) + timedelta(seconds=self._settings.oidc_recheck_seconds),
        )

    async def log_out_address(self, sealed_grant: str | None, return_address: str) -> str | None:
        """Return the provider's address that ends the browser's session there, too; None if it has none.

        Args:
            sealed_grant: The grant of our session, which has just ended.
            return_address: Where the provider sends the browser afterwards.
        """
        try:
            address = (await self.connection.describe()).get("end_session_endpoint")
            grant = None if sealed_grant is None else Grant.unsealed(self._settings, sealed_grant)
        except MassPayoutError as error:
            _log.warning("the session at the provider goes on: %s", error)
            return None
        if not isinstance(address, str):
            return None
        query = {"client_id": self.connection.client_id, "post_logout_redirect_uri": return_address}
        if grant is not None and grant.id_token is not None:
            query["id_token_hint"] = grant.id_token
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def log_out_by_provider(self, database: Database, logout_token: str, source_address: str | None) -> int:
        """End the sessions that a logout token of the provider names, and return how many (back-channel logout 1.0).

        Raises:
            NotAuthenticated: It is no valid logout token.
            ProviderUnavailable: The provider's keys cannot be read.
        """
        claims = await self.connection.verify(logout_token, with_end=False)
        events, issued_at = claims.get("events"), claims.get("iat")
        if not isinstance(events, dict) or _LOGOUT_EVENT not in events or "nonce" in claims:
            raise NotAuthenticated("The token is no logout token.", "Send one as back-channel logout has it.")
        # One that somebody kept must not end a later session.
        if not isinstance(issued_at, int | float) or issued_at < time.time() - _LOGOUT_SECONDS:
            raise NotAuthenticated("The logout token is old, or does not say from when it is.", "Send a new one.")
        subject, provider_session = (_text(claims.get(name)) for name in ("sub", "sid"))
        if subject is None and provider_session is None:
            raise NotAuthenticated("The logout token names nobody.", "Name them by sub or sid.")
        issuer = self.connection.issuer
        provider = Actor(ActorKind.SYSTEM, issuer, f"the provider {urlsplit(issuer).hostname}", source_address)
        async with database.unit_of_work() as work:
            ended = await work.login_sessions.end_of_provider(issuer, subject, provider_session, datetime.now(UTC))
            with acting_as(provider):
                for user_id in dict.fromkeys(ended):
                    audit.record(work, "user.logged_out", user_id, after={"way": "back-channel logout"})
        return len(ended)

    def _no_role(self, claims: Mapping[str, Any]) -> Forbidden:
        wanted = ", ".join(self._settings.roles_by_value)
        claim = self._settings.oidc_role_claim
        if are_groups_left_out(claims):
            return Forbidden(
                f"The provider leaves out the claim {claim!r}: you are in too many groups.",
                "Have it send application roles, or only the groups of this application.",
            )
        return Forbidden(
            f"The provider names no role for you in the claim {claim!r}.", f"Ask who runs it for one of: {wanted}."
        )


def begun_cookie(state: str) -> str:
    """Return the name of the cookie of a login that was begun with a state; any text may be asked about."""
    return _COOKIE + "".join(letter for letter in state[:_COOKIE_LETTERS] if letter.isalnum() or letter in "-_")


def callback_address(settings: Settings, base: str, path: str) -> str:
    """Return the address of one of our paths for the provider to send browsers to.

    Args:
        settings: They may name the public address.
        base: The address that the request came to, by what the browser says. Anybody could have written it, so it
            counts only where it leads to the browser's own machine.
        path: The path.

    Raises:
        Invalid: PUBLIC_URL is not set, and the service is asked by another name than this machine's own.
    """
    if settings.public_url is not None:
        return settings.public_url + path
    parts = urlsplit(base)
    if not is_loopback(parts.hostname):
        raise Invalid(
            f"The service does not know its own address; {parts.netloc!r} is only what the browser calls it.",
            "Set PUBLIC_URL to the address that people reach it at, such as https://payouts.example.com.",
        )
    return f"{parts.scheme}://{parts.netloc}{path}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _read_begun(text: str, state: str) -> Begun:
    try:
        values = json.loads(text)
        begun = Begun(**{name: str(value) for name, value in values.items()})
    except (ValueError, TypeError, AttributeError):
        begun = None
    if begun is None or not (begun.state + begun.nonce + begun.verifier).isascii():
        raise NotAuthenticated("The sign-in was not started in this browser, or too long ago.", "Begin again.")
    if not _is_same(state, begun.state):
        raise NotAuthenticated("The provider's answer belongs to another sign-in.", "Start the sign-in again.")
    return Begun(begun.state, begun.nonce, begun.verifier, local_path(begun.next))
