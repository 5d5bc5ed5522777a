"""Checks of the database itself: from the server that answers to the last index."""

from masspayout.db import embedded, migrations
from masspayout.db.capacity import read_capacity, too_few
from masspayout.db.connection_errors import ErrorStage
from masspayout.db.diagnosis import Diagnosis
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor.examination import Examination, Problem


async def server_answers(examination: Examination) -> str:
    """A PostgreSQL server answers at the configured address. An embedded one is started, but never created."""
    settings = examination.settings
    if settings.uses_embedded_database and not embedded.exists(settings.data_dir):
        raise Problem(
            f"There is no embedded database in {settings.data_dir} yet, and DATABASE_HOST names no other.",
            "See a whole payout: ",
            Action.SEE_DEMO,
            ". Or make an empty database: ",
            Action.UPGRADE_DATABASE,
        )
    url = await examination.opening.database_url(settings)
    examination.diagnosis = Diagnosis(url)
    examination.opened.push_async_callback(examination.diagnosis.close)
    examination.connection_error = await examination.diagnosis.connection_error()
    _raise_if(examination, ErrorStage.SERVER, ErrorStage.STATEMENT)
    place = url.query.get("host", url.host or "localhost")
    return f"It answers at {place}, port {url.query.get('port', url.port or 5432)}."


async def login_is_accepted(examination: Examination) -> str:
    """The server accepts the login of our role."""
    _raise_if(examination, ErrorStage.LOGIN)
    return f"The role {examination.url.username} may connect."


async def database_exists(examination: Examination) -> str:
    """The server has the database, and it can be written to."""
    _raise_if(examination, ErrorStage.DATABASE)
    if await examination.diagnosis.is_read_only():
        raise Problem(
            f"The database {examination.url.database} can only be read.",
            "Correct DATABASE_HOST if that is a standby server, or end what makes it read-only "
            f"(ALTER DATABASE {examination.url.database} RESET default_transaction_read_only), then: ",
            Action.EXAMINE,
        )
    return f"{examination.url.database} is there."


async def connections_suffice(examination: Examination) -> str:
    """The server allows each process its configured connections, and has some left."""
    wanted = examination.settings.database_connections
    async with examination.diagnosis.connection() as connection:
        capacity = await read_capacity(connection)
    if capacity.allowed < wanted:
        refusal = too_few(capacity, wanted)
        raise Problem(refusal.message, *refusal.next_step.parts)
    left = capacity.allowed - capacity.used
    if left < wanted - capacity.ours:
        raise Problem(
            f"Of the {capacity.allowed} connections that there may be, {capacity.used} are taken, {capacity.ours} of "
            f"them by masspayout; DATABASE_CONNECTIONS lets each process open {wanted}.",
            "Lower DATABASE_CONNECTIONS, run fewer processes, or raise max_connections of the server, then: ",
            Action.EXAMINE,
        )
    return f"{capacity.used} of {capacity.allowed} are taken; each process opens {wanted} at most."


async def server_is_new_enough(examination: Examination) -> str:
    """The server's version is one that the schema supports."""
    version = await examination.diagnosis.server_version()
    number = ".".join(map(str, version))
    if version < (migrations.OLDEST_SERVER,):
        raise Problem(
            f"The server runs PostgreSQL {number}, and masspayout needs {migrations.OLDEST_SERVER} or newer.",
            "Use a newer server, or unset DATABASE_HOST to use the embedded one, then: ",
            Action.UPGRADE_DATABASE,
        )
    return f"PostgreSQL {number}."


async def is_migrated(examination: Examination) -> str:
    """The database is at the newest migration that this version knows, and not beyond."""
    async with examination.diagnosis.connection() as connection:
        status = await connection.run_sync(migrations.read_status)
    if mismatch := migrations.mismatch_of(examination.url, status):
        pending = [f"{revision.id}: {revision.message}" for revision in status.pending]
        raise Problem(mismatch.message, mismatch.next_step, details=pending)
    return f"The database is at revision {status.revision}, the newest."


async def tables_are_ours(examination: Examination) -> str:
    """Tables and columns are as the migrations create them."""
    if drift := await examination.diagnosis.drift():
        raise Problem(
            f"The schema was changed by hand, in {len(drift)} place(s): {drift[0]}.",
            "Undo the change by hand, or restore a backup; see all that differs: ",
            Action.CHECK_DATABASE,
            details=drift,
        )
    return "Tables and columns are as the migrations made them."


async def indexes_are_there(examination: Examination) -> str:
    """Every index of the schema is there, and valid."""
    if missing := await examination.diagnosis.missing_indexes():
        raise Problem(
            f"{len(missing)} index(es) are not as they should be: {', '.join(index.sentence for index in missing)}.",
            "Execute the statements below with psql, then: ",
            Action.CHECK_DATABASE,
            details=[index.statement for index in missing],
        )
    return "All are there, and valid."


def _raise_if(examination: Examination, *stages: ErrorStage) -> None:
    if examination.connection_error is not None and examination.connection_error[0] in stages:
        raise examination.connection_error[1]
