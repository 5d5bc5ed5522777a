"""Cookies of a browser's session, the requests that it is sent with, and the paths that a sign-in may lead to."""

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
    """Return the cookie that a browser keeps as long as the session lasts.

    Scripts cannot read it. Other sites cannot have it sent with a request that changes something; yet a reader who
    follows a link to here is still signed in.
    """
    return {
        "key": SESSION_COOKIE,
        "value": text,
        "max_age": int(settings.session_hours * _SECONDS_PER_HOUR),
        "httponly": True,
        "samesite": "lax",
        "secure": is_https,
    }


def local_path(path: str) -> str:
    """Return a path of ours: a text that somebody put into an address must not lead anywhere else.

    Browsers take a backslash for a slash and leave tabs and line ends out.
    """
    leads_away = not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable()
    return "/" if leads_away else path
