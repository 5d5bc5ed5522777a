"""Settings of authentication and rate limits over HTTP."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class AccessSettings(BaseSettings):
    """Sessions, rate limits, and the OpenID Connect provider."""

    session_hours: float = Field(default=12.0, gt=0, le=8760, description="How long a browser stays signed in.")
    rate_limit_per_minute: int = Field(
        default=1200, ge=1, description="Requests that one token or user may make in a minute, in each process."
    )
    oidc_issuer: str | None = Field(
        default=None, description="The address of an OpenID Connect provider. Unset: no login through one."
    )
    oidc_client_id: str | None = Field(default=None, description="What the provider knows this service by.")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="The secret that goes with it.")
    oidc_role_claim: str = Field(
        default="roles", description="The claim of the provider's identity token that says what somebody's role is."
    )
    oidc_roles: str = Field(
        default="viewer=viewer,operator=operator,approver=approver,admin=admin",
        description="Which value of that claim is which role: `value=role`, separated by commas.",
    )
