"""The audit trail: every action with its actor, in a chain of hashes."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class AuditEntry(Base):
    """One action of one actor. Triggers refuse to change or delete it; ``docs/audit.md`` defines the hash."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("number", name="idx_audit_number"),
        Index("idx_audit_subject", "subject_id", "number"),
    )

    number: Mapped[int] = mapped_column(BigInteger)
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    source_address: Mapped[str | None]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    previous_hash: Mapped[str]
    hash: Mapped[str]

    # An entry is never updated.
    updated_at = None


class AuditHead(Base):
    """The end of the chain, in one row, which is locked to add entries. It shows when the last entries are gone.

    A trigger moves it with each entry. ``published_number`` is the head that webhooks were last told of.
    """

    __tablename__ = "audit_head"

    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]
    published_number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)
    published_at: Mapped[datetime | None]
