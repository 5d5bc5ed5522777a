"""Queries on credentials: ``access_user``, ``api_token``, ``login_session``, ``login_link``, ``login_throttle``."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager, joinedload

from masspayout.db.entities import ApiToken, LoginLink, LoginSession, LoginThrottle, User
from masspayout.db.repositories import references
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.next_steps import Action

# Each attempt counts when it begins, so that guesses made side by side do not all pass before the first one counts.
# From the allowed number on, each failure doubles the pause, up to a quarter of an hour. Nothing comes back while one
# is blocked: that does not make the pause longer.
_COUNT_ATTEMPT = text("""
    INSERT INTO login_throttle AS t (id, key, failures) VALUES (:id, :key, 1)
    ON CONFLICT (key) DO UPDATE
       SET failures = CASE WHEN t.updated_at < now() - interval '1 hour' THEN 1 ELSE t.failures + 1 END,
           blocked_until = CASE WHEN t.updated_at >= now() - interval '1 hour' AND t.failures + 1 >= :allowed
                                THEN now() + make_interval(secs => least(power(2, least(t.failures + 1 - :allowed, 20)),
                                                                         900)) END,
           updated_at = now()
     WHERE t.blocked_until IS NULL OR t.blocked_until <= now()
    RETURNING failures
""")

_USE_LINK = text("""
    UPDATE login_link SET used_at = :now, updated_at = now()
     WHERE id = :id AND used_at IS NULL AND expires_at > :now
""").bindparams(bindparam("now", type_=UtcTimestamp))


_SET_PERSON = text("""
    UPDATE access_user SET person_id = :user_id, updated_at = now() WHERE id = :second_id OR person_id = :second_id
""")
# Of what two accounts of one person approved, one approval is left; and who created a payout approves it no more.
_MAKE_ONE_PERSON = tuple(
    map(
        text,
        (
            """DELETE FROM approval AS a USING approval AS b
                WHERE a.distribution_id = b.distribution_id AND a.person = :second AND b.person = :person""",
            "UPDATE approval SET person = :person, updated_at = now() WHERE person = :second",
            """UPDATE distribution SET created_by = :person, updated_at = now()
                WHERE created_by = :second AND status NOT IN ('COMPLETED', 'CANCELLED')""",
            "UPDATE series SET created_by = :person, updated_at = now() WHERE created_by = :second",
            """UPDATE payer_entry SET answered_by = :person, updated_at = now()
                WHERE answered_by = :second AND answer IS NULL""",
        ),
    )
)

# A session that its provider has to confirm soon is asked about by one process, which may die meanwhile.
_CLAIM_TO_CONFIRM = text("""
    UPDATE login_session SET confirming_until = :now + make_interval(secs => :claim_seconds), updated_at = now()
     WHERE id IN (SELECT id FROM login_session
                   WHERE ended_at IS NULL AND expires_at > :now AND sealed_grant IS NOT NULL
                     AND confirm_by <= :soon AND (confirming_until IS NULL OR confirming_until <= :now)
                   ORDER BY confirm_by LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, user_id, sealed_grant
""").bindparams(bindparam("now", type_=UtcTimestamp), bindparam("soon", type_=UtcTimestamp))


class Users(Repository[User]):
    """The users."""

    entity = User
    noun = "user"
    listed_by = Action.LIST_USERS

    async def find_by_name(self, name: str) -> User | None:
        """Return the user of a name, or nothing."""
        return await self.session.scalar(select(User).where(User.name == name))

    async def find_by_oidc(self, issuer: str, subject: str) -> User | None:
        """Return the user with a subject at an OpenID provider, or nothing."""
        return await self.session.scalar(select(User).where(User.oidc_issuer == issuer, User.oidc_subject == subject))

    async def add(self, user: User) -> User | None:
        """Write a new user; nothing when the name, or the provider's subject, is taken."""
        columns = ("name", "password_hash", "role", "oidc_issuer", "oidc_subject", "confirmed_at")
        statement = (
            insert(User)
            .values(
                id=user.id or uuid7(),
                disabled=bool(user.disabled),
                **{column: getattr(user, column) for column in columns},
            )
            .on_conflict_do_nothing()
            .returning(User)
        )
        return (await self.session.scalars(statement)).one_or_none()

    async def rename(self, user_id: uuid.UUID, name: str) -> bool:
        """Give a user another name. False when it is taken."""
        is_free = ~exists().where(aliased(User).name == name)
        return await self._changed(update(User).where(User.id == user_id, is_free).values(name=name)) == 1

    async def confirm(self, user_id: uuid.UUID, now: datetime) -> None:
        """Store that the provider has just confirmed a user, with a role."""
        await self.session.execute(update(User).where(User.id == user_id).values(confirmed_at=now))

    async def make_one_person(self, user_id: uuid.UUID, second_id: uuid.UUID) -> None:
        """Make a second account one person with a user: in what both did to payouts that are open, too."""
        ids = {"user_id": user_id, "second_id": second_id}
        await self.session.execute(_SET_PERSON, ids)
        people = {"person": f"USER:{user_id}", "second": f"USER:{second_id}"}
        for statement in _MAKE_ONE_PERSON:
            await self.session.execute(statement, people)

    async def find_in_order(self) -> Sequence[User]:
        """Return all users, by name."""
        return (await self.session.scalars(select(User).order_by(User.name))).all()

    async def can_anybody_come_in(self, now: datetime) -> bool:
        """Return True if a user has a password, or a token is valid: then the service need not print a login link."""
        query = select(
            or_(
                exists().where(User.password_hash.is_not(None), ~User.disabled),
                exists().where(ApiToken.revoked_at.is_(None), _is_ahead(ApiToken, now)),
            )
        )
        return bool(await self.session.scalar(query))


class ApiTokens(Repository[ApiToken]):
    """The credentials of programs."""

    entity = ApiToken
    noun = "token"
    listed_by = Action.LIST_TOKENS

    async def find_by_prefix(self, prefix: str) -> ApiToken | None:
        """Return the token with this prefix, with its user."""
        query = select(ApiToken).where(ApiToken.prefix == prefix).options(joinedload(ApiToken.owner))
        return await self.session.scalar(query)

    async def get_by_reference(self, reference: str) -> ApiToken:
        """Return a token by its id, by the prefix of its text, by the beginning of either, or by ``latest``.

        Raises:
            Invalid: Several tokens fit.
            NotFound: No token fits.
        """
        digits = references.prefix_of(reference)
        if digits is None:
            return await super().get_by_reference(reference)
        # No hexadecimal digit comes after "g", in any collation.
        by_prefix = and_(ApiToken.prefix >= digits, ApiToken.prefix < f"{digits}g")
        query = select(ApiToken).where(or_(by_prefix, ApiToken.id.between(*references.id_range(digits))))
        found = (await self.session.scalars(query.order_by(ApiToken.prefix).limit(references.MOST_CANDIDATES))).all()
        if len(found) > 1:
            subject = f"Several tokens begin with {reference!r}"
            raise references.ambiguous(subject, [token.prefix for token in found], references.TYPE_MORE)
        if not found:
            raise references.not_found(self.noun, reference, self.listed_by)
        return found[0]

    async def revoke(self, token_id: uuid.UUID, now: datetime) -> bool:
        """Revoke a token for ever. False when it is revoked already."""
        statement = update(ApiToken).where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        return await self._changed(statement.values(revoked_at=now)) == 1

    async def note_use(self, token_id: uuid.UUID, now: datetime) -> None:
        """Store the time of a token's last use."""
        await self.session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


class LoginSessions(Repository[LoginSession]):
    """The browsers that are logged in."""

    entity = LoginSession
    noun = "session"

    async def find_by_prefix(self, prefix: str) -> LoginSession | None:
        """Return the session whose secret has this prefix, with its user."""
        query = (
            select(LoginSession)
            .join(User, User.id == LoginSession.user_id)
            .where(LoginSession.prefix == prefix)
            .options(contains_eager(LoginSession.user))
        )
        return await self.session.scalar(query)

    async def end(self, session_id: uuid.UUID, now: datetime) -> bool:
        """End a session. False when it has ended already."""
        return bool(await self._end(LoginSession.id == session_id, now))

    async def end_of_user(self, user_id: uuid.UUID, now: datetime) -> None:
        """End every session of a user."""
        await self._end(LoginSession.user_id == user_id, now)

    async def end_of_provider(
        self, issuer: str, subject: str | None, provider_session: str | None, now: datetime
    ) -> Sequence[uuid.UUID]:
        """End the sessions that a provider's session began, or else all of its subject.

        A session whose beginning at the provider is not known counts as begun by any of the subject's. Return the users
        whose sessions ended, one for each session.
        """
        theirs = select(User.id).where(User.oidc_issuer == issuer)
        if subject is not None:
            theirs = theirs.where(User.oidc_subject == subject)
        whose: ColumnElement[bool] = LoginSession.user_id.in_(theirs)
        if provider_session is not None:
            began: ColumnElement[bool] = LoginSession.provider_session == provider_session
            if subject is not None:
                began = or_(began, LoginSession.provider_session.is_(None) & LoginSession.confirm_by.is_not(None))
            whose = and_(whose, began)
        return await self._end(whose, now)

    async def claim_to_confirm(
        self, now: datetime, soon: datetime, *, claim_seconds: int
    ) -> tuple[uuid.UUID, uuid.UUID, str] | None:
        """Claim a session that its provider has to confirm soon: its id, the user's id and the sealed grant."""
        parameters = {"now": now, "soon": soon, "claim_seconds": claim_seconds}
        row = (await self.session.execute(_CLAIM_TO_CONFIRM, parameters)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])

    async def keep_grant(self, session_id: uuid.UUID, sealed_grant: str | None) -> None:
        """Store the provider's latest tokens of a session that is open."""
        statement = update(LoginSession).where(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
        await self.session.execute(statement.values(sealed_grant=sealed_grant))

    async def confirm(self, session_id: uuid.UUID, confirm_by: datetime) -> bool:
        """Store that the provider confirmed a session, and until when. False when the session ended meanwhile."""
        statement = update(LoginSession).where(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
        return await self._changed(statement.values(confirm_by=confirm_by, confirming_until=None)) == 1

    async def _end(self, whose: ColumnElement[bool], now: datetime) -> Sequence[uuid.UUID]:
        statement = (
            update(LoginSession)
            .where(whose, LoginSession.ended_at.is_(None))
            .values(ended_at=now, sealed_grant=None)
            .returning(LoginSession.user_id)
        )
        return (await self.session.scalars(statement)).all()


class LoginLinks(Repository[LoginLink]):
    """The links that log a user in once."""

    entity = LoginLink
    noun = "login link"

    async def find_by_prefix(self, prefix: str) -> LoginLink | None:
        """Return the link whose secret has this prefix."""
        return await self.session.scalar(select(LoginLink).where(LoginLink.prefix == prefix))

    async def use(self, link_id: uuid.UUID, now: datetime) -> bool:
        """Use a link up. False when it was used before, or has expired."""
        return await self._changed(_USE_LINK, {"id": link_id, "now": now}) == 1


class LoginThrottles:
    """The failed logins, by name and by address."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def count_attempt(self, key: str, *, allowed: int) -> bool:
        """Count an attempt as failed. False when this key must wait."""
        parameters = {"id": uuid7(), "key": key, "allowed": allowed}
        return await self.session.scalar(_COUNT_ATTEMPT, parameters) is not None

    async def seconds_to_wait(self, key: str) -> float:
        """Return the seconds before a key's next attempt is allowed."""
        wait = func.extract("epoch", LoginThrottle.blocked_until - func.now())
        return max(0.0, float(await self.session.scalar(select(wait).where(LoginThrottle.key == key)) or 0))

    async def forget(self, key: str) -> None:
        """Delete the failures of a key, which has succeeded."""
        statement = update(LoginThrottle).where(LoginThrottle.key == key).values(failures=0, blocked_until=None)
        await self.session.execute(statement)


def _is_ahead(entity: type[ApiToken], now: datetime) -> ColumnElement[bool]:
    return or_(entity.expires_at.is_(None), entity.expires_at > now)
