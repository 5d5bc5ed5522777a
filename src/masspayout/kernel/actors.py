"""Actors: the person or program that an audit entry, a distribution and an approval name. The edges set the actor.

    with acting_as(Actor(ActorKind.USER, id="…", name="ana", source_address="192.0.2.7")):
        await distributions.approve(…)

An actor belongs to its task: code that is started inside the block acts for the same actor. Outside of any block, the
system acts.
"""

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The ways in which an actor reaches the business."""

    USER = "USER"  # logged in, over HTTP or the dashboard
    TOKEN = "TOKEN"  # noqa: S105 - the kind of an actor, no secret: a program with an API token
    COMMAND_LINE = "COMMAND_LINE"  # a user of the operating system who has the database's password
    SYSTEM = "SYSTEM"  # a worker, by the clock or because of an event


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program that acts, with the address of the request.

    Attributes:
        kind: The way in which the actor got in.
        id: The permanent id among actors of the kind: a UUID, or a user name of the operating system.
        name: The name that people use.
        source_address: The origin of the request: an IP address, or a machine's name.
        owner_id: For a token, the id of its user, for a person's second account, of the first: they are one person.
        is_by_link: The actor signed in with a link, which somebody else may have made.
    """

    kind: ActorKind
    id: str
    name: str
    source_address: str | None = None
    owner_id: str | None = None
    is_by_link: bool = False

    @property
    def approval_refusal(self) -> str | None:
        """The reason for which this actor approves nothing: no person, or a person whom nobody knows to be there."""
        if self.kind not in (ActorKind.USER, ActorKind.COMMAND_LINE):
            return f"{self} is no person, and only people approve."
        if self.is_by_link:
            return f"{self} signed in with a link, which somebody else may have made."
        return None

    @property
    def person(self) -> str:
        """The key of the person behind the actor: the same for a user and for the tokens that belong to the user."""
        if self.owner_id is not None:
            return f"{ActorKind.USER}:{self.owner_id}"
        return f"{self.kind}:{self.id}"

    @property
    def guises(self) -> tuple[str, ...]:
        """The keys of persons that this actor may be: a user may be the operating system's user of the same name."""
        return (self.person, f"{ActorKind.COMMAND_LINE}:{self.name}") if self.kind is ActorKind.USER else (self.person,)

    def __str__(self) -> str:
        return self.name if self.kind is ActorKind.USER else f"{self.name} ({self.kind.lower().replace('_', ' ')})"


SYSTEM = Actor(ActorKind.SYSTEM, id="masspayout", name="masspayout")

_acting: ContextVar[Actor] = ContextVar("acting", default=SYSTEM)


def current_actor() -> Actor:
    """Return the actor of this task."""
    return _acting.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Set the actor of this task until the block ends."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def operating_system_user() -> Actor:
    """Return the user whom the operating system runs this process for, whatever the environment says."""
    user_id = os.geteuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)
    return Actor(ActorKind.COMMAND_LINE, id=name, name=name, source_address=socket.gethostname())


def system() -> Actor:
    """Return the actor of scheduled and automatic work on this machine."""
    return Actor(SYSTEM.kind, SYSTEM.id, SYSTEM.name, source_address=socket.gethostname())
