"""The cookie that holds a browser's session: its name, and how far it may travel."""

from typing import Literal, TypedDict

from masspayout.settings import Settings

SESSION_COOKIE = "masspayout_session"
_SECONDS_PER_HOUR = 3600


class CookieToSet(TypedDict):
    """A cookie with its attributes, as a response's ``set_cookie`` takes them."""

    key: str
    value: str
    max_age: int
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def session_cookie(settings: Settings, text: str, *, is_https: bool) -> CookieToSet:
    """Return the cookie that a browser is to keep, as long as the session lasts.

    Scripts cannot read it. Pages of other sites cannot send it along with what changes something; yet whoever follows a
    link to here is still signed in.
    """
    return {
        "key": SESSION_COOKIE,
        "value": text,
        "max_age": int(settings.session_hours * _SECONDS_PER_HOUR),
        "httponly": True,
        "samesite": "lax",
        "secure": is_https,
    }
