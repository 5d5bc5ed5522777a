"""``masspayout token``: what programs show to be let in."""

from typing import Annotated, Any

import typer

from masspayout.cli.output import JsonOption, out, show_json, show_list
from masspayout.cli.times import parse_duration
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import ApiToken
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.roles import Role
from masspayout.service import access

app = typer.Typer()


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, in your own words.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.VIEWER,
    expires: Annotated[
        str | None, typer.Option(metavar="90d", help="How long it is good; unless given, until it is revoked.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="The user it belongs to; the two count as one person.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API token. It is shown once, and kept nowhere."""
    expires_in = None if expires is None else parse_duration(expires)

    async def work(work: UnitOfWork) -> tuple[ApiToken, str]:
        owner_id = None if user is None else (await access.find_user(work, user)).id
        return await access.create_token(work, name, role=role, expires_in=expires_in, owner_id=owner_id)

    token, text = in_transaction(work)
    if as_json:
        show_json(_fields(token) | {"token": text})
        return
    out.print(text)
    out.print("Keep it now: it is not shown again. Send it as: Authorization: Bearer TOKEN")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the tokens, newest first, without their secrets."""

    async def work(work: UnitOfWork) -> Any:
        return await work.api_tokens.find_older(None, limit=1000)

    items = [_fields(token) for token in in_transaction(work)]
    columns = ("prefix", "name", "role", "expires_at", "last_used_at", "revoked_at")
    show_list(
        items,
        ["TOKEN", "NAME", "ROLE", "EXPIRES", "LAST USED", "REVOKED"],
        [[item[column] for column in columns] for item in items],
        as_json=as_json,
        empty="There is no token yet. Make one with: masspayout token create NAME",
    )


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or the prefix that the list shows.")],
) -> None:
    """Let a token never come in again."""

    async def work(work: UnitOfWork) -> ApiToken:
        found = await access.find_token(work, token)
        await access.revoke_token(work, found)
        return found

    found = in_transaction(work)
    out.print(f"The token {found.name!r} is revoked.")


def _fields(token: ApiToken) -> dict[str, Any]:
    names = ("id", "prefix", "name", "role", "owner_id", "expires_at", "last_used_at", "revoked_at", "created_at")
    return {name: getattr(token, name) for name in names}
