"""``masspayout distribution create``: from what was typed to a distribution, or to a series that makes them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from masspayout.app import Payouts
from masspayout.automation import series
from masspayout.cli.arguments import AssetArgument
from masspayout.cli.csv_import import read_payout_list_file
from masspayout.cli.distribution_list import distribution_fields
from masspayout.cli.output import JsonOption, out, show_fields, show_json
from masspayout.cli.series import series_fields
from masspayout.cli.session import with_context
from masspayout.cli.terms import Typed, option_of, read_terms, with_term_options
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, ExecutionType, Series
from masspayout.kernel.errors import Invalid
from masspayout.kernel.payout_terms import TERMS, TIMING, PayoutTerms, timing_misfits

app = typer.Typer()

ListOption = Annotated[Path | None, typer.Option("--list", help="A CSV of account_id,amount to pay as it is.")]


@app.command()
@with_term_options(term for term in TERMS.values() if term.is_divided)
def create(asset: AssetArgument, typed: Typed, payout_list: ListOption = None, as_json: JsonOption = False) -> None:
    """Create a payout, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them."""
    if payout_list is not None:
        _check_beside_list(typed)
        terms = read_terms({name: value for name, value in typed.items() if TERMS[name].is_listed})
        _show_distribution(with_context(lambda context: _pay_list(context, asset, payout_list, terms)), as_json)
        return
    _check_timing(typed)
    terms = read_terms(typed)
    if terms.makes_series:
        _show_series(*with_context(lambda context: _series(context, asset, terms)), as_json)
    else:
        _show_distribution(with_context(lambda context: _distribution(context, asset, terms)), as_json)


def _check_beside_list(typed: Typed) -> None:
    """Refuse the terms that payout lists do not have; a time zone alone changes nothing."""
    for name, value in typed.items():
        term = TERMS[name]
        if value and value != term.default and not term.is_listed and name not in ("execution_type", "time_zone"):
            raise Invalid(f"{option_of(term)} makes no sense beside --list: a list is paid as it is.", "Leave it out.")
    if typed["execution_type"] is not ExecutionType.MANUAL:
        raise Invalid("A payout list is frozen at once and MANUAL: you start it yourself.", "Leave --execution out.")


def _check_timing(typed: Typed) -> None:
    """Refuse the terms that a kind of execution does not have, and ask for those that it needs."""
    execution = typed["execution_type"]
    # Times of any execution are read in the time zone.
    given = [name for name in TIMING if typed[name] is not None and name != "time_zone"]
    missing, misplaced = timing_misfits(execution, given)
    if missing:
        term = TERMS[missing[0]]
        option = option_of(term)
        raise Invalid(
            f"Missing {option} for --execution {execution}: {term.question}",
            f"Add {option} {term.example}, for example.",
        )
    if misplaced:
        option = option_of(TERMS[misplaced[0]])
        raise Invalid(f"{option} makes no sense with --execution {execution}.", "Leave it out.")


async def _distribution(context: Context, asset: str, terms: PayoutTerms) -> Distribution:
    found = await _find_asset(context, asset)
    return await Payouts(context).create(found, terms)


async def _pay_list(context: Context, asset: str, path: Path, terms: PayoutTerms) -> Distribution:
    payouts, found = Payouts(context), await _find_asset(context, asset)
    token = await payouts.list_token(found)
    entries = read_payout_list_file(path, token.decimals)
    return await payouts.create_of_list(found, token, entries, terms, check_first=True, allow_unpayable=True)


async def _series(context: Context, asset: str, terms: PayoutTerms) -> tuple[Series, datetime | None, str]:
    """Return the series, when its first distribution is due, and the account on which deposits arrive."""
    found = await _find_asset(context, asset)
    made = await Payouts(context).create_series(found, terms)
    async with context.database.unit_of_work() as work:
        next_time = await series.find_next_time(work, made)
    return made, next_time, found.lifecycle_contract_id or context.settings.payer_account_id


async def _find_asset(context: Context, reference: str) -> Asset:
    async with context.database.unit_of_work() as work:
        return await work.assets.get_by_reference(reference)


def _show_distribution(distribution: Distribution, as_json: bool) -> None:
    if as_json:
        show_json(distribution_fields(distribution))
        return
    show_fields(distribution_fields(distribution))
    if distribution.scheduled_time is not None:
        out.print("\nA worker pays it when it is due; if none is running, start one with: masspayout worker")
        out.print(f"Cancel it: masspayout distribution cancel {distribution.id}")
        return
    out.print(f"\nReview it: masspayout distribution preview {distribution.id}")
    out.print(f"Pay it:    masspayout distribution execute {distribution.id} --wait")


def _show_series(made: Series, next_time: datetime | None, paying_account: str, as_json: bool) -> None:
    if as_json:
        show_json(series_fields(made, next_time))
        return
    show_fields(series_fields(made, next_time))
    if made.trigger_condition is not None:
        out.print(f"\nDeposits to {paying_account} start it, while a worker runs: masspayout worker")
    else:
        out.print("\nA worker pays each when it is due; if none is running, start one with: masspayout worker")
    out.print(f"Watch it: masspayout series show {made.id}")
