"""Reports that several commands show: failures and result of a distribution, verdict of a reconciliation."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import typer

from masspayout.app import Payouts
from masspayout.cli.output import out, show_json
from masspayout.db.entities import DistributionStatus
from masspayout.ledger.failures import describe_failure
from masspayout.payments import Reconciliation

_BREAKS_SHOWN = 20


def unchecked_sentence(unchecked_count: int, count: int) -> str:
    """Return a sentence on accounts that preflight did not check."""
    return (
        f"{count - unchecked_count:,} of {count:,} accounts were checked for whether they can receive it; "
        "the others are checked when they are paid (PREFLIGHT_CLOSE_LOOKS)."
    )


def show_failures(failures: Mapping[str, int]) -> None:
    """Show how many failed for which reason, and what to do about each."""
    for code, count in failures.items():
        failure = describe_failure(code)
        out.print(f"[red]{count:,} {code}[/]  {failure.sentence} {failure.next_step}")


async def show_result(
    payouts: Payouts, distribution_id: uuid.UUID, *, verdict: Reconciliation | None = None, as_json: bool = False
) -> None:
    """Show how a distribution ended, and its reconciliation; the exit status is 1 when holders are unpaid."""
    status = await payouts.status(distribution_id)
    progress = status.progress
    is_unpaid = status.status is not DistributionStatus.COMPLETED
    if as_json:
        counts = {"id": distribution_id, "status": status.status, **asdict(progress), "failures": status.failures}
        show_json(counts if verdict is None else counts | {"reconciliation": verdict_fields(verdict)})
        if is_unpaid:
            raise typer.Exit(1)
        return
    if verdict is not None:
        show_verdict(verdict)
    out.print(
        f"[bold]{status.status}[/]: {progress.paid_count:,} of {progress.holder_count:,} holders paid, "
        f"{progress.paid_amount:,f} of {progress.total_amount:,f}."
    )
    show_failures(status.failures)
    if is_unpaid:
        out.print(f"Retry the unpaid, once fixed: masspayout distribution retry {distribution_id} --wait")
        raise typer.Exit(1)


def verdict_fields(verdict: Reconciliation) -> dict[str, Any]:
    """Return what there is to say about a reconciliation."""
    return asdict(verdict) | {"agrees": verdict.agrees}


def show_verdict(verdict: Reconciliation) -> None:
    """Show whether ledger and database agree, and where they do not."""
    out.print(f"database: {verdict.paid_count:,} of {verdict.due_count:,} paid, {verdict.paid_amount:,f} in all")
    out.print(f"ledger:   {verdict.ledger_count:,} received {verdict.ledger_amount:,f} in all")
    if verdict.agrees:
        out.print("[bold green]They agree to the smallest unit.[/] No breaks.")
        return
    if verdict.unseen_count:
        out.print(
            f"[bold yellow]The ledger's books are up to {verdict.delay_seconds:,} s behind it,[/] and "
            f"{verdict.unseen_count:,} payments that it confirmed are not in them yet. "
            f"Wait, then: masspayout reconcile {verdict.distribution_id}"
        )
    if not verdict.breaks:
        return
    out.print(f"[bold red]{len(verdict.breaks):,} breaks:[/]")
    for each in verdict.breaks[:_BREAKS_SHOWN]:
        out.print(f"{each.kind} {each.account_id} database {each.database_amount:f} ledger {each.ledger_amount:f}")
    if len(verdict.breaks) > _BREAKS_SHOWN:
        out.print(f"… and {len(verdict.breaks) - _BREAKS_SHOWN:,} more; --json lists them all.")
