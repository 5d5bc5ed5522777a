"""Payouts that are interrupted at every side effect there is, one after the other, on whichever ledger.

A ``Story`` is a planned payout in a database that is copied for each death; a ``Stage`` is the ledger as it was then.
"""

import asyncio
import itertools
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import psycopg
from sqlalchemy import URL

import crashes
from databases import fresh_database
from masspayout.db.entities import AttemptStatus, BatchStatus, DistributionStatus
from masspayout.db.repositories import Assets
from masspayout.db.session import Database, connect_arguments
from masspayout.jobs import Jobs
from masspayout.runtime import Runtime
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

    def received_units(self) -> dict[str, int]:
        """Return what its own books say that each account got."""


@dataclass(frozen=True)
class Story:
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


def die_everywhere(story: Story, server: URL, *, stride: int = 1, up_to: int | None = None) -> int:
    """Die at every side effect, or each so-manieth up to a number, recover, and compare the books.

    Return at which one of them the last death was, or would have been.
    """
    ran_through = threading.Event()
    numbers = itertools.count(1, stride) if up_to is None else range(1, up_to + 1, stride)
    side_effects = itertools.takewhile(lambda _: not ran_through.is_set(), iter(numbers))

    def die_and_recover() -> int:
        mortals = crashes.Mortals(story.opener)
        last = 0
        for kill_at in side_effects:
            last = kill_at
            if _die_and_recover(story, server, mortals, kill_at):
                ran_through.set()
        mortals.close()
        return last

    with ThreadPoolExecutor(AT_ONCE) as several_at_once:
        deaths = [several_at_once.submit(die_and_recover) for _ in range(AT_ONCE)]
        return max(death.result() for death in deaths)


def _die_and_recover(story: Story, server: URL, mortals: crashes.Mortals, kill_at: int) -> bool:
    """Tell whether the payout ended before there were as many side effects."""
    assert story.template.database is not None
    with fresh_database(server, template=story.template.database) as url, story.stage(url) as stage:
        status = mortals.pay(url, stage.settings, story.distribution_id, kill_at)
        assert status in (0, crashes.KILLED), f"side effect {kill_at}"
        if status == crashes.KILLED:
            recovery = mortals.pay(url, stage.settings, story.distribution_id)
            assert recovery == 0, f"recovery from side effect {kill_at}"
        stage.calm_down()
        asyncio.run(_check(url, story, stage, f"side effect {kill_at}"))
    return status == 0


async def _check(url: URL, story: Story, stage: Stage, when: str) -> None:
    """Compare the ledger's own books with what everybody was owed, and find nothing left hanging."""
    database = Database(url)
    ledger = crashes.open_ledger(story.opener, url, stage.settings)
    async with database.unit_of_work() as session:
        asset = await Assets(session).get_by_reference(story.asset_token)
    world = World(Runtime(stage.settings, database, ledger, Jobs(url)), asset)
    found = await world.find(story.distribution_id)
    verdict = await world.reconcile(story.distribution_id)
    await ledger.close()
    await database.close()

    decimals = int(found.payment_token_decimals or 0)
    owed = {h.account_id: int((h.payment_amount or 0) * 10**decimals) for h in found.holders}
    assert stage.received_units() == {account: units for account, units in owed.items() if account not in story.bad}, (
        when
    )
    assert verdict.agrees, when
    assert found.status is (DistributionStatus.FAILED if story.bad else DistributionStatus.COMPLETED), when
    assert {h.account_id: h.failure_code for h in found.holders if not h.paid} == story.bad, when
    assert not [h for h in found.holders if h.attempt_id and not h.paid], when
    assert all(batch.status is not BatchStatus.PROCESSING for batch in found.batches), when
    assert open_attempts(url) == 0, when
    assert sum(owed.values()) == int((found.amount or 0) * 10**decimals), when


def open_attempts(url: URL) -> int:
    """Count the transactions whose outcome nobody has written down."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM attempt WHERE status IN (%s, %s)", [AttemptStatus.SIGNED, AttemptStatus.SUBMITTED]
        ).fetchone()
    assert row is not None
    return int(row[0])
