"""``masspayout audit``: who did what, and whether the record of it is whole."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from masspayout import audit
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, show_json, show_list, writing_as_it_is
from masspayout.cli.session import with_context
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import AuditEntry
from masspayout.db.repositories.base import Page
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.json_forms import json_form
from masspayout.reporting import exports

app = typer.Typer()

_COLUMNS = tuple(column.name for column in AuditEntry.__table__.columns)


@app.command("list")
def list_(
    about: Annotated[str | None, typer.Option(metavar="ID", help="Only entries on this object.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this kind, such as distribution.executed.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only entries by this user, token or worker.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with every column of the entries.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List audit entries, the latest first."""

    async def work(work: UnitOfWork) -> tuple[Page[AuditEntry], list[str]]:
        found = await work.audit_entries.find(subject_id=about, action=action, actor=actor, page=page, limit=limit)
        return found, await audit.describe(work, found.items)

    found, sentences = in_transaction(work)
    listed = [
        {**entry_fields(entry), "sentence": sentence} for entry, sentence in zip(found.items, sentences, strict=True)
    ]
    if as_csv:
        cells = [[_cell(value) for value in fields.values()] for fields in listed]
        with writing_as_it_is() as output:
            output.write(exports.csv_text([[*_COLUMNS, "sentence"], *cells]))
        return
    show_list(
        listed,
        ["NUMBER", "AT", "WHAT", "WHO", "FROM"],
        [
            (each["number"], each["created_at"], each["sentence"], _who(entry), entry.source_address)
            for entry, each in zip(found.items, listed, strict=True)
        ],
        empty="No matching entries.",
        total=found.total,
        as_json=as_json,
    )


@app.command()
def head(as_json: JsonOption = False) -> None:
    """Print the last entry's number, hash and time, to be kept elsewhere."""
    present = in_transaction(audit.read_head)
    if as_json:
        show_json(asdict(present))
    else:
        out.print(str(present), highlight=False, soft_wrap=True)


@app.command()
def verify(
    against: Annotated[
        str | None,
        typer.Option(metavar="HEAD", help="A head that was kept elsewhere, or a file of heads: all must be there."),
    ] = None,
    known_hash: Annotated[
        str | None, typer.Option(metavar="HASH", help="A last hash noted earlier, which must still be in the chain.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find entries that were changed, deleted, inserted or moved. Exit status 1 when there are any."""
    heads = [] if against is None else audit.read_heads(against)
    if known_hash is not None:
        heads.append(audit.Head(None, known_hash))
    found = with_context(lambda context: audit.verify(context.database, heads))
    if as_json:
        show_json({**asdict(found), "holds": found.holds})
    elif found.holds:
        out.print(f"[bold green]The chain holds[/]: {found.entry_count:,} entries.")
        if heads:
            out.print(f"Every head that was kept is in it: {len(heads):,}.")
        out.print(f"Note the last hash elsewhere, to verify later that nothing before it changed: {found.last_hash}")
    else:
        out.print(
            f"[bold red]The chain is broken in {found.break_count:,} place(s)[/] of {found.entry_count:,} entries:"
        )
        for sentence in found.breaks:
            out.print(escape(sentence), soft_wrap=True)
        since = f" from after {found.agreeing_head.named}" if found.agreeing_head else ""
        out.print(f"Stop the workers, keep a copy of this database, and look up these entries in a backup{since}.")
    if not found.holds:
        raise typer.Exit(1)


def entry_fields(entry: AuditEntry) -> dict[str, Any]:
    """Return all of an entry, by the names of its columns: what the hash covers, and the hash."""
    return {name: getattr(entry, name) for name in _COLUMNS}


def _who(entry: AuditEntry) -> str:
    return f"{entry.actor_name} ({entry.actor_kind})"


def _cell(value: Any) -> Any:
    """Return a value as it is written into a cell: JSON for what has parts."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value if value is None or isinstance(value, int | str) else json_form(value)
