"""A key in this process."""

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from masspayout.ledger.signing.port import KeyType
from masspayout.ledger.signing.private_keys import PrivateKey, key_type_of

_SECP256K1_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_HALF_BYTES = 32

# The hash is named for its length only: any digest of 32 bytes is signed as it is.
DIGEST_OF_32_BYTES = Prehashed(SHA256())


class LocalSigner:
    """A private key in memory. The same message gets the same signature (RFC 8032, RFC 6979)."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._public_key = public_bytes(key.public_key())

    def __repr__(self) -> str:
        return f"LocalSigner({self.key_type}, public_key={self._public_key.hex()})"

    @property
    def key_type(self) -> KeyType:
        """The type of the key."""
        return key_type_of(self._key)

    @property
    def public_key(self) -> bytes:
        """The public key: 32 bytes for ED25519, 33 for ECDSA."""
        return self._public_key

    async def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes: of the message for ED25519, of a digest of 32 bytes for ECDSA."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        der = self._key.sign(message, ECDSA(DIGEST_OF_32_BYTES, deterministic_signing=True))
        return join_lower_half(*decode_dss_signature(der))

    async def close(self) -> None:
        """Do nothing: no connection is open."""


def public_bytes(key: Ed25519PublicKey | EllipticCurvePublicKey) -> bytes:
    """Return a public key in the form of the signer port: 32 bytes, or the compressed point of 33."""
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def join_lower_half(r: int, s: int) -> bytes:
    """Return an ECDSA signature as 64 bytes, with s in the lower half of the curve's order, as ledgers require."""
    return r.to_bytes(_HALF_BYTES) + min(s, _SECP256K1_ORDER - s).to_bytes(_HALF_BYTES)
