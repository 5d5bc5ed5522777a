"""Tables: one row a line, amounts at the right; on a phone each row becomes a card. And pages of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.formats import NOTHING, count
from masspayout.dashboard.markup import Content, Html, h


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what its head says, and whether it holds figures."""

    label: str
    is_number: bool = False


def numbers(label: str) -> Column:
    """Return a column of figures, which stand at the right."""
    return Column(label, is_number=True)


def table(columns: Sequence[Any], rows: Iterable[Sequence[Content]], *, label: str) -> Html:
    """Return a table. Columns are ``Column``, or their heads alone. The first one is what a row is about."""
    heads = [column if isinstance(column, Column) else Column(column) for column in columns]
    return h(
        "div",
        h(
            "table",
            h("caption", label, class_="q-sr-only", style="position:absolute;width:1px;height:1px;overflow:hidden"),
            h("thead", h("tr", (h("th", c.label, scope="col", class_="num" if c.is_number else None) for c in heads))),
            h("tbody", (_row(heads, row) for row in rows)),
            class_="table",
        ),
        class_="table-wrap",
    )


def _row(heads: Sequence[Column], cells: Sequence[Content]) -> Html:
    pairs = zip(heads, cells, strict=True)
    return h(
        "tr", (h("td", cell, class_="num" if head.is_number else None, data_label=head.label) for head, cell in pairs)
    )


class Pager:
    """Leads through the pages of a list: where one is, how many there are, back and forth.

    Args:
        size: How many rows a page has.
        turned: Called when another page is wanted.
    """

    def __init__(self, size: int, turned: Callable[[], object]) -> None:
        self.size = size
        self.page = 1
        self._before: list[Any] = []
        self._turned = turned
        with ui.element("div").classes("pager") as self._bar:
            self._text = ui.html("", sanitize=False)
            with ui.element("div").classes("row"):
                self._back = button("Previous", lambda: self._turn(-1), small=True)
                self._forth = button("Next", lambda: self._turn(1), small=True)

    @property
    def after(self) -> Any:
        """The last row of the page before this one: it is where this page begins. None on the first."""
        return self._before[self.page - 2] if self.page > 1 else None

    def rewind(self) -> None:
        """Begin with the first page again."""
        self.page = 1
        self._before.clear()

    @property
    def offset(self) -> int:
        """The number of rows before this page."""
        return (self.page - 1) * self.size

    def show(self, rows: Sequence[Any], total: int, *, at_least: bool = False) -> None:
        """Show the position among the rows; with ``at_least`` there are more of them."""
        shown = len(rows)
        self._before[self.page - 1 :] = rows[-1:]
        first = self.offset + 1 if shown else 0
        more = "+" if at_least else ""
        self._text.content = f"{count(first)}{NOTHING}{count(self.offset + shown)} of {count(total)}{more}"
        self._back.set_enabled(self.page > 1)
        self._forth.set_enabled(self.offset + shown < total or at_least)
        self._bar.set_visibility(total > self.size or self.page > 1)

    async def _turn(self, by: int) -> None:
        self.page = max(1, self.page + by)
        result = self._turned()
        if hasattr(result, "__await__"):
            await result
