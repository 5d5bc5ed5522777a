"""Approving on the command line as a user, whose password is asked for, for that one act."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from masspayout.cli.session import with_context
from masspayout.context import Context
from masspayout.kernel.actors import acting_as, operating_system_user
from masspayout.service import access

Result = TypeVar("Result")

UserOption = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Decide as this user, whose password is asked for.")
]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


def as_person(user: str | None, password_stdin: bool, work: Callable[[Context], Awaitable[Result]]) -> Result:
    """Run one command's work in the name of a user; without one, in that of the operating system's user."""
    password = None if user is None else _password(password_stdin)

    async def inside(context: Context) -> Result:
        if user is None or password is None:
            return await work(context)
        actor = await access.authenticate_person(
            context.database, user, password, source_address=operating_system_user().source_address
        )
        with acting_as(actor):
            return await work(context)

    return with_context(inside)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, err=True))
