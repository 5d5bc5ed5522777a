"""``masspayout user``: users and their roles."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from masspayout.cli.output import JsonOption, show_list, show_outcome
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import Proposal, User
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.settings import load_settings

app = typer.Typer()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name that the user signs in with.")]
RoleOption = Annotated[Role, typer.Option(help="The role of the user.")]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


_SEE_PROPOSALS = "masspayout proposal list --state OPEN"


@app.command()
def add(
    name: NameArgument,
    role: RoleOption = Role.VIEWER,
    password_stdin: PasswordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user, with a password."""
    password = _password(password_stdin)

    async def work(work: UnitOfWork) -> User:
        return await access.add_user(work, name, role=role, password=password)

    user = in_transaction(work)
    sentence = f"Added {user.name} ({user.role})."
    if user.disabled:
        sentence = f"Proposed {user.name} ({user.role}), who can sign in once another person approves: {_SEE_PROPOSALS}"
    show_outcome(_fields(user), sentence, as_json=as_json)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the users."""

    async def work(work: UnitOfWork) -> Any:
        return await work.users.find_in_order()

    items = [_fields(user) for user in in_transaction(work)]
    show_list(
        items,
        ["NAME", "ROLE", "SIGNS IN WITH", "DISABLED", "CREATED"],
        [[item[column] for column in ("name", "role", "logs_in_with", "disabled", "created_at")] for item in items],
        empty="No users yet. Add one with: masspayout user add NAME --role admin",
        as_json=as_json,
    )


@app.command()
def disable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Deactivate a user, with all sessions and tokens. The user stays on record."""
    user = _changed(name, lambda work, user: access.set_disabled(work, user, disabled=True))[0]
    show_outcome(_fields(user), f"Deactivated {user.name}.", as_json=as_json)


@app.command()
def enable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Reactivate a user."""
    user, proposal = _changed(name, lambda work, user: access.set_disabled(work, user, disabled=False))
    _show_change(user, proposal, f"Reactivated {user.name} ({user.role}).", as_json=as_json)


@app.command()
def role(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="The new role.")],
    as_json: JsonOption = False,
) -> None:
    """Give a user another role."""
    user, proposal = _changed(name, lambda work, user: access.set_role(work, user, role))
    _show_change(user, proposal, f"{user.name} is {user.role}.", as_json=as_json)


@app.command()
def password(name: NameArgument, password_stdin: PasswordOption = False, as_json: JsonOption = False) -> None:
    """Give a user another password, and end all sessions that began with the old one."""
    new_password = _password(password_stdin)
    user, proposal = _changed(name, lambda work, user: access.set_password(work, user, new_password))
    sentence = f"{user.name} has a new password, and must sign in again."
    _show_change(user, proposal, sentence, as_json=as_json)


@app.command()
def rename(
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="The new name.")],
    as_json: JsonOption = False,
) -> None:
    """Give a user another name. The audit trail keeps the names of its time."""
    user, proposal = _changed(name, lambda work, user: access.rename(work, user, new_name))
    _show_change(user, proposal, f"{name} is {user.name} now.", as_json=as_json)


@app.command()
def connect(
    name: NameArgument,
    subject: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="The person's id at the provider: the claim sub.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="ISSUER", help="The provider; unless given, that of OIDC_ISSUER.")
    ] = None,
    other: Annotated[
        str | None, typer.Option("--of", metavar="USER", help="Instead of a subject: the user who has it now.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have a person of the OpenID Connect provider sign in as this user; of two users, one is left."""

    async def work(work: UnitOfWork) -> tuple[User, User | None, Proposal | None]:
        user = await access.find_user(work, name)
        wanted_issuer, wanted_subject = issuer or load_settings().oidc_issuer, subject
        if other is not None:
            holder = await access.find_user(work, other)
            wanted_issuer, wanted_subject = holder.oidc_issuer, holder.oidc_subject
        return user, *await access.connect(work, user, wanted_issuer or "", wanted_subject or "")

    user, former, proposal = in_transaction(work)
    sentence = f"{user.name} signs in through {user.oidc_issuer}, as {user.oidc_subject}."
    if former is not None:
        sentence += f" {former.name} is deactivated, and counts as one person with {user.name}."
    _show_change(user, proposal, sentence, as_json=as_json)


@app.command()
def link(name: NameArgument, as_json: JsonOption = False) -> None:
    """Print the path of a link that signs a user in once, within 15 minutes."""

    async def work(work: UnitOfWork) -> tuple[str, Proposal | None]:
        return await access.make_login_link(work, await access.find_user(work, name))

    secret, proposal = in_transaction(work)
    path = f"/sign-in/{secret}"
    waits = [] if proposal is None else [f"It works once another person approves: {_approve(proposal)}"]
    show_outcome({"name": name, "path": path, **_proposed(proposal)}, path, *waits, as_json=as_json)


def _changed(
    name: str, change: Callable[[UnitOfWork, User], Awaitable[Proposal | None]]
) -> tuple[User, Proposal | None]:
    async def work(work: UnitOfWork) -> tuple[User, Proposal | None]:
        user = await access.find_user(work, name)
        return user, await change(work, user)

    return in_transaction(work)


def _show_change(user: User, proposal: Proposal | None, done: str, *, as_json: bool) -> None:
    sentence = done
    if proposal is not None:
        sentence = f"Proposed. It is done once another person approves: {_approve(proposal)}"
    show_outcome(_fields(user) | _proposed(proposal), sentence, as_json=as_json)


def _proposed(proposal: Proposal | None) -> dict[str, Any]:
    return {} if proposal is None else {"proposal": proposal.id}


def _approve(proposal: Proposal) -> str:
    return f"masspayout proposal approve {proposal.id}"


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _fields(user: User) -> dict[str, Any]:
    ways = {"password": user.password_hash is not None, "provider": user.oidc_subject is not None}
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role if user.role_withdrawn_at is None else None,
        "logs_in_with": " or ".join(way for way, is_there in ways.items() if is_there) or "a link",
        "disabled": user.disabled,
        "issuer": user.oidc_issuer,
        "subject": user.oidc_subject,
        "created_at": user.created_at,
    }
