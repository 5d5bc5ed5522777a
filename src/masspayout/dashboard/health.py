"""The health of ledger, listeners and workers, in a line each."""

import asyncio
from datetime import timedelta

from masspayout.context import Context
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.formats import count, plural
from masspayout.dashboard.markup import Html, h
from masspayout.db.repositories import WORKER_ALIVE_SECONDS
from masspayout.kernel.errors import MassPayoutError

_LEDGER_PATIENCE_SECONDS = 3.0


async def describe(context: Context) -> Html:
    """Ask everybody, and return a line for each."""
    async with context.database.unit_of_work() as work:
        background = await work.background_work.status()
        listeners = await work.event_listeners.find_in_order()
        summaries = await work.event_listeners.summaries()
        newest = (await work.assets.find_all(limit=1)).items
    now = await context.database.clock.database_now()
    alive = [
        worker for worker in background.workers if now - worker.last_heartbeat < timedelta(seconds=WORKER_ALIVE_SECONDS)
    ]
    failing = [listener.contract_id for listener in listeners if listener.enabled and listener.poll_error]
    set_aside = sum(summary.set_aside for summary in summaries.values())
    enabled = sum(bool(listener.enabled) for listener in listeners)
    lines = [
        await _ledger_line(context, newest[0].token_id if newest else None),
        _line(bool(alive), "Workers", f"{plural(len(alive), 'worker')} at work" if alive else "none running"),
        _line(not background.jobs.failed, "Jobs", f"{count(background.jobs.waiting + background.jobs.doing)} open")
        if not background.jobs.failed
        else _line(False, "Jobs", f"{count(background.jobs.failed)} were given up"),
        _line(not failing, "Listeners", f"cannot read {failing[0]}" if failing else f"{count(enabled)} switched on"),
    ]
    if set_aside:
        lines.append(_line(False, "Events", f"{count(set_aside)} set aside"))
    return h("ul", (h("li", line) for line in lines), class_="plain lines")


async def _ledger_line(context: Context, token_id: str | None) -> Html:
    """Ask the ledger for something that it must know."""
    name = context.settings.ledger
    if token_id is None:
        return _line(True, "Ledger", f"{name}, not checked yet")
    try:
        async with asyncio.timeout(_LEDGER_PATIENCE_SECONDS):
            await context.ledger.token(token_id)
    except TimeoutError:
        return _line(False, "Ledger", f"{name} does not answer")
    except MassPayoutError as error:
        return _line(False, "Ledger", error.message)
    return _line(True, "Ledger", f"{name} answers")


def _line(is_well: bool, what: str, how: str) -> Html:
    return h(
        "div",
        chip("OK" if is_well else "Check", "good" if is_well else "bad"),
        h("span", what),
        h("span", how, class_="note"),
        class_="health",
    )
