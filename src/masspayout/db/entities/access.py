"""Credentials: users, API tokens, sessions of browsers, login links, failed logins. Secrets are digests only."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf
from masspayout.kernel.roles import Role


class User(Base):
    """A person. One without a password logs in by a login link or through the OpenID Connect provider.

    Attributes:
        role_withdrawn_at: Since when the provider names no role for the user, who may do nothing until it does.
        confirmed_at: When the provider last confirmed the user.
        person_id: The user whose second account this is: the two are one person.
    """

    __tablename__ = "access_user"
    __table_args__ = (
        UniqueConstraint("name", name="idx_access_user_name"),
        UniqueConstraint("oidc_issuer", "oidc_subject", name="idx_access_user_oidc"),
        one_of("role", Role, "access_user"),
    )

    name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[Role] = mapped_column(OneOf(Role))
    disabled: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    oidc_issuer: Mapped[str | None]
    oidc_subject: Mapped[str | None]
    role_withdrawn_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("access_user.id"))


class ApiToken(Base):
    """The credential of a program. Its role has the permissions, and it belongs to the user who created it."""

    __tablename__ = "api_token"
    __table_args__ = (
        UniqueConstraint("prefix", name="idx_api_token_prefix"),
        one_of("role", Role, "api_token"),
    )

    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[str]
    role: Mapped[Role] = mapped_column(OneOf(Role))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("access_user.id"))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    owner: Mapped[User | None] = relationship(lazy="raise")


class LoginSession(Base):
    """A browser that is logged in, until it logs out or the session expires.

    Attributes:
        provider_session: The provider's id of its own session, by which it ends ours.
        sealed_grant: The provider's refresh token and identity token, encrypted.
        confirm_by: When the provider must have confirmed the user again; None: it need not.
        confirming_until: Until when a process is asking it.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        UniqueConstraint("prefix", name="idx_login_session_prefix"),
        Index("idx_login_session_user", "user_id"),
        Index("idx_login_session_provider", "provider_session"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("access_user.id"))
    prefix: Mapped[str]
    digest: Mapped[str]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    source_address: Mapped[str | None]
    provider_session: Mapped[str | None]
    sealed_grant: Mapped[str | None]
    confirm_by: Mapped[datetime | None]
    confirming_until: Mapped[datetime | None]
    is_by_link: Mapped[bool] = mapped_column(server_default=text("false"), default=False)

    user: Mapped[User] = relationship(lazy="raise")


class LoginLink(Base):
    """A link that logs a user in once, printed where only its user can see it."""

    __tablename__ = "login_link"
    __table_args__ = (UniqueConstraint("prefix", name="idx_login_link_prefix"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("access_user.id"))
    prefix: Mapped[str]
    digest: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginThrottle(Base):
    """The recent failed logins of a name or an address. ``key`` is a digest: people type passwords as names."""

    __tablename__ = "login_throttle"
    __table_args__ = (UniqueConstraint("key", name="idx_login_throttle_key"),)

    key: Mapped[str]
    failures: Mapped[int] = mapped_column(Integer)
    blocked_until: Mapped[datetime | None]
