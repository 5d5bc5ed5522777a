"""``masspayout distribution create``: from what was typed to a distribution, or to a series that makes them."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from masspayout.app import Payouts
from masspayout.automation import Trigger, find_zone, parse_trigger, series
from masspayout.cli.csv_import import read_payout_list_file
from masspayout.cli.distribution_list import distribution_fields
from masspayout.cli.options import AssetArgument
from masspayout.cli.output import JsonOption, out, show_fields, show_json
from masspayout.cli.series import series_fields
from masspayout.cli.session import with_context
from masspayout.cli.times import parse_duration, parse_time
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType, Frequency, PayoutType, Series
from masspayout.distributions import ListTerms, Terms, timing_misfits
from masspayout.kernel.errors import Invalid

app = typer.Typer()

TypeOption = Annotated[DistributionType, typer.Option("--type", help="The type of the payout.")]
ExecutionOption = Annotated[
    ExecutionType,
    typer.Option(help="How it starts: by you, at a time, on a calendar or on deposits; the last two create a series."),
]
PayoutOption = Annotated[
    PayoutType | None, typer.Option(help="PERCENTAGE: pro rata to balances. FIXED: equal amounts.")
]
AmountOption = Annotated[str | None, typer.Option(help="The total, in whole payment tokens.")]
ConceptOption = Annotated[str | None, typer.Option(help="A name, in your own words.")]
RecordTimeOption = Annotated[
    str | None, typer.Option(help="Take the balances of this time: 2026-03-31 or 2026-03-31T12:00:00Z.")
]
AtOption = Annotated[str | None, typer.Option(help="SCHEDULED: when to pay, such as 2030-03-31T09:00.")]
FrequencyOption = Annotated[Frequency | None, typer.Option(help="RECURRING: how often.")]
StartOption = Annotated[str | None, typer.Option(help="RECURRING: the first payment; the others follow from it.")]
EndOption = Annotated[str | None, typer.Option(help="RECURRING: nothing is due after this time.")]
ZoneOption = Annotated[
    str, typer.Option(help="The IANA time zone of times without an offset, in which a series counts its days.")
]
CatchUpOption = Annotated[
    str | None, typer.Option(help="RECURRING: how late one may be paid after an outage: 90m, 24h, 7d. Default: 24h.")
]
TriggerOption = Annotated[str | None, typer.Option(help="AUTOMATIC: ON_DEPOSIT, or 'ON_DEPOSIT >= AMOUNT'.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="An account that gets nothing; may be repeated.")]
IncludeOption = Annotated[list[str] | None, typer.Option(help="Also pay this treasury, payer or contract account.")]
ListOption = Annotated[Path | None, typer.Option("--list", help="A payout list: a CSV file of account_id,amount.")]

# The options that say when to pay, by what the business calls them.
_OPTIONS = {
    "scheduled_time": "at",
    "frequency": "frequency",
    "start_time": "start",
    "end_time": "end",
    "catch_up_seconds": "catch_up",
    "trigger_condition": "trigger",
}
# Of those that an execution may need: the question that each answers, and an example.
_QUESTIONS = {
    "scheduled_time": ("when is it to be paid?", "--at 2030-03-31T09:00"),
    "frequency": ("how often is it due?", "--frequency MONTHLY"),
    "start_time": ("when is the first one due?", "--start 2030-03-31T09:00"),
    "trigger_condition": ("what starts it?", "--trigger ON_DEPOSIT"),
}


@app.command()
def create(
    asset: AssetArgument,
    kind: TypeOption = DistributionType.DIVIDEND,
    execution: ExecutionOption = ExecutionType.MANUAL,
    payout: PayoutOption = None,
    amount: AmountOption = None,
    concept: ConceptOption = None,
    record_time: RecordTimeOption = None,
    at: AtOption = None,
    frequency: FrequencyOption = None,
    start: StartOption = None,
    end: EndOption = None,
    zone: ZoneOption = "UTC",
    catch_up: CatchUpOption = None,
    trigger: TriggerOption = None,
    exclude: ExcludeOption = None,
    include: IncludeOption = None,
    payout_list: ListOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a payout, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them."""
    timing = _Timing(at=at, frequency=frequency, start=start, end=end, catch_up=catch_up, trigger=trigger)
    if payout_list is not None:
        _refuse_beside_list(
            payout=payout, amount=amount, record_time=record_time, exclude=exclude, include=include, **vars(timing)
        )
        if execution is not ExecutionType.MANUAL:
            raise Invalid(
                "A payout list is frozen at once and MANUAL: you start it yourself.", "Leave --execution out."
            )
        _show_distribution(with_context(lambda context: _pay_list(context, asset, payout_list, kind, concept)), as_json)
        return
    timing.check(execution)
    time_zone = find_zone(zone)
    terms = Terms(
        type=kind,
        payout_type=payout,
        amount=None if amount is None else _decimal(amount),
        execution_type=execution,
        concept=concept,
        record_time=None if record_time is None else parse_time(record_time, time_zone),
        scheduled_time=None if at is None else parse_time(at, time_zone),
        excluded_accounts=exclude or [],
        included_accounts=include or [],
    )
    plan = timing.plan(zone)
    if plan is None:
        _show_distribution(with_context(lambda context: _distribution(context, asset, terms)), as_json)
    else:
        _show_series(*with_context(lambda context: _series(context, asset, terms, plan)), as_json)


@dataclass(frozen=True)
class _Timing:
    """The options on when to pay, as they were typed."""

    at: str | None
    frequency: Frequency | None
    start: str | None
    end: str | None
    catch_up: str | None
    trigger: str | None

    def check(self, execution: ExecutionType) -> None:
        """Refuse what does not belong to a kind of execution, and miss what it needs."""
        given = [name for name, option in _OPTIONS.items() if getattr(self, option) is not None]
        missing, misplaced = timing_misfits(execution, given)
        if missing:
            question, example = _QUESTIONS[missing[0]]
            raise Invalid(
                f"Missing {_dashed(_OPTIONS[missing[0]])} for --execution {execution}: {question}",
                f"Add {example}, for example.",
            )
        if misplaced:
            option = _dashed(_OPTIONS[misplaced[0]])
            raise Invalid(f"{option} makes no sense with --execution {execution}.", "Leave it out.")

    def plan(self, zone: str) -> series.Calendar | Trigger | None:
        """Return what makes a series; None when it is about a single distribution."""
        if self.trigger is not None:
            return parse_trigger(self.trigger)
        if self.frequency is None or self.start is None:
            return None
        time_zone = find_zone(zone)
        return series.Calendar(
            frequency=self.frequency,
            start_time=parse_time(self.start, time_zone),
            end_time=None if self.end is None else parse_time(self.end, time_zone),
            time_zone=zone,
            catch_up=series.DEFAULT_CATCH_UP if self.catch_up is None else parse_duration(self.catch_up),
        )


async def _distribution(context: Context, asset: str, terms: Terms) -> Distribution:
    found = await _find_asset(context, asset)
    return await Payouts(context).create(found, terms)


async def _pay_list(
    context: Context, asset: str, path: Path, kind: DistributionType, concept: str | None
) -> Distribution:
    payouts, found = Payouts(context), await _find_asset(context, asset)
    token = await payouts.list_token(found)
    entries = read_payout_list_file(path, token.decimals)
    terms = ListTerms(kind, concept, allow_unpayable=True)
    return await payouts.create_of_list(found, token, entries, terms, check_first=True)


async def _series(
    context: Context, asset: str, terms: Terms, plan: series.Calendar | Trigger
) -> tuple[Series, datetime | None, str]:
    """Return the series, when its first distribution is due, and the account on which deposits arrive."""
    found = await _find_asset(context, asset)
    made = await Payouts(context).create_series(found, terms, plan)
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


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text.strip(), re.ASCII):
        raise Invalid(f"{text!r} is not a number.", "Write --amount as digits with a point, such as 1000000.50.")
    return Decimal(text)


def _refuse_beside_list(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise Invalid(f"{_dashed(name)} makes no sense beside --list: a list is paid as it is.", "Leave it out.")


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"
