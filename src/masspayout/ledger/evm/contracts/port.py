"""What the adapter asks of a contract that pays: our own, or one that others deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from masspayout.kernel.movements import Payment


@dataclass(frozen=True, slots=True)
class Results:
    """What a call that pays came to.

    Attributes:
        failures: Who was not paid, each with the failure code. Who was paid before for the same counts as paid.
        paid_units: What the others got, if that need not be what the call said; empty if it is.
    """

    failures: Mapping[str, str]
    paid_units: Mapping[str, int] = field(default_factory=dict)


class PayingContract(Protocol):
    """A contract that holds a payment token and pays many holders in one call."""

    @property
    def address(self) -> str:
        """Where it is, in canonical form."""

    async def payment_token(self) -> str:
        """Return the token that it pays in now."""

    def encode_pause(self, *, paused: bool) -> bytes:
        """Return the call that stops all payments, or lets them go on."""

    def encode_withdrawal(self, token_id: str, recipient: str, amount_units: int) -> bytes:
        """Return the call that takes tokens out."""

    @property
    def report_topics(self) -> Sequence[str | Sequence[str] | None]:
        """The topics of the events by which the contract reports that it moved tokens, as a filter of logs."""

    def payment_key_of(self, log: Mapping[str, Any]) -> str | None:
        """Return the key under which the contract paid, as one of its logs reports it; None for any other log.

        Args:
            log: One of the contract's, as JSON-RPC gives it.
        """

    async def check(self, sender: str, token_id: str, terms: str | None = None) -> None:
        """Find out whether the sender could have the contract pay in this token now, but for its funds.

        Args:
            sender: Who would send.
            token_id: What would be paid in.
            terms: What would be paid, as in ``encode_payment``; without them, anything at all.

        Raises:
            Conflict: It could not: the contract is paused, pays in another token, does not know the sender as a payer …
            Invalid: The asset is not of the kind that the terms are about.
        """

    async def encode_payment(
        self, payment_key: str | None, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """Return the call that pays, each holder at most once under this key.

        Args:
            payment_key: What is paid: 0x and 64 hexadecimal digits.
            token_id: What it is paid in.
            payments: Whom it is paid to, and how much each is to get.
            terms: What is paid in the words of a contract that works out the amounts itself.

        Raises:
            LedgerRejected: It cannot pay these.
        """

    async def results(self, data: bytes, receipt: Mapping[str, Any], token_id: str) -> Results:
        """Return what a call came to that did not revert.

        Args:
            data: The call.
            receipt: As JSON-RPC gives it.
            token_id: What it paid in.

        Raises:
            LedgerUnavailable: What the contract paid before cannot be looked up now.
        """

    async def paid_before(self, data: bytes, receipt: Mapping[str, Any], token_id: str) -> Mapping[str, str]:
        """Return whom a call did not pay because an earlier transaction had paid them, each with that one's hash.

        It is told, and may fail, as ``results``.
        """

    def revert_code(self, data: bytes) -> str | None:
        """Return the failure code for what the contract reverted with; None when it says nothing."""

    def event(self, log: Mapping[str, Any]) -> tuple[str, Mapping[str, str | int]] | None:
        """Return name and payload of what a log reports, as ``event_handlers`` call it; None for what is not known.

        Args:
            log: As JSON-RPC gives it.
        """
