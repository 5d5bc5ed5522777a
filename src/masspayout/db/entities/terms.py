"""Columns of the terms that a distribution and a series both have."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base
from masspayout.db.types import OneOf
from masspayout.kernel.payout_terms import TERMS
from masspayout.kernel.states import DistributionType, ExecutionType, Frequency


class TermColumns:
    """The terms that each distribution of a series takes from it. A distribution that happens once has them as well."""

    type: Mapped[DistributionType] = mapped_column(OneOf(DistributionType))
    execution_type: Mapped[ExecutionType] = mapped_column(OneOf(ExecutionType))
    amount: Mapped[Decimal | None]
    concept: Mapped[str | None]
    reference: Mapped[str | None]
    frequency: Mapped[Frequency | None] = mapped_column(OneOf(Frequency))
    start_time: Mapped[datetime | None]
    trigger_condition: Mapped[str | None]
    excluded_accounts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"), default=list)
    included_accounts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"), default=list)


def term_columns(entity: type[Base]) -> tuple[str, ...]:
    """Return the terms that an entity stores."""
    return tuple(name for name in TERMS if name in entity.__table__.columns)
