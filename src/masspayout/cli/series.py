"""``masspayout series``: what makes payouts by itself, on a calendar or whenever money arrives."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from masspayout.automation import series
from masspayout.cli.arguments import AssetOption, SeriesArgument, find_asset_id
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, show_fields, show_json, show_list, show_outcome, show_table
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import Distribution, Series, SeriesStatus, term_columns
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.durations import duration_text

app = typer.Typer()

_LATEST = 10


@app.command("list")
def list_(
    asset: AssetOption = None,
    status: Annotated[SeriesStatus | None, typer.Option(help="Only those in this state.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List series, newest first, each with the time of its next payout."""

    async def work(work: UnitOfWork) -> Any:
        asset_id = await find_asset_id(work, asset)
        repository = work.series
        found = await repository.find_of_asset(asset_id, status, page, limit)
        return found, await repository.find_next_times([item.id for item in found.items])

    found, next_times = in_transaction(work)
    show_list(
        [series_fields(item, next_times.get(item.id)) for item in found.items],
        ["ID", "ASSET", "TYPE", "STATUS", "WHEN", "AMOUNT", "CONCEPT", "NEXT"],
        [
            (s.id, s.asset.symbol, s.type, s.status, _when(s), s.amount, s.concept, next_times.get(s.id))
            for s in found.items
        ],
        total=found.total,
        as_json=as_json,
        right=["AMOUNT"],
        empty="No matching series."
        if asset or status
        else "No series yet. Create one with: masspayout distribution create ASSET --execution RECURRING",
    )


@app.command()
def show(reference: SeriesArgument, as_json: JsonOption = False) -> None:
    """Show one series, its next payout and the latest ones."""

    async def work(work: UnitOfWork) -> tuple[Series, datetime | None, Sequence[Distribution]]:
        found = await series.find(work, reference)
        next_time = await series.find_next_time(work, found)
        return found, next_time, await work.distributions.find_of_series(found.id, _LATEST)

    found, next_time, latest = in_transaction(work)
    columns = ("id", "scheduled_time", "status", "total_amount", "failure_code")
    rows = [tuple(getattr(distribution, name) for name in columns) for distribution in latest]
    if as_json:
        items = [dict(zip(columns, row, strict=True)) for row in rows]
        show_json({**series_fields(found, next_time), "distributions": items})
        return
    show_fields(series_fields(found, next_time))
    out.print()
    show_table(
        ["DISTRIBUTION", "DUE", "STATUS", "AMOUNT", "REASON"], rows, right=["AMOUNT"], empty="No payout was due yet."
    )


@app.command()
def pause(reference: SeriesArgument, as_json: JsonOption = False) -> None:
    """Pause a series: none of its payouts begins until it is resumed."""
    found = _changed(reference, series.pause)
    show_outcome(_state(found), f"Paused. Resume it: masspayout series resume {found.id}", as_json=as_json)


@app.command()
def resume(reference: SeriesArgument, as_json: JsonOption = False) -> None:
    """Resume a series. Payouts that fell due meanwhile are paid, as far as the catch-up window reaches."""
    found = _changed(reference, series.resume)
    show_outcome(_state(found), f"Resumed. Watch it: masspayout series show {found.id}", as_json=as_json)


@app.command()
def cancel(reference: SeriesArgument, as_json: JsonOption = False) -> None:
    """Cancel a series for good, with its payouts that have not begun."""
    found = _changed(reference, series.cancel)
    sentence = f"Cancelled: series {found.id} pays no more payouts. Those that began are finished."
    show_outcome(_state(found), sentence, as_json=as_json)


def series_fields(found: Series, next_time: datetime | None) -> dict[str, Any]:
    """Return what there is to say about a series, by the names of its columns."""
    names = ("id", "asset_id", "status", *term_columns(Series))
    return {name: getattr(found, name) for name in names} | {"next_time": next_time}


def _changed(reference: str, change: Callable[[UnitOfWork, Series], Awaitable[object]]) -> Series:
    async def work(work: UnitOfWork) -> Series:
        found = await series.find(work, reference)
        await change(work, found)
        await work.refresh(found)
        return found

    return in_transaction(work)


def _state(found: Series) -> dict[str, Any]:
    return {"id": found.id, "status": found.status}


def _when(found: Series) -> str:
    if found.frequency is None:
        return str(found.trigger_condition)
    return f"{found.frequency}, up to {duration_text(timedelta(seconds=found.catch_up_seconds))} late"
