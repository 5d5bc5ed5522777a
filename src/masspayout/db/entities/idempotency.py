"""Idempotent requests, which have their effect once, however often they are sent."""

import uuid
from datetime import datetime

from sqlalchemy import Integer, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class IdempotentRequest(Base):
    """A request with an idempotency key, and the response to it once there is one.

    ``new_id`` is the id of the row that the request creates. It is decided before the work begins, so that a process
    which takes the request over after a crash sees if the work was done. ``sealed`` responses have a secret in them,
    and are encrypted with the sender's credential, of which the database has only a digest.
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
