"""The database that the settings name, opened for work.

A command that reads a list needs this and nothing else: no ledger, no queue of jobs, and no migrations unless the
schema is of another version.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import URL

from masspayout.db import embedded
from masspayout.db.connecting import Connector
from masspayout.db.connection_errors import unavailable
from masspayout.db.session import Database
from masspayout.kernel.deferred import deferred
from masspayout.settings import Settings

if TYPE_CHECKING:
    from masspayout.db import migrations
else:
    # Alembic takes as long to load as the driver, and is needed when there is something to migrate.
    migrations = deferred("masspayout.db.migrations")

_VERSIONS = Path(__file__).parent / "migrations" / "versions"

# True if unqualified names mean our tables, in UTF-8, at this revision and no other. Any other case is left to the
# migrations, whose error has the details.
_IS_CURRENT = """
    SELECT current_setting('server_encoding') = 'UTF8'
       AND EXISTS (SELECT FROM pg_tables WHERE tablename = 'batch_payout' AND schemaname = current_schema())
       AND (SELECT array_agg(version_num::text) FROM alembic_version) = ARRAY[%s::text]
"""


async def database_url(settings: Settings) -> URL:
    """Return the address of the database, starting the embedded server if it is the one to use."""
    if settings.uses_embedded_database:
        return await asyncio.to_thread(embedded.start, settings.data_dir)
    return settings.external_database_url


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database, and close it at the end of the block.

    The embedded database is migrated on the way; an external one is left as it is.

    Raises:
        DatabaseMismatch: The schema is not the one of this version; the message names the command that fixes it.
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    url = await database_url(settings)
    if not await asyncio.to_thread(is_current, url):
        await asyncio.to_thread(migrations.ensure_current, url, upgrade_if_behind=settings.uses_embedded_database)
    shares = settings.connection_shares
    database = Database(url, log_sql=settings.app_env == "development", connections=shares.work)
    try:
        yield database
    finally:
        await database.close()


def newest_revision() -> str:
    """Return the newest migration, by the names of their files."""
    return max(path.stem.split("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))


def is_current(url: URL) -> bool:
    """Return True if the schema is certainly the one of this version. Otherwise the migrations determine its status.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    try:
        with Connector(url).connect_waiting() as connection:
            return connection.execute(_IS_CURRENT, [newest_revision()]).fetchall() == [(True,)]
    except (psycopg.OperationalError, psycopg.InternalError) as error:
        raise unavailable(url, error) from error
    except psycopg.ProgrammingError:
        return False
