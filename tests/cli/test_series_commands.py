"""Payouts that run by themselves, as a user sets them up: what is shown, and what is refused with nothing written."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import URL

from command_line import CommandLine, rows_of
from payouts import ASSET_TOKEN

TERMS = ("--payout", "FIXED", "--amount", "3")
CREATE = ("distribution", "create", ASSET_TOKEN)
MONTHLY = (
    "--execution",
    "RECURRING",
    "--frequency",
    "MONTHLY",
    "--start",
    "2042-01-31T09:00",
    "--zone",
    "Europe/Madrid",
)


def test_a_series_is_shown_with_its_next_occurrence(imported: CommandLine) -> None:
    said = imported(*CREATE, *TERMS, *MONTHLY, "--catch-up", "7d", "--concept", "Coupon", "--json")
    made = json.loads(said.out)
    # Nine in Madrid, in winter.
    assert (made["next_time"], made["start_time"]) == ("2042-01-31T08:00:00Z", "2042-01-31T08:00:00Z")
    assert (made["catch_up_seconds"], made["time_zone"], made["status"]) == (604_800, "Europe/Madrid", "ACTIVE")
    listed = imported("series", "list", "--asset", ASSET_TOKEN).out
    assert "MONTHLY, up to 1w late" in listed
    assert "2042-01-31 08:00:00 UTC" in listed
    shown = imported("series", "show", made["id"])
    assert "PENDING" in shown.out
    occurrence = json.loads(imported("distribution", "list", "--json").out)["items"][0]
    assert (occurrence["series_id"], occurrence["scheduled_time"]) == (made["id"], "2042-01-31T08:00:00Z")
    assert (
        json.loads(imported("series", "show", made["id"], "--json").out)["distributions"][0]["id"] == occurrence["id"]
    )


def test_it_is_paused_resumed_and_cancelled(imported: CommandLine) -> None:
    series_id = imported(*CREATE, *TERMS, *MONTHLY, "--json").id
    for verb, status in (("pause", "PAUSED"), ("resume", "ACTIVE"), ("cancel", "CANCELLED")):
        assert imported("series", verb, series_id).status == 0
        assert json.loads(imported("series", "list", "--status", status, "--json").out)["total"] == 1
    said = imported("series", "resume", series_id)
    assert (said.status, "cannot be resumed: it is CANCELLED" in said.err) == (1, True)
    assert json.loads(imported("distribution", "list", "--json").out)["items"][0]["status"] == "CANCELLED"
    missing = imported("series", "show", "nothing")
    assert (missing.status, "There is no series 'nothing'." in missing.err) == (1, True)


def test_an_automatic_series_says_what_it_waits_for(imported: CommandLine) -> None:
    said = imported(*CREATE, "--payout", "PERCENTAGE", "--execution", "AUTOMATIC", "--trigger", "ON_DEPOSIT>=1000")
    assert said.status == 0
    assert "ON_DEPOSIT >= 1000" in said.out
    assert "Deposits to 0.0.1001 start it" in said.out
    assert "0.0.1001" in imported("listener", "list").out


def test_a_scheduled_distribution_is_created_shown_and_called_off(imported: CommandLine) -> None:
    scheduled = ("--execution", "SCHEDULED", "--at", "2042-07-01T09:00", "--zone", "Europe/Madrid")
    made = json.loads(imported(*CREATE, *TERMS, *scheduled, "--json").out)
    assert (made["scheduled_time"], made["status"], made["frozen_at"]) == ("2042-07-01T07:00:00Z", "PENDING", None)
    early = imported("distribution", "execute", made["id"])
    assert (early.status, "is not due before 2042-07-01 07:00:00 UTC" in early.err) == (1, True)
    assert imported("distribution", "cancel", made["id"]).status == 0


YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
START = ("--start", "2042-01-31")
DAILY = ("--execution", "RECURRING", "--frequency", "DAILY")
SCHEDULED, AUTOMATIC = ("--execution", "SCHEDULED"), ("--execution", "AUTOMATIC")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((*TERMS, *SCHEDULED, "--at", YESTERDAY), "has passed: it is"),
        ((*TERMS, *SCHEDULED, "--at", "2442-01-01"), "more than a century ahead"),
        ((*TERMS, *SCHEDULED, "--at", "soon"), "'soon' is not a time."),
        ((*TERMS, *SCHEDULED), "Missing --at for --execution SCHEDULED: when is it to be paid?"),
        ((*TERMS, *SCHEDULED, "--at", "2042-01-31", "--record-time", "2042-02-01"), "lies after the payout"),
        ((*TERMS, "--at", "2042-01-31"), "--at makes no sense with --execution MANUAL."),
        ((*TERMS, *DAILY), "Missing --start for --execution RECURRING: when is the first one due?"),
        ((*TERMS, *DAILY, "--start", YESTERDAY), "has passed: it is"),
        ((*TERMS, "--execution", "RECURRING", *START), "Missing --frequency for --execution RECURRING"),
        ((*TERMS, "--frequency", "DAILY"), "--frequency makes no sense with --execution MANUAL."),
        ((*TERMS, *DAILY, *START, "--frequency", "DECENNIAL"), "--frequency cannot be 'DECENNIAL'."),
        ((*TERMS, *DAILY, *START, "--zone", "Europe/Atlantis"), "'Europe/Atlantis' is not a time zone."),
        ((*TERMS, *SCHEDULED, "--at", "2042-01-31", "--zone", "Mars"), "'Mars' is not a time zone."),
        ((*TERMS, *DAILY, *START, "--end", "2042-01-30"), "before it starts"),
        ((*TERMS, *DAILY, *START, "--catch-up", "1 day"), "'1 day' is not a duration."),
        ((*TERMS, *DAILY, *START, "--catch-up", "0h"), "A catch-up window of 0:00:00 cannot be kept"),
        ((*TERMS, *DAILY, *START, "--record-time", "2042-01-01"), "A record time makes no sense in a series"),
        (("--payout", "FIXED", *DAILY, *START), "The amount is missing"),
        (("--amount", "3", *DAILY, *START), "The payout type is missing"),
        (("--payout", "FIXED", "--amount", "0.0000001", *DAILY, *START), "has more decimals than the payment token"),
        ((*TERMS, *AUTOMATIC), "Missing --trigger for --execution AUTOMATIC: what starts it?"),
        ((*TERMS, *AUTOMATIC, "--trigger", "ON_FULL_MOON"), "'ON_FULL_MOON' is not a trigger."),
        ((*TERMS, *AUTOMATIC, "--trigger", "ON_DEPOSIT > 5"), "'ON_DEPOSIT > 5' is not a trigger."),
        ((*TERMS, *DAILY, *START, "--trigger", "ON_DEPOSIT"), "--trigger makes no sense with --execution RECURRING."),
        (("--list", "list.csv", *SCHEDULED), "A payout list is frozen at once and MANUAL"),
        (("--list", "list.csv", "--at", "2042-01-31"), "--at makes no sense beside --list"),
    ],
)
def test_what_cannot_be_is_refused(
    imported: CommandLine, database_url: URL, options: tuple[str, ...], sentence: str
) -> None:
    before = rows_of(database_url)
    said = imported(*CREATE, *options)
    assert (said.status, sentence in " ".join(said.err.split())) == (2, True), said.err
    assert rows_of(database_url) == before
