"""Identities: who came in, by what, and with which role."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from masspayout.db.entities import ApiToken, LoginSession
from masspayout.kernel.actors import Actor, ActorKind
from masspayout.kernel.errors import Forbidden
from masspayout.kernel.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who came in.

    Attributes:
        kind: By what: USER or TOKEN.
        id: The user's, or the token's.
        name: What people call them.
        role: What they are there for.
        credential_id: The session or the token that they came in with.
        expires_at: Until when that is good.
        owner_id: For a token, the user it belongs to.
    """

    kind: ActorKind
    id: uuid.UUID
    name: str
    role: Role
    credential_id: uuid.UUID
    expires_at: datetime | None
    owner_id: uuid.UUID | None = None

    @classmethod
    def of_token(cls, token: ApiToken) -> "Identity":
        """Return whom a token stands for."""
        return cls(
            ActorKind.TOKEN, token.id, token.name, token.role, token.id, token.expires_at, owner_id=token.owner_id
        )

    @classmethod
    def of_session(cls, session: LoginSession) -> "Identity":
        """Return whose session it is."""
        user = session.user
        return cls(ActorKind.USER, user.id, user.name, user.role, session.id, session.expires_at)

    @property
    def user_id(self) -> uuid.UUID | None:
        """The user who stands behind it, if one does."""
        return self.id if self.kind is ActorKind.USER else self.owner_id

    def may(self, permission: Permission) -> bool:
        """Whether this role may do something."""
        return self.role.may(permission)

    def require(self, permission: Permission) -> None:
        """Refuse what the role does not allow.

        Raises:
            Forbidden: The role may not do this.
        """
        if not self.may(permission):
            raise Forbidden(
                f"{self.name!r} is {self.role}, which may not {permission}.",
                f"It takes the role {Role.least_with(permission)}: ask an admin for it.",
            )

    def actor(self, source_address: str | None) -> Actor:
        """Return the actor of what they do."""
        owner_id = None if self.owner_id is None else str(self.owner_id)
        return Actor(self.kind, str(self.id), self.name, source_address=source_address, owner_id=owner_id)
