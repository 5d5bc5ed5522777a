"""The audit trail: a chain of entries that nobody changes."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        CREATE TABLE audit_entry (
            id UUID PRIMARY KEY,
            number BIGINT NOT NULL,
            actor_kind VARCHAR NOT NULL,
            actor_id VARCHAR NOT NULL,
            actor_name VARCHAR NOT NULL,
            source_address VARCHAR,
            action VARCHAR NOT NULL,
            subject_type VARCHAR NOT NULL,
            subject_id VARCHAR NOT NULL,
            before JSONB,
            after JSONB,
            previous_hash VARCHAR NOT NULL,
            hash VARCHAR NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_audit_number UNIQUE (number)
        )
        """
    )
    op.execute("CREATE INDEX idx_audit_subject ON audit_entry (subject_id, number)")
    op.execute(
        """
        CREATE TABLE audit_head (
            id UUID PRIMARY KEY,
            number BIGINT NOT NULL,
            hash VARCHAR NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("INSERT INTO audit_head (id, number, hash) VALUES (masspayout_uuid7(), 0, repeat('0', 64))")
    refuse_changes()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TABLE audit_head")
    op.execute("DROP TABLE audit_entry")
    op.execute("DROP FUNCTION masspayout_refuse_change()")


def refuse_changes() -> None:
    op.execute(
        """
        CREATE FUNCTION masspayout_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit trail is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME
                  USING ERRCODE = 'insufficient_privilege';
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION masspayout_refuse_change()"
    )
