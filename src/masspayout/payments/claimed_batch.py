"""A batch that a worker has claimed, and the transaction that pays it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from masspayout.db.entities import Attempt, Distribution
from masspayout.kernel.money import to_units
from masspayout.kernel.movements import Payment
from masspayout.kernel.obligations import Mark, obligation_of
from masspayout.ledger.port import Transfer
from masspayout.payments.payer_gate import GateState


@dataclass(slots=True)
class ClaimedBatch:
    """A batch that is claimed by this worker for a while.

    Attributes:
        gate: The state of its payer's gate.
        attempt: Its transaction that could still pay. None when nobody of the batch waits.
        holders: The holders just attached to the attempt, with the amount that each is owed. None of an attempt that
            was there before.
        is_paused: True once nothing more may be attached, because of a pause.
        is_unsent: We have just stored the bytes of the attempt, so nobody has sent them.
    """

    distribution: Distribution
    batch_id: uuid.UUID
    batch_number: int
    gate: GateState
    attempt: Attempt | None = None
    holders: Mapping[str, Decimal] | None = None
    is_paused: bool = False
    is_unsent: bool = False

    def transfer(self, attempt: Attempt, holders: Mapping[str, Decimal]) -> Transfer:
        """Return the transaction that pays some holders by an attempt, to be signed."""
        distribution = self.distribution
        decimals = int(distribution.payment_token_decimals or 0)
        return Transfer(
            number=int(attempt.number or 0),
            payer_account_id=str(distribution.payer_account_id),
            token_id=str(distribution.payment_token_id),
            payments=[Payment(account_id, to_units(holders[account_id], decimals)) for account_id in sorted(holders)],
            memo=str(Mark(self.batch_number, obligation_of(distribution), self.gate.installation)),
            payment_key=distribution.ledger_key,
            sender_account_id=str(attempt.sender_account_id),
            contract_terms=distribution.contract_terms,
        )
