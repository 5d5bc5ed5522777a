"""The form of a new payout: only what the choices made so far call for is asked."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from masspayout.dashboard.components.choices import Choices
from masspayout.dashboard.components.layout import card
from masspayout.dashboard.planning.csv_import import CsvUpload
from masspayout.dashboard.planning.draft import LIST, Draft
from masspayout.db.entities import Asset, DistributionType, ExecutionType, Frequency, PayoutType

_KINDS = {
    DistributionType.DIVIDEND: ("Dividend", ""),
    DistributionType.COUPON: ("Coupon", ""),
    DistributionType.SNAPSHOT: ("One-off", ""),
}
_SOURCES = {
    PayoutType.PERCENTAGE: ("Pro rata", "A total, split by balance to the smallest unit."),
    PayoutType.FIXED: ("Equal amounts", "A total, split evenly among all holders."),
    LIST: ("Payout list", "A CSV file with an amount per account."),
}
_EXECUTIONS = {
    ExecutionType.MANUAL: ("Manual", "You review it and start it."),
    ExecutionType.SCHEDULED: ("Scheduled", "Starts once, at a time you set."),
    ExecutionType.RECURRING: ("Recurring", "Every hour, day, week or month."),
    ExecutionType.AUTOMATIC: ("When funds arrive", "Starts on each deposit."),
}
_FREQUENCIES = {frequency.value: frequency.value.capitalize() for frequency in Frequency}
_FIELD = "outlined dense bottom-slots"

Changed = Callable[[], Awaitable[None]]


class PayoutForm:
    """The form's fields. ``changed`` is called on each change, so that an old preview is not taken for a new one."""

    def __init__(self, assets: Sequence[Asset], asset: Asset, changed: Changed, execution: str) -> None:
        self._assets = {each.token_id: each for each in assets} | {asset.token_id: asset}
        self._changed = changed
        with card("1. Payout"):
            self._asset = ui.select(
                {token_id: f"{each.name} ({each.symbol})" for token_id, each in self._assets.items()},
                value=asset.token_id,
                label="Asset",
                with_input=True,
                on_change=self._reshape,
            ).props("outlined dense")
            self._kind = Choices("Type", _KINDS, DistributionType.DIVIDEND, changed, tight=True)
            self._concept = self._input("Name", hint="For example: Dividend 2026.")
        with card("2. Amounts"):
            self._source = Choices("Split", _SOURCES, PayoutType.PERCENTAGE, self._reshape)
            self._amount = self._input("Total to divide", hint="In whole tokens, with a point before the decimals.")
            self._list_place = ui.element("div").classes("wide")
            with self._list_place:
                self._list = CsvUpload(changed)
        with card("3. Start"):
            self._execution = Choices("Start", _EXECUTIONS, execution, self._reshape)
            self._times()
        self._more()

    def _times(self) -> None:
        with ui.element("div").classes("fields") as self._when:
            self._at = self._time("Pay at")
            self._frequency = ui.select(_FREQUENCIES, value="MONTHLY", label="How often", on_change=self._changed)
            self._frequency.props(_FIELD)
            self._start = self._time("First payment")
            self._end = self._time("Last payment (optional)")
            self._zone = self._input("Time zone", value="UTC", hint="For the times above.")
            self._minimum = self._input("Minimum deposit (optional)", hint="Smaller deposits start no payout.")

    def _more(self) -> None:
        self._extras = ui.expansion("More: record time, exclusions").classes("card wide").props("dense")
        with self._extras, ui.element("div").classes("fields"):
            self._record = self._time("Record time (optional)")
            self._excluded = self._input("Exclude accounts", hint="Separated by spaces.")
            self._included = self._input("Also pay", hint="Treasury, payer or contract account.")

    async def show(self) -> None:
        """Show what the choices call for."""
        await self._reshape()

    def use_zone(self, zone: str) -> None:
        """Take the browser's time zone, unless another one was typed."""
        if self._zone.value == "UTC":
            self._zone.value = zone

    @property
    def asset(self) -> Asset:
        """The asset whose holders are paid."""
        return self._assets[self._asset.value]

    def draft(self) -> Draft:
        """Return what is filled in."""
        return Draft(
            asset=self.asset,
            decimals=self.asset.payment_token_decimals or 0,
            kind=self._kind.value,
            concept=self._concept.value or "",
            source=self._source.value,
            amount=self._amount.value or "",
            execution=self._execution.value,
            at=self._at.value or "",
            frequency=self._frequency.value,
            start=self._start.value or "",
            end=self._end.value or "",
            zone=(self._zone.value or "UTC").strip(),
            minimum=self._minimum.value or "",
            record=self._record.value or "",
            excluded=self._excluded.value or "",
            included=self._included.value or "",
            payout_list=self._list.payout_list if self._source.value == LIST else None,
        )

    async def _reshape(self) -> None:
        """Show the fields that are called for, and no others."""
        is_list = self._source.value == LIST
        if is_list and self._execution.value != ExecutionType.MANUAL:
            await self._execution.choose(ExecutionType.MANUAL)
        execution = self._execution.value
        is_manual = execution == ExecutionType.MANUAL
        makes_series = execution in (ExecutionType.RECURRING, ExecutionType.AUTOMATIC)
        self._amount.set_visibility(not is_list)
        self._list_place.set_visibility(is_list)
        self._at.set_visibility(execution == ExecutionType.SCHEDULED)
        for field in (self._frequency, self._start, self._end):
            field.set_visibility(execution == ExecutionType.RECURRING)
        self._zone.set_visibility(not is_manual and execution != ExecutionType.AUTOMATIC)
        self._minimum.set_visibility(execution == ExecutionType.AUTOMATIC)
        self._when.set_visibility(not is_manual)
        self._record.set_visibility(not makes_series)
        self._extras.set_visibility(not is_list)
        asset = self.asset
        symbol = asset.payment_token_symbol or ""
        unit = f", in {symbol}" if symbol else ""
        optional = " (optional; default: the deposit)" if execution == ExecutionType.AUTOMATIC else ""
        self._amount.props["label"] = f"Total to divide{unit}{optional}"
        self._minimum.props["label"] = f"Minimum deposit{unit} (optional)"
        await self._list.use_token(asset.payment_token_decimals or 0, symbol)
        await self._changed()

    def _input(self, label: str, *, hint: str = "", value: str = "") -> ui.input:
        field = ui.input(label, value=value, on_change=self._changed).props(_FIELD).classes("wide")
        field.props["hint"] = hint
        return field

    def _time(self, label: str) -> ui.input:
        field = ui.input(label, on_change=self._changed).props(f'{_FIELD} type="datetime-local" stack-label')
        return field.classes("wide")
