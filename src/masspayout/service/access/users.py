"""Users, with a password and a role. No user is ever deleted, only disabled: the audit trail names them."""

import re
import unicodedata
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
_LONGEST_NAME = 100


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


def compared_name(text: str) -> str:
    """Return a name as names are compared: in small letters, in one form of Unicode, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def person_name(text: str) -> str:
    r"""Return the name of a person as other systems have them: ``María.García``, ``O'Neil``, ``CORP\anna``.

    Raises:
        Invalid: The text is empty or too long, or has characters that cannot be seen.
    """
    name = compared_name(text)
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or not any(map(str.isalnum, name)):
        raise Invalid(f"{text!r} is no name for a user.", f"Use up to {_LONGEST_NAME} characters that can be seen.")
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

    Such an account can reach the database anyway. A person whom an OpenID Connect provider calls by the same name is
    somebody else: the local admin then has another name.

    Raises:
        Conflict: The user of this name is disabled.
    """
    name = _NOT_IN_NAMES.sub("-", name.lower()).strip("-")[:90] or "admin"
    user = await work.users.find_by_name(name)
    if user is not None and user.oidc_subject is not None:
        name = f"{name}-local"
        user = await work.users.find_by_name(name)
        if user is not None and user.oidc_subject is not None:
            raise Conflict(f"The user {name!r} signs in through a provider.", "Add another: ", Action.ADD_ADMIN)
    user = user or await add_user(work, name, role=Role.ADMIN)
    if user.disabled:
        raise Conflict(f"The user {name!r} is disabled.", "Add another: ", Action.ADD_ADMIN)
    return user


async def find_user(work: UnitOfWork, name: str) -> User:
    """Return a user by name.

    Raises:
        NotFound: There is no user of this name.
    """
    user = await work.users.find_by_name(compared_name(name))
    if user is None:
        raise NotFound(f"There is no user {name!r}.", "List the users with: ", Action.LIST_USERS)
    return user


async def set_password(work: UnitOfWork, user: User, password: str) -> None:
    """Change a user's password, and end all sessions that began with the old one.

    Raises:
        Invalid: The password is too easy to guess.
    """
    await put_password_hash(work, user, await hash_password(password, user_name=user.name))


async def put_password_hash(work: UnitOfWork, user: User, password_hash: str) -> None:
    """Change a user's password by its hash, and end all sessions that began with the old one."""
    user.password_hash = password_hash
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


async def set_role(work: UnitOfWork, user: User, role: Role, *, way_in: str | None = None) -> None:
    """Change a user's role, from the next request on. A role that the provider has withdrawn is there again.

    Args:
        work: The caller's transaction.
        user: The user.
        role: The new role.
        way_in: The login that brought the role, if it was one.
    """
    before = None if user.role_withdrawn_at is not None else user.role
    if before is not role:
        _record_role(work, user, before, role, way_in)
    user.role, user.role_withdrawn_at = role, None
    await work.users.save(user)


async def withdraw_role(work: UnitOfWork, user: User, *, way_in: str) -> None:
    """Take a user's role away and end every session: the provider names none any more. Tokens are refused, too."""
    if user.role_withdrawn_at is not None:
        return
    now = datetime.now(UTC)
    _record_role(work, user, user.role, None, way_in)
    user.role_withdrawn_at = now
    await work.users.save(user)
    await work.login_sessions.end_of_user(user.id, now)


async def rename(work: UnitOfWork, user: User, name: str) -> None:
    """Give a user another name. The audit trail keeps the names that its entries were written with.

    Raises:
        Invalid: The name cannot be one.
        Conflict: The name is taken.
    """
    before, name = user.name, person_name(name)
    if name == before:
        return
    if not await work.users.rename(user.id, name):
        raise Conflict(f"There is a user {name!r} already.", "Choose another name; see: ", Action.LIST_USERS)
    await work.refresh(user)
    audit.record(work, "user.changed", user.id, before={"name": before}, after={"name": name})


async def connect(work: UnitOfWork, user: User, issuer: str, subject: str) -> User | None:
    """Have a provider's subject sign in as a user from now on.

    If the subject signed in as another user so far, that user is deactivated, and the two are one person: what either
    approved or created counts as of one.

    Return that other user, if there was one.

    Args:
        work: The caller's transaction.
        user: The user to sign in as.
        issuer: The provider.
        subject: The id that the provider has for the person.

    Raises:
        Invalid: Issuer or subject is missing.
        Conflict: The user signs in as this subject already.
    """
    require_connectable(user, issuer, subject)
    former = await work.users.find_by_oidc(issuer, subject)
    if former is not None:
        former.oidc_issuer = former.oidc_subject = None
        await work.users.save(former)
        await set_disabled(work, former, disabled=True)
        await work.users.make_one_person(user.person_id or user.id, former.id)
        await work.refresh(former)
    names = ("oidc_issuer", "oidc_subject")
    before = {name: getattr(user, name) for name in names}
    user.oidc_issuer, user.oidc_subject, user.confirmed_at = issuer, subject, datetime.now(UTC)
    await work.users.save(user)
    after = {"oidc_issuer": issuer, "oidc_subject": subject}
    if former is not None:
        after["one_person_with"] = former.name
    audit.record(work, "user.connected", user.id, before=before, after=after)
    return former


def require_connectable(user: User, issuer: str, subject: str) -> None:
    """Refuse to connect a user with nobody, or with the same person again. Raises what ``connect`` does."""
    if not issuer or not subject:
        raise Invalid("The subject has to be named, and its issuer.", "The provider shows the subject as sub.")
    if (user.oidc_issuer, user.oidc_subject) == (issuer, subject):
        raise Conflict(f"The user {user.name!r} signs in as {subject!r} of {issuer} already.", "Nothing is to do.")


def _record_role(work: UnitOfWork, user: User, before: Role | None, after: Role | None, way_in: str | None) -> None:
    way = {} if way_in is None else {"way_in": way_in}
    audit.record(work, "user.changed", user.id, before={"role": before}, after={"role": after, **way})


async def can_anybody_come_in(work: UnitOfWork) -> bool:
    """Return True if there is a user with a password, or a valid token."""
    return await work.users.can_anybody_come_in(datetime.now(UTC))
