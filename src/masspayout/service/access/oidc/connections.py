"""The connection to a provider: its own description, its keys, and the tokens that it gives.

The description and the keys are read again every ten minutes, and the keys also when a token was signed with an unknown
one, as after a change of keys; but not more often than every half a minute, whatever strangers send.
"""

import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from joserfc.jwk import Key

from masspayout.kernel.errors import MassPayoutError, NotAuthenticated
from masspayout.kernel.next_steps import Action, Part
from masspayout.service.access.oidc.tokens import key_id_of, keys_with, require_for_us, signed_claims, usable_keys
from masspayout.settings import Settings

_TIMEOUT_SECONDS = 10.0
_KEPT_SECONDS = 600.0
_SOONEST_SECONDS = 30.0
_LONGEST_REASON = 300
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# The codes of RFC 6749 for a client that the provider does not take.
_WRONG_CLIENT = {"invalid_client", "unauthorized_client"}


class ProviderRefused(NotAuthenticated):
    """The provider gave an error instead of tokens.

    Attributes:
        code: The error's code in RFC 6749.
    """

    def __init__(self, code: str, message: str, *next_step: Part) -> None:
        super().__init__(message, *next_step)
        self.code = code

    @property
    def is_about_client(self) -> bool:
        """True if it does not take our client id or secret, whoever signs in."""
        return self.code in _WRONG_CLIENT


class ProviderUnavailable(MassPayoutError):  # noqa: N818 - it reads as what it is
    """The provider cannot be reached, or gives no answer that makes sense."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that the provider gave for a code or a refresh token."""

    id_token: str | None
    access_token: str | None
    refresh_token: str | None


class Connection:
    """The connection of this process to the provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.issuer = str(settings.oidc_issuer)
        self.client_id = str(settings.oidc_client_id)
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._description: dict[str, Any] = {}
        self._described_at = float("-inf")
        self._keys: Sequence[Key] = ()
        self._keys_read_at = float("-inf")

    async def describe(self) -> dict[str, Any]:
        """Return the provider's own description.

        Raises:
            ProviderUnavailable: It cannot be read, or is another provider's.
        """
        if time.monotonic() - self._described_at < _KEPT_SECONDS:
            return self._description
        address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._read(address)
        if not isinstance(found, dict) or found.get("issuer") != self.issuer:
            named = found.get("issuer") if isinstance(found, dict) else None
            raise self._unavailable(f"at {address} it calls itself {named!r}", "Set OIDC_ISSUER to exactly that.")
        missing = [name for name in _NEEDED if not isinstance(found.get(name), str)]
        if missing:
            raise self._unavailable(f"its description has no {missing[0]}", "Ask who runs it.")
        self._description, self._described_at = found, time.monotonic()
        return found

    async def keys(self) -> Sequence[Key]:
        """Return the keys that the provider signs with.

        Raises:
            ProviderUnavailable: They cannot be read.
        """
        if time.monotonic() - self._keys_read_at >= _KEPT_SECONDS:
            await self._read_keys()
        return self._keys

    async def verify(self, token: str, *, with_end: bool = True) -> dict[str, Any]:
        """Return the claims of a token of the provider that is for us, and valid now.

        Raises:
            NotAuthenticated: It is not; the message says why.
            ProviderUnavailable: The keys cannot be read.
        """
        key_id = key_id_of(token)
        keys = keys_with(await self.keys(), key_id)
        if not keys and time.monotonic() - self._keys_read_at >= _SOONEST_SECONDS:
            await self._read_keys()
            keys = keys_with(self._keys, key_id)
        claims = signed_claims(token, keys)
        require_for_us(claims, issuer=self.issuer, client_id=self.client_id, with_end=with_end)
        return claims

    async def exchange(self, code: str, verifier: str, redirect_address: str) -> Tokens:
        """Return the tokens for the code of a login.

        Raises:
            ProviderRefused: The provider takes neither the code nor, perhaps, the client.
            ProviderUnavailable: It cannot be reached.
        """
        form = {"code": code, "redirect_uri": redirect_address, "code_verifier": verifier}
        return await self._tokens({"grant_type": "authorization_code", **form})

    async def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a refresh token.

        Raises:
            ProviderRefused: The user, or the login, is gone at the provider.
            ProviderUnavailable: It cannot be reached.
        """
        return await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return the claims that the provider has for the bearer of an access token; none without such an endpoint.

        Raises:
            ProviderUnavailable: It does not answer with claims.
        """
        address = (await self.describe()).get("userinfo_endpoint")
        if not isinstance(address, str):
            return {}
        found = await self._read(address, headers={"Authorization": f"Bearer {access_token}"})
        if not isinstance(found, dict):
            raise self._unavailable("its userinfo endpoint answers without claims", "Ask who runs it.")
        return found

    async def _tokens(self, form: dict[str, str]) -> Tokens:
        description = await self.describe()
        credentials: httpx.BasicAuth | None = None
        methods = description.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not self._secret:
            form = {**form, "client_id": self.client_id}
        elif "client_secret_basic" in methods:
            credentials = httpx.BasicAuth(quote(self.client_id, safe=""), quote(self._secret, safe=""))
        else:
            form = {**form, "client_id": self.client_id, "client_secret": self._secret}
        try:
            async with self._client() as client:
                response = await client.post(
                    description["token_endpoint"], data=form, auth=credentials or httpx.USE_CLIENT_DEFAULT
                )
            answer = response.json()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except ValueError:
            raise self._unavailable(f"its token endpoint answers {response.status_code} without JSON") from None
        if response.is_server_error:
            raise self._unavailable(f"its token endpoint answers {response.status_code}")
        if not response.is_success or not isinstance(answer, dict):
            raise _refusal(answer, response.status_code)
        return Tokens(*(_text(answer.get(name)) for name in ("id_token", "access_token", "refresh_token")))

    async def _read_keys(self) -> None:
        address = (await self.describe())["jwks_uri"]
        try:
            keys = usable_keys(await self._read(address))
        except ValueError:
            raise self._unavailable(f"{address} has no keys in it") from None
        if not keys:
            raise self._unavailable(f"{address} has no key that can be used")
        self._keys, self._keys_read_at = keys, time.monotonic()

    async def _read(self, address: str, *, headers: Mapping[str, str] | None = None) -> Any:
        try:
            async with self._client() as client:
                response = await client.get(address, headers=headers)
            return response.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            raise self._unavailable(f"{address} answers {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except json.JSONDecodeError:
            raise self._unavailable(f"{address} answers without JSON") from None

    def _client(self) -> httpx.AsyncClient:
        verify: ssl.SSLContext | bool = True
        if self._settings.oidc_ca_file is not None:
            verify = ssl.create_default_context(cafile=self._settings.oidc_ca_file)
        return httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, verify=verify)

    def _unreachable(self, error: httpx.HTTPError) -> ProviderUnavailable:
        reason = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            detail = reason.rpartition("failed: ")[2].partition(" (_ssl")[0]
            return self._unavailable(
                f"its certificate cannot be verified ({detail})",
                "Set OIDC_CA_FILE to the certificates of its CA, if that is a private one, then: ",
                Action.EXAMINE,
            )
        return self._unavailable(reason.rstrip("."))

    def _unavailable(self, reason: str, *next_step: Part) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"The OpenID Connect provider {self.issuer} cannot be used: {reason[:_LONGEST_REASON]}.",
            *(next_step or ("Check OIDC_ISSUER and the provider, and see: ", Action.EXAMINE)),
        )


def _refusal(answer: Any, status: int) -> ProviderRefused:
    code = _text(answer.get("error")) if isinstance(answer, dict) else None
    description = _text(answer.get("error_description")) if isinstance(answer, dict) else None
    code = code or ("invalid_client" if status in (401, 403) else f"status {status}")
    reason = code if description is None else f"{code}: {description.rstrip('.')}"
    reason = reason[:_LONGEST_REASON]
    if code in _WRONG_CLIENT:
        return ProviderRefused(
            code,
            f"The provider does not accept this service as its client: {reason}.",
            "Compare OIDC_CLIENT_ID and OIDC_CLIENT_SECRET with what the provider shows; secrets may also expire.",
        )
    return ProviderRefused(code, f"The provider refused the sign-in: {reason}.", "Start the sign-in again.")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
