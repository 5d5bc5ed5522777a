"""Pauses of a running payout, of an asset and of the installation, by people.

While a pause lasts no attempt is reserved of what it holds, and nothing of it starts. Attempts that were reserved
before are signed, sent and settled: their numbers are handed out, and the ledger may have them. A pause begins in a
transaction that waits until every attempt which is being reserved is committed: after it, none follows.

Others stop without a person: a series that is paused makes no payouts (``automation.series``), and a contract that is
paused on the ledger refuses transfers (``automation.contract_pauses``).
"""

import uuid
from dataclasses import dataclass

from masspayout import audit
from masspayout.context import Context
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import current_actor
from masspayout.kernel.errors import Invalid
from masspayout.kernel.next_steps import Field
from masspayout.kernel.pauses import PauseInForce
from masspayout.kernel.payout_status import conflict

# Longer ones are documents.
LONGEST_REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class PauseSubject:
    """The subject of a pause: one payout, one asset, or, with neither, the installation."""

    distribution_id: uuid.UUID | None = None
    asset_id: uuid.UUID | None = None

    @property
    def noun(self) -> str:
        """The noun of the subject, as in the actions of the audit trail."""
        if self.distribution_id is not None:
            return "distribution"
        return "installation" if self.asset_id is None else "asset"

    @property
    def id(self) -> uuid.UUID | str:
        """The subject's id in the audit trail."""
        return self.distribution_id or self.asset_id or self.noun


@dataclass(frozen=True, slots=True)
class PauseOutcome:
    """The outcome of a request to pause or to resume.

    Attributes:
        has_changed: False when it was paused, or not paused, before.
        pause: The pause that lasts now; of a payout that was resumed, that of its asset or of the installation.
    """

    has_changed: bool
    pause: PauseInForce | None


async def pause(context: Context, subject: PauseSubject, reason: str) -> PauseOutcome:
    """Pause as the current actor: once this returns, no further attempt is reserved. A pause that lasts stays as it is.

    Raises:
        NotFound: There is no such payout.
        Conflict: The payout is not being paid.
        Invalid: The reason is too long.
    """
    reason = check_reason(reason)
    actor, now = current_actor(), await context.database.clock.now()
    async with context.database.unit_of_work() as work:
        await work.pauses.lock()
        if subject.distribution_id is not None:
            await _require_running(work, subject.distribution_id)
        has_begun = await work.pauses.begin(
            subject.distribution_id,
            subject.asset_id,
            reason=reason,
            paused_by=actor.person,
            paused_by_name=actor.name,
            paused_at=now,
        )
        if has_begun:
            audit.record(work, f"{subject.noun}.paused", subject.id, after={"reason": reason})
        return PauseOutcome(has_begun, await work.pauses.find_open(subject.distribution_id, subject.asset_id))


async def _require_running(work: UnitOfWork, distribution_id: uuid.UUID) -> None:
    """Refuse to pause a payout that is not being paid, unless it is paused already."""
    distribution = await work.distributions.get(distribution_id)
    if not distribution.status.is_running and await work.pauses.find_open(distribution.id, None) is None:
        raise conflict(distribution.id, distribution.status, "paused")


async def resume(context: Context, subject: PauseSubject) -> PauseOutcome:
    """End a pause as the current actor, with the jobs that go on. Without a pause nothing changes.

    Payouts that fell due meanwhile start by themselves, as after an outage.

    Raises:
        NotFound: There is no such payout.
    """
    actor, now = current_actor(), await context.database.clock.now()
    async with context.database.unit_of_work() as work:
        if subject.distribution_id is not None:
            await work.distributions.get(subject.distribution_id)
        paused = await work.pauses.find_open(subject.distribution_id, subject.asset_id)
        has_ended = await work.pauses.end(
            subject.distribution_id,
            subject.asset_id,
            ended_by=actor.person,
            ended_by_name=actor.name,
            ended_at=now,
        )
        if has_ended:
            before = None if paused is None else {"reason": paused.reason, "paused_by": paused.paused_by_name}
            audit.record(work, f"{subject.noun}.resumed", subject.id, before=before)
            # Also those that a job is about: it may just have seen the pause, and end.
            for one in await work.pauses.find_resumable(subject.distribution_id, subject.asset_id):
                await context.jobs.enqueue_payment(work, one.id, batch_count=one.batch_count or 0)
        return PauseOutcome(has_ended, await _find_other(work, subject))


async def _find_other(work: UnitOfWork, subject: PauseSubject) -> PauseInForce | None:
    """Return the pause that holds a subject although its own has ended."""
    if subject.distribution_id is not None:
        return await work.pauses.find(subject.distribution_id)
    return None if subject.asset_id is None else await work.pauses.find_open(None, None)


def check_reason(reason: str) -> str:
    """Return a reason without spaces around it.

    Raises:
        Invalid: It is too long.
    """
    reason = " ".join(reason.split())
    if len(reason) > LONGEST_REASON_CHARACTERS:
        raise Invalid(
            f"The reason has {len(reason):,} characters, and at most {LONGEST_REASON_CHARACTERS:,} are kept.",
            "Shorten ",
            Field.REASON,
            ".",
        )
    return reason
