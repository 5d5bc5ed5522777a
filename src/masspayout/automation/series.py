"""Series: what makes distributions by itself, on a calendar (RECURRING) or whenever money arrives (AUTOMATIC).

A recurring series always has its next occurrence as a distribution of its own, to be seen before it is due. A pause is
like an outage: what falls due meanwhile is made up for afterwards, as far as the catch-up window reaches.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func

from masspayout import audit
from masspayout.audit import record_cancelled
from masspayout.automation.scheduling import occurrence
from masspayout.automation.triggers import Trigger, parse_trigger
from masspayout.context import Context
from masspayout.db.connection_errors import is_of_statement
from masspayout.db.entities import TERM_COLUMNS, Asset, ExecutionType, Frequency, Series, SeriesStatus, term_columns
from masspayout.db.session import Database
from masspayout.db.types import uuid7
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import from_terms, require_ahead
from masspayout.entitlements import payment_token_of, require_explicit_amounts
from masspayout.kernel.backoff import Backoff
from masspayout.kernel.errors import Conflict, DatabaseUnavailable, Invalid
from masspayout.kernel.ledger_time import to_nanos
from masspayout.kernel.next_steps import Action, Field
from masspayout.kernel.payout_terms import TERMS, PayoutTerms
from masspayout.kernel.time_zones import find_zone

_log = logging.getLogger(__name__)

DEFAULT_CATCH_UP = timedelta(days=1)
_SHORTEST_CATCH_UP, _LONGEST_CATCH_UP = (timedelta(seconds=n) for n in TERMS["catch_up_seconds"].bounds or ())

# After a long outage, how many occurrences are made in one transaction.
_OCCURRENCES_AT_ONCE = 1000

# The columns of a new series that the audit trail records.
_RECORDED = tuple(dict.fromkeys((*TERM_COLUMNS, *term_columns(Series))))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar on which the occurrences of a recurring series are due.

    Attributes:
        frequency: The interval between occurrences.
        start_time: The due time of the first; the others are counted from it.
        end_time: Nothing is due after it; None: it goes on until it is cancelled.
        time_zone: The IANA zone on whose wall clock days, weeks and months pass.
        catch_up: The catch-up window: an occurrence overdue by more is not paid, but marked as missed.
    """

    frequency: Frequency
    start_time: datetime
    end_time: datetime | None = None
    time_zone: str = "UTC"
    catch_up: timedelta = DEFAULT_CATCH_UP


def plan_of(terms: PayoutTerms) -> Calendar | Trigger:
    """Return the calendar or the trigger of terms that make a series.

    Raises:
        Invalid: One of its terms is missing, or has the wrong form.
    """
    if terms.execution_type is ExecutionType.AUTOMATIC:
        return parse_trigger(terms.trigger_condition or "")
    if terms.frequency is None:
        raise Invalid("The frequency is missing.", "Choose one, such as MONTHLY.")
    if terms.start_time is None:
        raise Invalid("The first payment time is missing.", "Add the time of the first payment.")
    catch_up = DEFAULT_CATCH_UP if terms.catch_up_seconds is None else timedelta(seconds=terms.catch_up_seconds)
    return Calendar(terms.frequency, terms.start_time, terms.end_time, terms.time_zone or "UTC", catch_up)


async def create(
    context: Context, asset: Asset, terms: PayoutTerms, plan: Calendar | Trigger, *, now: datetime | None = None
) -> Series:
    """Create a series: a recurring one with its first occurrence, an automatic one with a listener for its deposits.

    Args:
        context: The parts of the process.
        asset: The asset of its distributions.
        terms: The terms of each. With a trigger they may lack the amount: then it is the deposit.
        plan: The calendar or the trigger.
        now: The present, unless it is to be asked for.

    Raises:
        Invalid: Terms or calendar are incomplete or contradict each other. Nothing was written.
        Conflict: The asset has no payment token, or its contract works out the amounts itself.
    """
    now = now or await context.database.clock.now()
    token = await require_explicit_amounts(context.ledger, payment_token_of(context.settings, asset))
    first = from_terms(asset, terms, token, amount_required=isinstance(plan, Calendar))
    if terms.record_time is not None:
        raise Invalid(
            "A record time makes no sense in a series: each payout takes the balances of when it is due.",
            "Leave it out.",
        )
    if terms.again > 1:
        raise Invalid(
            "A series pays each of its distributions once: there is none to pay again.",
            "Leave out ",
            Field.AGAIN,
            ".",
        )
    # Columns that are not set have their own defaults, which an explicit None would take the place of.
    term_values = {name: value for name in TERM_COLUMNS if (value := getattr(first, name)) is not None}
    term_values["execution_type"] = ExecutionType.RECURRING if isinstance(plan, Calendar) else ExecutionType.AUTOMATIC
    series = Series(id=terms.id or uuid7(), **term_values)
    if isinstance(plan, Trigger):
        series.trigger_condition = str(plan)
        offset_nanos = await context.database.clock.offset_nanos()
        async with context.database.unit_of_work() as work:
            await _save_armed(work, series, offset_nanos)
            _record_created(work, series)
            await _listen_for_deposits(work, series, token.payer_account_id, asset.lifecycle_contract_id)
        return series
    _check_calendar(plan, now)
    series.frequency = plan.frequency
    series.start_time = plan.start_time
    series.end_time = plan.end_time
    series.time_zone = plan.time_zone
    series.catch_up_seconds = int(plan.catch_up.total_seconds())
    async with context.database.unit_of_work() as work:
        await work.series.save(series)
        _record_created(work, series)
        await ensure_next(work, series.id, now)
        await work.refresh(series)
    return series


async def ensure_next(work: UnitOfWork, series_id: uuid.UUID, now: datetime) -> bool:
    """Make the occurrences of a recurring series that fell due, and the next one; end it when there is none.

    Returns whether that is all of them: after a long outage it takes several calls.
    """
    repository = work.series
    series = await repository.lock_active(series_id)
    if series is None or series.frequency is None or series.start_time is None:
        return True
    if await repository.has_next(series_id, now):
        return True
    zone = find_zone(series.time_zone)
    number = series.next_number
    times: list[datetime] = []
    while len(times) < _OCCURRENCES_AT_ONCE and (not times or times[-1] <= now):
        time = occurrence(series.frequency, series.start_time, zone, number)
        if series.end_time is not None and time > series.end_time:
            await repository.move(series_id, {SeriesStatus.ACTIVE}, SeriesStatus.ENDED)
            audit.record_move(work, "series.ended", series_id, SeriesStatus.ACTIVE, SeriesStatus.ENDED)
            break
        times.append(time)
        number += 1
    await make_distributions(work, series_id, times)
    await repository.advance(series_id, number)
    return len(times) < _OCCURRENCES_AT_ONCE


async def make_distributions(
    work: UnitOfWork,
    series_id: uuid.UUID,
    times: Sequence[datetime],
    *,
    trigger_event_id: uuid.UUID | None = None,
    deposit_amount: Decimal | None = None,
) -> None:
    """Make the distributions of a series that are due at these times; those that are there already stay as they are.

    Args:
        work: The caller's transaction.
        series_id: The series, which has their terms.
        times: When each is due.
        trigger_event_id: The event that is the reason for it.
        deposit_amount: The amount if the series has none of its own, in whole payment tokens.
    """
    made = await work.series.add_distributions(
        series_id, times, trigger_event_id=trigger_event_id, deposit_amount=deposit_amount
    )
    for distribution_id, time in made:
        facts = {"series_id": series_id, "scheduled_time": time}
        if deposit_amount is not None:
            facts |= {"trigger_event_id": trigger_event_id, "deposit_amount": deposit_amount}
        audit.record(work, "distribution.created", distribution_id, after=facts)


async def make_occurrences(database: Database, now: datetime, backoff: Backoff) -> None:
    """See to it that every recurring series that goes on has its next occurrence, and those that fell due before.

    A series that fails is logged, and tried again after growing pauses; the others go on.

    Raises:
        DatabaseUnavailable: The database cannot be reached.
    """
    async with database.unit_of_work() as work:
        series_ids = await work.series.find_without_next(now)
    for series_id in series_ids:
        if backoff.holds(series_id, now):
            continue
        try:
            await _make_occurrences_of(database, series_id, now)
        except Exception as error:
            if isinstance(error, DatabaseUnavailable) and not is_of_statement(error):
                raise
            _, until = backoff.failed(series_id, now)
            _log.error("series %s has no next payout; it is tried again at %s", series_id, until, exc_info=error)
        else:
            backoff.succeeded(series_id)


async def _make_occurrences_of(database: Database, series_id: uuid.UUID, now: datetime) -> None:
    is_complete = False
    while not is_complete:
        async with database.unit_of_work() as work:
            is_complete = await ensure_next(work, series_id, now)


async def find(work: UnitOfWork, reference: str) -> Series:
    """Return a series by its id, the beginning of that, or ``latest``.

    Raises:
        Invalid: Several ids begin with the reference.
        NotFound: There is no such series.
    """
    return await work.series.get_by_reference(reference)


async def find_next_time(work: UnitOfWork, series: Series) -> datetime | None:
    """Return when the first distribution of a series that has not begun is due; None when there is none."""
    return (await work.series.find_next_times([series.id])).get(series.id)


async def pause(work: UnitOfWork, series: Series) -> None:
    """Let nothing of a series begin until it is resumed: ACTIVE → PAUSED.

    Raises:
        Conflict: It is not active.
    """
    await _move(work, series, {SeriesStatus.ACTIVE}, SeriesStatus.PAUSED, "paused")


async def resume(work: UnitOfWork, series: Series) -> None:
    """Resume a series: PAUSED → ACTIVE. Occurrences that fell due meanwhile are treated as after an outage.

    Raises:
        Conflict: It is not paused.
    """
    await _move(work, series, {SeriesStatus.PAUSED}, SeriesStatus.ACTIVE, "resumed")


async def cancel(work: UnitOfWork, series: Series) -> int:
    """Cancel a series for good, with its payouts that have not begun. Returns how many distributions were called off.

    Raises:
        Conflict: It ended or was cancelled before.
    """
    await _move(work, series, {SeriesStatus.ACTIVE, SeriesStatus.PAUSED}, SeriesStatus.CANCELLED, "cancelled")
    cancelled = await work.distributions.cancel_pending_of_series(series.id)
    for distribution_id in cancelled:
        record_cancelled(work, distribution_id)
    return len(cancelled)


async def _save_armed(work: UnitOfWork, series: Series, offset_nanos: int) -> None:
    """Save a series that deposits start, with the time of its making by their clock: an advanced sandbox is ahead."""
    if offset_nanos:
        series.created_at = func.now() + timedelta(microseconds=offset_nanos // 1000)
    await work.series.save(series)
    await work.refresh(series)


async def _listen_for_deposits(work: UnitOfWork, series: Series, *account_ids: str | None) -> None:
    """See to it that somebody listens to these accounts from now on; where somebody does, nothing changes."""
    since_nanos = None if series.created_at is None else to_nanos(series.created_at)
    for account_id in account_ids:
        if account_id is not None:
            added = await work.event_listeners.add(account_id, since_nanos)
            if added is not None:
                facts = {"contract_id": account_id, "series_id": series.id}
                audit.record(work, "listener.created", added.id, after=facts)


async def _move(
    work: UnitOfWork, series: Series, from_states: set[SeriesStatus], to_state: SeriesStatus, verb: str
) -> None:
    repository = work.series
    if not await repository.move(series.id, from_states, to_state):
        status = (await repository.get(series.id)).status
        raise Conflict(
            f"Series {series.id} cannot be {verb}: it is {status}.", "See: ", Action.SHOW_SERIES.on(series.id)
        )
    audit.record_move(work, f"series.{verb}", series.id, series.status, to_state)


def _record_created(work: UnitOfWork, series: Series) -> None:
    audit.record(work, "series.created", series.id, after={name: getattr(series, name) for name in _RECORDED})


def _check_calendar(calendar: Calendar, now: datetime) -> None:
    """Refuse a calendar that no occurrence, or not the right ones, would follow from."""
    find_zone(calendar.time_zone)
    require_ahead(calendar.start_time, now, what="start")
    if calendar.end_time is not None and calendar.end_time < calendar.start_time:
        raise Invalid(
            f"The series would end at {calendar.end_time:%Y-%m-%d %H:%M:%S %Z}, before it starts.",
            "Choose a later end, or leave it out.",
        )
    if not _SHORTEST_CATCH_UP <= calendar.catch_up <= _LONGEST_CATCH_UP:
        raise Invalid(
            f"A catch-up window of {calendar.catch_up} cannot be kept: it takes a minute to ten years.",
            "Choose how late an occurrence may be paid, such as 24h.",
        )
