"""Listeners: which contracts and accounts are read for events, how that goes, and what was set aside."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from nicegui import ui

from masspayout.automation import EventReader, event_listeners
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.components.tables import table
from masspayout.dashboard.formats import account, count, plural, when
from masspayout.dashboard.markup import h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import EventListener
from masspayout.db.repositories import EventSummary
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.roles import Permission

_EVENTS_SHOWN = 50


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/listeners", "Listeners", section="listeners")
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The listeners while somebody looks at them."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._shown: object = None

    async def show(self) -> None:
        page_head("Listeners", "Listeners read events of contracts and accounts: deposits, transfers, pauses.")
        with ui.element("div").classes("stack wide"):
            self._list = ui.element("div").classes("stack")
            if self._page_context.may(Permission.MANAGE_LISTENERS):
                self._form()
        await self._refresh()
        self._page_context.every(2.0, self._refresh)

    def _form(self) -> None:
        title, note = "Add listener", "contract, token or account that receives deposits"
        with card(title, note), ui.element("div").classes("row"):
            self._contract = (
                ui.input("Contract or account id", placeholder="0.0.6001")
                .props('outlined dense aria-label="Contract or account id"')
                .classes("grow")
            )
            add = self._page_context.handler(Permission.MANAGE_LISTENERS, self._add)
            self._contract.on("keydown.enter", add)
            button("Add listener", add, primary=True)

    async def _add(self) -> None:
        listener = await event_listeners.add(
            self._page_context.database, self._contract.value, since=await self._page_context.database.clock.now()
        )
        self._contract.value = ""
        messages.notify(f"{listener.contract_id} has a listener.")
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            listeners = await work.event_listeners.find_in_order()
            summaries = await work.event_listeners.summaries()
        now = [
            (
                each.contract_id,
                each.enabled,
                each.poll_error,
                each.last_processed_timestamp,
                summaries.get(each.contract_id),
            )
            for each in listeners
        ]
        if now == self._shown:
            return
        self._shown = now
        self._list.clear()
        with self._list:
            if not listeners:
                text = "A series that starts when funds arrive adds one by itself. You can also add one below."
                html(empty("No listeners yet", text), classes="card")
            for each in listeners:
                self._one(each, summaries.get(each.contract_id, EventSummary()))

    def _one(self, listener: EventListener, summary: EventSummary) -> None:
        with card():
            with ui.element("div").classes("between"):
                state = chip("On", "good") if listener.enabled else chip("Off")
                html(join(h("h2", account(listener.contract_id), " ", state)))
                if self._page_context.may(Permission.MANAGE_LISTENERS):
                    self._buttons(listener, summary)
            html(
                facts(
                    ("Last poll", when(listener.last_polled_at, "ago")),
                    ("Cursor", _cursor(listener)),
                    ("Events handled", count(summary.handled)),
                    ("Set aside", h("span", count(summary.set_aside), class_="bad") if summary.set_aside else None),
                    ("First error", summary.first_error),
                    ("Error", h("span", listener.poll_error, class_="bad") if listener.poll_error else None),
                )
            )

    def _buttons(self, listener: EventListener, summary: EventSummary) -> None:
        contract_id = listener.contract_id
        with ui.element("div").classes("row"):
            if summary.set_aside:
                self._button("Show set-aside events", lambda: self._see(contract_id))
                self._button("Retry set-aside events", lambda: self._replay(listener))
            if listener.enabled:
                self._button("Poll now", lambda: self._poll(listener))
            label = "Switch off …" if listener.enabled else "Switch on"
            self._button(label, lambda: self._switch(contract_id, enabled=not listener.enabled))

    def _button(self, label: str, action: Callable[[], Awaitable[None]]) -> None:
        button(label, self._page_context.handler(Permission.MANAGE_LISTENERS, action), small=True)

    async def _poll(self, listener: EventListener) -> None:
        polled = await self._reader().poll(listener.id, await self._page_context.database.clock.now())
        messages.notify(f"{plural(polled.handled, 'event')} handled, {count(polled.set_aside)} set aside.")
        await self._refresh()

    async def _replay(self, listener: EventListener) -> None:
        replayed = await self._reader().replay(listener.id, await self._page_context.database.clock.now())
        messages.notify(f"{plural(replayed.handled, 'event')} handled, {count(replayed.set_aside)} still set aside.")
        await self._refresh()

    async def _switch(self, contract_id: str, *, enabled: bool) -> None:
        if not enabled:
            text = "Its events are not handled while it is off. Switched on again, it goes on where it stopped."
            if not await confirm(f"Stop listening to {contract_id}?", h("p", text), yes="Switch off", danger=True):
                return
        await event_listeners.set_enabled(self._page_context.database, contract_id, enabled=enabled)
        await self._refresh()

    async def _see(self, contract_id: str) -> None:
        async with self._page_context.unit_of_work() as work:
            events = await work.contract_events.find_set_aside(contract_id)
        rows = [
            (each.name, when(_time(each.timestamp_nanos)), each.error, h("span", str(each.payload), class_="mono"))
            for each in events[:_EVENTS_SHOWN]
        ]
        with ui.dialog() as dialog, ui.element("div").classes("dialog").style("width: 60rem"):
            html(h("h2", f"{plural(len(events), 'event')} of {contract_id} set aside"))
            html(table(["Event", "When", "Error", "Content"], rows, label="Events"))
            with ui.element("div").classes("dialog-actions"):
                button("Close", dialog.close)
        dialog.open()

    def _reader(self) -> EventReader:
        context = self._page_context.context
        return EventReader(context.database, context.ledger, context.settings)


def _cursor(listener: EventListener) -> object:
    nanos = listener.last_processed_timestamp
    return "before its first event" if nanos is None else when(_time(nanos))


def _time(nanos: int) -> datetime:
    return datetime.fromtimestamp(nanos // NANOS_PER_SECOND, UTC)
