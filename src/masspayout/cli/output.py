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
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from masspayout.kernel.errors import DatabaseMismatch, InvalidRows, MassPayoutError
from masspayout.kernel.json_forms import json_form


class _Output(Console):
    """A console that goes on in silence when its reader is gone (``| head -1``)."""

    def on_broken_pipe(self) -> None:
        _discard(self.file)


# Sentences are wrapped by the terminal, not by us: what is piped or copied stays whole. So do tables that are piped.
_PIPED_WIDTH = 10_000
# A column of texts is folded to no less than this: narrower ones are harder to read than rows in blocks.
_FOLDED_WIDTH = 12
_INDENT = "  "
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


def show_json(value: Mapping[str, Any]) -> None:
    """Print an object as JSON: decimals as strings, times in RFC 3339. A list is printed by ``show_list``."""
    with writing_as_it_is():
        typer.echo(json.dumps(value, default=json_form, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, right: Sequence[str] = ()) -> None:
    """Print rows under column heads, or one sentence when there are none. ``right`` names the right-aligned columns.

    Words stay in one piece: ids and amounts are to be copied. In a terminal that is too narrow, texts are folded
    between words; where that does not suffice, each row is printed as a block of its own.
    """
    cells = [[text(value) for value in row] for row in rows]
    if not cells:
        out.print(empty)
        return
    widths = _column_widths([columns, *cells], out.width)
    if widths is None:
        _print_blocks(columns, cells)
        return
    table = Table(box=None, header_style="bold", padding=(0, len(_INDENT), 0, 0), pad_edge=False)
    for head, width in zip(columns, widths, strict=True):
        table.add_column(head, width=width, justify="right" if head in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(escape, row))
    out.print(table, soft_wrap=False)


def _column_widths(lines: Sequence[Sequence[str]], room: int) -> Sequence[int] | None:
    """Return how wide each column of a table is, with the widest ones folded until it fits; None if it cannot fit."""
    columns = list(zip(*lines, strict=True))
    longest_cells = [max(map(cell_len, column)) for column in columns]
    longest_words = [max(cell_len(word) for cell in column for word in cell.split(" ")) for column in columns]
    least = [min(cells, max(word, _FOLDED_WIDTH)) for cells, word in zip(longest_cells, longest_words, strict=True)]
    for limit in range(max(longest_cells), 0, -1):
        widths = [max(short, min(long, limit)) for short, long in zip(least, longest_cells, strict=True)]
        if sum(widths) + len(_INDENT) * (len(widths) - 1) <= room:
            return widths
    return None


def _print_blocks(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print each row as its first cell, and below it the others, as many in a line as fit; each with its head."""
    for first, *others in cells:
        out.print(f"[dim]{columns[0].lower()}[/] [bold]{escape(first)}[/]")
        line = Text()
        for head, cell in zip(columns[1:], others, strict=True):
            if not cell:
                continue
            if line and line.cell_len + cell_len(f"{_INDENT}{head} {cell}") > out.width:
                out.print(line)
                line = Text()
            line.append(f"{_INDENT}{head.lower()} ", style="dim").append(cell)
        out.print(line)


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


def show_outcome(fields: Mapping[str, Any], *sentences: str, as_json: bool) -> None:
    """Show the outcome of a command that changed something: as JSON, or in sentences."""
    if as_json:
        show_json(fields)
        return
    for sentence in sentences:
        out.print(sentence, markup=False)


def why_empty(total: int, otherwise: str) -> str:
    """Return why a page has no rows: it lies beyond the end, or the whole list, of ``total`` rows, is empty."""
    return "The list has fewer pages." if total else otherwise


def show_fields(fields: Mapping[str, Any], *, console: Console = out) -> None:
    """Print names and values under each other; empty values are left out, and long ones stay in one piece."""
    shown = {name: text(value) for name, value in fields.items() if value is not None and value != ""}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        console.print(f"[dim]{name:{width}}[/] {escape(value)}")


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
