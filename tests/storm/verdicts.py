"""The verdict on a round, from the sandbox's own books, the tables and the workers' logs: what is wrong, in words."""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from forgetting import find_all, find_one
from payouts import PAYMENT_TOKEN
from storm.deployment import FUNDS_UNITS, HOLDERS, PAYERS, POISONED, Deployment

_UNITS = 10**6
# What may be left of jobs and events: those of the tasks that run by the clock.
_FEW_ROWS = 10
# A line that comes back at the pace of the periodic tasks, so often in a row, would fill a disk.
_REPEATS = 5
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


def violations(deployment: Deployment) -> list[str]:
    """Return what does not hold once every payout has had time to end."""
    return [
        *_of_money(deployment),
        *_of_payouts(deployment),
        *_of_background_work(deployment),
        *_of_workers(deployment),
    ]


def _of_money(deployment: Deployment) -> Iterator[str]:
    """Compare the books with what each payout comes to, worked out here from its amount and the holdings."""
    paid_payouts = find_all(deployment.here.url, "SELECT amount FROM distribution WHERE status = 'COMPLETED'")
    supply = sum(units for _, units in HOLDERS)
    owed: Counter[str] = Counter()
    for (amount,) in paid_payouts:
        amount_units = int(Decimal(amount) * _UNITS)
        shares = {account: amount_units * held // supply for account, held in HOLDERS}
        owed.update(shares)
    received = deployment.books.received_units()
    for payer in PAYERS:
        received.pop(payer, None)
    twice = [account for account, units in received.items() if units > owed[account]]
    never = [account for account, units in owed.items() if received.get(account, 0) < units]
    if twice:
        yield f"{len(twice)} accounts got more than they are owed, {twice[0]} among them"
    if never:
        yield f"{len(never)} accounts got less than they are owed, {never[0]} among them"
    query = "SELECT sum(balance_units) FROM sandbox.holding WHERE token_id = %s AND account_id = ANY(%s)"
    left = int(find_one(deployment.books.url, query, [PAYMENT_TOKEN, list(PAYERS)]))
    if left != len(PAYERS) * FUNDS_UNITS - sum(owed.values()):
        yield f"the payers have {left} units left, and {sum(owed.values())} were owed"
    batches = find_one(deployment.here.url, "SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'")
    if deployment.books.transfers() != batches:
        yield f"{deployment.books.transfers()} transactions paid {batches} batches"
    if unknown := deployment.here.forgotten():
        yield f"the database does not know {len(unknown)} of the transactions that paid"


def _of_payouts(deployment: Deployment) -> Iterator[str]:
    states = Counter(status for (status,) in find_all(deployment.here.url, "SELECT status::text FROM distribution"))
    if states["COMPLETED"] != sum(states.values()) - POISONED:
        yield f"not everything was paid: {dict(states)}"
    query = "SELECT count(*) FROM distribution WHERE status <> 'COMPLETED' AND failure_message IS NOT NULL"
    named = find_one(deployment.here.url, query)
    if named != POISONED:
        yield f"{POISONED} payouts cannot begin, and {named} of them say why"


def _of_background_work(deployment: Deployment) -> Iterator[str]:
    jobs = find_one(deployment.here.url, "SELECT count(*) FROM procrastinate_jobs")
    if jobs > _FEW_ROWS:
        yield f"{jobs} jobs are left"
    query = "SELECT count(*) FROM webhook_event WHERE dispatched_at IS NULL"
    if waiting := find_one(deployment.here.url, query):
        yield f"{waiting} events wait for nobody knows what"
    query = """
        SELECT count(*) FROM webhook_delivery AS d JOIN webhook AS w ON w.id = d.webhook_id
         WHERE w.url = %s AND d.status <> 'DELIVERED'
    """
    if behind := find_one(deployment.here.url, query, [deployment.live_target.url]):
        yield f"{behind} events did not reach the webhook target that takes everything"


def _of_workers(deployment: Deployment) -> Iterator[str]:
    for worker in deployment.workers:
        if worker.running.poll() is not None:
            yield f"the worker {worker.name} ended by itself, with status {worker.running.returncode}"
        yield from _repeated(worker.log, worker.name)


def _repeated(log: Path, name: str) -> Iterator[str]:
    """Yield lines that come back every second or two, whatever their numbers, several times in a row."""
    seconds_of: dict[str, list[int]] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        found = re.match(r"\d{4}-\d\d-\d\d (\d\d):(\d\d):(\d\d),\d+ (?:WARNING|ERROR) (.*)", line)
        if found:
            hour, minute, second = (int(number) for number in found.groups()[:3])
            seconds_of.setdefault(_NUMBERS.sub("#", found[4]), []).append(hour * 3600 + minute * 60 + second)
    for text, seconds in seconds_of.items():
        run = longest = 1
        for before, after in pairwise(seconds):
            run = run + 1 if after - before <= 2 else 1
            longest = max(longest, run)
        if longest >= _REPEATS:
            yield f"the worker {name} wrote {longest} times in a row: {text[:120]}"
