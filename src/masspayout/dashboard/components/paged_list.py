"""A long list, a page at a time: its table in a card, a field that searches it, and the way through its pages."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from masspayout.dashboard.components.layout import card, html
from masspayout.dashboard.components.tables import Pager
from masspayout.dashboard.markup import Html
from masspayout.db.repositories import Page

_PAGE_SIZE = 25

# What is wanted, the number of the page and its size, to what the list holds there and how it looks.
Read = Callable[[str, int, int], Awaitable[tuple[Page[Any], Html]]]


class PagedList:
    """A list while somebody looks at it.

    Args:
        read: Finds a page of what matches a text, and puts it into a table, or says that there is nothing.
        searches: For a list that can be searched: what the field is for, and what it looks in.
    """

    def __init__(self, read: Read, *, searches: tuple[str, str] | None = None) -> None:
        self._read = read
        self._search: ui.input | None = None
        with card(flush=True):
            if searches is not None:
                with ui.element("div").classes("card-tools"):
                    self._search = _search_field(*searches, self._begin_again)
            self._table = html()
            self._pager = Pager(_PAGE_SIZE, self.refresh)

    async def refresh(self) -> None:
        """Bring the page that is shown up to date."""
        wanted = "" if self._search is None else (self._search.value or "").strip()
        found, self._table.content = await self._read(wanted, self._pager.page, _PAGE_SIZE)
        self._pager.show(found.items, found.total)

    async def _begin_again(self) -> None:
        self._pager.rewind()
        await self.refresh()


def _search_field(label: str, placeholder: str, changed: Callable[[], Awaitable[None]]) -> ui.input:
    field = ui.input(placeholder=placeholder, on_change=changed)
    return field.props(f'outlined dense clearable debounce=250 aria-label="{label}"').classes("grow")
