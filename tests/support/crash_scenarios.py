"""Payouts that are interrupted at every side effect there is, one after the other, on whichever ledger.

A ``Scenario`` is a planned payout in a database that is copied for each death. A ``Stage`` is the ledger at that time.
"""

import asyncio
import itertools
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import psycopg
from sqlalchemy import URL

import crashes
from databases import copied_database, fresh_database
from lost_commits import MOST_LOST
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import AttemptStatus, BatchStatus, DistributionStatus
from masspayout.db.repositories import Assets
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.payments import reconciliation
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, World

# Settings that let a recovery take over at once from the dead, and look again without a pause.
HASTE = {"claim_seconds": 0.3, "look_again_seconds": 0.005, "look_again_max_seconds": 0.02}

# A recovery mostly waits for the claims of the dead to lapse, so that more of them than cores go on at once.
AT_ONCE = 4


class Stage(Protocol):
    """A ledger for one death and its recovery."""

    @property
    def settings(self) -> Settings:
        """What leads a process to it."""

    def calm_down(self) -> None:
        """Let nothing go wrong any more, and everything be seen that has happened."""

    def wait_until_shown(self) -> None:
        """Let as much time pass as it takes until what has happened is seen."""

    def received_units(self) -> dict[str, int]:
        """Return what its own books say that each account got."""


@dataclass(frozen=True)
class Scenario:
    """A frozen distribution in a database that can be copied: the same beginning for every death.

    Attributes:
        bad: Those who cannot be paid, each with the code that will say why.
        opener: ``module:function`` that makes the ledger from a database's address and settings, in any process.
        stage: Sets the ledger up as it was when the payout was planned, beside a copy of the database.
    """

    template: URL
    distribution_id: uuid.UUID
    bad: Mapping[str, str]
    opener: str
    stage: Callable[[URL], AbstractContextManager[Stage]]
    asset_token: str = ASSET_TOKEN


@dataclass(frozen=True)
class Recovered:
    """What was found after a death at which the database forgot something.

    Attributes:
        lost_payments: To how many holders the ledger had paid what the database knew nothing of any more.
        was_noticed: Whether the reconciliation saw that before anything was recovered; None when it was not asked.
        adopted: How many transactions were written down because the ledger shows them.
        signed_again: How many were signed a second time, under the number that they had been signed with before.
    """

    kill_at: int
    lost_payments: int
    was_noticed: bool | None
    adopted: int
    signed_again: int


def die_everywhere(scenario: Scenario, server: URL, *, stride: int = 1, up_to: int | None = None) -> int:
    """Die at every side effect, or each so-manieth up to a number, recover, and compare the books.

    Return at which one of them the last death was, or would have been.
    """
    return _everywhere(scenario, partial(_die_and_recover, scenario, server), stride, up_to)


def forget_everywhere(scenario: Scenario, server: URL, *, stride: int = 1, up_to: int | None = None) -> list[Recovered]:
    """Die at every side effect, or each so-manieth; have the database forget, recover, and compare the books.

    It forgets one, two or three commits, or everything since the payout was planned, in turns; the ledger forgets
    nothing.
    """
    found: list[Recovered] = []

    def die_and_forget(processes: crashes.KillableProcesses, kill_at: int) -> bool:
        turn = (kill_at - 1) // stride
        recovered = _die_and_forget(scenario, server, processes, kill_at, turn)
        if recovered is not None:
            found.append(recovered)
        return recovered is None

    _everywhere(scenario, die_and_forget, stride, up_to)
    return found


def _everywhere(
    scenario: Scenario, die: Callable[[crashes.KillableProcesses, int], bool], stride: int, up_to: int | None
) -> int:
    """Die until the payout ends before the next death, several at a time. Return the last side effect tried."""
    ran_through = threading.Event()
    numbers = itertools.count(1, stride) if up_to is None else range(1, up_to + 1, stride)
    side_effects = itertools.takewhile(lambda _: not ran_through.is_set(), iter(numbers))

    def die_again_and_again() -> int:
        processes = crashes.KillableProcesses(scenario.opener)
        last = 0
        for kill_at in side_effects:
            last = kill_at
            if die(processes, kill_at):
                ran_through.set()
        processes.close()
        return last

    with ThreadPoolExecutor(AT_ONCE) as several_at_once:
        deaths = [several_at_once.submit(die_again_and_again) for _ in range(AT_ONCE)]
        return max(death.result() for death in deaths)


def _die_and_recover(scenario: Scenario, server: URL, processes: crashes.KillableProcesses, kill_at: int) -> bool:
    """Tell whether the payout ended before there were as many side effects."""
    assert scenario.template.database is not None
    with fresh_database(server, template=scenario.template.database) as url, scenario.stage(url) as stage:
        status = processes.pay(url, stage.settings, scenario.distribution_id, kill_at)
        assert status in (0, crashes.KILLED), f"side effect {kill_at}"
        if status == crashes.KILLED:
            recovery = processes.pay(url, stage.settings, scenario.distribution_id)
            assert recovery == 0, f"recovery from side effect {kill_at}"
        stage.calm_down()
        asyncio.run(_check(url, scenario, stage, f"side effect {kill_at}"))
    return status == 0


def _die_and_forget(
    scenario: Scenario, server: URL, processes: crashes.KillableProcesses, kill_at: int, turn: int
) -> Recovered | None:
    """Return what was found; None when the payout ended before there were as many side effects."""
    assert scenario.template.database is not None
    lost = turn % (MOST_LOST + 1)
    when = f"side effect {kill_at}, {lost or 'all'} commits lost"
    with (
        fresh_database(server, template=scenario.template.database) as url,
        copied_database(scenario.template) as restored,
        scenario.stage(url) as stage,
    ):
        status = processes.pay(url, stage.settings, scenario.distribution_id, kill_at, crashes.Loss(restored, lost))
        if status == 0:
            return None
        assert status == crashes.KILLED, when
        lost_payments = len(stage.received_units().keys() - _known_payments(restored))
        was_noticed = None
        if (turn // (MOST_LOST + 1)) % 2:
            stage.wait_until_shown()
            was_noticed = not asyncio.run(_agrees(restored, scenario, stage))
            assert was_noticed or not lost_payments, when
        reserved, signed = _numbers(restored, AttemptStatus.RESERVED), _numbers(url)
        recovery = processes.pay(restored, stage.settings, scenario.distribution_id)
        assert recovery == 0, f"recovery from {when}"
        stage.calm_down()
        asyncio.run(_check(restored, scenario, stage, when))
        again = reserved & signed & _numbers(restored)
        return Recovered(kill_at, lost_payments, was_noticed, _count(restored, _ADOPTED), len(again))


_ADOPTED = "SELECT count(*) FROM attempt WHERE status = 'SETTLED' AND signed_bytes IS NULL"

_KNOWN_PAYMENTS = """
SELECT h.account_id FROM holder AS h LEFT JOIN attempt AS a ON a.id = h.attempt_id
 WHERE h.paid OR a.status IN ('SIGNED', 'SUBMITTED')
"""


def _known_payments(url: URL) -> set[str]:
    """Return whom a database knows to be paid, or to be in a transaction that may pay them."""
    return {str(account_id) for (account_id,) in _rows(url, _KNOWN_PAYMENTS)}


def _numbers(url: URL, status: AttemptStatus | None = None) -> set[object]:
    """Return the attempts, with their numbers, that are in a state; without one, those that were signed."""
    query = (
        "SELECT id, number FROM attempt WHERE status = %(status)s OR %(status)s IS NULL AND signed_bytes IS NOT NULL"
    )
    return set(_rows(url, query, {"status": status}))


async def _agrees(url: URL, scenario: Scenario, stage: Stage) -> bool:
    database, ledger = Database(url), crashes.open_ledger(scenario.opener, url, stage.settings)
    try:
        while True:
            try:
                return (await reconciliation.reconcile(database, ledger, scenario.distribution_id)).agrees
            except LedgerUnavailable:  # a fault of the stage, which strikes now and then
                continue
    finally:
        await ledger.close()
        await database.close()


async def _check(url: URL, scenario: Scenario, stage: Stage, when: str) -> None:
    """Compare the ledger's own books with what everybody was owed, and find nothing left hanging."""
    database = Database(url)
    ledger = crashes.open_ledger(scenario.opener, url, stage.settings)
    async with database.unit_of_work() as session:
        asset = await Assets(session).get_by_reference(scenario.asset_token)
    world = World(Context(stage.settings, database, ledger, Jobs(url)), asset)
    found = await world.find(scenario.distribution_id)
    verdict = await world.reconcile(scenario.distribution_id)
    await ledger.close()
    await database.close()

    decimals = int(found.payment_token_decimals or 0)
    owed = {h.account_id: int((h.payment_amount or 0) * 10**decimals) for h in found.holders}
    assert stage.received_units() == {
        account: units for account, units in owed.items() if account not in scenario.bad
    }, when
    assert verdict.agrees, f"{when}: {verdict}"
    assert found.status is (DistributionStatus.FAILED if scenario.bad else DistributionStatus.COMPLETED), when
    assert {h.account_id: h.failure_code for h in found.holders if not h.paid} == scenario.bad, when
    assert not [h for h in found.holders if h.attempt_id and not h.paid], when
    assert all(batch.status is not BatchStatus.PROCESSING for batch in found.batches), when
    assert open_attempts(url) == 0, when
    assert sum(owed.values()) == int((found.amount or 0) * 10**decimals), when


def open_attempts(url: URL) -> int:
    """Count the transactions whose outcome nobody has written down."""
    return _count(url, "SELECT count(*) FROM attempt WHERE status IN ('RESERVED', 'SIGNED', 'SUBMITTED')")


def _count(url: URL, query: str) -> int:
    ((count,),) = _rows(url, query)
    return int(count)


def _rows(url: URL, query: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return connection.execute(query, parameters).fetchall()
