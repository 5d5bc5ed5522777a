"""Confirmations: the provider is asked again about every open session, so that who leaves is out within minutes.

A session with a refresh token is confirmed in the background: the role follows the provider, and the session ends when
the provider names no role, or does not know the login any more. While the provider cannot be reached, sessions wait
when their time is over, and go on when it answers. A session without a refresh token ends with its time; the browser
then goes through the provider once more, which asks for nothing as long as its own session lasts.
"""

import logging
import uuid
from datetime import UTC, datetime, timedelta

from masspayout import audit
from masspayout.db.session import Database
from masspayout.kernel.actors import acting_as, system
from masspayout.kernel.errors import Forbidden, MassPayoutError, NotAuthenticated
from masspayout.service.access.oidc.claims import role_of
from masspayout.service.access.oidc.connections import ProviderRefused, ProviderUnavailable, Tokens
from masspayout.service.access.oidc.logins import Grant, OpenIdProvider
from masspayout.service.access.oidc.people import follow_provider, require_enabled
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# Longer than all that a confirmation may wait for: were two to use one refresh token, the provider would take both for
# thieves. A process that dies while it asks keeps a session from being asked about for so long.
_CLAIM_SECONDS = 60
# A session is confirmed when half of its time is over, so that the provider may be away for the other half.
_PART = 2
_GONE = "invalid_grant"
_LONGEST_PAUSE_SECONDS = 15.0
_PAUSES = 10


class Confirmations:
    """The confirmations of a process's database by a provider."""

    def __init__(self, database: Database, settings: Settings, provider: OpenIdProvider) -> None:
        self._database = database
        self._settings = settings
        self._provider = provider

    @property
    def pause_seconds(self) -> float:
        """The time after which to look again for sessions to confirm."""
        return min(_LONGEST_PAUSE_SECONDS, self._settings.oidc_recheck_seconds / _PAUSES)

    async def confirm_due(self) -> None:
        """Confirm the sessions with less than half of their time left; errors are logged."""
        try:
            while await self.confirm_next():
                pass
        except MassPayoutError as error:
            _log.warning("sessions could not be confirmed: %s", error)
        except Exception:  # noqa: BLE001 - and logged: the next round is its retry
            _log.exception("sessions could not be confirmed")

    async def confirm_next(self) -> bool:
        """Confirm the session whose time is over first, of those with less than half of it left.

        Return whether there was one.
        """
        now = datetime.now(UTC)
        soon = now + timedelta(seconds=self._settings.oidc_recheck_seconds / _PART)
        async with self._database.unit_of_work() as work:
            due = await work.login_sessions.claim_to_confirm(now, soon, claim_seconds=_CLAIM_SECONDS)
        if due is None:
            return False
        await self._confirm(*due)
        return True

    async def _confirm(self, session_id: uuid.UUID, user_id: uuid.UUID, sealed_grant: str) -> None:
        try:
            grant = Grant.unsealed(self._settings, sealed_grant)
            if grant.refresh_token is None:
                return
            tokens = await self._provider.connection.refresh(grant.refresh_token)
        except ProviderRefused as error:
            # Anything but the one code for a login that is gone may be a fault of ours, or pass: until it does, the
            # session waits when its time is over.
            if error.code == _GONE:
                await self._end(session_id, user_id, error)
            else:
                _log.warning("session %s could not be confirmed: %s", session_id, error)
            return
        except MassPayoutError as error:
            _log.warning("session %s could not be confirmed: %s", session_id, error)
            return
        # A refresh token may be good for once only, so the new one is kept before anything else can fail.
        renewed = Grant(tokens.refresh_token or grant.refresh_token, tokens.id_token or grant.id_token)
        async with self._database.unit_of_work() as work:
            await work.login_sessions.keep_grant(session_id, renewed.sealed(self._settings))
        try:
            await self._follow(session_id, user_id, tokens)
        except ProviderUnavailable as error:
            _log.warning("session %s could not be confirmed: %s", session_id, error)
        except (NotAuthenticated, Forbidden) as error:
            await self._end(session_id, user_id, error)

    async def _follow(self, session_id: uuid.UUID, user_id: uuid.UUID, tokens: Tokens) -> None:
        """Give the user the role that the provider names now, and the session more time."""
        claims = await self._provider.claims_of(tokens, is_login=False)
        subject = self._provider.subject_of(claims)
        role = role_of(self._settings, claims)
        async with self._database.unit_of_work() as work:
            user = await work.users.find_by_oidc(subject.issuer, subject.subject)
            if user is None or user.id != user_id:
                raise NotAuthenticated("The provider tells of somebody else.", "Sign in again.")
            await follow_provider(work, subject, role, None)
            await require_enabled(work, user)
            if role is not None:
                until = datetime.now(UTC) + timedelta(seconds=self._settings.oidc_recheck_seconds)
                await work.login_sessions.confirm(session_id, until)

    async def _end(self, session_id: uuid.UUID, user_id: uuid.UUID, error: MassPayoutError) -> None:
        """End a session that the provider does not stand for any more."""
        _log.warning("session %s of user %s ends: %s", session_id, user_id, error)
        async with self._database.unit_of_work() as work:
            if not await work.login_sessions.end(session_id, datetime.now(UTC)):
                return
            with acting_as(system()):
                audit.record(work, "user.logged_out", user_id, after={"way": "not confirmed", "reason": error.message})
