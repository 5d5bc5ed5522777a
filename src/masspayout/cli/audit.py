"""``masspayout audit``: who did what, and whether the record of it is whole."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from masspayout import audit
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, show_json, show_list
from masspayout.cli.session import with_context
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import AuditEntry
from masspayout.db.unit_of_work import UnitOfWork

app = typer.Typer()


@app.command("list")
def list_(
    about: Annotated[str | None, typer.Option(metavar="ID", help="Only entries on this object.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this kind, such as distribution.executed.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only entries by this user, token or worker.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List audit entries, the latest first."""

    async def work(work: UnitOfWork) -> Any:
        return await work.audit_entries.find(subject_id=about, action=action, actor=actor, page=page, limit=limit)

    found = in_transaction(work)
    show_list(
        [entry_fields(entry) for entry in found.items],
        ["NUMBER", "AT", "WHO", "FROM", "WHAT", "TO WHAT", "BEFORE", "AFTER"],
        [
            (
                *(entry.number, entry.created_at, f"{entry.actor_name} ({entry.actor_kind})", entry.source_address),
                *(entry.action, entry.subject_id, _short(entry.before), _short(entry.after)),
            )
            for entry in found.items
        ],
        empty="No matching entries.",
        total=found.total,
        as_json=as_json,
    )


@app.command()
def verify(
    known_hash: Annotated[
        str | None, typer.Option(metavar="HASH", help="A last hash noted earlier, which must still be in the chain.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find entries that were changed, deleted, inserted or moved. Exit status 1 when there are any."""
    found = with_context(lambda context: audit.verify(context.database, known_hash=known_hash))
    if as_json:
        show_json({**asdict(found), "holds": found.holds})
    elif found.holds:
        out.print(f"[bold green]The chain holds[/]: {found.entry_count:,} entries.")
        out.print(f"Note the last hash elsewhere, to verify later that nothing before it changed: {found.last_hash}")
    else:
        out.print(
            f"[bold red]The chain is broken in {found.break_count:,} place(s)[/] of {found.entry_count:,} entries:"
        )
        for sentence in found.breaks:
            out.print(escape(sentence))
    if not found.holds:
        raise typer.Exit(1)


def entry_fields(entry: AuditEntry) -> dict[str, Any]:
    """Return all of an entry, by the names of its columns: what the hash covers, and the hash."""
    return {column.name: getattr(entry, column.name) for column in AuditEntry.__table__.columns}


def _short(values: dict[str, Any] | None) -> str:
    said = {name: value for name, value in (values or {}).items() if value is not None and value != []}
    return ", ".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in said.items())
