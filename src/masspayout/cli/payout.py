"""``masspayout pay`` and ``reconcile``: the commands that stand on their own."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from masspayout.app import ListWarning, Payouts
from masspayout.cli.arguments import DistributionArgument, find_token_id
from masspayout.cli.csv_import import read_payout_list_file
from masspayout.cli.output import JsonOption, err, out, run, show_json
from masspayout.cli.progress import pay_with_progress
from masspayout.cli.reports import show_result, show_verdict, unchecked_sentence, verdict_fields
from masspayout.cli.session import opened, with_payouts
from masspayout.cli.terms import Typed, read_terms, with_term_options
from masspayout.db.entities import DistributionType
from masspayout.kernel.payout_terms import TERMS, PayoutTerms
from masspayout.payments import Reconciliation

app = typer.Typer()


@app.command()
@with_term_options(term for term in TERMS.values() if term.is_listed and term.name != "type")
def pay(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A payout list: account_id,amount.")],
    payment_token: Annotated[str, typer.Option(help="The token to pay in.")],
    typed: Typed,
    asset: Annotated[str | None, typer.Option(help="The asset it is paid on; without it, the payment token.")] = None,
    allow_unpayable: Annotated[
        bool, typer.Option("--allow-unpayable", help="Pay the other accounts although some cannot receive the token.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Pay a payout list: check, pay, reconcile. Run again after a crash, it goes on where it stopped."""
    terms = read_terms(typed, type=DistributionType.SNAPSHOT)
    run(_pay(file, payment_token, asset, terms, allow_unpayable=allow_unpayable, as_json=as_json))


@app.command()
def reconcile(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Compare the ledger's books with the database, account by account. Exit status 1 unless they agree."""

    async def work(payouts: Payouts) -> Reconciliation:
        return await payouts.reconcile((await payouts.find(distribution)).id)

    verdict = with_payouts(work)
    if as_json:
        show_json(verdict_fields(verdict))
    else:
        show_verdict(verdict)
    if not verdict.agrees:
        raise typer.Exit(1)


async def _pay(
    file: Path,
    payment_token: str,
    asset_reference: str | None,
    terms: PayoutTerms,
    *,
    allow_unpayable: bool,
    as_json: bool,
) -> None:
    console = err if as_json else out
    async with opened() as context:
        payouts = Payouts(context)
        token = await payouts.list_token(None, payment_token)
        entries = read_payout_list_file(file, token.decimals)
        asset_id = token.token_id
        if asset_reference is not None:
            async with context.database.unit_of_work() as work:
                asset_id = await find_token_id(work, asset_reference)
        warn = partial(_warn, console, len(entries))
        distribution = await payouts.find_or_create_of_list(
            asset_id, token, entries, terms, warn, allow_unpayable=allow_unpayable
        )
        accounts = "1 account" if len(entries) == 1 else f"{len(entries):,} accounts"
        console.print(f"Payout {distribution.id}: {accounts}, {distribution.total_amount:,f} in all.")
        await payouts.start_or_resume(distribution.id)
        await pay_with_progress(payouts, distribution.id)
        verdict = await payouts.reconcile_after_payment(distribution.id)
        await show_result(payouts, distribution.id, verdict=verdict, as_json=as_json)
        if not verdict.agrees:
            raise typer.Exit(1)


def _warn(console: Console, account_count: int, warning: ListWarning) -> None:
    if warning.was_forgotten:
        console.print("[bold yellow]The ledger shows payments of this list that the database does not know.[/]")
    if warning.unchecked_count:
        console.print(unchecked_sentence(warning.unchecked_count, account_count))
