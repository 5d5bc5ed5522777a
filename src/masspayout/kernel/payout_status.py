"""How a payout stands: what every command, answer and page says of it, from the same figures."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from masspayout.kernel.errors import Conflict
from masspayout.kernel.money import subtract
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.states import DistributionStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a payout is, from its batches' counters alone. Amounts are in whole payment tokens.

    Attributes:
        batch_count: In how many batches it is paid.
        done_batch_count: How many of them have ended, well or not.
        holder_count: How many holders are owed something.
        paid_count: How many of them got it.
        failed_count: How many of them were refused, each for a reason that is known.
        total_amount: What all are owed.
        paid_amount: What has been paid of it.
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
        """For how many holders it is known how it ended."""
        return self.paid_count + self.failed_count

    @property
    def unpaid_count(self) -> int:
        """How many are owed something that they did not get."""
        return self.holder_count - self.paid_count

    @property
    def unpaid_amount(self) -> Decimal:
        """What is still owed."""
        return subtract(self.total_amount, self.paid_amount)


@dataclass(frozen=True, slots=True)
class ApprovalCount:
    """How many approvals of a payout count, of how many that it needs."""

    given: int
    required: int

    @property
    def missing(self) -> int:
        """How many people have still to approve."""
        return max(0, self.required - self.given)

    @property
    def is_complete(self) -> bool:
        """Whether nobody is missing."""
        return not self.missing

    @property
    def sentence(self) -> str:
        """What the payout waits for; it begins with a verb."""
        return f"waits for {self.missing} of {self.required} approval{'s' if self.required > 1 else ''}"


@dataclass(frozen=True, slots=True)
class PayoutStatus:
    """How one payout stands at one moment.

    Attributes:
        distribution_id: Which one.
        status: Where it is in its life.
        is_frozen: Whether it is fixed who is owed what.
        progress: How far it is.
        failures: How many of those who are unpaid failed for which reason, by failure code.
        approvals: Who has to approve of it, in numbers.
    """

    distribution_id: uuid.UUID
    status: DistributionStatus
    is_frozen: bool
    progress: Progress
    failures: Mapping[str, int]
    approvals: ApprovalCount

    @property
    def waits(self) -> str:
        """What it waits for before it may begin; empty when it waits for nobody."""
        return waits_for(self.status, self.approvals, is_frozen=self.is_frozen)


def waits_for(status: DistributionStatus, approvals: ApprovalCount, *, is_frozen: bool) -> str:
    """Say what a payout waits for before it may begin; nothing when it waits for nobody."""
    return approvals.sentence if is_frozen and status.can_execute and not approvals.is_complete else ""


def conflict(distribution_id: uuid.UUID, status: DistributionStatus, verb: str) -> Conflict:
    """Return the error that tells why nothing can be done with a distribution in its state, and what can.

    Args:
        distribution_id: Which one.
        status: Where it is in its life.
        verb: What was to be done: ``executed``, ``retried``, ``cancelled``.
    """
    next_step = {
        DistributionStatus.PENDING: NextStep("Execute it with: ", Action.EXECUTE_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.PROCESSING: NextStep("Watch it with: ", Action.SHOW_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.COMPLETED: NextStep("Prove it with: ", Action.RECONCILE.on(distribution_id)),
        DistributionStatus.FAILED: NextStep("Pay the unpaid with: ", Action.RETRY_DISTRIBUTION.on(distribution_id)),
        DistributionStatus.CANCELLED: NextStep("Create a new one with: ", Action.CREATE_DISTRIBUTION),
    }
    return Conflict(f"Distribution {distribution_id} cannot be {verb}: it is {status}.", next_step[status])
