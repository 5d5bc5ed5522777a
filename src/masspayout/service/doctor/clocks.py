"""The check of the clocks: this machine's, the database's and the ledger's."""

import asyncio
from datetime import datetime, timedelta

import psycopg

from masspayout.db.session import Database
from masspayout.kernel.errors import ClockIsOff, MassPayoutError
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.payments import require_not_behind
from masspayout.service.doctor.examination import Examination, Problem

# A ledger that does not answer is reported by its own check; this one does not wait for it as long.
_LEDGER_PATIENCE_SECONDS = 5.0


async def clocks_agree(examination: Examination) -> str:
    """This machine's clock agrees with the database's, and the database's is not behind the ledger's."""
    database = Database(examination.url, connections=1)
    examination.opened.push_async_callback(database.close)
    clock, examination.clock = database.clock, database.clock.now_nanos
    database_now = await clock.database_now()
    lead_seconds = await _ask_ledger(examination, database)
    now = await clock.now()
    shown = None if lead_seconds is None else now + timedelta(seconds=lead_seconds)
    clocks = {"this machine": clock.host_now(), "the database": database_now, "the ledger": shown}
    try:
        await clock.require_right()
        await require_not_behind(clock, lead_seconds)
    except ClockIsOff as error:
        lines = [f"{name:12}  {_written(moment)}" for name, moment in clocks.items()]
        raise Problem(error.message, error.next_step, details=lines) from None
    sentence = ", ".join(f"{name} {_written(moment)}" for name, moment in clocks.items())
    advanced_seconds = await clock.offset_nanos() // NANOS_PER_SECOND
    advanced = f" The sandbox was advanced by {advanced_seconds:,} s, and payouts go by it." if advanced_seconds else ""
    return f"In UTC: {sentence}.{advanced}"


async def _ask_ledger(examination: Examination, database: Database) -> float | None:
    """Return the seconds that the ledger's newest time is ahead of the database's; None if the ledger is silent."""
    try:
        ledger = examination.opening.make_ledger(examination.url, examination.settings, database.clock.now_nanos)
    except MassPayoutError:
        return None
    examination.opened.push_async_callback(ledger.close)
    examination.opening.share_clock(database, ledger)
    try:
        async with asyncio.timeout(_LEDGER_PATIENCE_SECONDS):
            return await ledger.clock_lead_seconds()
    except (MassPayoutError, TimeoutError, psycopg.Error):
        return None


def _written(moment: datetime | None) -> str:
    return "is not known" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
