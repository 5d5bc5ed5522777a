"""References as people type them: an id, the beginning of one, or ``latest``."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Base
from masspayout.kernel.errors import Invalid, NotFound
from masspayout.kernel.next_steps import Action, Part

LATEST = "latest"
# Ids begin with the time at which their row was made. The first four digits last for seven weeks, the first eight for a
# minute: fewer than four hardly ever tell one row from another, and more are asked for only where rows need them.
SHORTEST_PREFIX = 4
TYPE_MORE = "Type more of the one you mean."
# The rows that are read where only one may fit: more than an error names, so that it can say that there are more.
MOST_CANDIDATES = 6
_DIGITS = 32

_PREFIX = re.compile(rf"[0-9a-f]{{{SHORTEST_PREFIX},{_DIGITS}}}", re.ASCII)
_TOO_SHORT = re.compile(rf"[0-9a-f]{{1,{SHORTEST_PREFIX - 1}}}", re.ASCII)


def is_latest(reference: str) -> bool:
    """Return True for the word that stands for the newest row of a table."""
    return reference.strip().lower() == LATEST


def prefix_of(reference: str) -> str | None:
    """Return the digits with which an id begins, without hyphens; None for another text, or too few of them."""
    digits = reference.strip().lower().replace("-", "")
    return digits if _PREFIX.fullmatch(digits) else None


def id_range(digits: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the first and the last id that begin with some digits."""
    return uuid.UUID(digits.ljust(_DIGITS, "0")), uuid.UUID(digits.ljust(_DIGITS, "f"))


async def find_id(
    session: AsyncSession, entity: type[Base], reference: str, newest_first: Sequence[ColumnElement[Any]] | None = None
) -> uuid.UUID | None:
    """Return the id of the row that a reference means, or nothing. A whole id is returned as it is.

    Args:
        session: The caller's transaction.
        entity: The table.
        reference: An id, the beginning of one, or ``latest``.
        newest_first: The order of the table's list, unless it is by the time at which rows were made.

    Raises:
        Invalid: Several ids begin with the reference.
    """
    if is_latest(reference):
        order = newest_first or (entity.created_at.desc(), entity.id.desc())
        return await session.scalar(select(entity.id).order_by(*order).limit(1))
    digits = prefix_of(reference)
    if digits is None:
        return None
    if len(digits) == _DIGITS:
        return uuid.UUID(digits)
    # A range of the primary key: as cheap as one row, however long the table is.
    query = select(entity.id).where(entity.id.between(*id_range(digits))).order_by(entity.id.desc())
    found = (await session.scalars(query.limit(MOST_CANDIDATES))).all()
    if len(found) > 1:
        raise ambiguous(f"Several ids begin with {reference!r}", list(map(str, found)), TYPE_MORE)
    return found[0] if found else None


def ambiguous(subject: str, candidates: Sequence[str], next_step: str) -> Invalid:
    """Return the error of a reference that fits several rows, with the first of them named."""
    named = candidates[: MOST_CANDIDATES - 1]
    more = ", and more" if len(candidates) > len(named) else ""
    return Invalid(f"{subject}: {', '.join(named)}{more}.", next_step)


def not_found(noun: str, reference: str, listed_by: Action | None) -> NotFound:
    """Return the error of a reference that fits no row."""
    see_list: tuple[Part, ...] = () if listed_by is None else ("List them with: ", listed_by)
    if is_latest(reference):
        return NotFound(f"There is no {noun} yet.", *see_list)
    if _TOO_SHORT.fullmatch(reference.strip().lower()):
        advice = f"Type {SHORTEST_PREFIX} or more characters of its id. "
        return NotFound(f"{reference!r} is too short for an id.", advice, *see_list)
    return NotFound(f"There is no {noun} {reference!r}.", *see_list)
