"""Signers, here and with a custodian: what they sign verifies, and what goes wrong is said in our words."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256K1,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger.signing.dfns_emulator import CREDENTIAL_ID, ORDER, TOKEN, Dfns, make_key, serving
from masspayout.kernel.errors import Invalid, LedgerError, LedgerRejected, LedgerUnavailable
from masspayout.ledger.signing.dfns import DfnsApi
from masspayout.ledger.signing.local import LocalSigner
from masspayout.ledger.signing.opening import open_signer
from masspayout.ledger.signing.port import KeyType, Signer
from masspayout.settings import Settings

KINDS = [str(kind) for kind in KeyType]


def require_valid(signer: Signer, message: bytes, signature: bytes) -> None:
    assert len(signature) == 64
    if signer.key_type is KeyType.ED25519:
        Ed25519PublicKey.from_public_bytes(signer.public_key).verify(signature, message)
        return
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    assert 0 < s <= ORDER // 2
    key = EllipticCurvePublicKey.from_encoded_point(SECP256K1(), signer.public_key)
    key.verify(encode_dss_signature(r, s), message, ECDSA(Prehashed(SHA256())))


SIGNERS = [LocalSigner(make_key(kind)) for kind in KINDS]


@pytest.mark.parametrize("signer", SIGNERS, ids=KINDS)
@given(message=st.binary(max_size=200))
async def test_what_is_signed_here_verifies_and_is_the_same_each_time(signer: LocalSigner, message: bytes) -> None:
    if signer.key_type is KeyType.ECDSA_SECP256K1:
        message = hashlib.sha256(message).digest()
    signature = await signer.sign(message)
    assert await signer.sign(message) == signature
    require_valid(signer, message, signature)
    with pytest.raises(InvalidSignature):
        require_valid(signer, hashlib.sha256(message).digest(), signature)


# With a custodian


@pytest.fixture(params=KINDS)
def dfns(request: pytest.FixtureRequest) -> Dfns:
    return Dfns(credential=Ed25519PrivateKey.generate(), key=make_key(request.param))


@pytest.fixture
def custodial(dfns: Dfns, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings that lead to the custodian."""
    with serving(dfns) as address:
        yield settings.model_copy(
            update={
                "signer": "dfns",
                "dfns_api_url": address,
                "dfns_key_id": dfns.key_id,
                "dfns_service_account_token": type(settings.dfns_service_account_token)(TOKEN),
                "dfns_credential_id": CREDENTIAL_ID,
                "dfns_credential_key_file": write_pem(tmp_path / "credential.pem", dfns.credential),
                "dfns_timeout_seconds": 60.0,
            }
        )


def write_pem(path: Path, key: Any) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


MESSAGE = hashlib.sha256(b"a transaction").digest()


@pytest.mark.parametrize("needs_polls", [0, 2])
async def test_the_custodian_signs_with_its_key(dfns: Dfns, custodial: Settings, needs_polls: int) -> None:
    signer = await open_signer(custodial)
    dfns.needs_polls = needs_polls
    require_valid(signer, MESSAGE, await signer.sign(MESSAGE))
    assert dfns.spoken[:4] == [
        f"GET /keys/{dfns.key_id}",
        "POST /auth/action/init",
        "POST /auth/action",
        f"POST /keys/{dfns.key_id}/signatures",
    ]
    await signer.close()


async def test_a_long_message_is_signed_by_an_eddsa_key(dfns: Dfns, custodial: Settings) -> None:
    signer = await open_signer(custodial)
    if signer.key_type is KeyType.ED25519:
        require_valid(signer, MESSAGE * 30, await signer.sign(MESSAGE * 30))
    await signer.close()


@pytest.mark.parametrize("make", [lambda: generate_private_key(SECP256R1()), lambda: generate_private_key(SECP256K1())])
async def test_the_service_account_may_have_any_kind_of_key(
    dfns: Dfns, custodial: Settings, tmp_path: Path, make: Any
) -> None:
    dfns.credential = make()
    write_pem(tmp_path / "credential.pem", dfns.credential)
    signer = await open_signer(custodial)
    require_valid(signer, MESSAGE, await signer.sign(MESSAGE))
    await signer.close()


async def test_a_wallet_names_its_key(dfns: Dfns, custodial: Settings) -> None:
    update = {"dfns_key_id": None, "dfns_wallet_id": "wa-5pfuu-9euek-h0odgb6snva8ph3k"}
    signer = await open_signer(custodial.model_copy(update=update))
    require_valid(signer, MESSAGE, await signer.sign(MESSAGE))
    await signer.close()


async def test_a_custodian_that_is_away_for_a_moment_is_asked_again(dfns: Dfns, custodial: Settings) -> None:
    dfns.unavailable_times = 2
    signer = await open_signer(custodial)
    dfns.unavailable_times = 1
    require_valid(signer, MESSAGE, await signer.sign(MESSAGE))
    await signer.close()


async def test_a_refused_signature_is_rejected_with_the_reason(dfns: Dfns, custodial: Settings) -> None:
    signer = await open_signer(custodial)
    dfns.rejects = True
    with pytest.raises(LedgerRejected, match="Policy says no"):
        await signer.sign(MESSAGE)
    await signer.close()


async def test_a_signature_of_something_else_is_not_used(dfns: Dfns, custodial: Settings) -> None:
    signer = await open_signer(custodial)
    dfns.forges = True
    with pytest.raises(LedgerRejected, match="does not belong to its key"):
        await signer.sign(MESSAGE)
    await signer.close()


async def test_an_approval_that_takes_too_long_says_so(dfns: Dfns, custodial: Settings) -> None:
    signer = await open_signer(custodial.model_copy(update={"dfns_timeout_seconds": 2.0}))
    dfns.needs_polls = 1000
    with pytest.raises(LedgerUnavailable, match="has not signed"):
        await signer.sign(MESSAGE)
    await signer.close()


@pytest.mark.parametrize(
    ("update", "error", "sentence"),
    [
        ({"dfns_api_url": "http://127.0.0.1:9"}, LedgerUnavailable, "cannot be reached"),
        ({"dfns_service_account_token": None}, Invalid, "SIGNER=dfns needs"),
        ({"dfns_credential_id": None}, Invalid, "SIGNER=dfns needs"),
        ({"dfns_credential_key_file": Path("/nowhere")}, Invalid, "No such file"),
        ({"dfns_key_id": None}, Invalid, "needs to know the payer's key"),
        ({"dfns_key_id": "key-other"}, LedgerRejected, "404 Key not found"),
    ],
    ids=lambda value: "" if isinstance(value, str | type) else next(iter(value)),
)
async def test_wrong_settings_say_what_is_wrong(
    custodial: Settings, update: dict[str, Any], error: type[LedgerError], sentence: str
) -> None:
    if "dfns_service_account_token" in update:
        update = {"dfns_service_account_token": type(custodial.dfns_service_account_token)("")}
    with pytest.raises(error, match=sentence) as raised:
        await open_signer(custodial.model_copy(update=update))
    assert raised.value.hint


async def test_a_wrong_token_or_credential_is_rejected_and_not_shown(
    dfns: Dfns, custodial: Settings, tmp_path: Path
) -> None:
    secret = type(custodial.dfns_service_account_token)("another-token")
    with pytest.raises(LedgerRejected, match="401") as raised:
        await open_signer(custodial.model_copy(update={"dfns_service_account_token": secret}))
    assert "another-token" not in str(raised.value)
    write_pem(tmp_path / "credential.pem", Ed25519PrivateKey.generate())
    signer = await open_signer(custodial)
    with pytest.raises(LedgerRejected, match="401 Invalid signature"):
        await signer.sign(MESSAGE)
    assert TOKEN not in repr(signer) + repr(vars(signer))
    await signer.close()


def test_a_credential_that_is_no_key_is_refused(custodial: Settings, tmp_path: Path) -> None:
    (tmp_path / "credential.pem").write_text("nothing")
    with pytest.raises(Invalid, match="DFNS_CREDENTIAL_KEY_FILE"):
        DfnsApi(custodial)
