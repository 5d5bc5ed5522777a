"""``masspayout recover``: fix what the database and the ledger disagree about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from masspayout import distributions, register_hashes
from masspayout.cli.output import JsonOption, out, show_json
from masspayout.cli.session import with_runtime
from masspayout.errors import Invalid
from masspayout.register_hashes import HashCheck, HashState
from masspayout.runtime import Runtime

_DIFFERENCES_SHOWN = 20


def recover(
    distribution: Annotated[
        str | None, typer.Argument(metavar="DISTRIBUTION", help="With --hashes: the only one to check.")
    ] = None,
    *,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Fix register hashes that the contract of the payout confirms.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recover what database and ledger disagree about. Exit status 1 while something still differs."""
    if not hashes:
        raise Invalid("There is nothing to recover without an option.", "Check register hashes with --hashes.")
    _recover_hashes(distribution, as_json=as_json)


def _recover_hashes(reference: str | None, *, as_json: bool) -> None:
    async def work(runtime: Runtime) -> Sequence[HashCheck]:
        distribution_id = None
        if reference is not None:
            async with runtime.database.unit_of_work() as session:
                distribution_id = (await distributions.find(session, reference)).id
        return await register_hashes.fix(runtime.database, runtime.ledger, distribution_id)

    checks = with_runtime(work)
    counts = Counter(check.state for check in checks)
    if as_json:
        show_json({"items": [asdict(check) for check in checks], "total": len(checks)})
    else:
        for check in checks:
            _show(check)
        out.print(
            f"{len(checks):,} register hashes checked: {counts[HashState.FITS]:,} fit, "
            f"{counts[HashState.FIXED]:,} fixed, {counts[HashState.DIFFERS]:,} differ."
        )
    if counts[HashState.DIFFERS]:
        raise typer.Exit(1)


def _show(check: HashCheck) -> None:
    if check.state is HashState.FITS:
        return
    kept = f" Approvals that still count: {check.approvals_kept:,}." if check.approvals_kept else ""
    out.print(f"{check.state} {check.distribution_id}: {check.message}{kept}", markup=False)
    for difference in check.differences[:_DIFFERENCES_SHOWN]:
        out.print(f"  {difference}", markup=False)
    if len(check.differences) > _DIFFERENCES_SHOWN:
        out.print(f"  … and {len(check.differences) - _DIFFERENCES_SHOWN:,} more; --json lists them all.")
