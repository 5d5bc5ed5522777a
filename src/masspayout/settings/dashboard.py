"""Settings of the dashboard."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class DashboardSettings(BaseSettings):
    """The explorer in which transactions are shown."""

    explorer_url: str | None = Field(
        default=None,
        description="The address of a transaction in the ledger's explorer, with `{transaction}` for its id.",
    )

    @field_validator("explorer_url")
    @classmethod
    def _names_a_place(cls, value: str | None) -> str | None:
        if value and (not value.startswith(("https://", "http://")) or "{transaction}" not in value):
            raise ValueError("it must begin with https:// and have {transaction} in it")
        return value or None
