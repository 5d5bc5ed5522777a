"""A small OpenID Connect provider that gives the answers that a real one never would, and checks what it is sent."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

from masspayout.api.server import answer_requests, listen
from masspayout.settings import Settings

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def new_key(key_id: str = "the key") -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": key_id})


class LyingProvider:
    """Lets everybody in as whoever the test says.

    Attributes:
        address: Its issuer.
        published: The keys that it shows.
        signs_with: The key that it signs with.
        claims: The claims about whoever comes.
        overrides: Claims that replace what a token has to have; None leaves them out.
        userinfo: What the userinfo endpoint has; None: there is no such endpoint.
        described: Further parts of its own description, or others.
        requests: The paths that were asked for.
        token_error: What the token endpoint answers instead of tokens, with the status.
        refresh_token: The refresh token that it gives; None: it gives none.
    """

    def __init__(self) -> None:
        self.address = ""
        self.signs_with = new_key()
        self.published: list[dict[str, Any]] = [dict(self.signs_with.as_dict(private=False))]
        self.claims: dict[str, Any] = {"sub": "42", "preferred_username": "Ana", "roles": ["approver"]}
        self.overrides: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.described: dict[str, Any] = {}
        self.requests: list[str] = []
        self.token_error: tuple[int, dict[str, str]] | None = None
        self.refresh_token: str | None = None
        self.expected_secret: str | None = "secret"
        self.challenges: dict[str, tuple[str, str]] = {}
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._metadata)
        self.app.get("/authorize")(self._authorize)
        self.app.post("/token")(self._token)
        self.app.get("/keys")(self._keys)
        self.app.get("/userinfo")(self._userinfo)

    def token(self, **claims: Any) -> str:
        """Return a token that it signs now."""
        now = int(time.time())
        usual = {"iss": self.address, "aud": "masspayout", "iat": now, "exp": now + 60}
        merged = {name: value for name, value in (usual | claims | self.overrides).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.signs_with.kid}, merged, self.signs_with)

    def logout_token(self, **claims: Any) -> str:
        """Return a logout token."""
        return self.token(events={LOGOUT_EVENT: {}}, jti=str(time.time()), **claims)

    async def _metadata(self) -> dict[str, Any]:
        self.requests.append("metadata")
        endpoints = {"authorization": "authorize", "token": "token"} | (
            {} if self.userinfo is None else {"userinfo": "userinfo"}
        )
        found = {f"{name}_endpoint": f"{self.address}/{path}" for name, path in endpoints.items()}
        return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"} | found | self.described

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        assert query["client_id"] == "masspayout"
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = (query["code_challenge"], query["nonce"])
        return RedirectResponse(f"{query['redirect_uri']}?code={code}&state={query['state']}")

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        self.requests.append(str(form["grant_type"]))
        if self.token_error is not None:
            status, error = self.token_error
            return JSONResponse(error, status)
        if not self._is_client(request, {name: str(value) for name, value in form.items()}):
            return JSONResponse({"error": "invalid_client", "error_description": "Wrong secret."}, 401)
        nonce = None
        if form["grant_type"] == "authorization_code":
            found = self.challenges.pop(str(form["code"]), None)
            if found is None:
                return JSONResponse({"error": "invalid_grant"}, 400)
            challenge, nonce = found
            assert form["code_verifier"] != challenge
        elif form["refresh_token"] != self.refresh_token:
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = self.token(nonce=nonce, **self.claims)
        tokens = {"access_token": "x", "token_type": "Bearer", "id_token": token, "refresh_token": self.refresh_token}
        return JSONResponse({name: value for name, value in tokens.items() if value is not None})

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        if self.expected_secret is None:
            return "authorization" not in request.headers and form.get("client_id") == "masspayout"
        if self.described.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret")) == ("masspayout", self.expected_secret)
        expected = base64.b64encode(f"masspayout:{self.expected_secret}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {expected}"

    async def _keys(self) -> dict[str, Any]:
        self.requests.append("keys")
        return {"keys": self.published}

    async def _userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer x":
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(self.userinfo)


@asynccontextmanager
async def lying_provider(settings: Settings) -> AsyncIterator[LyingProvider]:
    """Run one on a free port."""
    provider, stop = LyingProvider(), asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(answer_requests(provider.app, settings, listener, stop))
        provider.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield provider
        stop.set()
        await serving
