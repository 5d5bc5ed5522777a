"""``masspayout token``: the tokens that programs use to call the API."""

from typing import Annotated, Any

import typer

from masspayout.cli.arguments import TokenArgument
from masspayout.cli.output import JsonOption, out, show_json, show_list, show_outcome
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import ApiToken
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.durations import parse_duration
from masspayout.kernel.roles import Role
from masspayout.service import access

app = typer.Typer()


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name, in your own words.")],
    role: Annotated[Role, typer.Option(help="Its role.")] = Role.VIEWER,
    expires: Annotated[
        str | None, typer.Option(metavar="90d", help="When it expires, such as 90d; unless given, never.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Its owner; the two count as one person.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API token. It is shown once, and stored nowhere."""
    expires_in = None if expires is None else parse_duration(expires)

    async def work(work: UnitOfWork) -> tuple[ApiToken, str, bool]:
        owner_id = None if user is None else (await access.find_user(work, user)).id
        token, text = await access.create_token(work, name, role=role, expires_in=expires_in, owner_id=owner_id)
        return token, text, await access.is_guarded(work)

    token, text, is_proposed = in_transaction(work)
    if as_json:
        show_json(_fields(token) | {"token": text})
        return
    out.print(text)
    out.print("Save it now: it is not shown again. Send it as: Authorization: Bearer TOKEN")
    if is_proposed:
        out.print("It works once another person approves: masspayout proposal list --state OPEN")


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
        empty="No tokens yet. Create one with: masspayout token create NAME",
    )


@app.command()
def revoke(token: TokenArgument, as_json: JsonOption = False) -> None:
    """Revoke a token for good."""

    async def work(work: UnitOfWork) -> ApiToken:
        found = await access.find_token(work, token)
        await access.revoke_token(work, found)
        await work.refresh(found)
        return found

    found = in_transaction(work)
    show_outcome(_fields(found), f"The token {found.name!r} is revoked.", as_json=as_json)


def _fields(token: ApiToken) -> dict[str, Any]:
    names = ("id", "prefix", "name", "role", "owner_id", "expires_at", "last_used_at", "revoked_at", "created_at")
    return {name: getattr(token, name) for name in names}
