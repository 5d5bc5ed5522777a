"""HTML put together from parts, so that what people typed is always escaped."""

from collections.abc import Iterable
from html import escape
from typing import Any

_EMPTY = {"br", "hr", "input", "link", "meta"}


class Html(str):
    """Text that is HTML already; any other text is escaped on its way into it."""

    __slots__ = ()


# What may stand inside an element: text, HTML, a number, nothing, or several of these.
Content = Any


def h(tag: str, *content: Content, **attributes: Any) -> Html:
    """Return an element. ``class_``, ``for_`` lose their line, other lines become dashes; None and False leave out."""
    written = "".join(
        f" {_attribute(name)}" if value is True else f' {_attribute(name)}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{written}>" if tag in _EMPTY else f"<{tag}{written}>{join(*content)}</{tag}>")


def join(*content: Content) -> Html:
    """Return pieces of content one after the other, escaped where they are not HTML."""
    return Html("".join(_piece(piece) for piece in content))


def _piece(piece: Content) -> str:
    if piece is None or piece is False:
        return ""
    if isinstance(piece, Html):
        return piece
    if isinstance(piece, Iterable) and not isinstance(piece, str):
        return join(*piece)
    return escape(str(piece))


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
