"""Who acts: what is audited, created or approved names them. The edges say who it is, the business only asks.

    with acting_as(Actor(ActorKind.USER, id="…", name="ana", source_address="192.0.2.7")):
        await distributions.approve(…)

It goes with the task: what is started inside acts for the same actor. Where nobody was named, the system acts.
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
    """How somebody got at the business."""

    USER = "USER"  # logged in, over HTTP or the dashboard
    TOKEN = "TOKEN"  # noqa: S105 - the kind of an actor, no secret: a program with an API token
    COMMAND_LINE = "COMMAND_LINE"  # a user of the operating system who has the database's password
    SYSTEM = "SYSTEM"  # a worker, by the clock or because of an event

    @property
    def can_approve(self) -> bool:
        """Whether a person may stand behind it."""
        return self is not ActorKind.SYSTEM


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where.

    Attributes:
        kind: How they got here.
        id: What tells them from others of their kind, for ever: a UUID, or a user name of the operating system.
        name: What people call them.
        source_address: The address that they act from: an IP address, or a machine's name.
        owner_id: For a token, the id of the user it belongs to: the two are one person.
    """

    kind: ActorKind
    id: str
    name: str
    source_address: str | None = None
    owner_id: str | None = None

    @property
    def person(self) -> str:
        """What stands for the person in question: the same for users and the tokens that belong to them."""
        if self.owner_id is not None:
            return f"{ActorKind.USER}:{self.owner_id}"
        return f"{self.kind}:{self.id}"

    def __str__(self) -> str:
        return self.name if self.kind is ActorKind.USER else f"{self.name} ({self.kind.lower().replace('_', ' ')})"


SYSTEM = Actor(ActorKind.SYSTEM, id="masspayout", name="masspayout")

_acting: ContextVar[Actor] = ContextVar("acting", default=SYSTEM)


def current_actor() -> Actor:
    """Return who acts in this task."""
    return _acting.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Let somebody be the one who acts, until the block ends."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def operating_system_user() -> Actor:
    """Return the user whom the operating system runs this process for. The environment has no say in it."""
    user_id = os.geteuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)
    return Actor(ActorKind.COMMAND_LINE, id=name, name=name, source_address=socket.gethostname())


def system() -> Actor:
    """Return the actor that works by the clock, on this machine."""
    return Actor(SYSTEM.kind, SYSTEM.id, SYSTEM.name, source_address=socket.gethostname())
