"""The form of a new payout: only what the choices made so far call for is asked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from nicegui import ui

from masspayout.dashboard.components.choices import Choices
from masspayout.dashboard.components.layout import card
from masspayout.dashboard.planning.csv_import import CsvUpload
from masspayout.dashboard.planning.draft import LIST, Draft, is_asked
from masspayout.db.entities import Asset, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.kernel.payout_terms import TERMS, TIMING
from masspayout.kernel.terms import Section, Term

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
# The terms of which one of a few words is chosen, each with its choices.
_CHOICES: Mapping[str, Mapping[Any, tuple[str, str]]] = {
    "type": _KINDS,
    "payout_type": _SOURCES,
    "execution_type": _EXECUTIONS,
}
# The values that a form shows at first.
_FIRST_VALUES = {"payout_type": PayoutType.PERCENTAGE, "frequency": Frequency.MONTHLY, "time_zone": "UTC"}
_FIELD = "outlined dense bottom-slots"

Changed = Callable[[], Awaitable[None]]


class PayoutForm:
    """The form: a field for each term. ``changed`` is called at each change, so that no old preview counts as new."""

    def __init__(self, assets: Sequence[Asset], asset: Asset, changed: Changed, execution: str) -> None:
        self._assets = {each.token_id: each for each in assets} | {asset.token_id: asset}
        self._changed = changed
        self._first_values = _FIRST_VALUES | {"execution_type": execution}
        self._choices: dict[str, Choices] = {}
        self._inputs: dict[str, ui.input | ui.select] = {}
        with card("1. Payout"):
            self._asset = ui.select(
                {token_id: f"{each.name} ({each.symbol})" for token_id, each in self._assets.items()},
                value=asset.token_id,
                label="Asset",
                with_input=True,
                on_change=self._reshape,
            ).props("outlined dense")
            self._ask(Section.PURPOSE)
        with card("2. Amounts"):
            self._ask(Section.AMOUNTS)
            self._list_place = ui.element("div").classes("wide")
            with self._list_place:
                self._list = CsvUpload(changed)
        with card("3. Start"):
            self._ask(Section.START)
        with (
            ui.expansion("More: record time, exclusions").classes("card wide").props("dense"),
            ui.element("div").classes("fields"),
        ):
            self._ask(Section.MORE)

    def _ask(self, section: Section) -> None:
        """Put the fields of a section: choices one under the other, and times beside each other."""
        for term in TERMS.values():
            if term.section is section and term.name in _CHOICES:
                is_tight = section is Section.PURPOSE
                changed, choices = self._changed if is_tight else self._reshape, _CHOICES[term.name]
                self._choices[term.name] = Choices(term.label, choices, self._first(term), changed, tight=is_tight)
            elif term.section is section and term.name not in TIMING:
                self._inputs[term.name] = self._input(term)
        if section is Section.START:
            with ui.element("div").classes("fields") as self._when:
                self._inputs |= {name: self._input(TERMS[name]) for name in TIMING}

    def _first(self, term: Term) -> str:
        return str(self._first_values.get(term.name, term.default or ""))

    def _input(self, term: Term) -> ui.input | ui.select:
        """Return the field of a term that is typed, or selected from a list."""
        value = self._first(term)
        if issubclass(term.kind, Enum):
            words = {each.value: each.value.capitalize() for each in term.kind}
            return ui.select(words, value=value, label=term.label, on_change=self._changed).props(_FIELD)
        if term.kind is datetime:
            label = term.label if term.needed_by else f"{term.label} (optional)"
            field = ui.input(label, on_change=self._changed).props(f'{_FIELD} type="datetime-local" stack-label')
            return field.classes("wide")
        field = ui.input(term.label, value=value, on_change=self._changed).props(_FIELD).classes("wide")
        field.props["hint"] = term.hint
        if term.max_length is not None:
            field.props["maxlength"] = term.max_length
        return field

    async def show(self) -> None:
        """Show the fields that the choices call for."""
        await self._reshape()

    def use_zone(self, zone: str) -> None:
        """Take the browser's time zone, unless another one was typed."""
        if self._inputs["time_zone"].value == "UTC":
            self._inputs["time_zone"].value = zone

    @property
    def asset(self) -> Asset:
        """The asset whose holders are paid."""
        return self._assets[self._asset.value]

    def draft(self) -> Draft:
        """Return the values of the form."""
        typed = {name: str(field.value or "") for name, field in (self._choices | self._inputs).items()}
        return Draft(self.asset, typed, self._list.payout_list if typed["payout_type"] == LIST else None)

    async def _reshape(self) -> None:
        """Show the fields that the choices call for, and no others."""
        execution = self._choices["execution_type"]
        is_list = self._choices["payout_type"].value == LIST
        if is_list and execution.value != ExecutionType.MANUAL:
            await execution.choose(ExecutionType.MANUAL)
        self._list_place.set_visibility(is_list)
        self._when.set_visibility(execution.value != ExecutionType.MANUAL)
        for name, field in self._inputs.items():
            is_shown = is_asked(TERMS[name], ExecutionType(execution.value), is_list=is_list)
            # Times of any execution are read in the time zone.
            needs_zone = name == "time_zone" and execution.value == ExecutionType.SCHEDULED
            field.set_visibility(is_shown or needs_zone)
        symbol = self.asset.payment_token_symbol or ""
        unit = f", in {symbol}" if symbol else ""
        optional = " (optional; default: the deposit)" if execution.value == ExecutionType.AUTOMATIC else ""
        for name, ending in (("amount", optional), ("trigger_condition", " (optional)")):
            self._inputs[name].props["label"] = f"{TERMS[name].label}{unit}{ending}"
        await self._list.use_token(self.asset.payment_token_decimals or 0, symbol)
        await self._changed()
