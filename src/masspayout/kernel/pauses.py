"""Pauses as people read them: what is paused, by whom and why, and how it goes on."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from masspayout.kernel.errors import PayoutPaused
from masspayout.kernel.next_steps import Action, NextStep


@dataclass(frozen=True, slots=True)
class PauseInForce:
    """A pause that lasts: of one payout, of an asset, or, with neither, of the installation.

    Attributes:
        distribution_id: The paused payout.
        asset_id: The paused asset.
        reason: The reason that was given; empty without one.
        paused_by_name: The person or program that paused it.
        paused_at: The beginning.
    """

    distribution_id: uuid.UUID | None
    asset_id: uuid.UUID | None
    reason: str
    paused_by_name: str
    paused_at: datetime

    @property
    def subject(self) -> str:
        """The paused thing, as the subject of a sentence about a payout."""
        if self.distribution_id is not None:
            return "it"
        return "the installation" if self.asset_id is None else "its asset"

    @property
    def sentence(self) -> str:
        """The pause as a predicate of the payout, that begins with a verb."""
        of = "" if self.distribution_id is not None else f" with {self.subject}"
        return f"is paused{of} by {self.paused_by_name}{self.because}"

    @property
    def because(self) -> str:
        """The reason behind a colon; empty without one."""
        return f": {self.reason}" if self.reason else ""

    @property
    def next_step(self) -> NextStep:
        """The next step: to resume what is paused."""
        if self.distribution_id is not None:
            return NextStep("Resume it with: ", Action.RESUME_DISTRIBUTION.on(self.distribution_id))
        if self.asset_id is not None:
            return NextStep("Resume the asset with: ", Action.RESUME_ASSET.on(self.asset_id))
        return NextStep("Resume the installation with: ", Action.RESUME_INSTALLATION)


@dataclass(frozen=True, slots=True)
class SentBack:
    """The return of a payout by an approver.

    Attributes:
        reason: The reason that was given.
        by_name: The approver.
        at: The time.
    """

    reason: str
    by_name: str
    at: datetime

    @property
    def sentence(self) -> str:
        """The return as a predicate of the payout, that begins with a verb."""
        return f"was sent back by {self.by_name}: {self.reason}"


def payout_paused(distribution_id: uuid.UUID, pause: PauseInForce) -> PayoutPaused:
    """Return the error of a payout that cannot begin or go on while a pause lasts."""
    return PayoutPaused(f"Payout {distribution_id} {pause.sentence.rstrip('.')}.", pause.next_step)
