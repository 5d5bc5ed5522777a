"""The keys of accounts, and whether a signature is theirs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from Crypto.Hash import keccak
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

from masspayout.ledger.signing.port import KeyType

# Half of the order of secp256k1: the network's library refuses signatures whose s lies above.
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: 32 bytes of ED25519, or 33 of secp256k1."""

    key_type: KeyType
    raw: bytes

    def is_signed_by(self, signatures: Iterable[Any], body: bytes) -> bool:
        """Return whether one of a transaction's signatures is this key's, over the body."""
        return any(self._verifies(pair, body) for pair in signatures if self.raw.startswith(pair.pubKeyPrefix))

    def _verifies(self, pair: Any, body: bytes) -> bool:
        if self.key_type is KeyType.ED25519:
            return _verify_ed25519(self.raw, bytes(pair.ed25519), body)
        return _verify_ecdsa(self.raw, bytes(pair.ECDSA_secp256k1), body)


def _verify_ed25519(public: bytes, signature: bytes, body: bytes) -> bool:
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except InvalidSignature:
        return False
    return True


def _verify_ecdsa(public: bytes, signature: bytes, body: bytes) -> bool:
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not 0 < s <= _HALF_ORDER:
        return False
    digest = keccak.new(digest_bits=256, data=body).digest()
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public)
    try:
        key.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True
