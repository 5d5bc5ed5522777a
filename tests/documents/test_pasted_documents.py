"""What the documents tell to paste is pasted, and does what it says; and every other block is what it is fenced as.

A block of ``sh`` is for pasting: each is run here, by the test of its own document, or named below with the reason why
it cannot run. ``text`` is for reading; where it stands behind a block of ``sh``, it is what that prints.
"""

import asyncio
import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from dotenv import dotenv_values
from sqlalchemy import URL

from databases import fresh_database, run_sql
from documents import Block, blocks, paste
from http_process import settings_of
from masspayout.settings import Settings
from places import ROOT
from web_targets import answer, listening

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md")
)
LANGUAGES = {"sh", "text", "rooms", "python", "json", "dotenv", "ini", "http", "promql"}

# The sandbox is as the README leaves it, with whatever else the documents ask for.
AFTER_README = ["docs/approvals.md", "docs/audit.md", "docs/automation.md", "docs/bonds.md", "docs/pausing.md"]
ON_A_NEW_DATABASE = ["docs/access.md", "docs/dashboard.md", "docs/policy.md"]
WITH_SERVERS = ["docs/postgresql.md", "docs/sandbox.md", "docs/webhooks.md"]
RUN_HERE = ["README.md", *AFTER_README, *ON_A_NEW_DATABASE, *WITH_SERVERS]
OTHER_TESTS = {
    "docs/api.md": "tests/api/test_serving.py",
    "docs/backup-and-failover.md": "tests/documents/test_backup_document.py",
    "docs/evm.md": "tests/documents/test_evm_document.py",
}

INSTALLS = "It installs packages from the registry."
MINUTES = "It takes minutes; the suite has a shorter run of the same."
OWN_ACCOUNT = "It needs a network, and an account of the reader's own there."
NOT_RUN = {
    ("CONTRIBUTING.md", "make test"): MINUTES,
    ("benchmarks/README.md", "make bench"): MINUTES,
    ("benchmarks/README.md", ".venv/bin/python benchmarks/due_starts.py"): MINUTES,
    ("docs/simulator.md", "make simulate"): MINUTES,
    ("docs/storm.md", "make storm"): MINUTES,
    ("docs/approvals.md", "masspayout distribution approve"): "It takes other users of the machine.",
    ("docs/evm.md", "pip install"): INSTALLS,
    ("docs/evm.md", "masspayout doctor"): OWN_ACCOUNT,
    ("docs/hedera.md", "pip install"): INSTALLS,
    ("docs/hedera.md", "masspayout db upgrade"): OWN_ACCOUNT,
    ("docs/hedera.md", "set -a"): OWN_ACCOUNT,
}


def is_named(block: Block) -> bool:
    """Whether it is named above as one that does not run here."""
    return any(
        (document, block.text.startswith(beginning)) == (block.document, True) for document, beginning in NOT_RUN
    )


def pasteable(document: str) -> list[Block]:
    return [block for block in blocks(document) if block.language == "sh" and not is_named(block)]


@pytest.fixture(scope="module")
def after_readme(
    embedded_server: URL, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[URL, str]]:
    """A database as the README leaves it, and what its commands print."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        directory = tmp_path_factory.mktemp("readme")
        # The demo without what `make` does before it; and not all the tests.
        instead = {"make demo": "masspayout demo", "make test": ": make test"}
        yield url, paste(pasteable("README.md"), directory, settings_of(url, directory), instead)


def test_the_readme_does_what_it_says(after_readme: tuple[URL, str]) -> None:
    _, printed = after_readme
    assert_printed("README.md", printed)
    assert printed.count("They agree to the smallest unit.") == 3  # the demo's, the list's and the dividend's


@pytest.mark.parametrize("document", AFTER_README)
def test_a_document_that_goes_on_from_the_readme_can_be_pasted(
    document: str, after_readme: tuple[URL, str], embedded_server: URL, tmp_path: Path
) -> None:
    template, _ = after_readme
    assert template.database is not None
    with fresh_database(embedded_server, template=template.database) as url:
        assert_printed(document, paste(pasteable(document), tmp_path, settings_of(url, tmp_path)))


@pytest.mark.parametrize("document", ON_A_NEW_DATABASE)
def test_a_document_that_needs_nothing_can_be_pasted(document: str, database_url: URL, tmp_path: Path) -> None:
    assert_printed(document, paste(pasteable(document), tmp_path, settings_of(database_url, tmp_path)))


async def test_webhooks_are_added_and_tried(database_url: URL, tmp_path: Path) -> None:
    settings = settings_of(database_url, tmp_path, WEBHOOK_ALLOW_PRIVATE="true")
    async with listening(answer(204)) as target:
        instead = {"https://example.com": target.url}
        await asyncio.to_thread(paste, pasteable("docs/webhooks.md"), tmp_path, settings, instead)
    (first,) = target.received  # the second time it is for a worker
    assert first.message["type"] == "webhook.test"


def test_a_server_of_the_readers_own_takes_the_books(debian_server: URL, tmp_path: Path) -> None:
    host = str(debian_server.query["host"])
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PG"))}
    settings |= {"PGUSER": str(debian_server.username), "DATA_DIR": str(tmp_path / "data")}
    # The superuser of this server has the name that the document gives to the application's role.
    settings["DATABASE_USER"] = "books"
    names = ("-O masspayout ", "GRANT masspayout TO", "BY masspayout TO")
    instead = {"db.example.com": host, **{name: name.replace("masspayout", "books") for name in names}}
    run_sql(debian_server, "CREATE ROLE books LOGIN")
    try:
        printed = paste(pasteable("docs/postgresql.md"), tmp_path, settings, instead)
    finally:
        run_sql(
            debian_server,
            "DROP DATABASE IF EXISTS masspayout WITH (FORCE)",
            "DROP ROLE IF EXISTS masspayout_owner",
            "DROP ROLE books",
        )
    assert "problem" not in printed
    before, after = re.findall(r"^(warning|ok) +database roles: The role books", printed, re.MULTILINE)
    assert (before, after) == ("warning", "ok")


def test_the_books_of_the_sandbox_move_to_a_database_of_their_own(
    database_url: URL, embedded_server: URL, tmp_path: Path
) -> None:
    server = {f"PG{name.upper()}": str(embedded_server.query[name]) for name in ("host", "port")}
    settings = settings_of(database_url, tmp_path, **server, PGUSER=str(embedded_server.username))
    books = embedded_server.set(drivername="postgresql", database="sandbox_books").render_as_string()
    instead = {"postgresql://user:password@host:5432/sandbox_books": f"'{books}'"}
    try:
        printed = paste(pasteable("docs/sandbox.md"), tmp_path, settings, instead)
    finally:
        run_sql(embedded_server, "DROP DATABASE IF EXISTS sandbox_books WITH (FORCE)")
    assert "COMPLETED: 2 of 2 holders paid, 19.750000 of 19.750000." in printed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_run_or_named_with_the_reason(document: str) -> None:
    found = blocks(document)
    # A form of a command, one for each: tests/house/test_docs.py holds them to the commands and their options.
    languages = LANGUAGES | ({""} if document == "docs/commands.md" else set())
    assert [block for block in found if block.language not in languages] == []
    assert (ROOT / document).read_text(encoding="utf-8").count("```") == 2 * len(found)
    if document not in (*RUN_HERE, *OTHER_TESTS):
        assert pasteable(document) == []


def test_whatever_does_not_run_here_is_there() -> None:
    for document, beginning in NOT_RUN:
        assert len([block for block in blocks(document) if block.text.startswith(beginning)]) == 1, beginning
    for document, test in OTHER_TESTS.items():
        assert f'"{Path(document).name}"' in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", sorted({document for document, _ in NOT_RUN} | {"README.md"}))
def test_make_knows_what_the_documents_have_it_make(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in blocks(document):
        for line in block.text.splitlines():
            if block.language == "sh" and line.startswith("make "):
                target, *variables = shlex.split(line, comments=True)[1:]
                assert f"\n{target}: " in makefile, line
                for variable in variables:
                    assert f"$({variable.partition('=')[0]})" in makefile.replace("$(if ", "$(").replace(",", ")"), line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_for_programs_can_be_read_by_them(document: str) -> None:
    for block in blocks(document):
        where = f"{document}:{block.line}"
        if block.language == "python":
            compile(block.text, where, "exec", dont_inherit=True)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "dotenv":
            values = dotenv_values(stream=io.StringIO(block.text))
            assert values
            assert {name.lower() for name in values} <= Settings.model_fields.keys(), where
            Settings(_env_file=None, **{name.lower(): value for name, value in values.items()})  # type: ignore[arg-type,call-arg]


def assert_printed(document: str, printed: str) -> None:
    """Find every line of what a document says that its commands print; ``…`` stands for anything."""
    for before, block in pairwise(blocks(document)):
        if (before.language, block.language) == ("sh", "text"):
            for line in block.text.splitlines():
                pattern = "^" + ".*".join(map(re.escape, line.split("…"))) + "$"
                assert re.search(pattern, printed, re.MULTILINE), f"{document} says that this is printed: {line}"
