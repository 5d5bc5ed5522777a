"""Settings of the audit trail, whose head is kept outside of the database."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class AuditSettings(BaseSettings):
    """The places to which the head of the audit trail goes by itself."""

    audit_head_file: Path | None = Field(
        default=None,
        description="A file to which workers append the head of the audit trail. Best where the database is not.",
    )
    audit_head_interval_seconds: float = Field(
        default=300.0, ge=1, description="How often the head goes there, and to webhooks, when it has moved."
    )
