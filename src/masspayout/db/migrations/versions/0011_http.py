"""Requests with an idempotency key, and an index for the depth of the list of distributions."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        CREATE TABLE idempotent_request (
            id UUID PRIMARY KEY,
            asked_by VARCHAR NOT NULL,
            key VARCHAR NOT NULL,
            digest VARCHAR NOT NULL,
            new_id UUID NOT NULL,
            claimed_until TIMESTAMP NOT NULL,
            response_status INT,
            response_type VARCHAR,
            response_location VARCHAR,
            response_body BYTEA,
            sealed BOOLEAN NOT NULL DEFAULT false,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_idempotent_request_key UNIQUE (asked_by, key)
        )
        """
    )
    op.execute("CREATE INDEX idx_distribution_created ON distribution (created_at, id)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX idx_distribution_created")
    op.execute("DROP TABLE idempotent_request")
