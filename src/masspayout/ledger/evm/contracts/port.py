"""The port of paying contracts: our own, and those that others deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from masspayout.kernel.movements import Payment


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a call that pays.

    Attributes:
        failures: The failure codes of unpaid recipients. One who was paid before for the same key counts as paid.
        paid_units: The amounts that the others got, if these may differ from the call's; empty if not.
    """

    failures: Mapping[str, str]
    paid_units: Mapping[str, int] = field(default_factory=dict)


class PayingContract(Protocol):
    """A contract that holds a payment token and pays many holders in one call."""

    @property
    def address(self) -> str:
        """The contract's address, in canonical form."""

    async def payment_token(self) -> str:
        """Return the present payment token of the contract."""

    def encode_pause(self, *, paused: bool) -> bytes:
        """Return the call that pauses or unpauses all payments."""

    def encode_withdrawal(self, token_id: str, recipient: str, amount_units: int) -> bytes:
        """Return the call that withdraws tokens."""

    @property
    def report_topics(self) -> Sequence[str | Sequence[str] | None]:
        """Return the topics of the events by which the contract reports transfers, as a filter of logs."""

    def payment_key_of(self, log: Mapping[str, Any]) -> str | None:
        """Return the key under which the contract paid, as one of its logs reports it; None for any other log.

        Args:
            log: One of the contract's logs, as JSON-RPC has it.
        """

    async def check(self, sender: str, token_id: str, terms: str | None = None) -> None:
        """Check that the sender could have the contract pay in this token now, apart from the contract's balance.

        Args:
            sender: The account that would send.
            token_id: The payment token.
            terms: The terms, as in ``encode_payment``; None for no payout in particular.

        Raises:
            Conflict: The contract is paused, pays in another token, does not accept the sender …
            Invalid: The asset is not of the kind that the terms need.
        """

    async def encode_payment(
        self, payment_key: str | None, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """Return the call that pays, each holder at most once under this key.

        Args:
            payment_key: The key of the obligation: 0x and 64 hexadecimal digits.
            token_id: The payment token.
            payments: The recipients and amounts.
            terms: The terms of a contract that computes the amounts itself.

        Raises:
            LedgerRejected: The contract cannot pay these.
        """

    def owed_of(self, data: bytes) -> Mapping[str, int]:
        """Return the recipients of a call, with the amounts that it names; 0 where the contract computes these."""

    def transfer_gas_of(self, data: bytes) -> int | None:
        """Return the gas limit of each transfer of a call; None for a contract that sets none."""

    async def results(self, data: bytes, receipt: Mapping[str, Any], token_id: str) -> Results:
        """Return the results of a call that did not revert.

        Args:
            data: The call.
            receipt: The receipt, as JSON-RPC has it.
            token_id: The payment token.

        Raises:
            LedgerUnavailable: Earlier payments of the contract cannot be looked up now.
        """

    async def paid_before(self, data: bytes, receipt: Mapping[str, Any], token_id: str) -> Mapping[str, str]:
        """Return the recipients that a call did not pay because an earlier transaction had, with the hash of that one.

        Arguments and errors are those of ``results``.
        """

    def revert_code(self, data: bytes) -> str | None:
        """Return the failure code of the contract's revert data; None without any."""

    def event(self, log: Mapping[str, Any]) -> tuple[str, Mapping[str, str | int]] | None:
        """Return name and payload of a log, as ``event_handlers`` know them; None for an unknown one.

        Args:
            log: The log, as JSON-RPC has it.
        """
