"""The custodian DFNS, as far as a service account that signs sees it, over a real socket.

It refuses what DFNS refuses: a wrong token, a challenge that is not signed by the registered credential, a token that
was bought for another request or was spent, a hash that has no 32 bytes.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256K1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TOKEN, CREDENTIAL_ID, ORIGIN = "service-account-token", "cr-6uunn-bm6ja-f6rmod5kqrk5rbel", "https://app.dfns.io"


class Refusal(Exception):  # noqa: N818 - it reads as what it is
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Dfns:
    """The custodian's state, and how it misbehaves."""

    credential: Any
    key: Ed25519PrivateKey | EllipticCurvePrivateKey
    needs_polls: int = 0  # how often a signature must be asked for before it is there
    rejects: bool = False
    unavailable_times: int = 0
    forges: bool = False
    spoken: list[str] = field(default_factory=list)
    challenges: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        return "key-01snl-t56gb-j8tsok0vn802p80i"

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> dict[str, Any]:
        self.spoken.append(f"{method} {path}")
        if self.unavailable_times:
            self.unavailable_times -= 1
            raise Refusal(503, "Service Unavailable")
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Unauthorized")
        match method, path.strip("/").split("/"):
            case "GET", ["wallets", wallet_id]:
                return {"id": wallet_id, "signingKey": {"id": self.key_id}}
            case "GET", ["keys", key_id]:
                return self._describe(key_id)
            case "GET", ["keys", _, "signatures", request_id]:
                return self._poll(request_id)
            case "POST", ["auth", "action", "init"]:
                return self._challenge(json.loads(body))
            case "POST", ["auth", "action"]:
                return self._grant(json.loads(body))
            case "POST", ["keys", key_id, "signatures"]:
                wanted = self.granted.pop(headers.get("X-DFNS-USERACTION", ""), None)
                if wanted != (method, path, body.decode()):
                    raise Refusal(403, "User action signature does not fit the request")
                return self._request(key_id, json.loads(body))
        raise Refusal(404, "Not found")

    def _describe(self, key_id: str) -> dict[str, Any]:
        if key_id != self.key_id:
            raise Refusal(404, "Key not found")
        public = self.key.public_key()
        if isinstance(self.key, Ed25519PrivateKey):
            scheme, curve, encoded = "EdDSA", "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            scheme, curve = "ECDSA", "secp256k1"
            encoded = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return {
            "id": key_id, "scheme": scheme, "curve": curve, "publicKey": encoded.hex(), "status": "Active",
            "custodial": True, "dateCreated": "2023-04-14T20:41:28.715Z", "wallets": [], "store": {"kind": "Mpc"},
        }  # fmt: skip

    def _challenge(self, action: dict[str, Any]) -> dict[str, Any]:
        identifier = secrets.token_urlsafe(16)
        challenge = secrets.token_urlsafe(32)
        self.challenges[identifier] = {**action, "challenge": challenge}
        return {
            "challenge": challenge,
            "challengeIdentifier": identifier,
            "supportedCredentialKinds": [{"kind": "Key", "factor": "first", "requiresSecondFactor": False}],
            "allowCredentials": {"key": [{"type": "public-key", "id": CREDENTIAL_ID}], "webauthn": []},
            "userVerification": "required",
            "attestation": "none",
        }

    def _grant(self, answer: dict[str, Any]) -> dict[str, Any]:
        action = self.challenges.pop(answer["challengeIdentifier"], None)
        assertion = answer["firstFactor"]["credentialAssertion"]
        client_data = unbase64url(assertion["clientData"])
        wanted = action and {
            "type": "key.get",
            "challenge": action["challenge"],
            "origin": ORIGIN,
            "crossOrigin": False,
        }
        if assertion["credId"] != CREDENTIAL_ID or json.loads(client_data) != wanted:
            raise Refusal(401, "Invalid challenge response")
        try:
            verify(self.credential.public_key(), unbase64url(assertion["signature"]), client_data)
        except InvalidSignature:
            raise Refusal(401, "Invalid signature") from None
        assert action
        token = secrets.token_urlsafe(32)
        self.granted[token] = (
            action["userActionHttpMethod"], action["userActionHttpPath"], action["userActionPayload"],
        )  # fmt: skip
        return {"userAction": token}

    def _request(self, key_id: str, body: dict[str, Any]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "id": f"sig-{secrets.token_hex(8)}", "keyId": key_id, "requestBody": body, "status": "Pending",
            "requester": {"userId": "us-1"}, "dateRequested": "2023-04-14T20:41:28.715Z",
        }  # fmt: skip
        self.requests[request["id"]] = request
        if self.rejects:
            return request | {"status": "Rejected", "reason": "Policy says no"}
        return self._poll(request["id"]) if not self.needs_polls else request

    def _poll(self, request_id: str) -> dict[str, Any]:
        request = self.requests[request_id]
        if self.needs_polls:
            self.needs_polls -= 1
            return request | {"status": "Executing"}
        r, s = self._sign(request["requestBody"])
        return request | {"status": "Signed", "signature": {"r": f"0x{r.hex()}", "s": f"0x{s.hex()}", "recid": 0}}

    def _sign(self, body: dict[str, Any]) -> tuple[bytes, bytes]:
        content = bytes.fromhex(body["message" if body["kind"] == "Message" else "hash"].removeprefix("0x"))
        if self.forges:
            content = hashlib.sha256(content).digest()
        if isinstance(self.key, Ed25519PrivateKey):
            signature = self.key.sign(content)
            return signature[:32], signature[32:]
        if body["kind"] != "Hash" or len(content) != 32:
            raise Refusal(400, "A hash has 32 bytes")
        r, s = decode_dss_signature(self.key.sign(content, ECDSA(Prehashed(SHA256()))))
        # Custodians do not care for the lower half: give the upper one.
        return r.to_bytes(32), max(s, ORDER - s).to_bytes(32)


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(public_key: Any, signature: bytes, message: bytes) -> None:
    if isinstance(public_key, Ed25519PublicKey):
        public_key.verify(signature, message)
    else:
        public_key.verify(signature, message, ECDSA(SHA256()))


def make_key(kind: str) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    return Ed25519PrivateKey.generate() if kind == "ED25519" else generate_private_key(SECP256K1())


@contextmanager
def serving(dfns: Dfns) -> Iterator[str]:
    """Serve a custodian on a port of this machine; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, answer = 200, dfns.answer(self.command, self.path, self.headers, body)
            except Refusal as refusal:
                status, answer = refusal.status, {"error": {"message": refusal.message}, "message": refusal.message}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
