"""Tokens of a provider: the signature, and the claims that every token must have to be for us, and now."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from masspayout.kernel.errors import NotAuthenticated

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_CLOCK_SKEW_SECONDS = 60
_BEGIN_AGAIN = "Start the sign-in again; if it fails again, tell your administrator."
_SET_CLOCKS = "Set both clocks by a time server, then sign in again."


def usable_keys(document: Any) -> list[Key]:
    """Return the keys of a set that this software can use. Keys of a kind that it does not know are left out.

    Raises:
        ValueError: It is no set of keys.
    """
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("it is no set of keys")  # noqa: TRY004 - as all that JSON may raise
    found = []
    for each in document["keys"]:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        try:
            found.append(import_key({name: value for name, value in each.items() if isinstance(name, str)}))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


def key_id_of(token: str) -> str | None:
    """Return the id of the key that a token says it was signed with.

    Raises:
        NotAuthenticated: The text is no token.
    """
    try:
        part = token.split(".", maxsplit=1)[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        key_id = header.get("kid")
    except (ValueError, AttributeError):
        raise NotAuthenticated("The provider's answer has no token in it that can be read.", _BEGIN_AGAIN) from None
    return key_id if isinstance(key_id, str) else None


def keys_with(keys: Sequence[Key], key_id: str | None) -> list[Key]:
    """Return the keys that a token may have been signed with: those of its id, or all if it names none."""
    return [key for key in keys if key_id is None or key.kid == key_id]


def signed_claims(token: str, keys: Sequence[Key]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys signed.

    Raises:
        NotAuthenticated: None of them did.
    """
    reason = "it is signed with a key that the provider does not publish"
    for key in keys:
        try:
            return dict(jwt.decode(token, key, algorithms=_ALGORITHMS).claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            reason = f"its signature is not valid ({type(error).__name__})"
    raise NotAuthenticated(f"The provider's token cannot be trusted: {reason}.", _BEGIN_AGAIN)


def require_for_us(claims: Mapping[str, Any], *, issuer: str, client_id: str, with_end: bool = True) -> None:
    """Check that a token is of our provider, for us, and valid now.

    Args:
        claims: Its claims.
        issuer: The provider.
        client_id: Our id at the provider.
        with_end: The token has to say when it expires.

    Raises:
        NotAuthenticated: It is not; the message says why.
    """
    if claims.get("iss") != issuer:
        raise NotAuthenticated(
            f"The token is of the issuer {claims.get('iss')!r}, and OIDC_ISSUER is {issuer!r}.",
            "Set OIDC_ISSUER to the provider's own name for itself.",
        )
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    presenter = claims.get("azp", client_id)
    if client_id not in audiences or presenter != client_id:
        raise NotAuthenticated(
            f"The token is for the audience {audience!r}, and OIDC_CLIENT_ID is {client_id!r}.",
            "Set OIDC_CLIENT_ID to the client's id at the provider, or fix the audience there.",
        )
    _require_now(claims, with_end=with_end)


def _require_now(claims: Mapping[str, Any], *, with_end: bool) -> None:
    now = time.time()
    here = f"here it is {_time(now)}"
    end, issued = claims.get("exp"), claims.get("iat")
    if not _is_number(end) and (with_end or end is not None):
        raise NotAuthenticated("The token does not say when it expires.", _BEGIN_AGAIN)
    if _is_number(end) and end + _CLOCK_SKEW_SECONDS <= now:
        raise NotAuthenticated(
            f"The token expired at {_time(end)}, and {here}: the clock of the provider or of this machine is wrong.",
            _SET_CLOCKS,
        )
    for begin in (issued, claims.get("nbf")):
        if _is_number(begin) and begin - _CLOCK_SKEW_SECONDS > now:
            raise NotAuthenticated(
                f"The token is valid from {_time(begin)} on, and {here}: the clock of the provider or of this machine "
                "is wrong.",
                _SET_CLOCKS,
            )


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _time(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"
