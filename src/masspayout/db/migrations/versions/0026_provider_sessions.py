"""Sessions that an OpenID Connect provider confirms again and again, and accounts that are one person's."""

from alembic import op

revision = "0026"
down_revision = "0025"

COLUMNS = (
    ("access_user", "role_withdrawn_at", "TIMESTAMP"),
    ("access_user", "confirmed_at", "TIMESTAMP"),
    ("access_user", "person_id", "UUID REFERENCES access_user (id)"),
    ("login_session", "provider_session", "VARCHAR"),
    ("login_session", "sealed_grant", "VARCHAR"),
    ("login_session", "confirm_by", "TIMESTAMP"),
    ("login_session", "confirming_until", "TIMESTAMP"),
)


def upgrade() -> None:
    """Add the columns. Users of a provider count as confirmed now: their tokens go on for as long as the settings say.

    Sessions that a provider began before go on until they expire: nobody knows any more that it was the provider.
    """
    for table, name, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {definition}")
    op.execute("UPDATE access_user SET confirmed_at = now() WHERE oidc_subject IS NOT NULL")
    op.execute("CREATE INDEX idx_login_session_provider ON login_session (provider_session)")


def downgrade() -> None:
    """Drop the columns, with the index on one of them."""
    for table, name, _ in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
