"""Query parameters as the mirror node reads them: comparisons, limit and order, and the link to the next page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from hedera_network.identifiers import entity_number, parse_timestamp

DEFAULT_LIMIT, MAX_LIMIT = 25, 100
_OPERATORS = ("gte", "gt", "lte", "lt", "eq", "ne")
_LARGEST = 2**63 - 1


class BadRequest(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """Parameters that the mirror node does not take; the message is what it says."""


class NotFound(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """The mirror node knows no such thing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From what to what, both included. ``chosen`` are single values that were asked for."""

    lower: int = -1
    upper: int = _LARGEST
    chosen: frozenset[int] | None = None
    unwanted: frozenset[int] = frozenset()

    @property
    def is_bounded(self) -> bool:
        """Whether both ends were asked for."""
        return self.lower >= 0 and self.upper < _LARGEST

    def __contains__(self, value: int) -> bool:
        if not self.lower <= value <= self.upper or value in self.unwanted:
            return False
        return self.chosen is None or value in self.chosen


class Query:
    """The parameters of one request."""

    def __init__(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]],
        accepted: frozenset[str],
        *,
        default_order: str = "desc",
    ) -> None:
        self._path, self._parameters = path, parameters
        for name, _ in parameters:
            if name not in accepted:
                raise BadRequest(f"Unknown query parameter: {name}")
        self.limit = self._read_limit()
        order = self.last("order") or default_order
        if order not in {"asc", "desc"}:
            raise BadRequest("Invalid parameter: order")
        self.ascending = order == "asc"

    def last(self, name: str) -> str | None:
        """Return the last value of a parameter."""
        return next((value for given, value in reversed(self._parameters) if given == name), None)

    def comparisons(self, name: str, parse: Callable[[str], int]) -> list[tuple[str, int]]:
        """Return each (operator, value) of a parameter."""
        return [self._comparison(name, value, parse) for given, value in self._parameters if given == name]

    def bounds(self, name: str, parse: Callable[[str], int], *, any_of: bool = True) -> Bounds:
        """Put the comparisons of a parameter together.

        Of several single values any will do, but where ``any_of`` is False: there all of them must be met at once.
        """
        lower, upper, chosen, unwanted = -1, _LARGEST, set(), set()
        for operator, value in self.comparisons(name, parse):
            if operator in {"gt", "gte"}:
                lower = max(lower, value + (operator == "gt"))
            elif operator in {"lt", "lte"}:
                upper = min(upper, value - (operator == "lt"))
            elif operator == "ne":
                unwanted.add(value)
            else:
                chosen.add(value)
        if len(chosen) > 1 and not any_of:
            lower, upper = 1, 0
        return Bounds(lower, upper, frozenset(chosen) if chosen else None, frozenset(unwanted))

    def accounts(self, name: str = "account.id", *, any_of: bool = True) -> Bounds:
        """Return which accounts, or other entities, are asked for."""
        return self.bounds(name, parse_entity, any_of=any_of)

    def times(self) -> Bounds:
        """Return which times are asked for."""
        return self.bounds("timestamp", parse_time)

    def next_link(self, name: str, last: str, *, count: int) -> str | None:
        """Return the link to the next page; None if this one was not full. The next one may be empty."""
        if count < self.limit:
            return None
        direction = "gt" if self.ascending else "lt"
        kept = [
            (given, value)
            for given, value in self._parameters
            if given != name or not value.partition(":")[0].startswith(direction)
        ]
        return f"{self._path}?{urlencode([*kept, (name, f'{direction}:{last}')], safe=':')}"

    def _read_limit(self) -> int:
        text = self.last("limit")
        if text is None:
            return DEFAULT_LIMIT
        if not text.isdecimal() or int(text) == 0:
            raise BadRequest("Invalid parameter: limit")
        return min(int(text), MAX_LIMIT)

    @staticmethod
    def _comparison(name: str, text: str, parse: Callable[[str], int]) -> tuple[str, int]:
        operator, colon, value = text.partition(":")
        if not colon:
            operator, value = "eq", text
        if operator not in _OPERATORS:
            raise BadRequest(f"Invalid parameter: {name}")
        try:
            return operator, parse(value)
        except ValueError:
            raise BadRequest(f"Invalid parameter: {name}") from None


def parse_entity(text: str) -> int:
    """Read an entity: ``0.0.n``, n, or the address in the EVM that stands for it."""
    if text.startswith("0x"):
        number = int(text, 16)
        if len(text) != len("0x") + 40 or number > _LARGEST:
            raise ValueError(text)
        return number
    return entity_number(text) if "." in text else int(text)


def parse_time(text: str) -> int:
    """Read a timestamp in seconds, into nanoseconds."""
    return parse_timestamp(text)
