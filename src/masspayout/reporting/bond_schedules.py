"""Schedules of bonds as files: CSV for spreadsheets, and iCalendar (RFC 5545) for calendars of people."""

import csv
import io
from collections.abc import Iterator

from masspayout.entitlements import BondDetail, ScheduledPayment

_LONGEST_LINE_BYTES = 75


def as_csv(bond: BondDetail) -> str:
    """Return a row for each payment, under the names that JSON has."""
    rows = [payment.fields() for payment in bond.schedule]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_icalendar(bond: BondDetail) -> str:
    """Return an event for each payment date. A schedule that is exported again replaces its own events."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Mass Payout//Bond schedule//EN"]
    for payment in bond.schedule:
        lines += _event(bond, payment)
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in _folded(line))


def _event(bond: BondDetail, payment: ScheduledPayment) -> Iterator[str]:
    asset, fields = bond.asset, payment.fields()
    currency = asset.payment_token_symbol or asset.payment_token_id
    payments = [f"coupon {fields['amount_per_unit']} {currency} per unit"]
    if payment.principal:
        payments.append(f"principal {fields['principal_per_unit']} {currency} per unit")
    yield "BEGIN:VEVENT"
    yield f"UID:{asset.token_id}-{payment.unadjusted_payment_date:%Y%m%d}@masspayout"
    if bond.bond.updated_at is not None:
        yield f"DTSTAMP:{bond.bond.updated_at:%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{payment.payment_date:%Y%m%d}"
    yield f"SUMMARY:{_escaped(asset.symbol)}: {_escaped(', '.join(payments))}"
    period = f"Interest from {payment.period_start} to {payment.period_end}, record date {payment.record_date}"
    yield f"DESCRIPTION:{_escaped(period)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _escaped(text: str) -> str:
    for special in ("\\", ";", ","):
        text = text.replace(special, f"\\{special}")
    return text.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 bytes, each but the first after a space."""
    part = ""
    for character in line:
        if len((part + character).encode()) > _LONGEST_LINE_BYTES:
            yield part
            part = " "
        part += character
    yield part
