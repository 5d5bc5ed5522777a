"""Settings of approvals and limits, which hold before money moves."""

from decimal import Decimal, InvalidOperation
from functools import cached_property

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

_DEFAULT = ""


class Amounts:
    """Amounts of whole payment tokens: one for every token, others for some tokens, or both.

    Written ``10000``, ``0.0.7001=10000, 0.0.7002=0.5``, or ``10000, 0.0.7002=0.5``.
    """

    def __init__(self, text: str | None) -> None:
        self._amounts: dict[str, Decimal] = {}
        for part in (text or "").split(","):
            if not part.strip():
                continue
            token_id, equals, amount = part.rpartition("=")
            try:
                value = Decimal(amount.strip())
            except InvalidOperation:
                raise ValueError(f"{amount.strip()!r} is not a number") from None
            if not value.is_finite() or value < 0:
                raise ValueError(f"{amount.strip()} is not an amount of 0 or more")
            name = token_id.strip().lower()
            if name in self._amounts or (equals and not name):
                raise ValueError(f"{part.strip()!r} does not say for which token, or says it twice")
            self._amounts[name] = value

    def of(self, token_id: str) -> Decimal | None:
        """Return the amount for a payment token; None when none is set."""
        return self._amounts.get(token_id.lower(), self._amounts.get(_DEFAULT))

    @property
    def by_token(self) -> dict[str, Decimal]:
        """The amounts by payment token; the one of every other token has the name ``*``."""
        return {name or "*": amount for name, amount in self._amounts.items()}


class ControlSettings(BaseSettings):
    """Approvals by other people, and limits."""

    approvals_required: int = Field(
        default=0, ge=0, le=10, description="How many people other than its creator must approve a payout."
    )
    approval_threshold_amount: str | None = Field(
        default=None,
        description="Payouts of less, in whole payment tokens, need no approval. By token: `10000, 0.0.7002=0.5`.",
    )
    limit_per_distribution_amount: str | None = Field(
        default=None, description="The most that one payout may be, in whole payment tokens. By token, as above."
    )
    limit_per_day_amount: str | None = Field(
        default=None,
        description="The most that payouts begun within 24 hours may be together, in whole payment tokens. By token.",
    )

    @field_validator("approval_threshold_amount", "limit_per_distribution_amount", "limit_per_day_amount")
    @classmethod
    def _check_amounts(cls, text: str | None) -> str | None:
        Amounts(text)
        return text

    @cached_property
    def approval_threshold(self) -> Amounts:
        """The amount from which on approvals are needed, by payment token."""
        return Amounts(self.approval_threshold_amount)

    @cached_property
    def limit_per_distribution(self) -> Amounts:
        """The most that one payout may be, by payment token."""
        return Amounts(self.limit_per_distribution_amount)

    @cached_property
    def limit_per_day(self) -> Amounts:
        """The most that payouts of 24 hours may be together, by payment token."""
        return Amounts(self.limit_per_day_amount)
