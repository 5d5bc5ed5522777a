"""The doctor looks after the head of the audit trail that is kept outside of the database."""

import asyncio
from pathlib import Path

from sqlalchemy import URL

from databases import run_sql
from doctor_reports import by_name, settings_of, the_problem
from masspayout import audit
from masspayout.db.session import Database
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import Result, Status
from masspayout.settings import Settings


def keeping_heads_in(url: URL, path: Path) -> Settings:
    return settings_of(url).model_copy(update={"audit_head_file": path})


async def examine(settings: Settings) -> dict[str, Result]:
    return by_name(await doctor.examine(settings, opening()))


async def test_a_file_that_cannot_be_written_is_a_problem(database_url: URL, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "heads"
    problem = the_problem(await examine(keeping_heads_in(database_url, missing)), "audit head")
    assert problem.message == (
        f"The head of the audit trail cannot be kept in {missing}: there is no directory {missing.parent}."
    )
    problem = the_problem(await examine(keeping_heads_in(database_url, tmp_path)), "audit head")
    assert "it is no file" in problem.message
    assert not missing.parent.exists()


async def test_a_head_that_is_not_in_the_trail_is_a_problem(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    settings = keeping_heads_in(database_url, tmp_path / "heads")
    assert "will be made by a worker" in (await examine(settings))["audit head"].message
    for number in range(3):
        async with database.unit_of_work() as work:
            audit.record(work, "thing.done", f"{number}")
    await audit.publish_head(database, settings)
    result = (await examine(settings))["audit head"]
    assert (result.status, "ends with entry 3 of" in result.message) == (Status.OK, True)
    await asyncio.to_thread(
        run_sql,
        database_url,
        "ALTER TABLE audit_entry DISABLE TRIGGER USER",
        "DELETE FROM audit_entry WHERE number = 3",
        "UPDATE audit_head SET (number, hash) = (SELECT number, hash FROM audit_entry WHERE number = 2)",
        "ALTER TABLE audit_entry ENABLE TRIGGER USER",
    )
    problem = the_problem(await examine(settings), "audit head")
    assert "The audit trail lacks entry 3 of" in problem.message
    assert f"audit verify --against {tmp_path / 'heads'}" in problem.hint


async def test_a_file_with_something_else_is_a_problem(database_url: URL, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("seven\n")
    problem = the_problem(await examine(keeping_heads_in(database_url, tmp_path / "heads")), "audit head")
    assert "is no head of an audit trail: seven" in problem.message
