"""Faults of the sandbox, which the operator sets."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.ledger.failures import FAILURES, FailureClass

_PERCENTAGES = (
    "lose_answer_percent",
    "lose_request_percent",
    "duplicate_percent",
    "delay_percent",
    "throttle_percent",
    "busy_percent",
)


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of the network between us and the ledger. Percentages are of submitted transactions.

    Attributes:
        lose_answer_percent: Executed, but the answer never comes.
        lose_request_percent: Lost on the way to the ledger: never executed, and no answer comes.
        duplicate_percent: Delivered twice.
        delay_percent: Delivered ``delay_seconds`` later; no answer comes meanwhile.
        delay_seconds: The delay, in the ledger's time.
        throttle_percent: Turned away unread.
        busy_percent: Taken, and then refused because the ledger is too busy: the id is used up.
        mirror_lag_seconds: The lag of lookups behind the ledger.
        rejections: Accounts that refuse every transfer, each with its failure code; ``preflight`` does not report them.

    Raises:
        Invalid: A percentage is not within 0 to 100, a time is negative, or a rejection's code concerns no recipient.
    """

    lose_answer_percent: int = 0
    lose_request_percent: int = 0
    duplicate_percent: int = 0
    delay_percent: int = 0
    delay_seconds: float = 0.0
    throttle_percent: int = 0
    busy_percent: int = 0
    mirror_lag_seconds: float = 0.0
    rejections: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _PERCENTAGES:
            if not 0 <= getattr(self, name) <= 100:  # noqa: PLR2004 - a percentage
                raise Invalid(f"{name} is {getattr(self, name)}.", "Give a percentage from 0 to 100.")
        for name in ("delay_seconds", "mirror_lag_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise Invalid(f"{name} is {getattr(self, name)}.", "Give 0 or more seconds.")
        for account_id, code in self.rejections.items():
            if canonical_account_id(account_id) != account_id:
                raise Invalid(f"{account_id!r} is not in canonical form.", "Write hexadecimal digits in lower case.")
            if code not in FAILURES or FAILURES[code].failure_class is not FailureClass.RECIPIENT:
                raise Invalid(f"{code!r} is no failure code of a recipient.", f"Use one of: {', '.join(_codes())}.")

    @property
    def any(self) -> bool:
        """Return True if any fault is set."""
        return self != Faults()

    def as_json(self) -> dict[str, object]:
        """Return the stored form: every field under its name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def strikes(percent: int) -> bool:
    """Return True at random with a probability: never at 0, always at 100."""
    return random.randrange(100) < percent  # noqa: S311 - nothing secret depends on it


def _codes() -> list[str]:
    return [code for code, failure in FAILURES.items() if failure.failure_class is FailureClass.RECIPIENT]
