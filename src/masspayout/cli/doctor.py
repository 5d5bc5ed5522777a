"""``masspayout doctor``: what is wrong, and what to do about it."""

from typing import Annotated

import typer
from rich.markup import escape

from masspayout.cli.output import JsonOption, out, run, show_json
from masspayout.runtime import opening
from masspayout.service.doctor import DEFAULT_SLOW_MS, Result, Status, examine
from masspayout.settings import load_settings

app = typer.Typer()

_COLOURS = {Status.OK: "green", Status.WARNING: "bold yellow", Status.PROBLEM: "bold red", Status.NOT_CHECKED: "dim"}
_STATUS_WIDTH = max(map(len, Status))
_MOST_DETAILS = 40


@app.command()
def doctor(
    *,
    slow_ms: Annotated[
        int, typer.Option(min=1, metavar="MS", help="From how many milliseconds on a statement is slow.")
    ] = DEFAULT_SLOW_MS,
    as_json: JsonOption = False,
) -> None:
    """Check database, worker, ledger and funds, and change nothing. Exit status 1 when there is a problem."""
    results = run(examine(load_settings(), opening(), slow_ms=slow_ms))
    problem_count = sum(result.status is Status.PROBLEM for result in results)
    if as_json:
        names = ("name", "status", "message", "hint", "details")
        checks = [{name: getattr(result, name) for name in names} for result in results]
        show_json({"checks": checks, "problem_count": problem_count})
    else:
        for result in results:
            _show(result)
        out.print(_summary(problem_count, sum(result.status is Status.WARNING for result in results)))
    if problem_count:
        raise typer.Exit(1)


def _show(result: Result) -> None:
    status = f"[{_COLOURS[result.status]}]{result.status:{_STATUS_WIDTH}}[/]"
    out.print(f"{status}  [bold]{result.name}[/]: {escape(result.message)}", soft_wrap=True)
    for line in result.details[:_MOST_DETAILS]:
        out.print(f"    {line}", soft_wrap=True, markup=False)
    if len(result.details) > _MOST_DETAILS:
        out.print(f"    … and {len(result.details) - _MOST_DETAILS} lines more; --json has them all.")
    if result.hint:
        out.print(f"    [bold]hint:[/] {escape(result.hint)}", soft_wrap=True)


def _summary(problem_count: int, warning_count: int) -> str:
    if not problem_count:
        return f"All checks passed, with {warning_count} warning(s)." if warning_count else "All checks passed."
    return f"{problem_count} problem(s). docs/troubleshooting.md has a section for each check."
