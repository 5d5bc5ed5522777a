"""``masspayout calendar``: the days without business, and those that the operator adds."""

from dataclasses import asdict
from typing import Annotated

import typer

from masspayout.cli.output import JsonOption, show_json, show_outcome, show_table
from masspayout.cli.session import with_payouts
from masspayout.cli.times import parse_date

app = typer.Typer()

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The code of an exchange, a central bank, a country, or one of your own.")
]
DayArgument = Annotated[str, typer.Argument(metavar="DATE", help="The day: 2026-12-24.")]


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A code, or several joined with +: XECB+US.")],
    year: Annotated[int, typer.Option(min=1, max=9998, help="The year.")],
    as_json: JsonOption = False,
) -> None:
    """Show the days of a year, besides weekends, on which a calendar does no business."""
    found = with_payouts(lambda payouts: payouts.read_calendar(name, year))
    if as_json:
        items = [asdict(day) for day in found.closed]
        show_json({"name": found.name, "year": year, "version": found.version, "items": items, "total": len(items)})
        return
    rows = [(f"{day.day:%Y-%m-%d %a}", day.text, day.calendar, day.is_own) for day in found.closed]
    show_table(["DAY", "NAME", "CALENDAR", "ADDED"], rows, empty=f"{found.name} has no holiday in {year}.")


@app.command("add-day")
def add_day(
    name: NameArgument,
    day: DayArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The name of the day.")],
    as_json: JsonOption = False,
) -> None:
    """Add a day without business to a calendar. A code that nobody knows begins a calendar of your own."""
    added = with_payouts(lambda payouts: payouts.add_calendar_day(name, parse_date(day), text))
    sentence = f"Added: {added.calendar} does no business on {added.day}. Dates that are fixed already stay."
    show_outcome({"name": added.calendar, "day": added.day, "text": text}, sentence, as_json=as_json)


@app.command("remove-day")
def remove_day(name: NameArgument, day: DayArgument, as_json: JsonOption = False) -> None:
    """Remove a day that somebody added to a calendar."""
    text = with_payouts(lambda payouts: payouts.remove_calendar_day(name, parse_date(day)))
    sentence = f"Removed {text} from {name.upper()}. Dates that are fixed already stay."
    show_outcome({"name": name.upper(), "day": parse_date(day), "text": text}, sentence, as_json=as_json)
