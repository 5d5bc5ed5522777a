"""The user of a provider's subject: added at the first login, with the role that the provider names now."""

import shlex
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from masspayout import audit
from masspayout.controls import is_guarded, proposals
from masspayout.db.entities import User
from masspayout.db.types import uuid7
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, Forbidden, Invalid
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Role
from masspayout.service.access import changes
from masspayout.service.access.sessions import WayIn
from masspayout.service.access.users import person_name, set_role, withdraw_role


@dataclass(frozen=True, slots=True)
class Subject:
    """A person at a provider, who is known by issuer and subject; the names are for people."""

    issuer: str
    subject: str
    names: tuple[str, ...]


async def follow_provider(
    work: UnitOfWork, subject: Subject, role: Role | None, source_address: str | None
) -> User | None:
    """Return the user of a subject, with the role that the provider names now.

    A first login adds the user. Without a role the role is withdrawn, and every session ends. Where the policy is
    guarded, a user who is new is disabled, and a higher role waits, until another person approves.

    Args:
        work: The caller's transaction.
        subject: The person at the provider.
        role: The role that the provider names; None: it names none.
        source_address: Where the login comes from.

    Raises:
        Conflict: The person's name belongs to another user.
    """
    user = await work.users.find_by_oidc(subject.issuer, subject.subject)
    if user is None and role is not None:
        user = await _added(work, subject, role, source_address)
    if user is None or user.disabled:
        return user
    with _acting(user, source_address):
        if role is None:
            await withdraw_role(work, user, way_in=WayIn.PROVIDER)
            return user
        if not user.role.covers(role) and await is_guarded(work):
            await _propose(work, changes.ROLE, user, before={"role": user.role}, after={"role": role})
            role = user.role
        if user.role_withdrawn_at is not None or user.role is not role:
            await set_role(work, user, role, way_in=WayIn.PROVIDER)
    await work.users.confirm(user.id, datetime.now(UTC))
    return user


async def require_enabled(work: UnitOfWork, user: User) -> None:
    """Refuse a user who is disabled, or who waits for the approval of another person.

    Raises:
        Forbidden: The user is one of these.
    """
    proposal = await work.proposals.find_open(changes.USER, user.name) if user.disabled else None
    if proposal is not None:
        raise Forbidden(
            f"The user {user.name!r} waits for the approval of another person.",
            "Have an admin approve it: ",
            Action.APPROVE_PROPOSAL.on(proposal.id),
        )
    if user.disabled:
        raise Forbidden(f"The user {user.name!r} is disabled.", "Ask an admin.")


async def _propose(work: UnitOfWork, kind: str, user: User, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Propose what the provider names, unless something of the kind waits already."""
    if await work.proposals.find_open(kind, user.name) is None:
        await proposals.make(work, kind, user.name, before=before, after=after)


async def _added(work: UnitOfWork, subject: Subject, role: Role, source_address: str | None) -> User | None:
    name = _first_that_fits(subject.names)
    needs_approval = await is_guarded(work) and bool(await work.users.find_in_order())
    user = User(
        id=uuid7(),
        name=name,
        role=role,
        oidc_issuer=subject.issuer,
        oidc_subject=subject.subject,
        confirmed_at=datetime.now(UTC),
        disabled=needs_approval,
    )
    added = await work.users.add(user)
    if added is None:
        # Perhaps the same person has just come in by another window: then the user is there now.
        added = await work.users.find_by_oidc(subject.issuer, subject.subject)
        if added is None:
            raise await _name_is_taken(work, name, subject)
        return added
    with _acting(added, source_address):
        audit.record(
            work,
            "user.created",
            added.id,
            after={"name": name, "role": role, "way_in": WayIn.PROVIDER, "issuer": subject.issuer},
        )
        if added.disabled:
            after = {"disabled": False, "role": role}
            await _propose(work, changes.USER, added, before={"disabled": True}, after=after)
    return added


def _acting(user: User, source_address: str | None) -> AbstractContextManager[None]:
    """Act as the login itself: not as whoever runs the server, and not as the user, who decided nothing."""
    return acting_as(
        Actor(ActorKind.USER, str(user.id), f"{user.name} by {WayIn.PROVIDER}", source_address=source_address)
    )


def _first_that_fits(names: Iterable[str]) -> str:
    for name in names:
        try:
            return person_name(name)
        except Invalid:
            continue
    raise Invalid(
        "The provider has no name for you that can be used here.", "Have OIDC_NAME_CLAIM name the claim to use."
    )


async def _name_is_taken(work: UnitOfWork, name: str, subject: Subject) -> Conflict:
    holder = await work.users.find_by_name(name)
    if holder is None or holder.oidc_subject is None:
        whose = "a user who does not sign in through the provider"
    elif holder.oidc_issuer != subject.issuer:
        whose = f"a user of another issuer, {holder.oidc_issuer}"
    else:
        whose = "another account at the provider, which had it before"
    quoted = shlex.quote(name)
    return Conflict(
        f"The name {name!r} belongs to {whose}.",
        "If that is you, have an admin connect the two: ",
        Action.CONNECT_USER.on(quoted, shlex.quote(subject.subject)),
        "; if it is somebody else, have them renamed: ",
        Action.RENAME_USER.on(quoted),
    )
