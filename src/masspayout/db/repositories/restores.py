"""Queries that revert what a restore revives: ended sessions and tokens, schedules that had been met."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import (
    ApiToken,
    Distribution,
    DistributionStatus,
    ExecutionType,
    LoginSession,
    Series,
    SeriesStatus,
)


class RevivedState:
    """The state that a restore revived: sessions, tokens and schedules that may have ended since."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def end_sessions(self, now: datetime) -> int:
        """End every login session. Return the number of open ones."""
        ended = update(LoginSession).where(LoginSession.ended_at.is_(None)).values(ended_at=now)
        return len((await self.session.scalars(ended.returning(LoginSession.id))).all())

    async def revoke_tokens(self, now: datetime) -> int:
        """Revoke every API token. Return the number of valid ones."""
        revoked = update(ApiToken).where(ApiToken.revoked_at.is_(None)).values(revoked_at=now)
        return len((await self.session.scalars(revoked.returning(ApiToken.id))).all())

    async def pause_series(self) -> int:
        """ACTIVE → PAUSED for every series. Return their number."""
        paused = update(Series).where(Series.status == SeriesStatus.ACTIVE).values(status=SeriesStatus.PAUSED)
        return len((await self.session.scalars(paused.returning(Series.id))).all())

    async def hold_scheduled(self) -> Sequence[tuple[uuid.UUID, datetime]]:
        """Hold single distributions that would start at a time, until a person starts them.

        Return them with their times.
        """
        query = select(Distribution.id, Distribution.scheduled_time).where(
            Distribution.status == text("'PENDING'"),
            Distribution.scheduled_time.is_not(None),
            Distribution.series_id.is_(None),
        )
        found = [(found_id, time) for found_id, time in await self.session.execute(query.with_for_update()) if time]
        await self.session.execute(
            update(Distribution)
            .where(
                Distribution.id.in_([found_id for found_id, _ in found]),
                Distribution.status == DistributionStatus.PENDING,
            )
            .values(scheduled_time=None, execution_type=ExecutionType.MANUAL)
            .execution_options(synchronize_session=False)
        )
        return found
