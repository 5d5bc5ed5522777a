"""OpenID Connect: users log in at a provider, which proves their identity and names their role in a claim.

The authorization code flow with PKCE. The browser keeps the values that must come back unchanged (state, nonce,
verifier), so that any process can finish a login that another began.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from masspayout import audit
from masspayout.db.entities import User
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, Forbidden, Invalid, NotAuthenticated
from masspayout.kernel.roles import Role
from masspayout.service.access.identities import Identity
from masspayout.service.access.sessions import begin_session
from masspayout.service.access.users import canonical_name, set_role
from masspayout.settings import Settings

_SCOPE = "openid profile email"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_NAME_CLAIMS = ("preferred_username", "email", "name", "sub")
_TIMEOUT_SECONDS = 10.0
_CLOCK_SKEW_SECONDS = 60
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Begun:
    """The values of a login that the browser must bring back unchanged."""

    state: str
    nonce: str
    verifier: str


class OpenIdProvider:
    """The OpenID provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._issuer = str(settings.oidc_issuer)
        self._roles = parse_roles(settings.oidc_roles)
        self._metadata: dict[str, Any] | None = None

    async def begin(self, redirect_address: str) -> tuple[str, str]:
        """Return the provider's address to send a browser to, and the text that the browser must bring back.

        Raises:
            NotAuthenticated: The provider cannot be reached.
        """
        metadata = await self._discover()
        begun = _Begun(*(secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3)))
        address = prepare_grant_uri(
            metadata["authorization_endpoint"],
            self._settings.oidc_client_id,
            "code",
            redirect_uri=redirect_address,
            scope=_SCOPE,
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        return address, json.dumps(asdict(begun))

    async def finish(
        self,
        database: Database,
        redirect_address: str,
        answer: Mapping[str, str],
        brought_back: str,
        *,
        source_address: str | None = None,
    ) -> tuple[Identity, str]:
        """Begin a session of the user whom the provider authenticated.

        Return the identity, and the text of the cookie.

        Args:
            database: The database of the users; a user who logs in for the first time is added.
            redirect_address: The address that the provider sent the browser to.
            answer: The parameters of the provider's answer.
            brought_back: The text that ``begin`` gave the browser.
            source_address: The address of the browser.

        Raises:
            NotAuthenticated: The answer belongs to another login, or the provider refused.
            Forbidden: The user has no role here.
        """
        claims = await self._claims(redirect_address, answer, _read_begun(brought_back))
        role = self._role_of(claims)
        async with database.unit_of_work() as work:
            user = await self._user(work, claims, role)
            return await begin_session(work, self._settings, user, source_address)

    async def _claims(self, redirect_address: str, answer: Mapping[str, str], begun: _Begun) -> dict[str, Any]:
        if "error" in answer:
            raise NotAuthenticated(f"The provider refused: {answer['error'][:100]!r}.", "Ask who runs it.")
        if not secrets.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise NotAuthenticated("The provider's answer belongs to another sign-in.", "Start the sign-in again.")
        metadata = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": redirect_address,
            "code_verifier": begun.verifier,
        }
        client_id, secret = self._settings.oidc_client_id or "", self._settings.oidc_client_secret.get_secret_value()
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
                credentials = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
                tokens = await client.post(metadata["token_endpoint"], data=form, auth=credentials)
                keys = await client.get(metadata["jwks_uri"])
            id_token = str(tokens.raise_for_status().json().get("id_token", ""))
            key_set = KeySet.import_key_set(keys.raise_for_status().json())
            token = jwt.decode(id_token, key_set, _ALGORITHMS)
            self._registry(begun).validate(token.claims)
        except (JoseError, httpx.HTTPError, ValueError, KeyError, AttributeError) as error:
            raise NotAuthenticated(
                f"The provider's answer is not valid: {type(error).__name__}.", "Start the sign-in again."
            ) from None
        return dict(token.claims)

    def _registry(self, begun: _Begun) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            leeway=_CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._settings.oidc_client_id or ""},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": begun.nonce},
        )

    def _role_of(self, claims: Mapping[str, Any]) -> Role:
        """Return the greatest role that the claim names."""
        named = claims.get(self._settings.oidc_role_claim)
        values = named if isinstance(named, list) else [named]
        found = [self._roles[value] for value in values if isinstance(value, str) and value in self._roles]
        if not found:
            raise Forbidden(
                f"The provider names no role for you in the claim {self._settings.oidc_role_claim!r}.",
                "Ask who runs it for one of: " + ", ".join(self._roles) + ".",
            )
        return max(found, key=list(Role).index)

    async def _user(self, work: UnitOfWork, claims: Mapping[str, Any], role: Role) -> User:
        """Return the provider's user, with the role that the claim names now; the first login adds the user."""
        users = work.users
        subject = str(claims["sub"])
        user = await users.find_by_oidc(self._issuer, subject)
        if user is not None:
            if user.disabled:
                raise Forbidden(f"The user {user.name!r} is disabled.", "Ask an admin.")
            if user.role is not role:
                await set_role(work, user, role)
            return user
        name = canonical_name(next(str(claims[claim]) for claim in _NAME_CLAIMS if claims.get(claim)))
        added = await users.add(User(name=name, role=role, oidc_issuer=self._issuer, oidc_subject=subject))
        if added is None:
            raise Conflict(
                f"There is a user {name!r} who does not come from the provider.", "Ask an admin to tell the two apart."
            )
        audit.record(work, "user.created", added.id, after={"name": name, "role": role})
        return added

    async def _discover(self) -> dict[str, Any]:
        """Return the provider's own description, read once."""
        if self._metadata is not None:
            return self._metadata
        address = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
                metadata: dict[str, Any] = (await client.get(address)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._unusable(type(error).__name__) from None
        if not isinstance(metadata, dict) or metadata.get("issuer") != self._issuer:
            raise self._unusable("it does not call itself so")
        self._metadata = metadata
        return metadata

    def _unusable(self, reason: str) -> NotAuthenticated:
        return NotAuthenticated(
            f"The OpenID Connect provider {self._issuer} cannot be used: {reason}.",
            "Check OIDC_ISSUER, or sign in with a password.",
        )


def parse_roles(text: str) -> dict[str, Role]:
    """Return the role of each value of the claim, from ``value=role`` pairs separated by commas.

    Raises:
        Invalid: The text cannot be read, or names an unknown role.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    try:
        return {value.strip(): Role(role.strip()) for value, _, role in pairs}
    except ValueError as error:
        raise Invalid(
            f"OIDC_ROLES={text!r} cannot be read: {error}.", "Write it as treasury=operator,cfo=approver."
        ) from None


def _read_begun(text: str) -> _Begun:
    try:
        return _Begun(**json.loads(text))
    except (ValueError, TypeError):
        raise NotAuthenticated(
            "The sign-in was not started in this browser, or too long ago.", "Begin again."
        ) from None
