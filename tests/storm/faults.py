"""Faults: each strikes once, for a moment, and proves that it struck.

A fault that cannot have changed anything raises :class:`NothingHappenedError`. Whatever it interrupted has to go on by
itself.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import psycopg

import file_systems
from clusters import DEBIAN_15
from databases import run_sql
from forgetting import find_one
from masspayout.db.connecting import connect_arguments
from storm.deployment import Deployment, StormWorker

# After a fault payouts go on within so many seconds, nobody restarts anything.
LONGEST_PAUSE_SECONDS = 30.0
# A worker that is told to end does so within so many seconds of its current batch.
STOP_SECONDS = 10.0
Strike = Callable[[Deployment, Random], Awaitable[None]]


class NothingHappenedError(AssertionError):
    """A fault struck nothing."""


def _require(happened: object, what: str) -> None:
    if not happened:
        raise NothingHappenedError(what)


async def _until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    for_ever = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        _require(time.monotonic() < for_ever, what)
        await asyncio.sleep(0.05)


def _any_worker(deployment: Deployment, chance: Random) -> StormWorker:
    return chance.choice(deployment.workers)


# Workers


async def kill_a_worker(deployment: Deployment, chance: Random) -> None:
    worker = _any_worker(deployment, chance)
    worker.running.kill()
    await asyncio.to_thread(worker.running.wait)
    await deployment.go_on(LONGEST_PAUSE_SECONDS)
    await worker.start()


async def stop_a_worker_for_a_while(deployment: Deployment, chance: Random) -> None:
    """SIGSTOP, wherever it is, a transaction included; the others have to go on meanwhile."""
    worker = _any_worker(deployment, chance)
    worker.running.send_signal(signal.SIGSTOP)
    try:
        await deployment.go_on(LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(chance.uniform(1, 8))
    finally:
        worker.running.send_signal(signal.SIGCONT)


async def ask_a_worker_to_end(deployment: Deployment, chance: Random) -> None:
    worker = _any_worker(deployment, chance)
    began = time.monotonic()
    worker.running.terminate()
    status = await asyncio.to_thread(worker.running.wait, 60)
    seconds = time.monotonic() - began
    assert status == 0, f"the worker {worker.name} ended with status {status} when it was asked to"
    assert seconds < STOP_SECONDS, f"the worker {worker.name} took {seconds:.1f} s to end"
    await worker.start()


async def set_a_clock_wrong(deployment: Deployment, chance: Random) -> None:
    machine = deployment.wrong_machine
    before = machine.lines("This machine's clock says")
    machine.set_clock(chance.choice(["+26h", "-10m", "+10m", "-3d"]))
    try:
        await _until(lambda: machine.lines("This machine's clock says") > before, "no worker noticed its wrong clock")
        await deployment.go_on(LONGEST_PAUSE_SECONDS)
    finally:
        machine.set_clock("+0")


# The way to the database


async def terminate_sessions(deployment: Deployment, chance: Random) -> None:
    query = """
        SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    ended = 0
    for _ in range(chance.randrange(3, 9)):
        ended += int(find_one(deployment.server.url(), query))
        await asyncio.sleep(chance.uniform(0.05, 0.5))
    _require(ended, "no session was open")


async def cut_connections(deployment: Deployment, chance: Random) -> None:
    """Answers to commits are lost, among others."""
    front = deployment.pair.front
    cut = 0
    for _ in range(chance.randrange(3, 9)):
        cut += front.open_count
        front.lead_to(deployment.server.port)
        await asyncio.sleep(chance.uniform(0.1, 0.6))
    _require(cut, "no connection was open")


async def hold_the_network(deployment: Deployment, chance: Random) -> None:
    front = deployment.pair.front
    open_count = front.open_count
    front.hold()
    await asyncio.sleep(chance.uniform(2, 6))
    front.let_through()
    _require(open_count, "no connection was open")


async def take_all_connections(deployment: Deployment, chance: Random) -> None:
    """Somebody else has every connection that the server gives, and those of the workers end."""
    arguments = connect_arguments(deployment.server.url("postgres"))
    taken: list[psycopg.Connection] = []
    refused = False
    ends_at = time.monotonic() + chance.uniform(3, 6)
    try:
        while time.monotonic() < ends_at:
            try:
                taken.append(await asyncio.to_thread(lambda: psycopg.connect(**arguments, autocommit=True)))
            except psycopg.OperationalError as error:
                refused = refused or "too many clients" in str(error)
                taken[0].execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = 'masspayout' AND pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.05)
    finally:
        for connection in taken:
            connection.close()
    _require(refused, "the server had connections left")


# The database


async def forbid_writing(deployment: Deployment, chance: Random) -> None:
    url = deployment.server.url("postgres")
    run_sql(url, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        await _until(lambda: find_one(url, "SHOW default_transaction_read_only") == "on", "it stayed writable")
        before = await asyncio.to_thread(deployment.here.completed_batches)
        await asyncio.sleep(chance.uniform(2, 5))
        paid = await asyncio.to_thread(deployment.here.completed_batches) - before
        # What was begun before may be committed.
        assert paid <= len(deployment.workers) * 4, f"{paid} batches were settled while nothing could be written"
    finally:
        allow = psycopg.connect(**connect_arguments(url), autocommit=True)
        with allow:
            allow.execute("SET default_transaction_read_only = off")
            allow.execute("ALTER SYSTEM RESET default_transaction_read_only")
            allow.execute("SELECT pg_reload_conf()")


async def lock_a_table(deployment: Deployment, chance: Random) -> None:
    table = chance.choice(["distribution", "batch_payout", "holder", "attempt", "payer", "procrastinate_jobs"])
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(**connect_arguments(deployment.server.url())) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        await _until(lambda: connection.execute(waiting).fetchone() != (0,), f"nobody waited for the table {table}", 30)
        await asyncio.sleep(chance.uniform(1, 6))


async def kill_the_server(deployment: Deployment, chance: Random) -> None:
    deployment.server.kill()
    await asyncio.sleep(chance.uniform(0.1, 4))
    await asyncio.to_thread(deployment.server.start)


async def fill_the_disk(deployment: Deployment, chance: Random) -> None:
    """Let no byte be free; a server that gives up for that is started again once there is room."""
    filler = deployment.directory / "filler"
    refused = False
    ends_at = time.monotonic() + chance.uniform(4, 7)
    try:
        while time.monotonic() < ends_at:
            _write_until_full(filler)
            refused = refused or await asyncio.to_thread(_is_refused_for_space, deployment)
            await asyncio.sleep(0.2)
    finally:
        filler.unlink(missing_ok=True)
    if not deployment.server.is_running():
        await asyncio.to_thread(deployment.server.start)
    _require(refused, "the disk was not full")


def _write_until_full(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 2**20)
        except OSError:
            pass  # it is full


def _is_refused_for_space(deployment: Deployment) -> bool:
    try:
        run_sql(deployment.server.url(), "CREATE TABLE probe AS SELECT repeat('x', 1000) FROM generate_series(1, 9999)")
        run_sql(deployment.server.url(), "DROP TABLE probe")
    except psycopg.errors.DiskFull:
        return True
    except psycopg.OperationalError:
        return not deployment.server.is_running()
    return False


async def restore_a_dump(deployment: Deployment, chance: Random) -> None:
    """Everything since the dump is forgotten, payments among it."""
    url, dump = deployment.server.url(), deployment.directory / "dump"
    place = ["-h", "127.0.0.1", "-p", str(deployment.server.port), "-U", "masspayout"]
    await asyncio.to_thread(_call, "pg_dump", *place, "-Fc", "-f", str(dump), "masspayout")
    before = await asyncio.to_thread(deployment.here.completed_batches)
    wanted = chance.randrange(3, 30)
    await _until(lambda: deployment.here.completed_batches() >= before + wanted, "too little was paid after the dump")
    deployment.pair.front.lead_to(None)
    run_sql(url.set(database="postgres"), "DROP DATABASE masspayout WITH (FORCE)")
    await asyncio.to_thread(_call, "pg_restore", *place, "-C", "-d", "postgres", str(dump))
    dump.unlink()
    forgotten = deployment.here.forgotten()
    deployment.pair.front.lead_to(deployment.server.port)
    _require(forgotten, "the dump knew of every payment")


def _call(program: str, *arguments: str) -> None:
    subprocess.run([str(DEBIAN_15 / program), *arguments], check=True, stdout=subprocess.DEVNULL)


async def fail_over(deployment: Deployment, chance: Random) -> None:
    """The standby, which is late, takes the server's place; the last commits are lost."""
    pair = deployment.pair
    pair.replication.delay_seconds = chance.uniform(0.2, 2)
    await deployment.go_on(LONGEST_PAUSE_SECONDS)
    pair.replication.lead_to(None)
    await _until(pair.on_standby.forgotten, "the standby knew of every payment")
    pair.fail_over()
    deployment.server = pair.standby
    forgotten = pair.on_standby.forgotten()
    pair.front.lead_to(pair.standby.port)
    _require(forgotten, "no commit was lost")


# The ledger


async def silence_the_ledger(deployment: Deployment, chance: Random) -> None:
    """Half of the answers are lost, and what happened is seen late."""
    books = deployment.books
    books.set_faults(lose_answer_percent=50, mirror_lag_seconds=chance.choice([3, 8]))
    undecided = "SELECT count(*) FROM attempt WHERE status = 'SUBMITTED'"
    try:
        await _until(lambda: find_one(deployment.here.url, undecided), "no transaction was undecided", 20)
        await asyncio.sleep(chance.uniform(2, 5))
    finally:
        books.set_faults()


FAULTS: dict[str, Strike] = {
    "worker killed": kill_a_worker,
    "worker stopped and continued": stop_a_worker_for_a_while,
    "worker asked to end": ask_a_worker_to_end,
    "clock set wrong": set_a_clock_wrong,
    "sessions terminated": terminate_sessions,
    "connections cut": cut_connections,
    "network held": hold_the_network,
    "connections all taken": take_all_connections,
    "database read-only": forbid_writing,
    "table locked": lock_a_table,
    "server killed": kill_the_server,
    "disk full": fill_the_disk,
    "dump restored": restore_a_dump,
    "failover": fail_over,
    "ledger silent": silence_the_ledger,
}
_OF_ROOT = "disk full"  # it needs a file system of its own, which only root can make, and not everywhere


def available() -> list[str]:
    """Return the faults that can strike on this machine."""
    return [name for name in FAULTS if name != _OF_ROOT or file_systems.can_be_made()]
