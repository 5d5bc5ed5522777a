"""Uploading a payout list: every bad row is shown where it is, and can be mended there or in the file."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from nicegui import events, ui

from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.layout import callout, html
from masspayout.dashboard.formats import amount, plural
from masspayout.dashboard.markup import h
from masspayout.dashboard.next_steps import in_browser
from masspayout.distributions import PayoutList, parse_payout_list
from masspayout.kernel.errors import Invalid, InvalidRows
from masspayout.kernel.money import to_decimal

LARGEST_BYTES = 200 * 2**20
_EDITABLE_ROWS = 30
_LINE = re.compile(r"line ([0-9,]+)")


class CsvUpload:
    """A list while it is uploaded and mended. ``payout_list`` is there once every row is good."""

    def __init__(self, changed: Callable[[], Awaitable[None] | None]) -> None:
        self.payout_list: PayoutList | None = None
        self._changed = changed
        self._lines: list[bytes] = []
        self._name = ""
        self._decimals = 0
        self._symbol: str | None = None
        with ui.element("div").classes("stack"):
            self._upload = ui.upload(
                label="Choose a CSV file or drop it here",
                max_file_size=LARGEST_BYTES,
                max_files=1,
                auto_upload=True,
                on_upload=self._uploaded,
                on_rejected=self._rejected,
            ).props('flat accept=".csv,text/csv,text/plain"')
            html(
                h(
                    "p",
                    "One line names the columns, ",
                    h("span", "account_id,amount", class_="mono"),
                    "; then one payment a line, such as ",
                    h("span", "0.0.1234,12.50", class_="mono"),
                    ".",
                    class_="note",
                )
            )
            self._verdict = ui.element("div").classes("stack")

    async def use_token(self, decimals: int, symbol: str | None) -> None:
        """Set the payment token, by whose decimals amounts are read."""
        if (decimals, symbol) != (self._decimals, self._symbol):
            self._decimals, self._symbol = decimals, symbol
            if self._lines:
                await self._check()

    async def _uploaded(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        self._name = event.file.name
        self._lines = content.splitlines(keepends=True)
        self._upload.reset()
        await self._check()

    def _rejected(self) -> None:
        self._show(callout("bad", "The file was not accepted.", "Choose one CSV file of up to 200 MB."))

    async def _check(self) -> None:
        """Read the list anew, and say what is wrong with it."""
        self.payout_list = None
        try:
            # Beside the event loop: a million rows take seconds.
            self.payout_list = await asyncio.to_thread(parse_payout_list, self._lines, self._decimals, name=self._name)
        except InvalidRows as error:
            self._show_problems(error)
        except Invalid as error:
            self._show(callout("bad", error.message, error.next_step.said(in_browser)))
        else:
            total = to_decimal(self.payout_list.total_units, self._decimals)
            paid = h("span", plural(len(self.payout_list), "payment"), ", ", amount(total, self._symbol), " in all.")
            self._show(callout("good", f"{self._name} is valid.", paid))
        result = self._changed()
        if result is not None:
            await result

    def _show(self, content: str) -> None:
        self._verdict.clear()
        with self._verdict:
            html(h("div", content))

    def _show_problems(self, error: InvalidRows) -> None:
        self._verdict.clear()
        by_line: dict[int, list[str]] = {}
        for problem in error.problems:
            found = _LINE.match(problem)
            if found:
                by_line.setdefault(int(found[1].replace(",", "")), []).append(problem[found.end() :].lstrip(",: "))
        with self._verdict:
            html(callout("bad", error.message, "Fix these rows and check again, or upload the file fixed."))
            with ui.element("div").classes("stack"):
                fields = {number: self._row(number, by_line[number]) for number in list(by_line)[:_EDITABLE_ROWS]}
            more = len(by_line) - len(fields)
            if more > 0:
                html(h("p", f"{more:,} more rows are bad. Fix them in the file.", class_="note"))

            async def fix() -> None:
                for number, field in fields.items():
                    end = b"\n" if self._lines[number - 1].endswith((b"\n", b"\r")) else b""
                    self._lines[number - 1] = str(field.value).encode() + end
                await self._check()

            with ui.element("div").classes("row"):
                button("Check again", fix, primary=True)

    def _row(self, number: int, problems: Sequence[str]) -> ui.input:
        text = self._lines[number - 1].decode(errors="replace").rstrip("\r\n")
        field = ui.input(f"Line {number:,}", value=text, validation=None)
        field.props('outlined dense error bottom-slots input-class="mono"').classes("wide")
        field.props["error-message"] = " ".join(problem[0].upper() + problem[1:] for problem in problems if problem)
        return field
