"""The policy in versions, and proposals: changes that wait for another person."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf


class ProposalState(StrEnum):
    """The state of a proposal."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"  # by another person, and what it proposes was done
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"  # by the person who made it


class Policy(Base):
    """A version of the policy of the installation, or of one asset. The one that nothing replaced is in force.

    Persons are keys as in ``distribution.created_by``; ``content`` is what ``controls.policy_content`` describes.
    """

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("number", name="idx_policy_number"),
        Index(
            "idx_policy_in_force",
            "asset_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    number: Mapped[int] = mapped_column(BigInteger)
    asset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("asset.id"))
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str]
    made_by_name: Mapped[str]
    approved_by: Mapped[str | None]
    approved_by_name: Mapped[str | None]
    made_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]


class Proposal(Base):
    """A change that one person proposes and another approves. Of each kind and subject one is open at a time."""

    __tablename__ = "proposal"
    __table_args__ = (
        Index("idx_proposal_open", "kind", "subject", unique=True, postgresql_where=text("state = 'OPEN'")),
        Index("idx_proposal_created", "created_at", "id"),
        one_of("state", ProposalState, "proposal"),
        CheckConstraint("approved_by <> made_by", name="proposal_other_person_check"),
    )

    kind: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str]
    made_by_name: Mapped[str]
    approved_by: Mapped[str | None]
    decided_by_name: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    state: Mapped[ProposalState] = mapped_column(OneOf(ProposalState), default=ProposalState.OPEN)
