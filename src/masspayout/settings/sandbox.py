"""What the sandbox ledger is like."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class SandboxSettings(BaseSettings):
    """The sandbox's limits, and whether it pays as Hedera does or as a contract."""

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
