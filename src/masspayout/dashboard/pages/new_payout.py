"""A new payout: a guided form, and a preview before anything is created."""

import asyncio
import logging

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.empty import show_empty
from masspayout.dashboard.components.layout import callout, card, html, page_head
from masspayout.dashboard.formats import count
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.next_steps import in_browser
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.payout.review import describe_preview
from masspayout.dashboard.planning import creation
from masspayout.dashboard.planning.draft import Draft
from masspayout.dashboard.planning.form import PayoutForm
from masspayout.db.entities import Asset, ExecutionType
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.roles import Permission

_log = logging.getLogger(__name__)

_MOST_ASSETS = 500

# How long a browser may take to tell its time zone.
_ZONE_SECONDS = 10.0
_PREVIEW_HINT = (
    "Press “Preview” to read the register, compute the amounts and check which holders cannot receive them. "
    "Nothing is created."
)


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/payouts/new", "New payout", section="new", permission=Permission.PLAN)
    async def show(page_context: PageContext) -> None:
        wanted = page_context.argument("asset")
        async with page_context.unit_of_work() as work:
            repository = work.assets
            assets = [each for each in (await repository.search("", 1, _MOST_ASSETS)).items if each.payment_token_id]
            chosen = await repository.get_by_reference(wanted) if wanted else None
        chosen = chosen or (assets[0] if assets else None)
        if chosen is None:
            show_empty(
                "Import an asset first",
                "A payout goes to the holders of an asset that has a payment token.",
                ("Import an asset", "/assets/import"),
            )
            return
        await _Page(page_context).show(assets, chosen)


class _Page:
    """The form and its preview. Creating is possible only for what was previewed as it stands."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._previewed: Draft | None = None
        # Times mean nothing before it: a draft is read only then.
        self._zone_asked = asyncio.Event()

    async def show(self, assets: list[Asset], chosen: Asset) -> None:
        page_head("New payout", "Preview the payout before you create it. Nothing is paid yet.")
        execution = self._page_context.argument("execution", ExecutionType.MANUAL)
        if execution not in set(ExecutionType):
            execution = ExecutionType.MANUAL
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("stack span-7"):
                self._form = PayoutForm(assets, chosen, self._changed, execution)
            with ui.element("div").classes("stack span-5 sticky"), card("4. Preview"):
                self._preview = html(_not_yet())
                with ui.element("div").classes("row"):
                    handler = self._page_context.handler(Permission.PLAN, self._show_preview)
                    self._preview_button = button("Preview", handler, primary=True)
                    self._create = button("Create", self._page_context.handler(Permission.PLAN, self._make))
        await self._form.show()
        ui.timer(0.1, self._ask_zone, once=True)

    async def _ask_zone(self) -> None:
        try:
            await self._page_context.client.connected()
            zone = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=_ZONE_SECONDS)
            if isinstance(zone, str) and zone:
                self._form.use_zone(zone)
        except TimeoutError:
            _log.info("a browser did not tell its time zone: the times of a new payout are UTC, as its form says")
        finally:
            self._zone_asked.set()

    async def _changed(self) -> None:
        """Discard the preview: it is not what would be created now."""
        if not hasattr(self, "_create"):
            return
        self._previewed = None
        self._create.set_enabled(False)
        self._create.classes(remove="primary")
        self._preview_button.classes("primary")
        self._create.set_text(_what(self._form.draft()))
        self._preview.content = _not_yet()

    async def _show_preview(self) -> None:
        self._preview_button.props("loading")
        await self._zone_asked.wait()
        draft = self._form.draft()

        def on_progress(number: int) -> None:
            text = f"Checked {count(number)} accounts …"
            self._preview.content = h("p", text, class_="note")

        try:
            self._preview.content = h("p", "Reading the register …", class_="note")
            found = await creation.preview(self._page_context.payouts, draft, on_progress)
            async with self._page_context.unit_of_work() as work:
                last = await work.distributions.find_last_begun(draft.asset.id)
        except MassPayoutError as error:
            self._preview.content = callout("bad", error.message, error.next_step.said(in_browser))
            return
        finally:
            self._preview_button.props(remove="loading")
        if found is None:
            self._preview.content = callout(
                "good", "Each deposit is paid out in full.", "The amounts depend on the deposit."
            )
        else:
            self._preview.content = describe_preview(found, draft.asset.payment_token_symbol, last)
        self._previewed = draft
        self._create.set_enabled(True)
        self._create.classes("primary")
        self._preview_button.classes(remove="primary")

    async def _make(self) -> None:
        draft = self._form.draft()
        if draft != self._previewed:
            await self._changed()
            return
        self._create.props("loading")
        try:
            made = await creation.create(self._page_context.payouts, draft)
        finally:
            self._create.props(remove="loading")
        messages.notify(made.what)
        ui.navigate.to(made.path)


def _what(draft: Draft) -> str:
    return "Create series" if draft.makes_series else "Create payout"


def _not_yet() -> Html:
    return h("p", _PREVIEW_HINT, class_="note")
