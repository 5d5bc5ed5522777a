"""Ids that the database makes: other programs write rows without one, as the entities of their mappers say."""

from alembic import op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"

TABLES = ("asset", "distribution", "holder", "batch_payout", "blockchain_event_listener_config")
OURS = "masspayout_uuid7()"

DEFAULT_OF = text("""
    SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
      JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
     WHERE adrelid = CAST(:table AS regclass) AND attname = 'id'
""")


def upgrade() -> None:
    """Give the ids of the users' tables a default, unless they have one already. No row is written."""
    for table in TABLES:
        if op.get_bind().scalar(DEFAULT_OF, {"table": table}) is None:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT {OURS}")


def downgrade() -> None:
    """Drop our default; another one stays."""
    for table in TABLES:
        if op.get_bind().scalar(DEFAULT_OF, {"table": table}) == OURS:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
