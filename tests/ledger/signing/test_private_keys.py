"""Private keys in every form that users have them in, and what is said of those that are wrong."""

import base64
import contextlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, SECP256R1, derive_private_key, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from masspayout.kernel.errors import Invalid
from masspayout.ledger.signing.local import LocalSigner
from masspayout.ledger.signing.opening import open_signer
from masspayout.ledger.signing.port import KeyType
from masspayout.ledger.signing.private_keys import read_private_key
from masspayout.settings import Settings

SEED = bytes(range(1, 33))
ED25519 = Ed25519PrivateKey.from_private_bytes(SEED)
ECDSA = derive_private_key(int.from_bytes(SEED), SECP256K1())
HEDERA_ECDSA_DER = bytes.fromhex("3030020100300706052b8104000a04220420") + SEED
PASSPHRASE = b"correct horse"


def written(key: object, encoding: Encoding, form: PrivateFormat, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    content: bytes = key.private_bytes(encoding, form, encryption)  # type: ignore[attr-defined]
    return content


def pem_of(der: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"


ED25519_FORMS = {
    "PKCS#8 PEM": written(ED25519, Encoding.PEM, PrivateFormat.PKCS8),
    "PKCS#8 DER": written(ED25519, Encoding.DER, PrivateFormat.PKCS8),
    "DER as hexadecimal": written(ED25519, Encoding.DER, PrivateFormat.PKCS8).hex().encode() + b"\n",
    "with the public key": (SEED + ED25519.public_key().public_bytes_raw()).hex().encode(),
}
ECDSA_FORMS = {
    "PKCS#8 PEM": written(ECDSA, Encoding.PEM, PrivateFormat.PKCS8),
    "PKCS#8 DER": written(ECDSA, Encoding.DER, PrivateFormat.PKCS8),
    "SEC 1 PEM": written(ECDSA, Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    "SEC 1 DER as hexadecimal": written(ECDSA, Encoding.DER, PrivateFormat.TraditionalOpenSSL).hex().encode(),
    "Hedera's DER": HEDERA_ECDSA_DER,
    "Hedera's DER as hexadecimal": b"0x" + HEDERA_ECDSA_DER.hex().encode(),
    "Hedera's DER as PEM": pem_of(HEDERA_ECDSA_DER),
    "0x and 32 bytes": f"0x{SEED.hex()}\n".encode(),
}


@pytest.mark.parametrize("form", ED25519_FORMS)
def test_an_ed25519_key_is_read_in_every_form(form: str) -> None:
    signer = LocalSigner(read_private_key(ED25519_FORMS[form], source="x"))
    assert (signer.key_type, signer.public_key) == (KeyType.ED25519, ED25519.public_key().public_bytes_raw())


@pytest.mark.parametrize("form", ECDSA_FORMS)
def test_an_ecdsa_key_is_read_in_every_form(form: str) -> None:
    signer = LocalSigner(read_private_key(ECDSA_FORMS[form], source="x"))
    assert signer.key_type is KeyType.ECDSA_SECP256K1
    assert signer.public_key.hex() == "0284bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b0"


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_bare_key_is_of_the_kind_that_is_said(key_type: KeyType) -> None:
    assert LocalSigner(read_private_key(SEED.hex().encode(), source="x", key_type=key_type)).key_type is key_type


@pytest.mark.parametrize("key", [ED25519, ECDSA], ids=["ED25519", "ECDSA"])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER], ids=["PEM", "DER"])
def test_an_encrypted_key_needs_its_passphrase(key: object, encoding: Encoding) -> None:
    content = written(key, encoding, PrivateFormat.PKCS8, PASSPHRASE)
    assert read_private_key(content, source="x", passphrase=PASSPHRASE)
    with pytest.raises(Invalid):
        read_private_key(content, source="x", passphrase=b"wrong")
    with pytest.raises(Invalid):
        read_private_key(content, source="x")


WRONG = {
    "nothing": (b"", "cannot be read"),
    "bare without its kind": (SEED.hex().encode(), "does not say of which kind"),
    "not hexadecimal": (b"0xnothing", "cannot be read"),
    "outside the curve": (b"0x" + b"f" * 64, "lies outside its curve"),
    "zero": (b"0x" + b"0" * 64, "lies outside its curve"),
    "a wrong public half": (b"1" * 128, "not the first one's public key"),
    "another curve": (written(generate_private_key(SECP256R1()), Encoding.PEM, PrivateFormat.PKCS8), "secp256r1"),
    "another kind": (written(generate_rsa_key(65537, 1024), Encoding.PEM, PrivateFormat.PKCS8), "is of a kind"),
    "a damaged PEM": (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read"),
    "half a PEM": (b"-----BEGIN PRIVATE KEY-----", "cannot be read"),
    "a public key": (b"302a300506032b6570032100" + SEED.hex().encode(), "cannot be read"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_key_is_refused_with_a_sentence_that_does_not_show_it(what: str) -> None:
    content, sentence = WRONG[what]
    with pytest.raises(Invalid, match=sentence) as refused:
        read_private_key(content, source="PAYER_KEY")
    assert "PAYER_KEY" in refused.value.message
    assert refused.value.hint
    assert refused.value.__cause__ is None
    assert SEED.hex()[:16] not in str(refused.value)


@given(st.binary(max_size=300))
def test_whatever_is_given_is_a_key_or_is_refused(content: bytes) -> None:
    with contextlib.suppress(Invalid):
        read_private_key(content, source="x")


def test_a_key_of_another_kind_than_said_is_refused() -> None:
    with pytest.raises(Invalid, match="PAYER_KEY_TYPE says ECDSA"):
        read_private_key(ED25519_FORMS["PKCS#8 PEM"], source="x", key_type=KeyType.ECDSA_SECP256K1)


# Settings


def with_(settings: Settings, **changes: object) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


async def test_a_key_is_read_from_the_environment_or_a_file(settings: Settings, tmp_path: Path) -> None:
    path, secret = tmp_path / "key.pem", tmp_path / "passphrase"
    path.write_bytes(written(ECDSA, Encoding.PEM, PrivateFormat.PKCS8, PASSPHRASE))
    secret.write_bytes(PASSPHRASE + b"\n")
    one_line = ECDSA_FORMS["PKCS#8 PEM"].decode().replace("\n", "\\n")
    wanted = LocalSigner(ECDSA).public_key
    for changes in (
        {"payer_key": f"0x{SEED.hex()}"},
        {"payer_key": SEED.hex(), "payer_key_type": "ECDSA_SECP256K1"},
        {"payer_key": one_line},
        {"payer_key_file": path, "payer_key_passphrase": PASSPHRASE.decode()},
        {"payer_key_file": path, "payer_key_passphrase_file": secret},
    ):
        assert (await open_signer(with_(settings, **changes))).public_key == wanted
    signer = await open_signer(with_(settings, payer_key=SEED.hex()), raw_key_type=KeyType.ECDSA_SECP256K1)
    assert signer.public_key == wanted


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "no key to sign for the payer"),
        ({"payer_key": "0x00", "payer_key_file": "/nowhere"}, "both set"),
        ({"payer_key_file": "/nowhere"}, "No such file"),
        ({"payer_key_file": "/"}, "Is a directory"),
        ({"payer_key": "0x00", "payer_key_passphrase": "a", "payer_key_passphrase_file": "/x"}, "both set"),
        ({"signer": "dfns"}, "SIGNER=dfns needs"),
    ],
)
async def test_settings_without_a_key_are_refused(
    settings: Settings, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence) as refused:
        await open_signer(with_(settings, **changes))
    assert refused.value.hint


async def test_a_key_is_never_shown(settings: Settings) -> None:
    settings = with_(settings, payer_key=f"0x{SEED.hex()}", payer_key_passphrase="")
    signer = await open_signer(settings)
    for shown in (repr(signer), str(signer), repr(settings), str(settings), settings.model_dump_json()):
        assert SEED.hex() not in shown
