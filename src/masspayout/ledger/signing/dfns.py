"""The payer's key at the custodian DFNS: it signs on request of a service account, and never leaves.

Each request that changes something is signed in turn with the service account's own credential: the custodian returns a
challenge for exactly this request, the signed challenge is exchanged for a token, and the token lets the request
through once.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256K1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from masspayout.kernel.errors import Invalid, LedgerRejected, LedgerUnavailable
from masspayout.ledger.signing.local import DIGEST_OF_32_BYTES, join_lower_half, public_bytes
from masspayout.ledger.signing.port import KeyType
from masspayout.ledger.signing.secret_files import read_secret_file
from masspayout.settings import Settings

_Credential = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
_PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

_KEY_TYPES = {("EdDSA", "ed25519"): KeyType.ED25519, ("ECDSA", "secp256k1"): KeyType.ECDSA_SECP256K1}
_REFUSED, _MALFORMED = "CUSTODIAN_REFUSED", "CUSTODIAN_ANSWER_UNREADABLE"
_TRIES = 3
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0


class DfnsSigner:
    """A key at DFNS. Every signature is verified before it is used."""

    def __init__(self, api: "DfnsApi", key_id: str, key_type: KeyType, public_key: bytes) -> None:
        self._api = api
        self._key_id = key_id
        self._key_type = key_type
        self._public_key = public_key

    @classmethod
    async def open(cls, settings: Settings) -> "DfnsSigner":
        """Return the signer of the key that the settings name.

        Raises:
            Invalid: A setting is missing, or the key is of a kind that no ledger here knows.
            LedgerUnavailable: The custodian cannot be reached.
            LedgerRejected: The custodian does not let this service account read the key.
        """
        api = DfnsApi(settings)
        try:
            key_id = settings.dfns_key_id or await _key_of_wallet(api, settings.dfns_wallet_id)
            facts = await api.get(f"/keys/{key_id}")
            key_type = _key_type_of(key_id, facts)
            public_key = _load_public_key(key_type, _unhex(facts.get("publicKey")))
            return cls(api, key_id, key_type, public_bytes(public_key))
        except BaseException:
            await api.close()
            raise

    def __repr__(self) -> str:
        return f"DfnsSigner({self._key_id}, {self._key_type}, public_key={self._public_key.hex()})"

    @property
    def key_type(self) -> KeyType:
        """The type of the key."""
        return self._key_type

    @property
    def public_key(self) -> bytes:
        """The public key: 32 bytes for ED25519, 33 for ECDSA."""
        return self._public_key

    async def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes: of the message for ED25519, of a digest of 32 bytes for ECDSA.

        Raises:
            LedgerUnavailable: The custodian cannot be reached, or its approval takes too long.
            LedgerRejected: The custodian refused to sign, or the signature does not verify.
        """
        kind, field = ("Message", "message") if self._key_type is KeyType.ED25519 else ("Hash", "hash")
        path = f"/keys/{self._key_id}/signatures"
        request = await self._api.post_signed(path, {"kind": kind, field: f"0x{message.hex()}"})
        signature = _signature_of(await self._completed(path, request))
        self._verify(message, signature)
        return signature

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _completed(self, path: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait until a request for a signature is completed."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(self._api.timeout_seconds):
                while request.get("status") in ("Pending", "Executing"):
                    await asyncio.sleep(pause_seconds)
                    pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
                    request = await self._api.get(f"{path}/{request.get('id')}")
        except TimeoutError:
            raise LedgerUnavailable(
                f"The custodian has not signed {request.get('id')} yet: it is {request.get('status')}.",
                "Exempt this service account from approvals at the custodian, or raise DFNS_TIMEOUT_SECONDS.",
            ) from None
        if request.get("status") not in ("Signed", "Confirmed"):
            raise LedgerRejected(
                _REFUSED,
                f"The custodian did not sign {request.get('id')}: it is {request.get('status')}"
                f" ({request.get('reason', 'no reason given')}).",
                "Look up the request and the policies of the key at the custodian.",
            )
        return request

    def _verify(self, message: bytes, signature: bytes) -> None:
        key = _load_public_key(self._key_type, self._public_key)
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, message)
            else:
                r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
                key.verify(encode_dss_signature(r, s), message, ECDSA(DIGEST_OF_32_BYTES))
        except InvalidSignature:
            raise LedgerRejected(
                _MALFORMED,
                f"The custodian's signature does not belong to its key {self._key_id}.",
                "Ask the custodian; nothing was sent.",
            ) from None


class DfnsApi:
    """The custodian's HTTP interface, as a service account uses it."""

    def __init__(self, settings: Settings) -> None:
        self.timeout_seconds = settings.dfns_timeout_seconds
        self._origin = settings.dfns_origin
        token = settings.dfns_service_account_token.get_secret_value()
        path = settings.dfns_credential_key_file
        if not token or settings.dfns_credential_id is None or path is None:
            raise Invalid(
                "SIGNER=dfns needs DFNS_SERVICE_ACCOUNT_TOKEN, DFNS_CREDENTIAL_ID and DFNS_CREDENTIAL_KEY_FILE.",
                "Create a service account at DFNS and set what it gives you.",
            )
        self._credential_id = settings.dfns_credential_id
        self._credential = _load_credential(read_secret_file(path, "DFNS_CREDENTIAL_KEY_FILE"))
        self._http = httpx.AsyncClient(
            base_url=settings.dfns_api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=settings.dfns_timeout_seconds,
        )

    def __repr__(self) -> str:
        return f"DfnsApi({self._http.base_url})"

    async def get(self, path: str) -> Mapping[str, Any]:
        """Send a request that reads.

        Raises:
            LedgerUnavailable: The custodian cannot be reached.
            LedgerRejected: The custodian refused.
        """
        return await self._call("GET", path)

    async def post_signed(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request that the service account has to sign.

        Raises:
            LedgerUnavailable: The custodian cannot be reached.
            LedgerRejected: The custodian refused.
        """
        # The signature is over the text of the body, so exactly this text is sent.
        content = json.dumps(body, separators=(",", ":"))
        action = {
            "userActionPayload": content,
            "userActionHttpMethod": "POST",
            "userActionHttpPath": path,
            "userActionServerKind": "Api",
        }
        challenge = await self._call("POST", "/auth/action/init", json.dumps(action))
        answer = {
            "challengeIdentifier": challenge.get("challengeIdentifier"),
            "firstFactor": self._assertion(str(challenge.get("challenge"))),
        }
        granted = await self._call("POST", "/auth/action", json.dumps(answer))
        return await self._call("POST", path, content, {"X-DFNS-USERACTION": str(granted.get("userAction"))}, tries=1)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _assertion(self, challenge: str) -> dict[str, Any]:
        client_data = json.dumps(
            {"type": "key.get", "challenge": challenge, "origin": self._origin, "crossOrigin": False},
            separators=(",", ":"),
        ).encode()
        return {
            "kind": "Key",
            "credentialAssertion": {
                "credId": self._credential_id,
                "clientData": _base64url(client_data),
                "signature": _base64url(_sign_with_credential(self._credential, client_data)),
            },
        }

    async def _call(
        self, method: str, path: str, content: str | None = None, headers: Mapping[str, str] = {}, tries: int = _TRIES
    ) -> Mapping[str, Any]:
        """Send a request. Without an answer it is retried, unless it may be sent only once."""
        for attempt in range(1, tries + 1):
            try:
                return await self._call_once(method, path, content, headers)
            except LedgerUnavailable:
                if attempt == tries:
                    raise
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        raise AssertionError("a loop over at least one try returns or raises")

    async def _call_once(
        self, method: str, path: str, content: str | None, headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        if content is not None:
            headers = {"Content-Type": "application/json", **headers}
        try:
            response = await self._http.request(method, path, content=content, headers=dict(headers))
        except httpx.TransportError as error:
            raise LedgerUnavailable(
                f"The custodian at {self._http.base_url} cannot be reached: {error or type(error).__name__}.",
                "Check DFNS_API_URL and the network.",
            ) from None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise LedgerUnavailable(f"The custodian answered {response.status_code} to {method} {path}.", "Try later.")
        answer = _parse(response)
        if not response.is_success:
            reason = answer.get("message") or response.reason_phrase
            raise LedgerRejected(
                _REFUSED,
                f"The custodian refused {method} {path}: {response.status_code} {reason}.",
                "Check DFNS_SERVICE_ACCOUNT_TOKEN, DFNS_CREDENTIAL_ID and the permissions of the service account.",
            )
        return answer


def _parse(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    if not response.is_success:
        return {}
    raise LedgerRejected(_MALFORMED, "The custodian's answer cannot be read.", "Check DFNS_API_URL.")


async def _key_of_wallet(api: DfnsApi, wallet_id: str | None) -> str:
    if wallet_id is None:
        raise Invalid("SIGNER=dfns needs to know the payer's key.", "Set DFNS_KEY_ID, or DFNS_WALLET_ID.")
    wallet = await api.get(f"/wallets/{wallet_id}")
    return str(wallet.get("signingKey", {}).get("id"))


def _key_type_of(key_id: str, facts: Mapping[str, Any]) -> KeyType:
    scheme, curve, status = (str(facts.get(name)) for name in ("scheme", "curve", "status"))
    key_type = _KEY_TYPES.get((scheme, curve))
    if key_type is None or status != "Active":
        raise Invalid(
            f"The custodian's key {key_id} is {status}, {scheme} on {curve}.",
            "Name an active EdDSA key on ed25519 or ECDSA key on secp256k1 in DFNS_KEY_ID.",
        )
    return key_type


def _load_credential(content: bytes) -> _Credential:
    try:
        key = load_pem_private_key(content, None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, _Credential):
        raise Invalid(
            "The private key in DFNS_CREDENTIAL_KEY_FILE cannot be read.",
            "Give the unencrypted PEM whose public key was registered for the service account.",
        )
    return key


def _sign_with_credential(key: _Credential, message: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(message, ECDSA(SHA256()))
    return key.sign(message, padding.PKCS1v15(), SHA256())


def _load_public_key(key_type: KeyType, content: bytes) -> _PublicKey:
    try:
        if key_type is KeyType.ED25519:
            return Ed25519PublicKey.from_public_bytes(content)
        return EllipticCurvePublicKey.from_encoded_point(SECP256K1(), content)
    except ValueError:
        raise LedgerRejected(_MALFORMED, "The custodian gave a public key that cannot be read.", "Ask it.") from None


def _signature_of(request: Mapping[str, Any]) -> bytes:
    parts = request.get("signature") or {}
    r, s = _unhex(parts.get("r")), _unhex(parts.get("s"))
    if request.get("requestBody", {}).get("kind") == "Message":
        return r.rjust(32, b"\0") + s.rjust(32, b"\0")
    return join_lower_half(int.from_bytes(r), int.from_bytes(s))


def _unhex(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError:
        raise LedgerRejected(_MALFORMED, f"The custodian wrote {text!r} for bytes.", "Ask the custodian.") from None


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
