"""Output of commands: tables and sentences for people, JSON for programs."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import IO, Annotated, Any, TextIO, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from masspayout.kernel.errors import DatabaseMismatch, InvalidRows, MassPayoutError
from masspayout.kernel.json_forms import json_form


class _Output(Console):
    """A console that goes on in silence when its reader is gone (``| head -1``)."""

    def on_broken_pipe(self) -> None:
        _discard(self.file)


# Sentences are wrapped by the terminal, not by us: what is piped or copied stays whole.
_PIPED_WIDTH = 200
out = _Output(highlight=False, soft_wrap=True, width=None if sys.stdout and sys.stdout.isatty() else _PIPED_WIDTH)
err = _Output(stderr=True, highlight=False, soft_wrap=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run one command's work to its end."""
    return asyncio.run(work)


@contextmanager
def writing_as_it_is() -> Iterator[TextIO]:
    """Give standard output to write data to. When nobody reads it any more, the block ends as if it were done."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)


def _discard(stream: IO[str]) -> None:
    """Throw away whatever is still to be written to a stream, by this process or at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def show_error(error: MassPayoutError) -> None:
    """Print an error and its next step, on standard error."""
    err.print(f"[bold red]error:[/] {escape(error.message)}")
    if isinstance(error, InvalidRows | DatabaseMismatch):
        for problem in error.problems:
            err.print(f"  {escape(problem)}")
    if error.hint:
        err.print(f"[bold]hint:[/] {escape(error.hint)}")


def show_json(value: Any) -> None:
    """Print a value as JSON: decimals as strings, times in RFC 3339."""
    with writing_as_it_is():
        typer.echo(json.dumps(value, default=json_form, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, right: Sequence[str] = ()) -> None:
    """Print rows under column heads, or one sentence when there are none. ``right`` names the right-aligned columns."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for position, column in enumerate(columns):
        # What a row is known by stays in one piece, to be copied.
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(escape(text(value)) for value in row))
    if table.row_count:
        _print_table(table)
    else:
        out.print(empty)


def show_list(
    items: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    total: int | None = None,
    as_json: bool,
    empty: str,
    right: Sequence[str] = (),
) -> None:
    """Show a list, or a page of it: as JSON with the list's length, or as a table.

    Args:
        items: The rows, as JSON has them.
        columns: The heads of the table.
        rows: The cells of each row of the table.
        total: The length of the whole list, where this is a page of it.
        as_json: Print JSON, for programs.
        empty: The sentence for an empty list.
        right: The right-aligned columns.
    """
    length = len(items) if total is None else total
    if as_json:
        show_json({"items": items, "total": length})
    else:
        show_table(columns, rows, right=right, empty=why_empty(length, empty))


def why_empty(total: int, otherwise: str) -> str:
    """Return why a page has no rows: it lies beyond the end, or the whole list, of ``total`` rows, is empty."""
    return "The list has fewer pages." if total else otherwise


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values under each other; empty values are left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None and value != "":
            table.add_row(name, escape(text(value)))
    _print_table(table)


def _print_table(table: Table) -> None:
    out.print(table, soft_wrap=False)


def text(value: Any) -> str:
    """Write a value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return str(value)
