"""Checks of speed: the plans of the hot queries, and the statements that take long now."""

import re

from masspayout.db.plans import find_slow_plans
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor.examination import Examination, Problem

# Below this, reading the whole table is the quickest way.
_LARGE_TABLE_ROWS = 10_000
# A statement that ran once may be slow: a freeze of a million holders. One that runs often may not.
_OFTEN_CALLS = 20
_SHOWN_CHARACTERS = 120
# A statement that sets a password holds it.
_PASSWORD = re.compile(r"password\s+'(?:[^']|'')*'?", re.IGNORECASE)


async def plans_use_indexes(examination: Examination) -> str:
    """No query that runs once per batch or page reads a large table from end to end."""
    slow = await find_slow_plans(examination.diagnosis, _LARGE_TABLE_ROWS)
    if not slow:
        return "The hot queries use their indexes."
    lines = [
        line
        for found in slow
        for line in (f"{found.query}: reads all {found.row_count:,} rows of {found.table}", *found.plan)
    ]
    tables = sorted({found.table for found in slow})
    raise Problem(
        f"{len({found.query for found in slow})} of the hot queries would read a large table from end to end: "
        f"{', '.join(tables)}.",
        f"Renew the planner's statistics (ANALYZE {', '.join(tables)}) and look for missing indexes: ",
        Action.CHECK_DATABASE,
        details=lines,
    )


async def nothing_is_slow(examination: Examination) -> str:
    """No statement or transaction has lasted long, and none that is executed often is slow."""
    slow_ms = examination.slow_ms
    running = await examination.diagnosis.long_running(slow_ms / 1000)
    statements = await examination.diagnosis.slow_statements(slow_ms, _OFTEN_CALLS)
    if running:
        first = running[0]
        raise Problem(
            f"{len(running)} session(s) are busy for more than {slow_ms:,} ms; "
            f"process {first.pid} ({first.state}) for {first.seconds:,.1f} s.",
            f"Let it end, or end it (SELECT pg_terminate_backend({first.pid})), then: ",
            Action.EXAMINE,
            details=[
                f"{row.pid} {row.state} {row.seconds:,.1f} s {row.application}: {_shown(row.query)}" for row in running
            ],
        )
    if statements:
        raise Problem(
            f"{len(statements)} statement(s) take more than {slow_ms:,} ms on average; "
            f"the slowest {statements[0].mean_ms:,.0f} ms, {statements[0].calls:,} times.",
            "See that no index is missing: ",
            Action.CHECK_DATABASE,
            "; then forget the past with SELECT pg_stat_statements_reset()",
            details=[f"{row.mean_ms:,.0f} ms, {row.calls:,} times: {_shown(row.query)}" for row in statements],
        )
    return f"Nothing takes more than {slow_ms:,} ms."


def _shown(query: str | None) -> str:
    line = _PASSWORD.sub("PASSWORD '…'", " ".join((query or "").split()))
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]} …"
