"""``masspayout pay`` and ``reconcile``: the commands that stand on their own."""

import asyncio
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from masspayout import distributions
from masspayout.cli.lists import read_list
from masspayout.cli.options import DistributionArgument
from masspayout.cli.output import JsonOption, out, run, show_json
from masspayout.cli.progress import pay_with_progress
from masspayout.cli.reports import show_result, show_verdict, unchecked_sentence
from masspayout.cli.session import opened, with_runtime
from masspayout.context import Context
from masspayout.db.entities import Distribution
from masspayout.distributions import list_payouts
from masspayout.distributions.payout_lists import PayoutList
from masspayout.kernel.types import PaymentToken
from masspayout.payments import reconciliation
from masspayout.payments.payer_gate import PayerGate
from masspayout.registers import assets

# Mirror nodes are some seconds behind the ledger.
_LOOKS_AT_BOOKS = 30
_BOOKS_SECONDS = 2.0


def pay(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A payout list: account_id,amount.")],
    payment_token: Annotated[str, typer.Option(help="The token to pay in.")],
    asset: Annotated[str | None, typer.Option(help="The asset it is paid on; without it, the payment token.")] = None,
    concept: Annotated[
        str | None, typer.Option(help="What it is for. The same list is paid once for the same concept.")
    ] = None,
    again: Annotated[
        int, typer.Option(min=1, help="2 pays a list once more that was paid for the same concept; 3 a third time.")
    ] = 1,
    allow_unpayable: Annotated[
        bool, typer.Option("--allow-unpayable", help="Pay the others although some accounts cannot receive the token.")
    ] = False,
) -> None:
    """Pay a payout list: check it, pay it, and prove it. Run again after a crash, it goes on where it stopped."""
    run(_pay(file, payment_token, asset, concept, again=again, allow_unpayable=allow_unpayable))


def reconcile(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Compare the ledger's books with the database, account by account. Exit status 1 unless they agree."""

    async def work(runtime: Context) -> reconciliation.Reconciliation:
        async with runtime.database.unit_of_work() as session:
            found = await distributions.find(session, distribution)
        return await reconciliation.reconcile(runtime.database, runtime.ledger, found.id)

    verdict = with_runtime(work)
    if as_json:
        show_json(asdict(verdict) | {"agrees": verdict.agrees})
    else:
        show_verdict(verdict)
    if not verdict.agrees:
        raise typer.Exit(1)


async def _pay(
    file: Path,
    payment_token: str,
    asset_reference: str | None,
    concept: str | None,
    *,
    again: int,
    allow_unpayable: bool,
) -> None:
    async with opened() as runtime:
        token = await list_payouts.payment_token(runtime, payment_token)
        entries = read_list(file, token.decimals)
        asset_id = asset_reference or token.token_id
        await _attend(runtime, token)
        distribution = await _distribution_of(
            runtime, asset_id, token, entries, concept, again=again, allow_unpayable=allow_unpayable
        )
        await _attend(runtime, token)
        accounts = "1 account" if len(entries) == 1 else f"{len(entries):,} accounts"
        out.print(f"Distribution {distribution.id}: {accounts}, {distribution.total_amount:,f} in all.")
        await list_payouts.start_or_resume(runtime, distribution.id)
        await pay_with_progress(runtime, distribution.id)
        verdict = await _prove(runtime, distribution.id)
        show_verdict(verdict)
        await show_result(runtime, distribution.id)
        if not verdict.agrees:
            raise typer.Exit(1)


async def _attend(runtime: Context, token: PaymentToken) -> None:
    """Read what the ledger shows of the payer, before it is decided what is still to be paid.

    While the payer is in doubt, it is waited until the ledger has shown all that may still have been under way.
    """
    gate = PayerGate(runtime.database, runtime.ledger, runtime.settings)
    state = await gate.attend(token.payer_account_id)
    while not state.is_open and not state.needs_person:
        await asyncio.sleep(state.wait_seconds)
        state = await gate.attend(token.payer_account_id)


async def _prove(runtime: Context, distribution_id: uuid.UUID) -> reconciliation.Reconciliation:
    """Reconcile what was just paid, once the ledger's books show it, but wait for them a minute at most."""
    for looks_left in range(_LOOKS_AT_BOOKS, 0, -1):
        verdict = await reconciliation.reconcile(runtime.database, runtime.ledger, distribution_id)
        if verdict.breaks or not verdict.unseen_count or looks_left == 1:
            return verdict
        await asyncio.sleep(_BOOKS_SECONDS)
    raise AssertionError("the last look returns")


async def _distribution_of(
    runtime: Context,
    asset_token_id: str,
    token: PaymentToken,
    entries: PayoutList,
    concept: str | None,
    *,
    again: int,
    allow_unpayable: bool,
) -> Distribution:
    """Return the distribution that pays this list: the one that is there, or a new one."""
    async with runtime.database.unit_of_work() as session:
        found = await list_payouts.find(session, token, entries, concept=concept, again=again)
        was_paid = await list_payouts.was_paid_before(session, token, entries, concept=concept, again=again)
    if found is not None:
        return found
    if was_paid:
        out.print("[bold yellow]The ledger shows payments of this list that the database does not know.[/]")
    else:
        # Nothing is written, not even the asset, before all of the list is known to be good.
        unchecked_count = await list_payouts.check(runtime, token, entries, allow_unpayable=allow_unpayable)
        if unchecked_count:
            out.print(unchecked_sentence(unchecked_count, len(entries)))
    asset = await assets.import_asset(runtime.database, runtime.ledger, asset_token_id, for_lists=True)
    return await list_payouts.create(runtime, asset, token, entries, concept=concept, again=again)
