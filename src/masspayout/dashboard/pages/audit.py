"""The audit trail: who did what, from where, with what it was before and after; and whether its chain holds."""

from typing import Any

from nicegui import ui

from masspayout import audit
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import callout, card, html, page_head
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.formats import count, lines, plural, when, words
from masspayout.dashboard.markup import Content, Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import AuditEntry
from masspayout.kernel.roles import Permission

_PAGE_SIZE = 25
_LONGEST_SHOWN = 80
_CHANGES_SHOWN = 2
_LONGEST_ID, _ID_SHOWN = 24, 13
# Where the page of a kind of subject is.
_PATHS = {"distribution": "/payouts/", "series": "/series/", "asset": "/assets/"}


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/audit", "Audit trail", section="audit", permission=Permission.VIEW_AUDIT)
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The trail while somebody looks at it."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        lead = "Who did what, in a chain of hashes that shows whether anything was changed afterwards."
        with page_head("Audit trail", lead):
            self._verify = button("Verify the chain", self._page_context.handler(Permission.VIEW_AUDIT, self._check))
        self._verdict = html(classes="stack")
        with card(flush=True):
            with ui.element("div").classes("card-tools"):
                self._actor = self._field("User, token or worker", self._page_context.argument("actor"))
                self._subject = self._field("Id of the object", self._page_context.argument("subject"))
                self._action = self._field(
                    "Action, such as distribution.executed", self._page_context.argument("action")
                )
            self._table = html()
            self._pager = Pager(_PAGE_SIZE, self._refresh)
        await self._refresh()
        self._page_context.every(3.0, self._refresh)

    def _field(self, label: str, value: str) -> ui.input:
        field = ui.input(label, value=value, on_change=self._first_page)
        return field.props("outlined dense clearable debounce=250").classes("grow")

    async def _first_page(self) -> None:
        self._pager.rewind()
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            found = await work.audit_entries.find(
                subject_id=_wanted(self._subject),
                action=_wanted(self._action),
                actor=_wanted(self._actor),
                page=self._pager.page,
                limit=_PAGE_SIZE,
            )
            sentences = await audit.describe(work, found.items)
        if found.items:
            heads = [numbers("No."), "When", "What", "Who", "Object", "Changes"]
            self._table.content = table(heads, map(_row, found.items, sentences), label="Audit trail")
        else:
            self._table.content = empty("No matching entries", "Every change of a payout or a setting appears here.")
        self._pager.show(found.items, found.total)

    async def _check(self) -> None:
        self._verify.props("loading")
        try:
            found = await audit.verify(self._page_context.database)
        finally:
            self._verify.props(remove="loading")
        if found.holds:
            note = h("span", "The last hash is ", h("span", found.last_hash, class_="mono"), ": keep a copy elsewhere.")
            text = f"The chain holds: {plural(found.entry_count, 'entry', 'entries')}, none changed or missing."
            self._verdict.content = callout("good", text, note)
        else:
            title = f"The chain does not hold in {plural(found.break_count, 'place')}."
            self._verdict.content = callout("bad", title, *found.breaks)


def _wanted(field: ui.input) -> str | None:
    return (field.value or "").strip() or None


def _row(entry: AuditEntry, sentence: str) -> tuple[Content, ...]:
    path = _PATHS.get(entry.subject_type)
    shown_id = entry.subject_id if len(entry.subject_id) <= _LONGEST_ID else entry.subject_id[:_ID_SHOWN] + "…"
    subject = h("span", shown_id, class_="mono nowrap", title=entry.subject_id)
    return (
        count(entry.number),
        when(entry.created_at),
        lines(sentence, entry.action),
        h("span", lines(entry.actor_name, words(entry.actor_kind), entry.source_address), class_="nowrap"),
        h("a", subject, href=f"{path}{entry.subject_id}") if path else subject,
        _changes(entry.before, entry.after),
    )


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Html:
    was, is_now = before or {}, after or {}
    changes = [_change(name, was.get(name), is_now.get(name)) for name in dict.fromkeys([*was, *is_now])]
    shown = [h("div", change, class_="note") for change in changes if change]
    if len(shown) <= _CHANGES_SHOWN + 1:
        return join(*shown)
    first, others = shown[:_CHANGES_SHOWN], shown[_CHANGES_SHOWN:]
    return join(*first, h("details", h("summary", f"{len(others)} more"), *others, class_="more"))


def _change(name: str, before: Any, after: Any) -> Html | None:
    if before in (None, "", []) and after in (None, "", []):
        return None
    was = join(_shown(before), " → ") if before not in (None, "", []) else None
    return join(f"{name}: ", was, h("span", _shown(after), class_="soft"))


def _shown(value: Any) -> str:
    return _shortened("" if value is None else str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
