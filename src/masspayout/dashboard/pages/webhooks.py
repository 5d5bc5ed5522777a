"""Webhooks, for admins: which other systems are told what becomes of payouts, and whether they took it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip, status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.forms import form_card
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.components.secrets import show_secret
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.formats import count, plural, when
from masspayout.dashboard.markup import Content, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import DeliveryStatus, Webhook, WebhookDelivery
from masspayout.db.repositories import Backlog
from masspayout.kernel.roles import Permission
from masspayout.service.webhooks import targets

_MANAGE = Permission.MANAGE_WEBHOOKS
_PAGE_SIZE = 20
_MOST_TARGETS = 200
_EVENTS = {kind: kind for kind in ("distribution.*", "batch.*", *targets.EVENT_TYPES)}


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/webhooks", "Webhooks", section="webhooks", permission=_MANAGE)
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The targets, and the log of deliveries, while an admin looks at them."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._shown: object = None

    async def show(self) -> None:
        page_head("Webhooks", "Signed events of payouts, sent to other systems until they accept them.")
        self._list = ui.element("div").classes("stack")
        with form_card("Add webhook", "Add", self._page_context.handler(_MANAGE, self._add)):
            self._url = ui.input("Address", placeholder="https://erp.example.com/payouts").props("outlined dense")
            events = ui.select(_EVENTS, value=list(targets.DEFAULT_EVENTS), label="Events", multiple=True)
            self._events = events.props("outlined dense use-chips")
        with card("Deliveries", "the latest first", flush=True):
            self._table = ui.element("div").classes("wide")
            self._pager = Pager(_PAGE_SIZE, self._refresh)
        await self._refresh()
        self._page_context.every(3.0, self._refresh)

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            found = await work.webhooks.find_all(1, _MOST_TARGETS)
            backlogs = await work.webhooks.backlogs()
            log = await work.webhooks.find_deliveries(None, None, self._pager.page, _PAGE_SIZE)
        now = (
            [(each.id, each.enabled, backlogs.get(each.id)) for each in found.items],
            [(each.id, each.status, each.tries) for each in log.items],
        )
        if now == self._shown:
            return
        self._shown = now
        self._list.clear()
        with self._list:
            if not found.items:
                text = "Add an address below to send it signed events."
                html(empty("No webhooks yet", text), classes="card")
            for webhook in found.items:
                self._one(webhook, backlogs.get(webhook.id))
        self._show_log(log.items)
        self._pager.show(log.items, log.total)

    def _one(self, webhook: Webhook, backlog: Backlog | None) -> None:
        with card():
            with ui.element("div").classes("between"):
                state = chip("On", "good") if webhook.enabled else chip("Off")
                html(join(h("h2", webhook.url, " ", state)))
                with ui.element("div").classes("row"):
                    self._button("Switch off" if webhook.enabled else "Switch on", partial(self._switch, webhook))
                    self._button("Remove …", partial(self._remove, webhook), danger=True)
            failed = backlog.failed if backlog else 0
            html(
                facts(
                    ("Events", ", ".join(webhook.events)),
                    ("Queued", count(backlog.pending) if backlog else "0"),
                    ("Given up", h("span", count(failed), class_="bad") if failed else None),
                    ("Failing since", when(webhook.failing_since) if webhook.failing_since else None),
                    ("Since", when(webhook.created_at, "date")),
                )
            )

    def _button(self, label: str, action: Callable[[], Awaitable[None]], *, danger: bool = False) -> None:
        button(label, self._page_context.handler(_MANAGE, action), small=True, danger=danger)

    def _show_log(self, rows: Sequence[WebhookDelivery]) -> None:
        self._table.clear()
        with self._table:
            if not rows:
                html(empty("No deliveries yet", "Each event that a webhook asks for appears here."))
                return
            heads = ["Event", "State", numbers("Attempts"), "Response", "When"]
            html(table(heads, map(_row, rows), label="Deliveries"))
            given_up = [each for each in rows if each.status is DeliveryStatus.FAILED]
            if given_up:
                label = f"Send the {plural(len(given_up), 'delivery', 'deliveries')} given up on this page again"
                with ui.element("div").classes("card-tools"):
                    self._button(label, partial(self._again, given_up))

    async def _add(self) -> None:
        context = self._page_context.context
        webhook, secret = await targets.add(
            context.database, context.settings, self._url.value or "", self._events.value
        )
        self._url.value = ""
        note = "Deliveries are signed with it. Copy it now. It is not shown again."
        show_secret(f"The secret for {webhook.url}", secret, note)
        await self._refresh()

    async def _switch(self, webhook: Webhook) -> None:
        await targets.set_enabled(self._page_context.database, webhook.id, enabled=not webhook.enabled)
        await self._refresh()

    async def _remove(self, webhook: Webhook) -> None:
        text = h("p", "It gets no more events, and its log of deliveries is removed too.")
        if not await confirm(f"Remove {webhook.url}?", text, yes="Remove webhook", danger=True):
            return
        await targets.remove(self._page_context.database, webhook.id)
        messages.notify(f"{webhook.url} is removed.")
        await self._refresh()

    async def _again(self, deliveries: list[WebhookDelivery]) -> None:
        for delivery in deliveries:
            await targets.send_again(self._page_context.database, delivery.id)
        messages.notify("The deliveries are sent again.")
        await self._refresh()


def _row(delivery: WebhookDelivery) -> tuple[Content, ...]:
    status = f"HTTP {delivery.response_status}" if delivery.response_status else None
    return (
        f"#{delivery.number} {delivery.event.type}",
        status_chip(delivery.status, "Given up" if delivery.status is DeliveryStatus.FAILED else None),
        count(delivery.tries),
        delivery.error or status,
        when(delivery.delivered_at or delivery.created_at),
    )
