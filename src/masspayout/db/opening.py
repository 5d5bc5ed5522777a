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
# migrations, whose error has the details. A role that makes no schemas needs the sandbox's to be there.
_IS_CURRENT = """
    SELECT current_setting('server_encoding') = 'UTF8'
       AND (to_regnamespace('sandbox') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'))
       AND EXISTS (SELECT FROM pg_tables WHERE tablename = 'batch_payout' AND schemaname = current_schema())
       AND (SELECT array_agg(version_num::text) FROM alembic_version) = ARRAY[%s::text]
"""


async def database_url(settings: Settings) -> URL:
    """Return the application's address of the database, starting the embedded server if it is the one to use."""
    if settings.uses_embedded_database:
        return (await owner_url(settings)).set(username=embedded.APPLICATION_ROLE)
    return settings.external_database_url


async def owner_url(settings: Settings) -> URL:
    """Return the address by which the owner of the tables migrates them. An embedded server is started."""
    if settings.uses_embedded_database:
        return await asyncio.to_thread(embedded.start, settings.data_dir)
    return settings.external_owner_url


def application_role(settings: Settings) -> str | None:
    """Return the role that the owner grants its rights to; None if the application connects as the owner."""
    if settings.uses_embedded_database:
        return embedded.APPLICATION_ROLE
    has_owner = settings.database_owner_user not in (None, settings.database_user)
    return settings.database_user if has_owner else None


async def current_database_url(settings: Settings) -> URL:
    """Return the application's address of a database at this version's revision; an embedded one is migrated to it.

    Raises:
        DatabaseMismatch: The schema is not the one of this version; the message names the command that fixes it.
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    url = await database_url(settings)
    if await asyncio.to_thread(is_current, url):
        return url
    if settings.uses_embedded_database:
        owner = await owner_url(settings)
        await asyncio.to_thread(migrations.upgrade, owner, application_role=embedded.APPLICATION_ROLE)
    else:
        await asyncio.to_thread(migrations.require_current, url)
    return url


async def sandbox_database_url(settings: Settings) -> URL:
    """Return the address of a database that may hold the sandbox's books and nothing else yet.

    In an embedded one, the migrations make the schema that the application keeps the books in.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    if settings.uses_embedded_database:
        return await current_database_url(settings)
    return settings.external_database_url


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database, and close it at the end of the block.

    The embedded database is migrated on the way; an external one is left as it is.

    Raises:
        DatabaseMismatch: The schema is not the one of this version; the message names the command that fixes it.
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    url = await current_database_url(settings)
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
