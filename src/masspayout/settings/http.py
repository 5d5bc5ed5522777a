"""Settings of the HTTP service."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class HttpSettings(BaseSettings):
    """Address, other sites, and proxies."""

    http_host: str = Field(
        default="127.0.0.1",
        description="The address that `serve` and `up` listen on. Another than this machine's needs a user or a token.",
    )
    http_port: int = Field(default=8000, ge=0, le=65535, description="The port that they listen on.")
    public_url: str | None = Field(
        default=None,
        description="The address that people reach the service at, such as `https://payouts.example.com`, for links.",
    )
    cors_origins: str | None = Field(
        default=None,
        description="Sites whose pages may call the API with a token, such as `https://app.example.com`, by commas.",
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses of reverse proxies whose X-Forwarded headers are believed, separated by commas.",
    )
    upload_limit_mb: int = Field(default=256, ge=1, le=4096, description="The longest payout list, in megabytes.")

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.path.rstrip("/") or parts.query:
            raise ValueError("write it with its scheme and without a path, as https://payouts.example.com")
        return f"{parts.scheme}://{parts.netloc}"
