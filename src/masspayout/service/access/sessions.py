"""Sessions of browsers: begun with a password or a login link, found by a cookie, ended by logging out."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from masspayout import audit
from masspayout.db.entities import LoginLink, LoginSession, User
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import NotAuthenticated
from masspayout.kernel.next_steps import Action
from masspayout.service.access.identities import Identity
from masspayout.service.access.passwords import verify_password
from masspayout.service.access.secrets import SecretKind, matches, new_secret, prefix_of
from masspayout.service.access.throttling import LoginAttempt
from masspayout.service.access.users import compared_name
from masspayout.settings import Settings

LINK_LIFE = timedelta(minutes=15)


class ConfirmationNeeded(NotAuthenticated):
    """The session goes on once the provider has confirmed the user again."""


class WayIn(StrEnum):
    """The way in which a user proved their identity, as the audit trail names it."""

    PASSWORD = "password"  # noqa: S105 - a way to sign in, no secret
    LINK = "sign-in link"
    PROVIDER = "OpenID Connect"


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """The provider's part of a session.

    Attributes:
        provider_session: The provider's id of its own session.
        sealed_grant: The provider's tokens, encrypted.
        is_renewable: They have one to ask for the user again with.
        confirm_by: When the provider has to have confirmed the user again.
    """

    provider_session: str | None
    sealed_grant: str | None
    is_renewable: bool
    confirm_by: datetime


async def log_in(
    database: Database, settings: Settings, name: str, password: str, *, source_address: str | None = None
) -> tuple[Identity, str]:
    """Begin a session of a user who knows the password. Return the identity, and the text of the cookie.

    Raises:
        NotAuthenticated: There is no such user, or the password is wrong; the message is the same for both.
        TooManyRequests: There were too many failures for this name, or from this address.
    """
    user = await _authenticate(database, name, password, source_address)
    async with database.unit_of_work() as work:
        return await begin_session(work, settings, user, source_address, WayIn.PASSWORD)


async def authenticate_person(
    database: Database, name: str, password: str, *, source_address: str | None = None
) -> Actor:
    """Return the actor of a user who knows the password, for one act without a session.

    Raises:
        NotAuthenticated: There is no such user, or the password is wrong; the message is the same for both.
        TooManyRequests: There were too many failures for this name, or from this address.
    """
    user = await _authenticate(database, name, password, source_address)
    person_id = None if user.person_id is None else str(user.person_id)
    return Actor(ActorKind.USER, str(user.id), user.name, source_address=source_address, owner_id=person_id)


async def _authenticate(database: Database, name: str, password: str, source_address: str | None) -> User:
    name = compared_name(name)
    attempt = LoginAttempt(database, name, source_address)
    await attempt.begin()
    async with database.unit_of_work() as work:
        user = await work.users.find_by_name(name)
    is_right = await verify_password(password, None if user is None else user.password_hash)
    if user is None or not is_right or user.disabled or user.role_withdrawn_at is not None:
        raise NotAuthenticated("The name or the password is wrong.", "Try again, or ask an admin for a new password.")
    await attempt.succeed()
    return user


async def make_link(work: UnitOfWork, user: User) -> tuple[LoginLink, str]:
    """Return a new link that logs a user in, once, within a quarter of an hour, with its secret."""
    secret = new_secret(SecretKind.LINK)
    link = LoginLink(
        user_id=user.id, prefix=secret.prefix, digest=secret.digest, expires_at=datetime.now(UTC) + LINK_LIFE
    )
    await work.login_links.save(link)
    facts = {"name": user.name, "role": user.role, "expires_at": link.expires_at}
    audit.record(work, "user.link_made", user.id, after=facts)
    return link, secret.text


async def log_in_by_link(
    database: Database, settings: Settings, text: str, *, source_address: str | None = None
) -> tuple[Identity, str]:
    """Begin a session of the user of a login link, and use the link up.

    Return the identity, and the text of the cookie.

    Raises:
        NotAuthenticated: The text is no link, or the link was used or has expired.
    """
    prefix = prefix_of(text, SecretKind.LINK)
    async with database.unit_of_work() as work:
        link = None if prefix is None else await work.login_links.find_by_prefix(prefix)
        now = datetime.now(UTC)
        if link is None or not matches(text, link.digest) or not await work.login_links.use(link.id, now):
            raise _stale_link()
        user = await work.users.get(link.user_id)
        if user.disabled or user.role_withdrawn_at is not None:
            raise _stale_link()
        return await begin_session(work, settings, user, source_address, WayIn.LINK)


async def begin_session(
    work: UnitOfWork,
    settings: Settings,
    user: User,
    source_address: str | None,
    way_in: WayIn,
    provider: ProviderLogin | None = None,
) -> tuple[Identity, str]:
    """Begin a session of an authenticated user. Return the identity, and the text of the cookie.

    Args:
        work: The transaction.
        settings: The settings, which say how long a session lasts.
        user: The user.
        source_address: The origin of the request.
        way_in: The way in: a session that began with a sign-in link approves nothing.
        provider: The session at the provider, if the user signed in there.
    """
    secret = new_secret(SecretKind.SESSION)
    expires_at = datetime.now(UTC) + timedelta(hours=settings.session_hours)
    login = LoginSession(
        user_id=user.id,
        user=user,
        prefix=secret.prefix,
        digest=secret.digest,
        expires_at=expires_at,
        source_address=source_address,
        is_by_link=way_in is WayIn.LINK,
    )
    if provider is not None:
        login.provider_session, login.sealed_grant = provider.provider_session, provider.sealed_grant
        login.confirm_by = provider.confirm_by
        # Nobody asks for a user whom there is no way to ask for.
        login.confirming_until = None if provider.is_renewable else expires_at
    work.add(user)
    await work.login_sessions.save(login)
    identity = Identity.of_session(login)
    with acting_as(identity.actor(source_address)):
        audit.record(work, "user.logged_in", user.id, after={"way_in": way_in})
    return identity, secret.text


async def find_session(database: Database, text: str) -> Identity:
    """Return the identity of the session in a cookie.

    Raises:
        NotAuthenticated: There is no such session, or it is over.
    """
    prefix = prefix_of(text, SecretKind.SESSION)
    login = None
    if prefix is not None:
        async with database.single_statement() as work:
            login = await work.login_sessions.find_by_prefix(prefix)
    if login is None or not matches(text, login.digest):
        raise NotAuthenticated("You are not signed in.", "Sign in.")
    now, user = datetime.now(UTC), login.user
    if login.ended_at is not None or login.expires_at <= now or user.disabled or user.role_withdrawn_at is not None:
        raise NotAuthenticated("Your session has expired.", "Sign in again.")
    if login.confirm_by is not None and login.confirm_by <= now:
        raise ConfirmationNeeded("The provider has to confirm who you are again.", "Sign in again.")
    return Identity.of_session(login)


async def log_out(database: Database, identity: Identity) -> None:
    """End the session of an identity."""
    async with database.unit_of_work() as work:
        await work.login_sessions.end(identity.credential_id, datetime.now(UTC))


async def log_out_of_provider(database: Database, text: str) -> tuple[bool, str | None]:
    """End the session in a cookie, whether or not its provider has confirmed it.

    Return whether an OpenID Connect provider began it, and the provider's tokens, encrypted.
    """
    prefix = prefix_of(text, SecretKind.SESSION)
    if prefix is None:
        return False, None
    async with database.unit_of_work() as work:
        login = await work.login_sessions.find_by_prefix(prefix)
        if login is None or not matches(text, login.digest):
            return False, None
        sealed_grant = login.sealed_grant
        await work.login_sessions.end(login.id, datetime.now(UTC))
        return login.confirm_by is not None, sealed_grant


async def has_to_be_confirmed(database: Database, text: str) -> bool:
    """Return True if the session in a cookie goes on once its provider has confirmed the user again."""
    try:
        await find_session(database, text)
    except ConfirmationNeeded:
        return True
    except NotAuthenticated:
        pass
    return False


def _stale_link() -> NotAuthenticated:
    return NotAuthenticated(
        "This sign-in link was used already, or has expired.",
        "Ask an admin for a new one: ",
        Action.MAKE_LOGIN_LINK,
    )
