"""``masspayout distribution``: review a payout, pay it, see who got what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from masspayout.app import Payouts
from masspayout.cli.arguments import DistributionArgument
from masspayout.cli.distribution_list import distribution_fields
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import (
    JsonOption,
    out,
    run,
    show_fields,
    show_json,
    show_list,
    show_outcome,
    writing_as_it_is,
)
from masspayout.cli.progress import pay_with_progress
from masspayout.cli.reports import show_failures, show_result, unchecked_sentence
from masspayout.cli.session import opened, with_context, with_payouts
from masspayout.context import Context
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.distributions import Preview
from masspayout.kernel.errors import Invalid
from masspayout.ledger.failures import describe_failure
from masspayout.reporting import exports

app = typer.Typer()

WaitOption = Annotated[bool, typer.Option("--wait", help="Pay in this process and return when it is finished.")]


@app.command()
def preview(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Preview a payout: amounts, holders who cannot receive it, missing funds, fees and duration."""

    async def work(payouts: Payouts) -> tuple[DistributionStatus, Preview]:
        found = await payouts.find(distribution)
        return found.status, await payouts.preview(found)

    status, found = with_payouts(work)
    fields = {
        "status": status,
        "holders to pay": found.payable_count,
        "total": found.total_amount,
        "largest": found.largest_amount,
        "smallest": found.smallest_amount,
        "rounded to zero": f"{found.rounded_away_count:,} holders" if found.rounded_away_count else "",
        "remainder with payer": found.remainder_amount or "",
        "transactions": found.transaction_count,
        "funds": found.funds_amount,
        "missing funds": found.shortfall_amount or "",
        "takes about": str(timedelta(seconds=found.takes_seconds)),
        "fees": f"about {found.fee_amount:,f} {found.fee_symbol}" if found.fee_symbol else "",
        "funds for fees": f"{found.fee_funds_amount:,f} {found.fee_symbol}" if found.fee_symbol else "",
    }
    if as_json:
        show_json({**asdict(found), "shortfall_amount": found.shortfall_amount})
        return
    show_fields(fields)
    for account_id, code in sorted(found.unpayable.items()):
        out.print(f"{account_id} would fail: {describe_failure(code).sentence}")
    if found.unchecked_count:
        out.print(unchecked_sentence(found.unchecked_count, found.payable_count))


@app.command()
def show(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Show one payout and its progress."""
    detail = with_payouts(lambda payouts: payouts.read_detail(distribution))
    found, status, given = detail.distribution, detail.status, detail.approvals
    progress = status.progress
    fields = distribution_fields(found) | {"paid_count": progress.paid_count, "failed_count": progress.failed_count}
    if as_json:
        approvals = [{"by": each.actor_name, "kind": each.actor_kind, "at": each.approved_at} for each in given]
        pause = None if status.pause is None else asdict(status.pause)
        more = {"approvals": approvals, "waits": status.waits, "pause": pause, "failures": status.failures}
        show_json(fields | more)
        return
    by = ", ".join(f"{each.actor_name} ({each.approved_at:%Y-%m-%d %H:%M} UTC)" for each in given)
    show_fields(fields | {"approvals_required": found.approvals_required or "", "approved_by": by})
    if status.waits:
        out.print(f"It {status.waits}. {status.next_step}", markup=False)
    show_failures(status.failures)


@app.command()
def execute(distribution: DistributionArgument, wait: WaitOption = False, as_json: JsonOption = False) -> None:
    """Start paying. Workers do it; with --wait this command does it itself."""
    run(_start(distribution, wait=wait, again=False, as_json=as_json))


@app.command()
def retry(distribution: DistributionArgument, wait: WaitOption = False, as_json: JsonOption = False) -> None:
    """Retry the unpaid holders of a payout, and no others."""
    run(_start(distribution, wait=wait, again=True, as_json=as_json))


@app.command()
def cancel(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Cancel a payout that has not been executed."""

    async def work(payouts: Payouts) -> Distribution:
        found = await payouts.find(distribution)
        await payouts.cancel(found.id)
        return found

    found = with_payouts(work)
    fields = {"id": found.id, "status": DistributionStatus.CANCELLED}
    show_outcome(fields, f"Cancelled: no holder was paid by payout {found.id}.", as_json=as_json)


@app.command()
def holders(
    distribution: DistributionArgument,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write all holders into this file; - for standard output.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those whose payment failed.")] = False,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List the holders of a payout, with the amount and state of each."""
    if as_json and str(csv_file) == "-":
        raise Invalid("--json and --csv - contradict each other.", "Leave one of them out.")
    if csv_file is not None:
        count = with_context(lambda context: _write_csv(context, distribution, csv_file))
        if str(csv_file) != "-":
            fields = {"file": str(csv_file), "holder_count": count}
            show_outcome(fields, f"Wrote {count:,} holders to {csv_file}.", as_json=as_json)
        return

    async def work(context: Context) -> Any:
        found = await Payouts(context).find(distribution)
        async with context.database.unit_of_work() as work:
            return await work.entitlements(found).find(page, limit, failed=failed)

    found = with_context(work)
    rows = [(h.account_id, h.payment_amount, h.paid, h.failure_code) for h in found.items]
    names = ("account_id", "payment_amount", "paid", "failure_code")
    show_list(
        [dict(zip(names, row, strict=True)) for row in rows],
        ["ACCOUNT", "AMOUNT", "PAID", "REASON"],
        rows,
        total=found.total,
        as_json=as_json,
        right=["AMOUNT"],
        empty="None.",
    )
    if found.total > len(rows) and not as_json:
        out.print(f"Page {page:,} of {-(-found.total // limit):,}; {found.total:,} holders in all.")


@app.command()
def batches(
    distribution: DistributionArgument, page: PageOption = 1, limit: LimitOption = 20, as_json: JsonOption = False
) -> None:
    """List the batches with their transactions."""

    async def work(context: Context) -> Any:
        found = await Payouts(context).find(distribution)
        async with context.database.unit_of_work() as work:
            of_page = {"after": (page - 1) * limit, "limit": limit}
            return found.batch_count or 0, await work.batch_payouts.find_of_distribution(found.id, **of_page)

    names = ("batch_number", "status", "total_holders", "successful_payments", "failed_payments", "total_amount")
    columns = (*names, "transaction_id", "error_message")
    batch_count, found = with_context(work)
    rows = [tuple(getattr(batch, name) for name in columns) for batch in found]
    heads = ["BATCH", "STATUS", "HOLDERS", "PAID", "FAILED", "AMOUNT", "TRANSACTION", "MESSAGE"]
    right = ["BATCH", "HOLDERS", "PAID", "FAILED", "AMOUNT"]
    items = [dict(zip(columns, row, strict=True)) for row in rows]
    empty = "It has no batches yet."
    show_list(items, heads, rows, total=batch_count, as_json=as_json, right=right, empty=empty)


async def _start(reference: str, *, wait: bool, again: bool, as_json: bool) -> None:
    async with opened() as context:
        payouts = Payouts(context)
        found = await payouts.find(reference)
        await (payouts.retry(found.id) if again else payouts.start(found.id))
        if not wait:
            show_outcome(
                {"id": found.id, "status": DistributionStatus.PROCESSING},
                f"Started. Watch it: masspayout distribution show {found.id}",
                "A worker pays it; if none is running, start one with: masspayout worker",
                as_json=as_json,
            )
            return
        await pay_with_progress(payouts, found.id)
        await show_result(payouts, found.id, as_json=as_json)


async def _write_csv(context: Context, reference: str, path: Path) -> int:
    count = -1  # the first line has the heads
    found = await Payouts(context).find(reference)
    with _opened_for_writing(path) as file:
        async for lines in exports.entitlements_csv(context.database, found):
            file.write(lines)
            count += lines.count("\n")
    return count


@contextmanager
def _opened_for_writing(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        with writing_as_it_is() as file:
            yield file
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Invalid(f"{path} cannot be written: {reason}.", "Name a file that you may write.") from None
