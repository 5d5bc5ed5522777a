"""The signer port: the questions of ledger adapters to the custodian of the payer's key."""

from enum import StrEnum
from typing import Protocol


class KeyType(StrEnum):
    """The types of keys that ledgers know."""

    ED25519 = "ED25519"
    ECDSA_SECP256K1 = "ECDSA_SECP256K1"


class Signer(Protocol):
    """A key that signs, in this process or with a custodian. The key itself never leaves its place."""

    @property
    def key_type(self) -> KeyType:
        """The type of the key."""

    @property
    def public_key(self) -> bytes:
        """The public key: 32 bytes for ED25519; for ECDSA on secp256k1 the compressed point, 33 bytes."""

    async def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes.

        ED25519 signs the message as it is. ECDSA signs a digest of 32 bytes that the caller made (Keccak-256 on every
        ledger here), and returns r and s, with s in the lower half of the curve's order.

        Raises:
            LedgerUnavailable: The custodian cannot be reached.
            LedgerRejected: The custodian refused to sign.
        """

    async def close(self) -> None:
        """Close the connections."""
