"""Private keys as users of Hedera and Ethereum have them: PEM, DER, and hexadecimal of either or of the bare key.

An error names the source of a key that cannot be read, and never repeats its content.
"""

import base64
import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from masspayout.kernel.errors import Invalid
from masspayout.ledger.signing.port import KeyType

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey

_RAW_BYTES = 32
_HEXADECIMAL = re.compile(rb"(0[xX])?([0-9a-fA-F]{2})+", re.ASCII)
_PEM_BODY = re.compile(rb"-----BEGIN [A-Z ]+-----(.+?)-----END", re.DOTALL)

# Hedera writes ECDSA keys as PKCS#8 whose algorithm is the curve itself, which no other software reads.
_HEDERA_ECDSA_PREFIX = bytes.fromhex("3030020100300706052b8104000a04220420")


def read_private_key(
    content: bytes, *, source: str, passphrase: bytes | None = None, key_type: KeyType | None = None
) -> PrivateKey:
    """Return the private key in a text or file.

    Args:
        content: The content of the text or file.
        source: The source, for the error's sentence.
        passphrase: The passphrase of an encrypted key.
        key_type: The type of a bare key of 32 bytes; any other key must be of this type.

    Raises:
        Invalid: The content is no such key, or the passphrase is missing or wrong.
    """
    key = _read(content.strip() if b"-----BEGIN" in content else content, source, passphrase or None, key_type)
    if isinstance(key, EllipticCurvePrivateKey) and not isinstance(key.curve, SECP256K1):
        raise _unusable(source, f"is on the curve {key.curve.name}, which no ledger here knows")
    if not isinstance(key, PrivateKey):
        raise _unusable(source, "is of a kind that no ledger here knows")
    if key_type not in (None, key_type_of(key)):
        raise Invalid(
            f"The private key in {source} is {key_type_of(key)}, and PAYER_KEY_TYPE says {key_type}.",
            "Correct PAYER_KEY_TYPE, or leave it out: only a bare key needs it.",
        )
    return key


def key_type_of(key: PrivateKey) -> KeyType:
    """Return the type of a private key."""
    return KeyType.ED25519 if isinstance(key, Ed25519PrivateKey) else KeyType.ECDSA_SECP256K1


def _read(content: bytes, source: str, passphrase: bytes | None, key_type: KeyType | None) -> object:
    if content.startswith(b"-----BEGIN"):
        return _from_pem(content, source, passphrase)
    text = content.strip()
    if not _HEXADECIMAL.fullmatch(text):
        return _from_der(content, source, passphrase)
    has_prefix = text[:2].lower() == b"0x"
    binary = binascii.unhexlify(text[2:] if has_prefix else text)
    if len(binary) == _RAW_BYTES:
        if key_type is None and not has_prefix:
            raise Invalid(
                f"The key in {source} has 32 bytes and does not say of which kind it is.",
                "Set PAYER_KEY_TYPE to ED25519 or ECDSA_SECP256K1: the account's page in your wallet says which.",
            )
        return _from_raw(binary, source, key_type or KeyType.ECDSA_SECP256K1)
    if len(binary) == 2 * _RAW_BYTES:
        return _from_pair(binary, source)
    return _from_der(binary, source, passphrase)


def _from_raw(binary: bytes, source: str, key_type: KeyType) -> PrivateKey:
    if key_type is KeyType.ED25519:
        return Ed25519PrivateKey.from_private_bytes(binary)
    try:
        return derive_private_key(int.from_bytes(binary), SECP256K1())
    except ValueError:
        raise _unusable(source, "lies outside its curve") from None


def _from_pair(binary: bytes, source: str) -> Ed25519PrivateKey:
    """Return an ED25519 key that is written with its public key behind it."""
    key = Ed25519PrivateKey.from_private_bytes(binary[:_RAW_BYTES])
    if key.public_key().public_bytes_raw() != binary[_RAW_BYTES:]:
        raise _unusable(source, "has 64 bytes, and the second half is not the first one's public key")
    return key


def _from_pem(content: bytes, source: str, passphrase: bytes | None) -> object:
    try:
        return load_pem_private_key(content, passphrase)
    except TypeError:
        raise _passphrase_problem(source, given=passphrase is not None) from None
    except (ValueError, UnsupportedAlgorithm):
        body = _PEM_BODY.search(content)
        if body and b"ENCRYPTED" not in content:
            try:
                return _from_der(base64.b64decode(body[1]), source, passphrase)
            except binascii.Error:
                pass
        if b"ENCRYPTED" in content:
            raise Invalid(
                f"The private key in {source} cannot be decrypted: the passphrase is wrong, or the file is damaged.",
                "Correct PAYER_KEY_PASSPHRASE, or PAYER_KEY_PASSPHRASE_FILE.",
            ) from None
        raise _unusable(source, "cannot be read") from None


def _from_der(content: bytes, source: str, passphrase: bytes | None) -> object:
    if content.startswith(_HEDERA_ECDSA_PREFIX) and len(content) == len(_HEDERA_ECDSA_PREFIX) + _RAW_BYTES:
        return _from_raw(content[len(_HEDERA_ECDSA_PREFIX) :], source, KeyType.ECDSA_SECP256K1)
    try:
        return load_der_private_key(content, passphrase)
    except TypeError:
        raise _passphrase_problem(source, given=passphrase is not None) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(source, "cannot be read") from None


def _passphrase_problem(source: str, *, given: bool) -> Invalid:
    if given:
        return Invalid(f"The private key in {source} is not encrypted, and a passphrase is given.", "Leave it out.")
    return Invalid(
        f"The private key in {source} is encrypted, and no passphrase is given.",
        "Set PAYER_KEY_PASSPHRASE, or PAYER_KEY_PASSPHRASE_FILE.",
    )


def _unusable(source: str, what: str) -> Invalid:
    return Invalid(
        f"The private key in {source} {what}.",
        "Give an ED25519 or ECDSA (secp256k1) private key as PEM, DER or hexadecimal.",
    )
