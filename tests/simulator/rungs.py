"""The rungs: on which store a simulation runs. Rung A is dictionaries; rung B is the product's own SQL.

Both run the same seeds when units of work take turns, and then tell the same trace, to the byte.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, Connection

from simulator import people
from simulator.planting import INSTALLATION, obligation_of_plan, plant_payout
from simulator.processes import EPOCH_NANOS
from simulator.store.dictionaries import DictionaryServer
from simulator.store.rows import Row, SerialLock, Transaction, number_id

if TYPE_CHECKING:
    from simulator.world import World

_FIRST_SERVER = "server 1"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Rung(Protocol):
    """Makes the first server of a world.

    Attributes:
        is_serial: Units of work take turns, and each counts as a commit.
    """

    is_serial: bool

    def id_of(self, number: int) -> uuid.UUID:
        """Return the primary key of the distribution with a number."""

    def make_server(self, world: "World") -> Any:
        """Return a server with the planned payouts."""


class DictionaryRung:
    """Rung A."""

    def __init__(self, *, is_serial: bool = False) -> None:
        self.is_serial = is_serial

    def id_of(self, number: int) -> uuid.UUID:
        """Return a number."""
        return number_id(number)

    def make_server(self, world: "World") -> Any:
        """Return a server of dictionaries with the planned payouts."""
        server = DictionaryServer(world.loop, EPOCH_NANOS, _FIRST_SERVER)
        server.is_synchronous = world.plan.is_synchronous
        server.tables["installation"] = {"only": Row(code=INSTALLATION, identity=_FIRST_SERVER, secured_for=None)}
        for payout, terms in _planted(world):
            plant_payout(server, world.plan, payout, **terms)
        server.history.clear()
        server.serial_lock = SerialLock(world.loop) if self.is_serial else None

        def at_commit(transaction: Transaction) -> None:
            world.verdicts.at_commit(transaction)
            world.count_commit(wakes=self.is_serial or any(table == "distribution" for table, _ in transaction.written))

        server.at_commit = at_commit
        return server


class SqlRung:
    """Rung B: one connection, and a transaction that never commits."""

    is_serial = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def id_of(self, number: int) -> uuid.UUID:
        """Return a UUID."""
        return uuid.UUID(int=number)

    def make_server(self, world: "World") -> Any:
        """Return the server with the planned payouts, and nothing of earlier simulations."""
        from simulator.store.sql import SqlServer  # noqa: PLC0415 - rung A needs no SQL
        from simulator.store.sql_planting import plant_installation, plant_payout_rows  # noqa: PLC0415

        if self._connection.in_transaction():
            self._connection.rollback()
        self._connection.begin()
        server = SqlServer(world.loop, EPOCH_NANOS, _FIRST_SERVER, self._connection, [])
        server.tell_time()
        plant_installation(self._connection, INSTALLATION, _FIRST_SERVER, world.plan)
        for payout, terms in _planted(world):
            plant_payout_rows(self._connection, world.plan, payout, **terms)
        server.at_commit = lambda: world.count_commit(wakes=True)
        server.peep()
        return server


def _planted(world: "World") -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the planned payouts with what else is written of them, and note what they owe."""
    created_by = people.person(people.OPERATOR).person
    for payout in world.plan.payouts:
        obligation = obligation_of_plan(payout, world.plan)
        key = world.network.payment_key(obligation)
        world.verdicts.expect(key or obligation, payout)
        yield (
            payout,
            {
                "distribution_id": world.ids[payout.name],
                "created_by": created_by,
                "ledger_identity": world.network.identity,
                "ledger_key": key,
            },
        )


@contextmanager
def sql_rung(url: URL) -> Iterator[SqlRung]:
    """Open rung B on a migrated database of its own, of which nothing remains but some functions."""
    from simulator.store.sql import connect, prepare  # noqa: PLC0415

    prepare(url)
    engine = connect(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET search_path = simulation, public, pg_catalog")
        connection.commit()
        yield SqlRung(connection)
        connection.rollback()
    engine.dispose()


def comparable(trace: Sequence[str]) -> list[str]:
    """Return a trace without what differs from store to store: how primary keys are written."""

    def shorten(found: "re.Match[str]") -> str:
        number = uuid.UUID(found[0]).int
        return str(number) if number < 1 << 32 else "…"

    return [_UUID.sub(shorten, line) for line in trace]
