"""Settings of the HTTP service."""

from pydantic import Field
from pydantic_settings import BaseSettings


class HttpSettings(BaseSettings):
    """Address, other sites, and proxies."""

    http_host: str = Field(
        default="127.0.0.1",
        description="The address that `serve` and `up` listen on. Another than this machine's needs a user or a token.",
    )
    http_port: int = Field(default=8000, ge=0, le=65535, description="The port that they listen on.")
    cors_origins: str | None = Field(
        default=None,
        description="Sites whose pages may call the API with a token, such as `https://app.example.com`, by commas.",
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses of reverse proxies whose X-Forwarded headers are believed, separated by commas.",
    )
    upload_limit_mb: int = Field(default=256, ge=1, le=4096, description="The longest payout list, in megabytes.")
