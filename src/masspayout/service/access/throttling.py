"""Throttling of logins: repeated failures bring longer and longer pauses, by name and by address.

The counts are in the database, so they hold for all processes and survive their end.
"""

import math

from masspayout.db.session import Database
from masspayout.kernel.errors import TooManyRequests
from masspayout.service.access.secrets import digest_of

# Failures in a row before the pauses begin. Many people may share an address.
_ALLOWED_BY_NAME = 5
_ALLOWED_BY_ADDRESS = 50


class LoginAttempt:
    """One attempt to log in, which counts as failed until it succeeds."""

    def __init__(self, database: Database, name: str, source_address: str | None) -> None:
        self._database = database
        self._name_key = digest_of(f"name:{name}")
        self._allowed = {self._name_key: _ALLOWED_BY_NAME}
        if source_address is not None:
            self._allowed[digest_of(f"address:{source_address}")] = _ALLOWED_BY_ADDRESS

    async def begin(self) -> None:
        """Count the attempt.

        Raises:
            TooManyRequests: There were too many failures; ``retry_after_seconds`` is the pause.
        """
        async with self._database.unit_of_work() as work:
            throttles = work.login_throttles
            for key, allowed in self._allowed.items():
                if await throttles.count_attempt(key, allowed=allowed):
                    continue
                seconds = math.ceil(await throttles.seconds_to_wait(key)) or 1
                raise TooManyRequests(
                    "Too many failed sign-ins.", f"Wait {seconds:,} seconds.", retry_after_seconds=seconds
                )

    async def succeed(self) -> None:
        """Forget the failures for this name; those from the address stay, since others may be guessing from there."""
        async with self._database.unit_of_work() as work:
            await work.login_throttles.forget(self._name_key)
