"""What docs/backup-and-failover.md tells to type after a restore is typed, on a database that was restored."""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import Said, environment
from commands import mentions
from databases import copied_database, fresh_database, run_sql
from forgetting import Books, Installation, begin_payout, find_one
from masspayout.db.entities import DistributionStatus
from masspayout.settings import Settings
from places import DOCS, ROOT

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

DOCUMENT = DOCS / "backup-and-failover.md"
SCRIPT = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)

# One more payment from the payer, which no database of ours signed: a copy of one that was there.
FOREIGN_PAYMENT = """
    WITH paid AS (
        INSERT INTO sandbox.ledger_transaction
        SELECT 'TX', kind, result, payer_account_id, token_id, accounts, amounts_units, moved_units, failed_accounts,
               failure_codes, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 + clock_offset_nanos,
               'MEMO'
          FROM sandbox.ledger_transaction, sandbox.network WHERE kind = 'TRANSFER' LIMIT 1
        RETURNING token_id, payer_account_id, moved_units
    )
    UPDATE sandbox.holding AS h SET balance_units = balance_units - paid.moved_units
      FROM paid WHERE h.token_id = paid.token_id AND h.account_id = paid.payer_account_id
"""


@pytest.fixture
def installation(database_url: URL, embedded_server: URL, settings: Settings) -> Iterator[Installation]:
    few = settings.model_copy(update={"batch_size": 100, "sandbox_valid_seconds": 10, "statement_seconds": 0.2})
    with fresh_database(embedded_server) as books_url:
        yield Installation(database_url, Books(books_url), few)


def paste(installation: Installation, script: str) -> Said:
    """Run a block of the document as it is written."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, **environment(installation.url), **installation.environment, "COLUMNS": "250", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    said = Said(done.returncode, done.stdout, done.stderr)
    assert said.status == 0, said
    return said


async def test_every_command_for_a_restore_does_what_the_document_says(
    installation: Installation, tmp_path: Path
) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    first, second, copy = SCRIPT.findall(text)
    distribution_id = str(await begin_payout(installation))
    ran: list[str] = [first, second, copy]

    def run(line: str, **values: str) -> Said:
        ran.append(line)
        words = [values.get(word, word) for word in line.split()[1:]]
        return installation.run(*words)

    with copied_database(installation.url) as restored_url:
        assert installation.run("worker", "--until-idle").status == 0
        listed = tmp_path / "april.csv"
        listed.write_text("account_id,amount\n0.0.20001,5\n0.0.20002,7\n")
        pay = ("pay", str(listed), "--payment-token", "0.0.7001", "--asset", "0.0.5001", "--concept", "April")
        assert installation.run(*pay).status == 0
        lost = find_one(installation.url, "SELECT transaction_id FROM attempt ORDER BY created_at DESC LIMIT 1")
        installation = installation.at(restored_url)

        said = paste(installation, first)
        assert "This database was restored, copied or failed over." in said.out
        assert "in doubt" in said.out
        installation.books.advance(60)
        # What nobody can explain: the list, another installation's payment, and one without a mark.
        other, strange = "0.0.1001@1.000000001", "0.0.1001@1.000000002"
        foreign = f"mp2 other1 {'A' * 22} - 1"
        for transaction_id, memo in ((other, foreign), (strange, "rent")):
            run_sql(installation.books.url, FOREIGN_PAYMENT.replace("TX", transaction_id).replace("MEMO", memo))
        installation.books.advance(60)
        assert run("masspayout recover").status == 1
        assert all(one in run("masspayout payer show PAYER", PAYER="0.0.1001").out for one in (lost, other, strange))
        for answer, transaction_id in (("lost-payout", lost), ("other-installation", other), ("no-payout", strange)):
            said = run(f"masspayout recover --{answer} TX --reason TEXT", TX=transaction_id)
            assert said.status == 0, said
        said = paste(installation, second.replace("DISTRIBUTION", distribution_id))
        assert said.out.count("No breaks") == 2
        transfers = installation.books.transfers()
        refused = installation.run(*pay)
        assert (refused.status, "To pay it once more" in refused.err) == (1, True), refused
        assert installation.books.transfers() == transfers
        assert installation.status(uuid.UUID(distribution_id)) is DistributionStatus.COMPLETED
        with copied_database(installation.url) as copied_url:
            assert "signs for no payer that it inherited" in paste(installation.at(copied_url), copy).out

    for line in ("series list", "user list", "doctor"):
        assert run(f"masspayout {line}").status in (0, 1)
    documented = {(name, tuple(sorted(options))) for line in code(text) for name, options in mentions(line)}
    typed = {
        (name, tuple(sorted(options))) for each in ran for line in each.splitlines() for name, options in mentions(line)
    }
    assert documented - typed <= TESTED_IN_OTHER_FILES


def code(text: str) -> Iterator[str]:
    for block, span in CODE.findall(text):
        yield from (block or span).splitlines()


# Each has tests of its own; none is about restores.
TESTED_IN_OTHER_FILES = {
    ("series resume", ()),
    ("distribution execute", ()),
    ("up", ()),
    ("serve", ()),
}
