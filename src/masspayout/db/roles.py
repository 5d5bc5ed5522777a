"""The application's role: what it is granted, and what it must not be able to do to the audit trail.

The owner of the tables migrates them. The application connects as another role, which reads and writes all tables, adds
to the audit trail, and cannot change it. With one role for both, whoever gets hold of it can write the trail anew.
"""

from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, text

from masspayout.db.entities import AuditEntry, AuditHead, Base
from masspayout.kernel.errors import DatabaseMismatch
from masspayout.kernel.next_steps import Action

_TRAIL = (AuditEntry.__tablename__, AuditHead.__tablename__)

# Of the head, the application writes what the chain does not go by; to lock the row needs one such column.
_HEAD_COLUMNS = "updated_at, published_number, published_at"

_TABLES = text("""
    SELECT tablename FROM pg_tables
     WHERE schemaname = current_schema() AND (tablename = ANY (:ours) OR tablename LIKE 'procrastinate%')
     ORDER BY tablename
""")
_SEQUENCES = text("""
    SELECT sequencename FROM pg_sequences
     WHERE schemaname = current_schema() AND sequencename LIKE 'procrastinate%' ORDER BY sequencename
""")
_SANDBOX_OWNER = text("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'sandbox'")
_SANDBOX_TABLES = text("""
    SELECT tablename FROM pg_tables WHERE schemaname = 'sandbox' AND tableowner <> :role ORDER BY tablename
""")
_MAY_ACT_AS = text("SELECT pg_has_role(current_user, rolname, 'MEMBER') FROM pg_roles WHERE rolname = :role")

# What a role could do to the trail: by its own rights, as a member of the owner, or around the triggers.
_POWERS = text("""
    SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = :role) AS is_superuser,
           pg_has_role(:role, t.relowner, 'MEMBER') AS is_owner,
           pg_has_role(:role, n.nspowner, 'MEMBER') AS owns_schema,
           has_table_privilege(:role, t.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
               OR has_any_column_privilege(:role, t.oid, 'UPDATE') AS changes_entries,
           has_table_privilege(:role, h.oid, 'UPDATE, INSERT, DELETE, TRUNCATE, TRIGGER')
               OR has_column_privilege(:role, h.oid, 'number', 'UPDATE')
               OR has_column_privilege(:role, h.oid, 'hash', 'UPDATE') AS moves_head,
           has_schema_privilege(:role, n.oid, 'CREATE') AS creates,
           has_parameter_privilege(:role, 'session_replication_role', 'SET') AS skips_triggers,
           pg_has_role(:role, 'pg_execute_server_program', 'MEMBER')
               OR pg_has_role(:role, 'pg_write_server_files', 'MEMBER') AS writes_files,
           (SELECT rolcreaterole FROM pg_roles WHERE rolname = :role)
               AND current_setting('server_version_num')::int < 160000 AS takes_roles
      FROM pg_class AS t
      JOIN pg_namespace AS n ON n.oid = t.relnamespace
      JOIN pg_class AS h ON h.relnamespace = n.oid AND h.relname = 'audit_head'
     WHERE t.relname = 'audit_entry' AND n.nspname = current_schema()
""")

_SENTENCES = {
    "is_superuser": "it is a superuser",
    "is_owner": "it owns the table audit_entry, or is a member of the role that does",
    "owns_schema": "it owns the schema, or the database, and can drop the table",
    "changes_entries": "it may change, delete or truncate rows of audit_entry, or give it triggers",
    "moves_head": "it may change the row of audit_head",
    "creates": "it may create tables and functions in the schema of the trail",
    "skips_triggers": "it may set session_replication_role, which switches triggers off",
    "writes_files": "it may write the server's files or run its programs",
    "takes_roles": "it may make itself a member of other roles (CREATEROLE)",
}


@dataclass(frozen=True, slots=True)
class Powers:
    """The powers of a role over the audit trail.

    Attributes:
        role: The role.
        reasons: Why it could change the trail, each as part of a sentence; none when it only adds to it.
    """

    role: str
    reasons: tuple[str, ...]


def read_powers(connection: Connection, role: str) -> Powers:
    """Return the powers of a role over the audit trail of a connection's schema. Nothing is changed."""
    row = connection.execute(_POWERS, {"role": role}).mappings().one_or_none()
    found = [name for name in _SENTENCES if row is not None and row[name]]
    # A superuser, or an owner, has all the other powers too.
    for stronger in ("is_superuser", "is_owner"):
        if stronger in found:
            found = [stronger]
    return Powers(role, tuple(_SENTENCES[name] for name in found))


def grant(connection: Connection, role: str) -> None:
    """Grant the application's role what it needs, and take from it what it must not have.

    Args:
        connection: The owner's, within the transaction that migrated the database.
        role: The application's role.

    Raises:
        DatabaseMismatch: The role does not exist, or the owner may not act for it.
    """
    _require_membership(connection, role)
    schema = str(connection.scalar(text("SELECT current_schema()")))
    tables = connection.scalars(_TABLES, {"ours": [*Base.metadata.tables, "alembic_version"]}).all()
    written = [name for name in tables if name not in _TRAIL and name != "alembic_version"]
    statements = [_words("GRANT USAGE ON SCHEMA {} TO {}", schema, role)]
    statements += [_words("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}", name, role) for name in written]
    statements += [_words("GRANT SELECT ON {} TO {}", name, role) for name in tables if name == "alembic_version"]
    statements += [_words("GRANT USAGE, SELECT ON SEQUENCE {} TO {}", n, role) for n in connection.scalars(_SEQUENCES)]
    if set(_TRAIL) <= set(tables):
        statements += [_words("REVOKE ALL ON {} FROM {}", name, role) for name in _TRAIL]
        statements += [
            _words("GRANT SELECT, INSERT ON audit_entry TO {}", role),
            _words("GRANT SELECT ON audit_head TO {}", role),
        ]
    if connection.scalar(text("SELECT to_regprocedure('masspayout_analyse(regclass[])') IS NOT NULL")):
        statements += [
            _words("GRANT EXECUTE ON FUNCTION masspayout_analyse(regclass[]) TO {}", role),
            _words(f"GRANT UPDATE ({_HEAD_COLUMNS}) ON audit_head TO {{}}", role),
        ]
    for statement in [*statements, *_sandbox(connection, role)]:
        connection.exec_driver_sql(statement)


def _sandbox(connection: Connection, role: str) -> list[str]:
    """Return the statements that make the sandbox's books the application's own: it makes their tables by itself."""
    owner = connection.scalar(_SANDBOX_OWNER)
    if owner is None:
        return [_words("CREATE SCHEMA sandbox AUTHORIZATION {}", role)]
    tables = connection.scalars(_SANDBOX_TABLES, {"role": role})
    return [
        *([_words("ALTER SCHEMA sandbox OWNER TO {}", role)] if owner != role else []),
        *(_words("ALTER TABLE sandbox.{} OWNER TO {}", name, role) for name in tables),
    ]


def _require_membership(connection: Connection, role: str) -> None:
    may_act = connection.scalar(_MAY_ACT_AS, {"role": role})
    if may_act:
        return
    owner = connection.engine.url.username
    reason = "is no role of this server" if may_act is None else f"has not been granted to {owner}"
    statement = f"GRANT {role} TO {owner}" if may_act is False else f"CREATE ROLE {role} LOGIN"
    raise DatabaseMismatch(
        f"The application's role {role} {reason}, so that nothing can be granted to it.",
        f"As a superuser, execute {statement}, then: ",
        Action.UPGRADE_DATABASE,
    )


def _words(statement: str, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string()
