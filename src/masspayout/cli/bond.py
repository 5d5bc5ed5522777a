"""``masspayout bond``: the terms of bonds, and the schedules that follow from them."""

from typing import Annotated, Any

import typer

from masspayout.cli.arguments import AssetArgument
from masspayout.cli.output import JsonOption, out, show_fields, show_json, show_table, writing_as_it_is
from masspayout.cli.session import with_payouts
from masspayout.cli.times import parse_date
from masspayout.entitlements import BondDetail, BondTerms
from masspayout.kernel.business_days import BusinessDayConvention, DaysBefore
from masspayout.kernel.day_counts import DayCount
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import parse_decimal
from masspayout.reporting import bond_schedules

app = typer.Typer()


@app.command("set")
def set_(
    asset: AssetArgument,
    par: Annotated[str, typer.Option(help="The principal of one unit, in whole payment tokens.")],
    rate: Annotated[str, typer.Option(help="The interest, in per cent a year.")],
    day_count: Annotated[DayCount, typer.Option(help="The convention that counts the days of a period.")],
    frequency: Annotated[int, typer.Option(help="The coupons a year: 1, 2, 4 or 12.")],
    issue: Annotated[str, typer.Option(metavar="DATE", help="The first day that interest accrues for.")],
    first_coupon: Annotated[
        str, typer.Option(metavar="DATE", help="The first coupon date, from which the others are counted.")
    ],
    maturity: Annotated[str, typer.Option(metavar="DATE", help="The date of the last coupon and the repayment.")],
    last_coupon: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last coupon date before maturity, for a long last period.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(metavar="NAME", help="The calendar of its business days, such as XECB or XECB+US.")
    ] = None,
    convention: Annotated[
        BusinessDayConvention, typer.Option(help="The move of a payment date that is no business day.")
    ] = BusinessDayConvention.FOLLOWING,
    adjusted: Annotated[
        bool, typer.Option("--adjusted", help="A moved date moves the end of its period, and so the interest.")
    ] = False,
    factor: Annotated[str, typer.Option(help="The part of par that is outstanding from the issue date on.")] = "1",
    record_rule: Annotated[
        str, typer.Option(help="The record date, back from the payment date: -1bd, -15d or 0d.")
    ] = "-1bd",
    zone: Annotated[str, typer.Option(help="The IANA time zone of all dates.")] = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Set the terms of a bond, or change them. They are checked as a whole, by working out the schedule."""
    terms = BondTerms(
        par=parse_decimal(par),
        rate=parse_decimal(rate),
        day_count=day_count,
        coupons_a_year=frequency,
        issue_date=parse_date(issue),
        first_coupon_date=parse_date(first_coupon),
        maturity_date=parse_date(maturity),
        last_coupon_date=None if last_coupon is None else parse_date(last_coupon),
        calendar=calendar,
        convention=convention,
        adjusted=adjusted,
        record_rule=DaysBefore.parse(record_rule),
        time_zone=zone,
        factor=parse_decimal(factor),
    )
    _show(with_payouts(lambda payouts: payouts.set_bond(asset, terms)), as_json=as_json)


@app.command()
def show(asset: AssetArgument, as_json: JsonOption = False) -> None:
    """Show the terms of a bond, with the changes of its factor."""
    _show(with_payouts(lambda payouts: payouts.read_bond(asset)), as_json=as_json)


@app.command()
def schedule(
    asset: AssetArgument,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_ics: Annotated[bool, typer.Option("--ics", help="Print iCalendar, for calendars of people.")] = False,
) -> None:
    """Show the payments of a bond: periods, dates, and amounts for one unit."""
    if as_json + as_csv + as_ics > 1:
        raise Invalid("--json, --csv and --ics contradict each other.", "Give one of them.")
    found = with_payouts(lambda payouts: payouts.read_bond(asset))
    rows = [payment.fields() for payment in found.schedule]
    if as_json:
        show_json({"items": rows, "total": len(rows)})
    elif as_csv or as_ics:
        with writing_as_it_is() as file:
            file.write(bond_schedules.as_csv(found) if as_csv else bond_schedules.as_icalendar(found))
    else:
        _warn(found)
        columns = ["#", "FROM", "TO", "DUE", "PAID ON", "RECORD", "DAYS", "OF A YEAR", "COUPON", "PRINCIPAL"]
        show_table(columns, [tuple(row.values()) for row in rows], right=columns[6:], empty="")


@app.command()
def factor(
    asset: AssetArgument,
    outstanding: Annotated[str, typer.Argument(metavar="FACTOR", help="The part of par outstanding afterwards: 0.75.")],
    since: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The coupon date on which the difference is repaid.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Have a part of the principal repaid on a coupon date; afterwards interest accrues on what is left."""
    day, part = parse_date(since), parse_decimal(outstanding)
    _show(with_payouts(lambda payouts: payouts.set_bond_factor(asset, day, part)), as_json=as_json)


def _show(found: BondDetail, *, as_json: bool) -> None:
    fields = _fields(found)
    if as_json:
        show_json(fields)
        return
    factors = [f"{change.factor:f} from {change.effective_date}" for change in found.factors]
    show_fields({**fields, "factors": ", ".join(factors), "calendar_changed": found.calendar_changed or None})
    _warn(found)
    out.print(f"See its {len(found.schedule):,} payments: masspayout bond schedule {found.asset.token_id}")


def _warn(found: BondDetail) -> None:
    """Warn of a calendar that has changed since the terms were set: dates that are not fixed yet may move."""
    if found.calendar_changed:
        out.print(f"The calendar {found.calendar.name} has changed since the terms were set.")


def _fields(found: BondDetail) -> dict[str, Any]:
    bond, terms = found.bond, found.terms
    return {
        "id": bond.id,
        "asset_id": bond.asset_id,
        "token_id": found.asset.token_id,
        "payment_token_id": found.asset.payment_token_id,
        "par": terms.par,
        "rate": terms.rate,
        "day_count": terms.day_count,
        "frequency": terms.coupons_a_year,
        "issue_date": terms.issue_date,
        "first_coupon_date": terms.first_coupon_date,
        "last_coupon_date": terms.last_coupon_date,
        "maturity_date": terms.maturity_date,
        "calendar": found.calendar.name,
        "calendar_version": bond.calendar_version,
        "calendar_changed": found.calendar_changed,
        "convention": terms.convention,
        "adjusted": terms.adjusted,
        "record_rule": str(terms.record_rule),
        "time_zone": terms.time_zone,
        "factor": terms.factor,
        "factors": [change._asdict() for change in found.factors],
    }
