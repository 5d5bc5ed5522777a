"""``masspayout distribution approve``: another pair of eyes, on exactly what will be paid."""

import sys
from typing import Annotated, Any

import typer

from masspayout import distributions
from masspayout.cli.options import DistributionArgument
from masspayout.cli.output import out, show_fields
from masspayout.cli.session import with_runtime
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import Distribution
from masspayout.db.repositories import ApprovalCount, Approvals
from masspayout.kernel.errors import Invalid


def approve(
    distribution: DistributionArgument,
    register_hash: Annotated[
        str | None, typer.Option("--hash", help="The register hash that you saw; without it you are shown and asked.")
    ] = None,
) -> None:
    """Approve of exactly what a distribution will pay. Its creator cannot, and everybody counts once."""
    shown = with_runtime(lambda runtime: _find(runtime, distribution))
    show_fields(
        {
            "distribution": shown.id,
            "concept": shown.concept,
            "created by": shown.created_by_name,
            "pays": None if shown.total_amount is None else f"{shown.total_amount:,f} of {shown.payment_token_id}",
            "to": None if shown.payable_count is None else f"{shown.payable_count:,} holders",
            "register hash": shown.register_hash,
        }
    )
    if register_hash is None and shown.register_hash is not None:
        if not sys.stdin.isatty():
            raise Invalid("Which register hash you approve of is missing.", f"Say --hash {shown.register_hash}")
        typer.confirm("Approve of it?", abort=True)
    approved_hash = register_hash or shown.register_hash or ""

    async def work(runtime: Context) -> ApprovalCount:
        return await approvals.approve(runtime.database, shown.id, approved_hash)

    count = with_runtime(work)
    if not count.is_complete:
        out.print(f"Approved. It {approvals.waiting_sentence(count)}.")
    elif shown.scheduled_time is not None:
        out.print("Approved. Nothing is missing: a worker starts it now.")
    else:
        out.print(f"Approved. Nothing is missing. Pay it: masspayout distribution execute {shown.id}")


async def approval_fields(runtime: Context, distribution: Distribution) -> dict[str, Any]:
    """Return what there is to say about the approvals of a distribution."""
    async with runtime.database.unit_of_work() as session:
        repository = Approvals(session)
        count = (await repository.counts([distribution.id])).get(distribution.id)
        given = await repository.find_of_distribution(distribution.id)
    return {
        "approvals": [{"by": a.actor_name, "kind": a.actor_kind, "at": a.approved_at} for a in given],
        "waits": waits_for(distribution, count),
    }


def waits_for(distribution: Distribution, count: ApprovalCount | None) -> str:
    """Say what a distribution waits for before it may begin; nothing when it waits for nobody."""
    if count is None or count.is_complete or not distribution.status.can_execute or not distribution.is_frozen:
        return ""
    return approvals.waiting_sentence(count)


async def _find(runtime: Context, reference: str) -> Distribution:
    async with runtime.database.unit_of_work() as session:
        return await distributions.find(session, reference)
