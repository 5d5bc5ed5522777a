"""Settings of authentication and rate limits over HTTP."""

from pydantic import Field
from pydantic_settings import BaseSettings


class AccessSettings(BaseSettings):
    """Sessions and rate limits."""

    session_hours: float = Field(default=12.0, gt=0, le=8760, description="How long a browser stays signed in.")
    rate_limit_per_minute: int = Field(
        default=1200, ge=1, description="Requests that one token or user may make in a minute, in each process."
    )
