"""Settings of sign-in through an OpenID Connect provider."""

import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from masspayout.kernel.roles import Role

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_loopback(host: str | None) -> bool:
    """Return True if a host's name leads to this machine, and to no other."""
    return host in _LOOPBACK


class OidcSettings(BaseSettings):
    """The OpenID Connect provider, and what its claims mean here."""

    oidc_client_id: str | None = Field(default=None, description="What the provider knows this service by.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="The secret that goes with it. Empty: a public client, which has PKCE only."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="The address of an OpenID Connect provider. Unset: no login through one. See [oidc.md](oidc.md).",
    )
    oidc_ca_file: Path | None = Field(
        default=None, description="A file with the certificates (PEM) to verify the provider by, if its CA is private."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="The scopes to ask for. `openid` has to be one of them."
    )
    oidc_name_claim: str | None = Field(
        default=None,
        description="The claim to name users by; if it does not fit, `preferred_username`, `email`, `name`, `sub`.",
    )
    oidc_role_claim: str = Field(
        default="roles",
        description="The claim that says what somebody's role is; `realm_access.roles` is a claim within a claim.",
    )
    oidc_roles: str = Field(
        default="viewer=viewer,operator=operator,approver=approver,admin=admin",
        description="Which value of that claim is which role: `value=role`, separated by commas.",
    )
    oidc_role_map: str | None = Field(
        default=None,
        description="Instead of `OIDC_ROLES`, for values with commas or equals signs: a JSON object of value to role.",
    )
    oidc_recheck_seconds: int = Field(
        default=600, ge=10, le=86_400, description="How long a sign-in counts before the provider is asked again."
    )
    oidc_token_days: int = Field(
        default=30,
        ge=1,
        le=3660,
        description="How long API tokens of the provider's users work after it last confirmed the user.",
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _can_be_used(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        if issuer is None:
            return None
        parts = urlsplit(issuer)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("it is no address; write it with its scheme, as https://login.example.com")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("what it says could be changed on the way; use https:// for another machine")
        if not info.data.get("oidc_client_id"):
            raise ValueError("set OIDC_CLIENT_ID as well, to what the provider knows this service by")
        return issuer

    @field_validator("oidc_ca_file")
    @classmethod
    def _has_certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                ssl.create_default_context(cafile=path)
            except OSError as error:
                raise ValueError(f"it has no certificates that can be read: {error.strerror or error}") from None
        return path

    @field_validator("oidc_scopes")
    @classmethod
    def _has_openid(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            raise ValueError("openid must be among the scopes")
        return " ".join(scopes.split())

    @field_validator("oidc_roles")
    @classmethod
    def _names_roles(cls, text: str) -> str:
        read_roles(text)
        return text

    @field_validator("oidc_role_map")
    @classmethod
    def _maps_to_roles(cls, text: str | None) -> str | None:
        if text is not None:
            read_role_map(text)
        return text

    @property
    def roles_by_value(self) -> dict[str, Role]:
        """The role of each value of the provider's claim."""
        return read_roles(self.oidc_roles) if self.oidc_role_map is None else read_role_map(self.oidc_role_map)


def read_roles(text: str) -> dict[str, Role]:
    """Return the role of each value of the claim, from ``value=role`` pairs separated by commas.

    Raises:
        ValueError: The text cannot be read, or names an unknown role.
    """
    pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
    return _roles_of({value.strip(): role.strip() for value, _, role in pairs}, "treasury=operator,cfo=approver")


def read_role_map(text: str) -> dict[str, Role]:
    """Return the role of each value of the claim, from a JSON object.

    Raises:
        ValueError: The text is no such object, or names an unknown role.
    """
    example = '{"cn=cfo,ou=groups": "approver"}'
    try:
        pairs = json.loads(text)
    except ValueError:
        raise ValueError(f"it is not JSON; write it as {example}") from None
    if not isinstance(pairs, dict):
        raise ValueError(f"it is no object; write it as {example}")  # noqa: TRY004 - as all that a setting may raise
    return _roles_of(pairs, example)


def _roles_of(pairs: dict[str, Any], example: str) -> dict[str, Role]:
    unknown = [str(role) for role in pairs.values() if role not in list(Role)]
    if unknown or "" in pairs:
        wrong = f"{unknown[0]!r} is no role" if unknown else "a value is missing"
        raise ValueError(f"{wrong}; write it as {example}, with the roles {', '.join(Role)}")
    return {value: Role(role) for value, role in pairs.items()}
