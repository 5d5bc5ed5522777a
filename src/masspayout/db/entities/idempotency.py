"""Requests that must have their effect once, however often they are sent."""

import uuid
from datetime import datetime

from sqlalchemy import Integer, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class IdempotentRequest(Base):
    """A request that came with an idempotency key, and the answer to it once there is one.

    ``new_id`` is the id of whatever the request creates. It is decided before the work begins, so that a process which
    takes the request up again after a crash sees whether the work was done. ``sealed`` answers have a secret in them:
    only who asked has the key.
    """

    __tablename__ = "idempotent_request"
    __table_args__ = (UniqueConstraint("asked_by", "key", name="idx_idempotent_request_key"),)

    asked_by: Mapped[str]
    key: Mapped[str]
    digest: Mapped[str]
    new_id: Mapped[uuid.UUID]
    claimed_until: Mapped[datetime]
    response_status: Mapped[int | None] = mapped_column(Integer)
    response_type: Mapped[str | None]
    response_location: Mapped[str | None]
    response_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
