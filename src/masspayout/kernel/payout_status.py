"""Payout status: the same figures for every command, answer and page."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from masspayout.kernel.errors import Conflict
from masspayout.kernel.money import subtract
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.pauses import PauseInForce, SentBack
from masspayout.kernel.states import DistributionStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a payout, from its batches' counters alone. Amounts are in whole payment tokens.

    Attributes:
        batch_count: The number of batches.
        done_batch_count: The number of batches that have ended, paid or failed.
        holder_count: The number of holders who are owed something.
        paid_count: The number of paid holders.
        failed_count: The number of holders whose payment was refused for a known reason.
        total_amount: The sum of all entitlements.
        paid_amount: The sum of the paid entitlements.
    """

    batch_count: int
    done_batch_count: int
    holder_count: int
    paid_count: int
    failed_count: int
    total_amount: Decimal
    paid_amount: Decimal

    @property
    def done_count(self) -> int:
        """The number of holders with a final outcome."""
        return self.paid_count + self.failed_count

    @property
    def unpaid_count(self) -> int:
        """The number of holders who are owed something that has not been paid."""
        return self.holder_count - self.paid_count

    @property
    def unpaid_amount(self) -> Decimal:
        """The amount that is still owed."""
        return subtract(self.total_amount, self.paid_amount)


@dataclass(frozen=True, slots=True)
class ApprovalCount:
    """The approvals of a payout that count, and the number that it needs."""

    given: int
    required: int

    @property
    def missing(self) -> int:
        """The number of people who have still to approve."""
        return max(0, self.required - self.given)

    @property
    def is_complete(self) -> bool:
        """True if no approval is missing."""
        return not self.missing

    @property
    def sentence(self) -> str:
        """The approvals that the payout waits for, as a predicate that begins with a verb."""
        return f"waits for {self.missing} of {self.required} approval{'s' if self.required > 1 else ''}"


@dataclass(frozen=True, slots=True)
class PayoutStatus:
    """The status of one payout at one moment.

    Attributes:
        distribution_id: The distribution.
        status: The state of the distribution.
        is_frozen: True once its entitlements are written.
        progress: The counters of its batches.
        failures: The number of unpaid holders by failure code.
        approvals: The approvals that it has and needs.
        pause: The pause that keeps it from beginning or going on.
        sent_back: Its return by an approver, until it is handed in again.
    """

    distribution_id: uuid.UUID
    status: DistributionStatus
    is_frozen: bool
    progress: Progress
    failures: Mapping[str, int]
    approvals: ApprovalCount
    pause: PauseInForce | None = None
    sent_back: SentBack | None = None

    @property
    def waits(self) -> str:
        """The reason why the payout does not begin or go on, as a predicate: a pause, or people; empty without any."""
        return waits_for(
            self.status, self.approvals, is_frozen=self.is_frozen, pause=self.pause, sent_back=self.sent_back
        )

    @property
    def next_step(self) -> NextStep:
        """The next step of the payout while it waits; empty without a reason."""
        if not self.waits:
            return NextStep()
        return next_step_of(self.distribution_id, pause=self.pause, sent_back=self.sent_back)


def next_step_of(
    distribution_id: uuid.UUID, *, pause: PauseInForce | None = None, sent_back: SentBack | None = None
) -> NextStep:
    """Return the next step of a payout that waits."""
    if pause is not None:
        return pause.next_step
    if sent_back is not None:
        again = NextStep("Ask for approval again with: ", Action.RESUBMIT.on(distribution_id))
        return NextStep(again, ", or cancel it with: ", Action.CANCEL_DISTRIBUTION.on(distribution_id))
    return NextStep("Approve it with: ", Action.APPROVE_DISTRIBUTION.on(distribution_id))


def waits_for(
    status: DistributionStatus,
    approvals: ApprovalCount,
    *,
    is_frozen: bool,
    pause: PauseInForce | None = None,
    sent_back: SentBack | None = None,
) -> str:
    """Return the reason why a payout does not begin or go on, as a predicate: a pause, or people; empty without any."""
    if status.is_final:
        return ""
    if pause is not None:
        return pause.sentence
    if sent_back is not None and status.can_execute:
        return sent_back.sentence
    return approvals.sentence if is_frozen and status.can_execute and not approvals.is_complete else ""


def conflict(distribution_id: uuid.UUID, status: DistributionStatus, verb: str) -> Conflict:
    """Return the error of an action that a distribution's state does not allow, with the action that it does.

    Args:
        distribution_id: The distribution.
        status: The state of the distribution.
        verb: The refused action as a participle: ``executed``, ``retried``, ``cancelled``.
    """
    next_step = {
        DistributionStatus.PENDING: NextStep("Execute it with: ", Action.EXECUTE_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.PROCESSING: NextStep("Watch it with: ", Action.SHOW_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.COMPLETED: NextStep("Reconcile it with: ", Action.RECONCILE.on(distribution_id)),
        DistributionStatus.FAILED: NextStep("Pay the unpaid with: ", Action.RETRY_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.CANCELLED: NextStep("Create a new one with: ", Action.CREATE_DISTRIBUTION),
    }
    return Conflict(f"Payout {distribution_id} cannot be {verb}: it is {status}.", next_step[status])
