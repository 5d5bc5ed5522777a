"""The sandbox's transactions and their signed bytes."""

import hashlib
import json
from dataclasses import dataclass, fields

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.ledger.transaction_ids import make_transaction_id


@dataclass(frozen=True, slots=True)
class SandboxTransaction:
    """The body of a transfer, as it is signed.

    Attributes:
        valid_start_nanos: The start of validity, in nanoseconds since 1970; part of the id.
        valid_seconds: The duration of validity.
        accounts: The recipients, in the order of ``amounts_units``.
        atomic: True if one bad recipient fails the whole transaction. Part of the body, so that a change of settings
            cannot change the effect of a stored transaction.
    """

    payer_account_id: str
    token_id: str
    accounts: tuple[str, ...]
    amounts_units: tuple[int, ...]
    valid_start_nanos: int
    valid_seconds: int
    memo: str
    atomic: bool

    @property
    def transaction_id(self) -> str:
        """The id, in Hedera's form."""
        return make_transaction_id(self.payer_account_id, self.valid_start_nanos)

    @property
    def expires_nanos(self) -> int:
        """The last moment of validity."""
        return self.valid_start_nanos + self.valid_seconds * NANOS_PER_SECOND

    def to_bytes(self) -> bytes:
        """Return the body as JSON behind its SHA-256 seal. The same transaction always gives the same bytes."""
        contents = {field.name: getattr(self, field.name) for field in fields(self)}
        body = json.dumps(contents, separators=(",", ":"), sort_keys=True).encode()
        return _seal(body) + body

    @classmethod
    def from_bytes(cls, signed_bytes: bytes) -> "SandboxTransaction":
        """Return the transaction from the bytes of ``to_bytes``.

        Raises:
            LedgerRejected: The seal does not match: the bytes were altered, or are not of the sandbox.
        """
        seal, body = signed_bytes[:32], signed_bytes[32:]
        if seal != _seal(body):
            raise LedgerRejected(
                "INVALID_TRANSACTION_BODY",
                f"The {len(signed_bytes)} signed bytes do not carry the sandbox's seal.",
                "They were altered after signing, or signed for another ledger: check LEDGER.",
            )
        fields = json.loads(body)
        accounts, amounts = fields.pop("accounts"), fields.pop("amounts_units")
        return cls(accounts=tuple(accounts), amounts_units=tuple(amounts), **fields)


def _seal(body: bytes) -> bytes:
    """Return the seal that the sandbox's own bytes have. It is no secret: there is no money in a sandbox."""
    return hashlib.sha256(b"masspayout sandbox transaction\n" + body).digest()
