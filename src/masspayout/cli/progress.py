"""Shows a payout while it runs: a bar on a terminal, plain lines elsewhere."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from masspayout.app import Payouts
from masspayout.cli.output import err
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.errors import DatabaseUnavailable

_REFRESH_SECONDS = 0.25
_PLAIN_STEP_PERCENT = 10


class ShowProgress(Protocol):
    """Takes how many of how many holders are done, and how many of them failed."""

    def __call__(self, done: int, total: int, failed: int) -> None: ...


async def pay_with_progress(payouts: Payouts, distribution_id: uuid.UUID, title: str = "paying") -> DistributionStatus:
    """Pay a distribution in this process until it is finished, showing how far it is. Other workers may help."""
    with _shown(title) as show:
        waits = _Waits()
        paying = asyncio.create_task(payouts.pay(distribution_id))
        try:
            while not paying.done():
                await _show_once(payouts, distribution_id, show)
                waits.show(await payouts.waits_for(distribution_id))
                await asyncio.wait({paying}, timeout=_REFRESH_SECONDS)
            await _show_once(payouts, distribution_id, show)
            return await paying
        except (asyncio.CancelledError, DatabaseUnavailable) as error:
            err.print("Interrupted; nothing is lost. It goes on with: masspayout worker")
            if isinstance(error, asyncio.CancelledError):
                err.print("Workers that are running go on with it now.")
                err.print(f"To stop it everywhere: masspayout distribution pause {distribution_id}")
            raise
        finally:
            paying.cancel()
            await asyncio.gather(paying, return_exceptions=True)


async def _show_once(payouts: Payouts, distribution_id: uuid.UUID, show: ShowProgress) -> None:
    progress = await payouts.progress(distribution_id)
    show(progress.done_count, progress.holder_count, progress.failed_count)


@contextmanager
def _shown(title: str) -> Iterator[ShowProgress]:
    if not err.is_terminal:
        yield _PlainLines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(complete_style="green", finished_style="green"),
        MofNCompleteColumn(),
        TextColumn("holders"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[failures]}"),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(title, total=None, failures="")

        def show(done: int, total: int, failed: int) -> None:
            bar.update(task, completed=done, total=total, failures=f"{failed:,} failed" if failed else "")

        yield show


class _Waits:
    """The reasons why a payout waits, each printed once as long as only its numbers change."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, reason: str | None) -> None:
        kind = re.sub(r"0x[0-9a-f]+|[0-9]+", "", reason or "")
        if reason and kind != self._last:
            err.print(f"It waits: {reason}", markup=False)
        self._last = kind


class _PlainLines:
    """One line for each tenth of the way."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown_percent = -1

    def __call__(self, done: int, total: int, failed: int) -> None:
        percent = 100 * done // total // _PLAIN_STEP_PERCENT * _PLAIN_STEP_PERCENT if total else 0
        if percent > self._shown_percent:
            self._shown_percent = percent
            failures = f", {failed:,} failed" if failed else ""
            err.print(f"{self._title}: {done:,} of {total:,} holders{failures}")
