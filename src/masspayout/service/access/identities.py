"""Identities: the authenticated user or token, its credential, and its role."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from masspayout.db.entities import ApiToken, LoginSession
from masspayout.kernel.actors import Actor, ActorKind
from masspayout.kernel.errors import Forbidden
from masspayout.kernel.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user or token.

    Attributes:
        kind: USER or TOKEN.
        id: The id of the user or the token.
        name: The name that people use.
        role: The role, which has the permissions.
        credential_id: The id of the session or the token that was presented.
        expires_at: The end of that session or token.
        owner_id: For a token, the id of its user; for the second account of a person, the id of the first.
        is_by_link: The session began with a sign-in link, which somebody else may have made: it approves nothing.
    """

    kind: ActorKind
    id: uuid.UUID
    name: str
    role: Role
    credential_id: uuid.UUID
    expires_at: datetime | None
    owner_id: uuid.UUID | None = None
    is_by_link: bool = False

    @classmethod
    def of_token(cls, token: ApiToken) -> "Identity":
        """Return the identity of a token. It may never do more than its owner may now; without an owner it reads."""
        role, owner_id = Role.VIEWER, token.owner_id
        if token.owner is not None:
            role = min(token.role, token.owner.role, key=_permission_count)
            owner_id = token.owner.person_id or owner_id
        return cls(ActorKind.TOKEN, token.id, token.name, role, token.id, token.expires_at, owner_id=owner_id)

    @classmethod
    def of_session(cls, session: LoginSession) -> "Identity":
        """Return the identity of a session's user."""
        user = session.user
        return cls(
            ActorKind.USER,
            user.id,
            user.name,
            user.role,
            session.id,
            session.expires_at,
            owner_id=user.person_id,
            is_by_link=session.is_by_link,
        )

    @property
    def user_id(self) -> uuid.UUID | None:
        """The user behind the identity, if there is one."""
        return self.id if self.kind is ActorKind.USER else self.owner_id

    def may(self, permission: Permission) -> bool:
        """Return True if the role has a permission."""
        return self.role.may(permission)

    def require(self, permission: Permission) -> None:
        """Refuse an action that the role does not allow.

        Raises:
            Forbidden: The role may not do this.
        """
        if not self.may(permission):
            raise Forbidden(
                f"{self.name!r} has the role {self.role}; {permission} needs the role {Role.least_with(permission)}.",
                "Ask an admin for it.",
            )

    def actor(self, source_address: str | None) -> Actor:
        """Return the actor of this identity's actions."""
        owner_id = None if self.owner_id is None else str(self.owner_id)
        return Actor(
            self.kind,
            str(self.id),
            self.name,
            source_address=source_address,
            owner_id=owner_id,
            is_by_link=self.is_by_link,
        )


def _permission_count(role: Role) -> int:
    return len(role.permissions)
