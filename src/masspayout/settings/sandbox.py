"""Settings of the sandbox ledger."""

from functools import cached_property
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from masspayout.settings.database import encrypted

_DRIVER = "postgresql+psycopg"


class SandboxSettings(BaseSettings):
    """The sandbox's database, its limits, and whether it pays as Hedera does or as a contract."""

    sandbox_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="Another database for the sandbox's books: `postgresql://user:password@host:5432/name`.",
    )
    sandbox_recipients_per_transaction: int = Field(
        default=100, ge=1, le=10_000, description="Recipients that the sandbox takes in one transaction."
    )
    sandbox_results: Literal["atomic", "per-recipient"] = Field(
        default="atomic",
        description="`atomic`: one bad recipient fails the transaction, as on Hedera; `per-recipient`: as a contract.",
    )
    sandbox_valid_seconds: int = Field(
        default=120, ge=10, le=180, description="How long a signed sandbox transaction can be executed."
    )

    @field_validator("sandbox_database_url")
    @classmethod
    def _is_an_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            _parse_url(value.get_secret_value())
        return value

    @cached_property
    def sandbox_url(self) -> URL | None:
        """The address of the sandbox's own database; None if its books are in ours."""
        text = self.sandbox_database_url.get_secret_value()
        return _parse_url(text) if text else None


def _parse_url(text: str) -> URL:
    """Return a PostgreSQL address, for SQLAlchemy with psycopg 3.

    Raises:
        ValueError: The text is no such address, or names no database. The message does not show it: it may hold a
            password.
    """
    try:
        url = make_url(text)
        if url.drivername in {"postgres", "postgresql", _DRIVER} and url.database:
            conninfo_to_dict(text.replace(_DRIVER, "postgresql", 1))
            return encrypted(url.set(drivername=_DRIVER))
    except (ArgumentError, ValueError, psycopg.Error):
        pass
    raise ValueError("it is not the address of a database, such as postgresql://user:password@host:5432/name")
