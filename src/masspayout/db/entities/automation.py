"""Automation: series, the event listeners with their cursors, and the events."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from masspayout.db.entities.base import Base, id_that_others_may_leave_out, one_of
from masspayout.db.entities.payouts import Asset, Distribution
from masspayout.db.entities.terms import TermColumns
from masspayout.db.types import OneOf
from masspayout.kernel.actors import current_actor
from masspayout.kernel.states import (
    DistributionType,
    EventStatus,
    Frequency,
    PayoutType,
    SeriesStatus,
)


class EventListener(Base):
    """A cursor over one contract's events, in integer nanoseconds since 1970."""

    __tablename__ = "blockchain_event_listener_config"
    __table_args__ = (UniqueConstraint("contract_id", name="idx_listener_contract"),)

    id: Mapped[uuid.UUID] = id_that_others_may_leave_out()
    contract_id: Mapped[str]
    last_processed_timestamp: Mapped[int | None] = mapped_column(BigInteger)
    enabled: Mapped[bool | None] = mapped_column(server_default=text("true"))

    # Added to the users' schema
    last_processed_index: Mapped[int | None] = mapped_column(Integer)
    ledger_identity: Mapped[str | None]
    last_polled_at: Mapped[datetime | None]
    poll_error: Mapped[str | None] = mapped_column(Text)


class Series(TermColumns, Base):
    """A series, which creates distributions: on a calendar (RECURRING), or on each deposit (AUTOMATIC).

    ``amount`` is in whole payment tokens; without one, an AUTOMATIC series pays out the deposit. Each occurrence of a
    RECURRING series is due at a time that follows from ``start_time`` alone; ``next_number`` is the first occurrence
    that does not exist yet.
    """

    __tablename__ = "series"
    __table_args__ = (
        Index("idx_series_asset", "asset_id"),
        Index("idx_series_active", "execution_type", postgresql_where=text("status = 'ACTIVE'")),
        one_of("type", DistributionType, "series"),
        CheckConstraint("execution_type IN ('RECURRING', 'AUTOMATIC')", name="series_execution_type_check"),
        one_of("payout_type", PayoutType, "series"),
        one_of("frequency", Frequency, "series"),
        one_of("status", SeriesStatus, "series"),
    )

    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    payout_type: Mapped[PayoutType] = mapped_column(OneOf(PayoutType))
    end_time: Mapped[datetime | None]
    time_zone: Mapped[str] = mapped_column(server_default=text("'UTC'"), default="UTC")
    catch_up_seconds: Mapped[int] = mapped_column(BigInteger, server_default=text("86400"), default=86_400)
    next_number: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    status: Mapped[SeriesStatus] = mapped_column(OneOf(SeriesStatus), default=SeriesStatus.ACTIVE)
    created_by: Mapped[str | None] = mapped_column(default=lambda: current_actor().person)
    created_by_name: Mapped[str | None] = mapped_column(default=lambda: current_actor().name)

    asset: Mapped[Asset] = relationship(lazy="raise")


# Columns that both tables have besides the terms.
_OF_THE_ROW = {"id", "created_at", "updated_at", "status"}

# The terms that each distribution of a series takes from it: every column that both tables have, so none can be
# forgotten where distributions are created.
TERM_COLUMNS = tuple(
    column.name
    for column in Series.__table__.columns
    if column.name in Distribution.__table__.columns and column.name not in _OF_THE_ROW
)


class ContractEvent(Base):
    """One event that a contract reported, kept so that it is handled once, however often it is read."""

    __tablename__ = "contract_event"
    __table_args__ = (
        UniqueConstraint("contract_id", "timestamp_nanos", "event_index", name="idx_contract_event_position"),
        Index("idx_contract_event_set_aside", "contract_id", postgresql_where=text("status = 'SET_ASIDE'")),
        one_of("status", EventStatus, "contract_event"),
    )

    contract_id: Mapped[str]
    timestamp_nanos: Mapped[int] = mapped_column(BigInteger)
    event_index: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[EventStatus] = mapped_column(OneOf(EventStatus))
    error: Mapped[str | None] = mapped_column(Text)


class Refund(Base):
    """A payment that its recipient sent back, whole or in part: a deposit that starts no payout.

    ``amount_units`` is in smallest units of the token.
    """

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("contract_event_id", name="idx_refund_event"),
        Index("idx_refund_account", "account_id", "token_id"),
    )

    contract_event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contract_event.id"))
    account_id: Mapped[str]
    token_id: Mapped[str]
    amount_units: Mapped[Decimal]
