"""``masspayout db``: the schema of the database, up and down."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import URL

from masspayout.app.control import adopt_environment, announce_policy
from masspayout.cli.output import JsonOption, err, out, run, show_fields, show_json, show_list, show_outcome, show_table
from masspayout.controls import PolicyContent, read_content
from masspayout.db import migrations
from masspayout.db.migrations import Revision, SchemaState
from masspayout.db.opening import application_role, open_database, owner_url
from masspayout.settings import load_settings

app = typer.Typer()

MessageOption = Annotated[str, typer.Option("-m", "--message", help="A short description of the migration.")]

_STATES = {
    SchemaState.EMPTY: "not migrated: no tables yet",
    SchemaState.FOREIGN: "not migrated: has tables that masspayout did not make",
    SchemaState.PENDING: "behind",
    SchemaState.CURRENT: "up to date",
    SchemaState.NEWER: "migrated by a newer version of masspayout",
}


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(metavar="[REV]", help="How far up: a revision, +1, or head.")] = "head",
    as_json: JsonOption = False,
) -> None:
    """Migrate the database up. One that holds the five tables already is taken over with every row."""
    url, role = _url(), application_role(load_settings())
    for name in migrations.status(url).others:
        err.print(f'The table "{name}" is of another product, and left alone.', markup=False)
    applied = migrations.upgrade(url, revision, application_role=role)
    if migrations.status(url).state is SchemaState.CURRENT:
        run(_adopt_environment())
    nothing = f"Nothing to do: the database {url.database} is at this revision already."
    _show_steps("Applied", applied, otherwise=nothing, as_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def downgrade(
    revision: Annotated[
        str, typer.Argument(metavar="[REV]", help="How far down: a revision, -1, or base (which drops all tables).")
    ] = "-1",
    as_json: JsonOption = False,
) -> None:
    """Take migrations back, with the data in what they had added."""
    url = _url()
    taken_back = migrations.downgrade(url, revision)
    nothing = f"Nothing to do: {url.database} is at this revision already."
    _show_steps("Took back", taken_back, otherwise=nothing, as_json=as_json)


@app.command()
def generate(message: MessageOption, as_json: JsonOption = False) -> None:
    """Write a migration with what the entities have and the database lacks."""
    _show_written(migrations.generate(_url(), message), as_json=as_json)


@app.command()
def create(message: MessageOption, as_json: JsonOption = False) -> None:
    """Write an empty migration."""
    _show_written(migrations.create(message), as_json=as_json)


@app.command()
def history(as_json: JsonOption = False) -> None:
    """List all migrations, oldest first."""
    revisions = migrations.history()
    show_list(
        [_as_json(revision) for revision in revisions],
        ["REVISION", "WHAT IT DOES"],
        [(revision.id, revision.message) for revision in revisions],
        as_json=as_json,
        empty="None.",
    )


@app.command()
def current(as_json: JsonOption = False) -> None:
    """Show where the database stands."""
    url = _url()
    status = migrations.status(url)
    if as_json:
        pending = [_as_json(revision) for revision in status.pending]
        show_json(
            {
                "database": url.database,
                "state": status.state,
                "revision": status.revision,
                "pending": pending,
                "not_ours": status.others,
            }
        )
        return
    show_fields(
        {
            "database": url.database,
            "state": _STATES[status.state],
            "revision": status.revision,
            "pending": ", ".join(revision.id for revision in status.pending),
            "not ours": ", ".join(f'"{name}"' for name in status.others),
        }
    )


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Compare entities, migrations and database to the letter. Exit status 1 when they differ."""
    differences = migrations.check(_url())
    if as_json:
        show_json({"differences": differences})
    elif differences:
        show_table(["difference"], [[sentence] for sentence in differences], empty="")
    else:
        out.print("Entities, migrations and database agree.")
    if differences:
        raise typer.Exit(1)


async def _adopt_environment() -> None:
    """Write what the settings ask for as the first version of the policy, unless there is one."""
    settings = load_settings()
    async with open_database(settings) as database:
        version = await adopt_environment(database, settings)
        if version is not None and read_content(version.content) != PolicyContent():
            err.print("APPROVALS_* and LIMIT_* are version 1 of the policy now: masspayout policy show", markup=False)
        await announce_policy(database, settings)


def _url() -> URL:
    return run(owner_url(load_settings()))


def _show_steps(done: str, revisions: list[Revision], *, otherwise: str, as_json: bool) -> None:
    items = [_as_json(revision) for revision in revisions]
    sentences = [f"{done} {revision.id}: {revision.message}." for revision in revisions] or [otherwise]
    show_outcome({"items": items, "total": len(items)}, *sentences, as_json=as_json)


def _show_written(path: Path, *, as_json: bool) -> None:
    show_outcome({"file": str(path)}, f"Wrote {path}.", as_json=as_json)


def _as_json(revision: Revision) -> dict[str, str]:
    return {"revision": revision.id, "message": revision.message}
