"""Bonds and calendars as an operator has them: what is shown, and what is refused with nothing written."""

import csv
import io
import json
import re

import pytest

from command_line import CommandLine, refused
from payouts import ASSET_TOKEN
from places import DOCS

SET = (
    *("bond", "set", ASSET_TOKEN, "--par", "1000", "--rate", "4.25", "--day-count", "ACT/ACT-ICMA"),
    *("--frequency", "2", "--issue", "2025-10-01", "--first-coupon", "2026-02-15", "--maturity", "2028-02-15"),
)
KEYS = (
    *("number", "period_start", "period_end", "unadjusted_payment_date", "payment_date", "record_date", "days"),
    *("fraction", "amount_per_unit", "principal_per_unit"),
)


def test_the_schedule_of_a_bond_is_shown_in_every_form(imported: CommandLine) -> None:
    made = json.loads(imported(*SET, "--calendar", "XECB", "--zone", "Europe/Berlin", "--json").out)
    assert (made["par"], made["rate"], made["factor"], made["factors"]) == ("1000", "4.25", "1", [])
    assert (made["calendar"], made["convention"], made["record_rule"]) == ("XECB", "FOLLOWING", "-1bd")
    assert not made["calendar_changed"]
    schedule = json.loads(imported("bond", "schedule", ASSET_TOKEN, "--json").out)
    assert (schedule["total"], len(schedule["items"])) == (5, 5)
    assert schedule["items"][0] == dict(
        zip(
            KEYS,
            [
                *(1, "2025-10-01", "2026-02-15", "2026-02-15", "2026-02-16", "2026-02-13", 137),
                *("137/368", "15.822010869565217391", "0"),
            ],
            strict=True,
        )
    )
    assert (schedule["items"][-1]["amount_per_unit"], schedule["items"][-1]["principal_per_unit"]) == ("21.25", "1000")
    rows = list(csv.DictReader(io.StringIO(imported("bond", "schedule", ASSET_TOKEN, "--csv").out)))
    assert rows == [{key: str(value) for key, value in item.items()} for item in schedule["items"]]
    shown = imported("bond", "schedule", ASSET_TOKEN).out
    assert "137/368" in shown
    assert "15.822010869565217391" in shown


def test_the_calendar_of_payments_can_be_read_by_other_calendars(imported: CommandLine) -> None:
    imported(*SET)
    text = imported("bond", "schedule", ASSET_TOKEN, "--ics").out
    lines = text.replace("\r\n ", "").split("\r\n")
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 5
    assert next(line for line in lines if line.startswith("DTSTART")) == "DTSTART;VALUE=DATE:20260216"
    assert len({line for line in lines if line.startswith("UID:")}) == 5
    assert [line for line in lines if line.startswith("SUMMARY")][-1] == (
        "SUMMARY:GRB: coupon 21.25 TUSD per unit\\, principal 1000 TUSD per unit"
    )
    # Exported again, it is the same, so that a calendar has each payment once.
    assert imported("bond", "schedule", ASSET_TOKEN, "--ics").out == text


def test_terms_are_changed_and_principal_is_repaid(imported: CommandLine) -> None:
    imported(*SET)
    said = imported("bond", "factor", ASSET_TOKEN, "0.75", "--from", "2027-02-15", "--json")
    assert json.loads(said.out)["factors"] == [{"effective_date": "2027-02-15", "factor": "0.75"}]
    items = json.loads(imported("bond", "schedule", ASSET_TOKEN, "--json").out)["items"]
    assert [item["principal_per_unit"] for item in items] == ["0", "0", "250", "0", "750"]
    assert [item["amount_per_unit"] for item in items[1:]] == ["21.25", "21.25", "15.9375", "15.9375"]
    assert imported("bond", "factor", ASSET_TOKEN, "0.5", "--from", "2027-02-15").status == 0
    shown = imported("bond", "show", ASSET_TOKEN).out
    assert "0.5 from 2027-02-15" in shown
    assert imported(*SET, "--rate", "5").status == 0
    assert json.loads(imported("bond", "show", ASSET_TOKEN, "--json").out)["rate"] == "5"
    written = [entry["action"] for entry in json.loads(imported("audit", "list", "--json").out)["items"]]
    assert written[:4] == ["bond.changed", "bond.factor_set", "bond.factor_set", "bond.created"]


def test_a_calendar_that_changed_since_the_terms_were_set_is_told_of(imported: CommandLine) -> None:
    imported(*SET, "--calendar", "XECB")
    assert imported("calendar", "add-day", "XECB", "2026-02-16", "Carnival").status == 0
    shown = imported("bond", "schedule", ASSET_TOKEN).out
    assert "The calendar XECB has changed since the terms were set." in shown
    assert "2026-02-17" in shown
    assert json.loads(imported("bond", "show", ASSET_TOKEN, "--json").out)["calendar_changed"]
    imported(*SET, "--calendar", "XECB")
    assert "has changed" not in imported("bond", "show", ASSET_TOKEN).out


def test_a_calendar_is_shown_with_days_that_were_added(command_line: CommandLine) -> None:
    year = ("calendar", "show", "XECB+US", "--year", "2026")
    before = json.loads(command_line(*year, "--json").out)
    assert before["name"] == "US+XECB"
    assert before["total"] == len(before["items"])
    good_friday = {"day": "2026-04-03", "text": "Good Friday", "calendar": "XECB", "is_own": False}
    assert good_friday in before["items"]
    assert command_line("calendar", "add-day", "US", "2026-12-24", "Company holiday").status == 0
    after = json.loads(command_line(*year, "--json").out)
    assert after["version"] != before["version"]
    assert "2026-12-24 Thu" in command_line(*year).out
    assert "Removed Company holiday from US." in command_line("calendar", "remove-day", "us", "2026-12-24").out
    assert json.loads(command_line(*year, "--json").out) == before
    written = [entry["action"] for entry in json.loads(command_line("audit", "list", "--json").out)["items"]]
    assert written == ["calendar.day_removed", "calendar.day_added"]


NEVER = "A schedule from 2028-02-16 never meets its maturity 2028-02-15"
BAD: list[tuple[tuple[str, ...], int, str]] = [
    ((*SET, "--first-coupon", "2028-02-16"), 2, NEVER),
    ((*SET, "--last-coupon", "2027-09-01"), 2, "never meet the last coupon date 2027-09-01"),
    ((*SET, "--issue", "1.10.2025"), 2, "'1.10.2025' is not a date."),
    ((*SET, "--issue", "2025-13-01"), 2, "'2025-13-01' is not a date."),
    ((*SET, "--par", "1,000"), 2, "'1,000' is not a number."),
    ((*SET, "--rate", "4.25%"), 2, "'4.25%' is not a number."),
    ((*SET, "--rate", "-1"), 2, "The rate -1 is below zero."),
    ((*SET, "--frequency", "3"), 2, "A bond has 1, 2, 4 or 12 coupons a year, and not 3."),
    ((*SET, "--record-rule", "1bd"), 2, "'1bd' is not a rule for a record date."),
    ((*SET, "--calendar", "XECD"), 1, "There is no calendar 'XECD'."),
    ((*SET, "--calendar", "XETR", "--issue", "2015-10-01"), 2, "The calendar XETR is known from 2016 to 2100"),
    ((*SET, "--zone", "Mars"), 2, "'Mars' is not a time zone."),
    ((*SET[:2], "0.0.99", *SET[3:]), 1, "There is no asset '0.0.99'."),
    (("bond", "show", ASSET_TOKEN), 1, f"Asset {ASSET_TOKEN} has no terms of a bond."),
    (("bond", "schedule", ASSET_TOKEN, "--csv", "--json"), 2, "--json, --csv and --ics contradict each other."),
    (("bond", "factor", ASSET_TOKEN, "0.5", "--from", "2027-02-15"), 1, "has no terms of a bond."),
    (("calendar", "show", "NOWHERE", "--year", "2026"), 1, "There is no calendar 'NOWHERE'."),
    (("calendar", "remove-day", "US", "2026-12-25"), 1, "2026-12-25 was not added to US by anybody"),
]


@pytest.mark.parametrize(("arguments", "status", "sentence"), BAD, ids=[sentence for *_, sentence in BAD])
def test_bad_input_is_refused_and_nothing_is_written(
    imported: CommandLine, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    refused(imported, *arguments, status=status, sentences=(sentence,))


def test_a_factor_that_is_refused_is_not_written(imported: CommandLine) -> None:
    imported(*SET)
    refused(
        imported,
        *("bond", "factor", ASSET_TOKEN, "0.5", "--from", "2027-02-14"),
        status=2,
        sentences=("is to hold from 2027-02-14, which is no coupon date before the maturity 2028-02-15.",),
    )
    imported("bond", "factor", ASSET_TOKEN, "0.5", "--from", "2027-02-15")
    refused(
        imported,
        *(*SET, "--first-coupon", "2026-03-15"),
        status=2,
        sentences=("The factor 0.5 is to hold from 2027-02-15, which is no coupon date",),
    )


def test_the_worked_example_of_the_document_is_what_the_command_says(imported: CommandLine) -> None:
    text = (DOCS / "bonds.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^masspayout (bond set .*?)$", text.replace("\\\n", ""), re.MULTILINE)
    arguments = [ASSET_TOKEN if word == "0.0.5000" else word for word in command.split()]
    assert imported(*arguments).status == 0
    items = json.loads(imported("bond", "schedule", ASSET_TOKEN, "--json").out)["items"]
    by_hand = re.findall(
        r"^\| (\d) \| ([-\d]+) \| ([-\d]+) \| ([-\d]+) \| .+ \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE
    )
    assert [tuple(map(str, found)) for found in by_hand] == [
        tuple(
            str(item[key]) for key in ("number", "unadjusted_payment_date", "payment_date", "record_date", *KEYS[-2:])
        )
        for item in items
    ]
