"""``masspayout distribution``: plan a payout, review it, pay it, see who got what."""

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from masspayout import distributions, list_payouts, previews
from masspayout.cli.asset import AssetArgument, LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, run, show_fields, show_json, show_table
from masspayout.cli.progress import pay_with_progress
from masspayout.cli.reports import distribution_fields, show_failures, show_result
from masspayout.cli.session import opened, with_runtime
from masspayout.db.entities import Distribution, DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import Assets, BatchPayouts, Distributions, Entitlements
from masspayout.errors import Invalid
from masspayout.freezing import payment_token_of
from masspayout.ledger.failures import describe_failure
from masspayout.payout_lists import read_payout_list
from masspayout.runtime import Runtime

app = typer.Typer(help="Payouts: plan, review, pay, prove.", no_args_is_help=True)

_BEYOND = "The list has fewer pages."

DistributionArgument = Annotated[str, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Pay in this process and return when it is finished.")]


@app.command()
def create(
    asset: AssetArgument,
    kind: Annotated[DistributionType, typer.Option("--type", help="What is being paid out.")] = (
        DistributionType.DIVIDEND
    ),
    execution: Annotated[ExecutionType, typer.Option(help="What starts it.")] = ExecutionType.MANUAL,
    payout: Annotated[
        PayoutType | None, typer.Option(help="PERCENTAGE: pro rata to balances. FIXED: the same for everyone.")
    ] = None,
    amount: Annotated[str | None, typer.Option(help="The total to divide, in whole payment tokens.")] = None,
    concept: Annotated[str | None, typer.Option(help="What it is for, in your own words.")] = None,
    record_time: Annotated[
        str | None, typer.Option(help="Take the balances of this time: 2026-03-31 or 2026-03-31T12:00:00Z.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="An account that gets nothing; may be repeated.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Pay the treasury, payer or contract account all the same.")
    ] = None,
    payout_list: Annotated[
        Path | None, typer.Option("--list", help="A CSV of account_id,amount to pay as it is.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a distribution. What everybody will get is worked out at once, for review; nothing is paid yet."""

    async def work(runtime: Runtime) -> Distribution:
        async with runtime.database.unit_of_work() as session:
            found = await Assets(session).get_by_reference(asset)
        parts = (runtime.database, runtime.ledger, runtime.settings, found)
        if payout_list is not None:
            _refuse_with_list(payout=payout, amount=amount, record_time=record_time, exclude=exclude, include=include)
            token = payment_token_of(found, runtime.settings)
            entries = read_payout_list(payout_list, token.decimals)
            await list_payouts.check(runtime.ledger, token, entries, allow_unpayable=True)
            return await list_payouts.create(*parts, token, entries, distribution_type=kind, concept=concept)
        terms = distributions.Terms(
            type=kind,
            payout_type=payout,
            amount=None if amount is None else _decimal(amount),
            execution_type=execution,
            concept=concept,
            record_time=None if record_time is None else _time(record_time),
            excluded_accounts=exclude or [],
            included_accounts=include or [],
        )
        return await distributions.create(*parts, terms)

    distribution = with_runtime(work)
    if as_json:
        show_json(distribution_fields(distribution))
        return
    show_fields(distribution_fields(distribution))
    out.print(f"\nReview it: masspayout distribution preview {distribution.id}")
    out.print(f"Pay it:    masspayout distribution execute {distribution.id} --wait")


@app.command()
def preview(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Say what executing would do: who gets how much, who could not receive it, and whether the funds suffice."""

    async def work(runtime: Runtime) -> previews.Preview:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
            return await previews.preview(session, runtime.ledger, found)

    found = with_runtime(work)
    fields = {
        "holders to pay": found.payable_count,
        "total": found.total_amount,
        "largest": found.largest_amount,
        "smallest": found.smallest_amount,
        "rounded away": f"{found.rounded_away_count:,} holders whose share is 0" if found.rounded_away_count else "",
        "stays with payer": found.remainder_amount or "",
        "transactions": found.transaction_count,
        "funds": found.funds_amount,
        "missing funds": found.shortfall_amount or "",
    }
    if as_json:
        show_json({name: getattr(found, name) for name in (*found.__slots__, "shortfall_amount")})
        return
    show_fields(fields)
    for account_id, code in sorted(found.unpayable.items()):
        out.print(f"{account_id} would fail: {describe_failure(code).sentence}")


@app.command("list")
def list_(
    asset: Annotated[str | None, typer.Option(help="Only those of this asset.")] = None,
    status: Annotated[DistributionStatus | None, typer.Option(help="Only those in this state.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List distributions, newest first."""

    async def work(runtime: Runtime) -> Any:
        async with runtime.database.unit_of_work() as session:
            asset_id = None if asset is None else (await Assets(session).get_by_reference(asset)).id
            return await Distributions(session).find_of_asset(asset_id, status, page, limit)

    found = with_runtime(work)
    if as_json:
        show_json({"items": [distribution_fields(item) for item in found.items], "total": found.total})
        return
    show_table(
        ["ID", "ASSET", "TYPE", "STATUS", "AMOUNT", "HOLDERS", "CONCEPT", "CREATED"],
        [
            (d.id, d.asset.symbol, d.type, d.status, d.total_amount, d.payable_count, d.concept, d.created_at)
            for d in found.items
        ],
        right=["AMOUNT", "HOLDERS"],
        empty="There is no distribution yet. Create one with: masspayout distribution create ASSET",
    )


@app.command()
def show(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Show one distribution and how far it is."""

    async def work(runtime: Runtime) -> Any:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
            progress = await BatchPayouts(session).progress(found.id)
            return found, progress, await Entitlements(session, found).failure_counts()

    found, progress, failures = with_runtime(work)
    fields = distribution_fields(found) | {"paid_count": progress.paid, "failed_count": progress.failed}
    if as_json:
        show_json(fields | {"failures": failures})
        return
    show_fields(fields)
    show_failures(failures)


@app.command()
def execute(distribution: DistributionArgument, wait: WaitOption = False) -> None:
    """Start paying. Workers do it; with --wait this command does it itself."""
    run(_start(distribution, wait=wait, again=False))


@app.command()
def retry(distribution: DistributionArgument, wait: WaitOption = False) -> None:
    """Try again to pay those who are still unpaid, and nobody else."""
    run(_start(distribution, wait=wait, again=True))


@app.command()
def cancel(distribution: DistributionArgument) -> None:
    """Call off a distribution that has not been executed."""

    async def work(runtime: Runtime) -> Distribution:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
            await distributions.cancel(session, found.id)
            return found

    found = with_runtime(work)
    out.print(f"Cancelled: nobody was paid by distribution {found.id}.")


@app.command()
def holders(
    distribution: DistributionArgument,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write everybody into this file; - for the screen.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those whose payment failed.")] = False,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List who is owed what, and whether they got it."""
    if csv_file is not None:
        count = with_runtime(lambda runtime: _write_csv(runtime, distribution, csv_file))
        if str(csv_file) != "-":
            out.print(f"Wrote {count:,} holders to {csv_file}.")
        return

    async def work(runtime: Runtime) -> Any:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
            return await Entitlements(session, found).find(page, limit, failed=failed)

    found = with_runtime(work)
    rows = [(h.account_id, h.payment_amount, h.paid, h.failure_code) for h in found.items]
    if as_json:
        names = ("account_id", "payment_amount", "paid", "failure_code")
        show_json({"items": [dict(zip(names, row, strict=True)) for row in rows], "total": found.total})
        return
    show_table(
        ["ACCOUNT", "AMOUNT", "PAID", "REASON"], rows, right=["AMOUNT"], empty=_BEYOND if found.total else "Nobody."
    )
    if found.total > len(rows):
        out.print(f"Page {page} of {-(-found.total // limit):,}; {found.total:,} holders in all.")


@app.command()
def batches(
    distribution: DistributionArgument, page: PageOption = 1, limit: LimitOption = 20, as_json: JsonOption = False
) -> None:
    """List the batches with their transactions."""

    async def work(runtime: Runtime) -> Any:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
            return await BatchPayouts(session).find_of_distribution(found.id, after=(page - 1) * limit, limit=limit)

    names = ("batch_number", "status", "total_holders", "successful_payments", "failed_payments", "total_amount")
    columns = (*names, "transaction_id", "error_message")
    rows = [tuple(getattr(batch, name) for name in columns) for batch in with_runtime(work)]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    heads = ["BATCH", "STATUS", "HOLDERS", "PAID", "FAILED", "AMOUNT", "TRANSACTION", "MESSAGE"]
    show_table(heads, rows, right=["BATCH", "HOLDERS", "PAID", "FAILED", "AMOUNT"], empty="It has no batches yet.")


async def _start(reference: str, *, wait: bool, again: bool) -> None:
    async with opened() as runtime:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, reference)
            if again:
                await distributions.retry(session, runtime.ledger, runtime.jobs, found.id)
            else:
                await distributions.execute(session, runtime.ledger, runtime.settings, runtime.jobs, found.id)
        if not wait:
            out.print(f"Started. Watch it: masspayout distribution show {found.id}")
            out.print("A worker pays it; if none is running, start one with: masspayout worker")
            return
        await pay_with_progress(runtime, found.id)
        await show_result(runtime, found.id)


async def _write_csv(runtime: Runtime, reference: str, path: Path) -> int:
    count = 0
    async with runtime.database.unit_of_work() as session:
        found = await distributions.find(session, reference)
        with _opened_for_writing(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["account_id", "balance", "payment_amount", "paid", "failure_code"])
            async for h in Entitlements(session, found).stream():
                amount = f"{h.payment_amount:f}"
                writer.writerow([h.account_id, h.balance, amount, str(bool(h.paid)).lower(), h.failure_code or ""])
                count += 1
    return count


@contextmanager
def _opened_for_writing(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Invalid(f"{path} cannot be written: {reason}.", "Name a file that you may write.") from None


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text.strip(), re.ASCII):
        raise Invalid(f"{text!r} is not a number.", "Write --amount as digits with a point, such as 1000000.50.")
    return Decimal(text)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is not a time.", "Write it as 2026-03-31 or 2026-03-31T12:00:00Z.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _refuse_with_list(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise Invalid(
                f"--{name.replace('_', '-')} makes no sense beside --list: a list is paid as it is.", "Leave it out."
            )
