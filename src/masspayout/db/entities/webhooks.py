"""Webhooks: targets, the outbox of events, and deliveries."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf
from masspayout.kernel.states import DeliveryStatus


class Webhook(Base):
    """A target that is sent events. ``events`` are types such as ``batch.failed``, or all of a noun: ``batch.*``.

    ``failing_since`` is the time of the first failed delivery after the last accepted one. It stays when the target is
    disabled for that.
    """

    __tablename__ = "webhook"

    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(String))
    sealed_secret: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(server_default=text("true"), default=True)
    last_number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)
    failing_since: Mapped[datetime | None]


class WebhookEvent(Base):
    """An event that a webhook subscribes to: the outbox, written by triggers with the change."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("idx_webhook_event_new", "id", postgresql_where=text("dispatched_at IS NULL")),)

    type: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dispatched_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event for one target, numbered for that target, with the outcome of the last try."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "number", name="idx_webhook_delivery_number"),
        UniqueConstraint("event_id", "webhook_id", name="idx_webhook_delivery_event"),
        Index("idx_webhook_delivery_due", "webhook_id", "next_try_at", postgresql_where=text("status = 'PENDING'")),
        Index("idx_webhook_delivery_failed", "webhook_id", postgresql_where=text("status = 'FAILED'")),
        one_of("status", DeliveryStatus, "webhook_delivery"),
    )

    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_event.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[DeliveryStatus] = mapped_column(OneOf(DeliveryStatus), default=DeliveryStatus.PENDING)
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    next_try_at: Mapped[datetime]
    response_status: Mapped[int | None] = mapped_column(Integer)
    response_ms: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None]

    event: Mapped[WebhookEvent] = relationship(lazy="raise")
    webhook: Mapped[Webhook] = relationship(lazy="raise")
