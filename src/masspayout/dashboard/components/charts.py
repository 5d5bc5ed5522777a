"""Charts, drawn with the page's own colours and readable without them: every bar says its exact figure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from masspayout.dashboard.formats import percent, plain_amount, short_amount
from masspayout.dashboard.markup import Html, h, join
from masspayout.kernel.money import total

_TONES = 6


def stacked_bars(months: Sequence[tuple[str, Mapping[str, Decimal]]], names: Sequence[str], symbol: str) -> Html:
    """Return bars of amounts, one a month, each made of what belongs to each name; its place decides its colour."""
    highest = max((total(parts.values()) for _, parts in months), default=Decimal(0))
    bars = [_bar(month, parts, names, symbol, highest) for month, parts in months]
    return join(
        h("div", bars, class_="bars", role="img", aria_label=_description(months, symbol)),
        legend(names, [name for name in names if any(parts.get(name) for _, parts in months)]),
    )


def legend(names: Sequence[str], shown: Sequence[str]) -> Html:
    """Return which colour is which name, for those that are shown."""
    entries = [h("span", h("i", class_=tone(at)), name) for at, name in enumerate(names) if name in shown]
    return h("div", entries, class_="legend")


def tone(position: int) -> str:
    """Return the colour of the name at a position."""
    return f"tone-{position % _TONES + 1}"


def stripe(parts: Sequence[tuple[str, int]], whole: int) -> Html:
    """Return a line that is divided as a whole is, with its legend."""
    pieces = [
        h("i", class_=tone(at), style=f"width:{_width(units, whole)}", title=f"{name}: {percent(units, whole)}")
        for at, (name, units) in enumerate(parts)
    ]
    names = [f"{name} · {percent(units, whole)}" for name, units in parts]
    return join(h("div", pieces, class_="stripe", role="img", aria_label="; ".join(names)), legend(names, names))


def _bar(month: str, parts: Mapping[str, Decimal], names: Sequence[str], symbol: str, highest: Decimal) -> Html:
    whole = total(parts.values())
    pieces = [
        h("i", class_=tone(at), style=f"flex:{parts[name]:f}", title=f"{name}: {plain_amount(parts[name], symbol)}")
        for at, name in enumerate(names)
        if parts.get(name)
    ]
    height = _width(whole, highest, most=82)
    return h(
        "div",
        h("span", short_amount(whole) if whole else "", class_="total"),
        h("span", pieces, class_="column", style=f"height:{height}", title=plain_amount(whole, symbol)),
        h("span", month, class_="name"),
        class_="bar",
    )


def _width(part: int | Decimal, whole: int | Decimal, most: int = 100) -> str:
    return f"{float(most * Decimal(part) / Decimal(whole)):.3f}%" if whole else "0"


def _description(months: Sequence[tuple[str, Mapping[str, Decimal]]], symbol: str) -> str:
    return "; ".join(f"{month}: {plain_amount(total(parts.values()), symbol)}" for month, parts in months)
