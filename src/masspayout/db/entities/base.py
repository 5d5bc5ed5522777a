"""The base of all entities: keys, time stamps, the naming of constraints."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    MetaData,
    Numeric,
    String,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

from masspayout.db.types import UtcTimestamp, uuid7


def one_of(column: str, enumeration: type[StrEnum], table: str) -> CheckConstraint:
    """Return the CHECK that a column holds an enumeration's values and no others."""
    values = ", ".join(f"'{member.value}'" for member in enumeration)
    return CheckConstraint(f"{column} IN ({values})", name=f"{table}_{column}_check")


def id_that_others_may_leave_out() -> MappedColumn[uuid.UUID]:
    """Return the primary key of a table that other programs write to as well: its default is made by the database."""
    made = text("masspayout_uuid7()")
    return mapped_column(primary_key=True, default=uuid7, server_default=made, sort_order=-1)


class Base(DeclarativeBase):
    """The root of all entities, with PostgreSQL's own naming of constraints."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
        }
    )
    type_annotation_map = {datetime: UtcTimestamp, Decimal: Numeric, str: String}  # noqa: RUF012 - SQLAlchemy's way
    # Defaults of the database come back with the write: an attribute cannot fetch them later without an await.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's way

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
    created_at: Mapped[datetime | None] = mapped_column(server_default=func.now(), sort_order=1000)
    updated_at: Mapped[datetime | None] = mapped_column(server_default=func.now(), onupdate=func.now(), sort_order=1001)
