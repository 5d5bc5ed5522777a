"""Queries on distributions that cannot start or go on, with the reasons."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution, DistributionStatus, ExecutionType
from masspayout.kernel.errors import Conflict, MassPayoutError
from masspayout.kernel.next_steps import Action, NextStep

# Errors about the rows themselves: a retry with the same rows would fail again.
ROWS_REFUSED = (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError)


def database_reason(error: BaseException) -> str:
    """Return the first line of what PostgreSQL says about an error, without the statement."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def rows_refused(distribution_id: uuid.UUID, error: BaseException) -> Conflict:
    """Return the error of a distribution whose rows PostgreSQL refuses."""
    return Conflict(
        f"The database refuses what payout {distribution_id} is to write: {database_reason(error)}.",
        _remove_rows(distribution_id),
    )


def _remove_rows(distribution_id: uuid.UUID) -> NextStep:
    return NextStep(
        "Delete what another program wrote with this distribution_id into holder and batch_payout, then: ",
        Action.RETRY_DISTRIBUTION.on(distribution_id),
        " (execute, while it is PENDING). To pay the amounts in those rows, cancel it and pay them as a list: ",
        Action.PAY_NEW_LIST,
    )


@contextmanager
def refusing_rows(distribution_id: uuid.UUID) -> Iterator[None]:
    """Raise a Conflict where PostgreSQL refuses the rows that the block writes. The transaction cannot go on then."""
    try:
        yield
    except ROWS_REFUSED as error:
        raise rows_refused(distribution_id, error) from error


class DueStarts:
    """The reasons that keep distributions from starting and going on."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find_orphans(self) -> Sequence[Distribution]:
        """Return rows of other programs that nothing would ever start or pay, and that are not flagged yet."""
        query = select(Distribution).where(
            Distribution.failure_message.is_(None),
            Distribution.failure_code.is_(None),
            or_(
                and_(Distribution.status == DistributionStatus.PROCESSING, Distribution.frozen_at.is_(None)),
                and_(
                    Distribution.status == DistributionStatus.PENDING,
                    Distribution.execution_type.in_([ExecutionType.RECURRING, ExecutionType.AUTOMATIC]),
                    Distribution.series_id.is_(None),
                ),
            ),
        )
        return (await self.session.scalars(query)).all()

    async def note_failure(self, distribution_id: uuid.UUID, message: str, next_step: NextStep | None) -> None:
        """Write on a due distribution the reason why it did not start yet, with the next step."""
        await self._note(distribution_id, DistributionStatus.PENDING, message, next_step)

    async def note_wait(self, distribution_id: uuid.UUID, reason: MassPayoutError | None) -> None:
        """Write on a distribution that is being paid the reason why it does not go on; None: there is none."""
        message, next_step = (None, None) if reason is None else (reason.message, reason.next_step)
        await self._note(distribution_id, DistributionStatus.PROCESSING, message, next_step)

    async def _note(
        self, distribution_id: uuid.UUID, status: DistributionStatus, message: str | None, next_step: NextStep | None
    ) -> None:
        statement = (
            update(Distribution)
            .where(
                Distribution.id == distribution_id,
                Distribution.status == status,
                Distribution.failure_code.is_(None),
                Distribution.failure_message.is_distinct_from(message),
            )
            .values(failure_message=message, failure_next_step=next_step)
            .execution_options(synchronize_session=False)
        )
        await self.session.execute(statement)
