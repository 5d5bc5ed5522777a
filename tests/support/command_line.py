"""Running the command line as a user does: what it is called with, and what it says."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import URL

from databases import application_url
from masspayout.db.connecting import connect_arguments
from masspayout.settings import load_settings


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def id(self) -> str:
        """The id in what it printed as JSON."""
        return str(json.loads(self.out)["id"])


CommandLine = Callable[..., Said]


def environment(url: URL) -> dict[str, str]:
    """The settings that name a database of the embedded server, with two roles, and that do not wait long."""
    return {
        "DATABASE_USER": str(application_url(url).username),
        "DATABASE_OWNER_USER": str(url.username),
        "DATABASE_HOST": str(url.query["host"]),
        "DATABASE_PORT": str(url.query["port"]),
        "DATABASE_NAME": str(url.database),
        "CLAIM_SECONDS": "1",
        "LOOK_AGAIN_SECONDS": "0.01",
        "LOOK_AGAIN_MAX_SECONDS": "0.1",
    }


@contextmanager
def nobody_reads() -> Iterator[int]:
    """An output, as a file descriptor, whose other end is closed: whatever is written to it fails."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def rows_of(url: URL) -> dict[str, int]:
    """Count the rows of every table that a command might have written to, the sandbox's books included."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'sandbox')"
        ).fetchall()
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for (table,) in tables}


def refused(command_line: CommandLine, *arguments: str, status: int, sentences: tuple[str, ...]) -> None:
    """Run a command that must fail: all of the sentences, a hint, no traceback, nothing written.

    Only what was read of the ledger may be there that was not before: the payer's statement; in the audit trail, that
    somebody had the register read, from which the refusal follows.
    """
    before = rows_of(load_settings().external_database_url)
    said = command_line(*arguments)
    assert said.status == status, said
    for sentence in sentences:
        assert sentence in said.err
    assert said.err.startswith("error: ")
    assert "\nhint: " in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    after = rows_of(load_settings().external_database_url)
    read = ("public.audit_entry", "public.payer", "public.payer_entry", "public.payer_balance")
    assert after == before | {table: after[table] for table in read}
    assert after["public.audit_entry"] <= before["public.audit_entry"] + 1
