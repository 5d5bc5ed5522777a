"""Pauses: from when until when nothing of a payout, of an asset or of the installation begins, and by whom."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class Pause(Base):
    """A pause of one distribution, of one asset, or, with neither, of the installation. It lasts until ``ended_at``."""

    __tablename__ = "pause"
    __table_args__ = (
        Index(
            "idx_pause_open",
            "distribution_id",
            "asset_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("distribution_id IS NULL OR asset_id IS NULL", name="pause_subject_check"),
    )

    distribution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("distribution.id"))
    asset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("asset.id"))
    reason: Mapped[str] = mapped_column(Text)
    # Of both people: the key, and the name
    paused_by: Mapped[str]
    paused_by_name: Mapped[str]
    paused_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_by_name: Mapped[str | None]
    ended_at: Mapped[datetime | None]
