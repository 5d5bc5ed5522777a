"""Users, with a password and a role. No user is ever deleted, only disabled: the audit trail names them."""

import re
from datetime import UTC, datetime

from masspayout import audit
from masspayout.db.entities import User
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Role
from masspayout.service.access.passwords import hash_password

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}", re.ASCII)


def canonical_name(text: str) -> str:
    """Return a user's name in its canonical form.

    Raises:
        Invalid: The text is empty, or has characters that a name cannot have.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{text!r} is no name for a user.",
            "Use up to 100 letters (a to z), digits, points, dashes, underscores, plus and at signs.",
        )
    return name


async def add_user(work: UnitOfWork, name: str, *, role: Role, password: str | None = None) -> User:
    """Add a user. One without a password logs in by a login link only.

    Raises:
        Invalid: The name or the password cannot be one.
        Conflict: The name is taken.
    """
    name = canonical_name(name)
    password_hash = None if password is None else await hash_password(password, user_name=name)
    user = await work.users.add(User(name=name, role=role, password_hash=password_hash))
    if user is None:
        raise Conflict(
            f"There is a user {name!r} already.", "Change the password with: ", Action.CHANGE_PASSWORD.on(name)
        )
    audit.record(work, "user.created", user.id, after={"name": user.name, "role": user.role})
    return user


async def local_admin(work: UnitOfWork, name: str) -> User:
    """Return the user for this process's operating system account: an admin without a password.

    Such an account can reach the database anyway.

    Raises:
        Conflict: The user of this name is disabled.
    """
    name = _NOT_IN_NAMES.sub("-", name.lower()).strip("-")[:100] or "admin"
    user = await work.users.find_by_name(name) or await add_user(work, name, role=Role.ADMIN)
    if user.disabled:
        raise Conflict(f"The user {name!r} is disabled.", "Add another: ", Action.ADD_ADMIN)
    return user


async def find_user(work: UnitOfWork, name: str) -> User:
    """Return a user by name.

    Raises:
        NotFound: There is no user of this name.
    """
    user = await work.users.find_by_name(name.strip().lower())
    if user is None:
        raise NotFound(f"There is no user {name!r}.", "List the users with: ", Action.LIST_USERS)
    return user


async def set_password(work: UnitOfWork, user: User, password: str) -> None:
    """Change a user's password, and end all sessions that began with the old one.

    Raises:
        Invalid: The password is too easy to guess.
    """
    user.password_hash = await hash_password(password, user_name=user.name)
    await work.users.save(user)
    await work.login_sessions.end_of_user(user.id, datetime.now(UTC))
    audit.record(work, "user.password_changed", user.id, after={"name": user.name})


async def set_disabled(work: UnitOfWork, user: User, *, disabled: bool) -> None:
    """Disable a user, with every session and token, or enable the user again."""
    audit.record_change(work, "user.changed", user.id, {"disabled": user.disabled}, {"disabled": disabled})
    user.disabled = disabled
    await work.users.save(user)
    if disabled:
        await work.login_sessions.end_of_user(user.id, datetime.now(UTC))


async def set_role(work: UnitOfWork, user: User, role: Role) -> None:
    """Change a user's role, from the next request on."""
    audit.record_change(work, "user.changed", user.id, {"role": user.role}, {"role": role})
    user.role = role
    await work.users.save(user)


async def can_anybody_come_in(work: UnitOfWork) -> bool:
    """Return True if there is a user with a password, or a valid token."""
    return await work.users.can_anybody_come_in(datetime.now(UTC))
