"""Formats of figures, times and names: exact, grouped, and the same everywhere."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from masspayout.dashboard.markup import Html, h, join

# Narrow, and it does not break: the digits of one number stay together.
THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
# Stands where there is nothing to be said.
NOTHING = "\N{EN DASH}"
_LEAST_DECIMALS = 2
_ALL = 100
_LONGEST_ACCOUNT = 20
_SECONDS_PER_MINUTE, _MINUTES_PER_HOUR, _HOURS_PER_DAY = 60, 60, 24


def count(number: int) -> str:
    """Write a whole number with its digits in groups of three."""
    return f"{number:,}".replace(",", THIN_SPACE)


def plain_amount(amount: Decimal, symbol: str | None = None) -> str:
    """Write an amount exactly, with two decimals or as many as it needs, and its token's symbol."""
    whole, fraction = _parts(amount)
    kept = fraction.rstrip("0")
    kept = kept.ljust(min(_LEAST_DECIMALS, len(fraction)), "0")
    written = whole + (f".{kept}" if kept else "")
    return f"{written}\N{NO-BREAK SPACE}{symbol}" if symbol else written


def amount(value: Decimal | None, symbol: str | None = None, *, exact: bool = False) -> Html:
    """Write an amount for a column or a line; with ``exact``, all decimals are there, so that points line up."""
    if value is None:
        return h("span", NOTHING, class_="faint")
    whole, fraction = _parts(value)
    shown = fraction if exact else plain_amount(value).partition(".")[2]
    return h(
        "span",
        whole,
        h("span", f".{shown}", class_="fraction") if shown else None,
        h("span", symbol, class_="symbol") if symbol else None,
        class_="amount",
    )


def short_amount(value: Decimal) -> str:
    """Write about how much an amount is, for the top of a bar: 1.2 M. The bar's title has the exact one."""
    for size, letter in ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k")):
        if value >= size:
            return f"{(value / size):.3g}{THIN_SPACE}{letter}"
    return f"{value:.3g}" if value else "0"


def units(number: int, decimals: int, symbol: str | None = None) -> Html:
    """Write a balance that is counted in smallest units."""
    return amount(Decimal(number).scaleb(-decimals), symbol)


def percent(part: int | Decimal, whole: int | Decimal, decimals: int = 1) -> str:
    """Write a part of a whole in percent; what is not all, or not nothing, is never rounded to look so."""
    if not whole:
        return "0%"
    share = _ALL * Fraction(part) / Fraction(whole)
    written = round(share, decimals)
    if written == _ALL and share < _ALL:
        return f"99.{'9' * decimals}%"
    if written == 0 and share > 0:
        return f"<{Decimal(10) ** -decimals}%"
    return f"{float(written):.{decimals}f}".rstrip("0").rstrip(".") + "%"


def when(time: datetime | None, form: str | None = None) -> Html:
    """Write a time in the zone of the reader's browser, with UTC on hover. ``form``: date, or ago."""
    if time is None:
        return h("span", NOTHING, class_="faint")
    utc = time.astimezone(UTC)
    return h("local-time", f"{utc:%Y-%m-%d %H:%M} UTC", datetime=utc.isoformat().replace("+00:00", "Z"), form=form)


def duration(seconds: float) -> str:
    """Write about how long something takes."""
    rest = max(0, round(seconds))
    if rest < _SECONDS_PER_MINUTE:
        return f"{rest} s"
    minutes, rest = divmod(rest, _SECONDS_PER_MINUTE)
    if minutes < _MINUTES_PER_HOUR:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, _MINUTES_PER_HOUR)
    if hours < _HOURS_PER_DAY:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, _HOURS_PER_DAY)
    return f"{days} d {hours} h" if hours else f"{days} d"


def account(account_id: str) -> Html:
    """Write an account, token or contract id; a long one is shortened in its middle and whole on hover."""
    if len(account_id) <= _LONGEST_ACCOUNT:
        return h("span", account_id, class_="id")
    return h("span", f"{account_id[:8]}…{account_id[-6:]}", class_="id", title=account_id)


def words(value: str | None) -> str:
    """Write a value of an enumeration as a word: ``SET_ASIDE`` as ``Set aside``."""
    return NOTHING if value is None else str(value).replace("_", " ").capitalize()


def plural(number: int, noun: str, many: str | None = None) -> str:
    """Write a number with its noun: 1 holder, 3 000 holders."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def lines(*parts: Html | str | None) -> Html:
    """Write a first line and fainter ones under it."""
    first, *others = [part for part in parts if part]
    return join(first, *(h("span", other, class_="under") for other in others))


def _parts(amount: Decimal) -> tuple[str, str]:
    whole, _, fraction = f"{amount:,f}".partition(".")
    return whole.replace(",", THIN_SPACE), fraction
