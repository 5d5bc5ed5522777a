"""Pauses of payouts, assets and the installation; payouts that were sent back; and what webhooks tell of them."""

from alembic import op

revision = "0024"
down_revision = "0023"

# The payload of an event about a distribution (the row called {row}), as since 0012. Amounts are texts.
DISTRIBUTION = """
    jsonb_build_object(
        'distribution_id', {row}.id, 'asset_id', {row}.asset_id, 'series_id', {row}.series_id, 'type', {row}.type,
        'execution_type', {row}.execution_type, 'status', {row}.status, 'concept', {row}.concept,
        'scheduled_time', to_char({row}.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'record_time', to_char({row}.record_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'payment_token_id', {row}.payment_token_id, 'total_amount', CAST({row}.total_amount AS text),
        'payable_count', {row}.payable_count, 'register_hash', {row}.register_hash,
        'approvals_required', {row}.approvals_required,
        'failure_code', {row}.failure_code, 'failure_message', {row}.failure_message)
"""
COLUMNS = ("sent_back_at TIMESTAMP", "sent_back_by VARCHAR", "sent_back_by_name VARCHAR", "sent_back_reason TEXT")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_table()
    create_question()
    op.execute(f"ALTER TABLE distribution {', '.join(f'ADD COLUMN {column}' for column in COLUMNS)}")
    create_notes_of_pauses()
    create_notes_of_approvers()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TRIGGER note_withdrawal ON approval")
    op.execute("DROP FUNCTION masspayout_note_withdrawal()")
    op.execute("DROP TRIGGER note_sent_back ON distribution")
    op.execute("DROP FUNCTION masspayout_note_sent_back()")
    op.execute("DROP FUNCTION masspayout_is_paused(UUID)")
    op.execute("DROP TABLE pause")
    op.execute("DROP FUNCTION masspayout_note_pause()")
    op.execute(f"ALTER TABLE distribution {', '.join(f'DROP COLUMN {column.split()[0]}' for column in COLUMNS)}")


def create_table() -> None:
    """Create the table: a row without a distribution and an asset pauses the installation."""
    op.execute(
        """
        CREATE TABLE pause (
            id UUID PRIMARY KEY,
            distribution_id UUID REFERENCES distribution (id),
            asset_id UUID REFERENCES asset (id),
            reason TEXT NOT NULL,
            paused_by VARCHAR NOT NULL,
            paused_by_name VARCHAR NOT NULL,
            paused_at TIMESTAMP NOT NULL,
            ended_by VARCHAR,
            ended_by_name VARCHAR,
            ended_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT pause_subject_check CHECK (distribution_id IS NULL OR asset_id IS NULL)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX idx_pause_open ON pause (distribution_id, asset_id) NULLS NOT DISTINCT "
        "WHERE ended_at IS NULL"
    )


def create_question() -> None:
    """Create the function that the claim of an attempt asks, and that keeps pauses from beginning until it commits.

    The lock comes first, and a volatile function sees in its next statement what was committed by then: of a pause and
    an attempt that begin at once, either the pause waits until the attempt is reserved, or the attempt sees the pause.
    """
    op.execute(
        """
        CREATE FUNCTION masspayout_is_paused(payout UUID) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(5464);
            RETURN EXISTS (SELECT FROM pause AS p JOIN distribution AS d ON d.id = payout
                            WHERE p.ended_at IS NULL
                              AND coalesce(p.distribution_id, d.id) = d.id
                              AND coalesce(p.asset_id, d.asset_id) = d.asset_id);
        END
        $$
        """
    )


def create_notes_of_pauses() -> None:
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_pause() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            event_type CONSTANT VARCHAR :=
                CASE WHEN NEW.distribution_id IS NOT NULL THEN 'distribution'
                     WHEN NEW.asset_id IS NOT NULL THEN 'asset'
                     ELSE 'installation' END
                || CASE WHEN NEW.ended_at IS NULL THEN '.paused' ELSE '.resumed' END;
            event_data JSONB := jsonb_build_object('paused_by', NEW.paused_by_name, 'reason', NEW.reason);
        BEGIN
            IF masspayout_event_is_wanted(event_type) THEN
                IF NEW.ended_at IS NOT NULL THEN
                    event_data := event_data || jsonb_build_object('resumed_by', NEW.ended_by_name);
                END IF;
                IF NEW.distribution_id IS NOT NULL THEN
                    SELECT {DISTRIBUTION.format(row="d")} || event_data INTO event_data
                      FROM distribution AS d WHERE d.id = NEW.distribution_id;
                ELSIF NEW.asset_id IS NOT NULL THEN
                    event_data := jsonb_build_object('asset_id', NEW.asset_id) || event_data;
                END IF;
                PERFORM masspayout_note_event(event_type, event_data);
            END IF;
            RETURN NULL;
        END
        $$
        """  # noqa: S608 - the piece is a constant
    )
    op.execute(
        "CREATE TRIGGER note_event AFTER INSERT OR UPDATE OF ended_at ON pause "
        "FOR EACH ROW EXECUTE FUNCTION masspayout_note_pause()"
    )


def create_notes_of_approvers() -> None:
    """Create the notes of payouts that are sent back or handed in again, and of approvals that are withdrawn."""
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_sent_back() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            event_type CONSTANT VARCHAR :=
                CASE WHEN NEW.sent_back_at IS NULL THEN 'distribution.resubmitted' ELSE 'distribution.sent_back' END;
        BEGIN
            IF masspayout_event_is_wanted(event_type) THEN
                PERFORM masspayout_note_event(
                    event_type,
                    {DISTRIBUTION.format(row="NEW")} || CASE WHEN NEW.sent_back_at IS NULL THEN '{{}}'
                        ELSE jsonb_build_object('sent_back_by', NEW.sent_back_by_name, 'reason', NEW.sent_back_reason)
                        END);
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER note_sent_back AFTER UPDATE OF sent_back_at ON distribution FOR EACH ROW "
        "WHEN (NEW.sent_back_at IS DISTINCT FROM OLD.sent_back_at) EXECUTE FUNCTION masspayout_note_sent_back()"
    )
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF masspayout_event_is_wanted('distribution.approval_withdrawn') THEN
                PERFORM masspayout_note_event('distribution.approval_withdrawn',
                                              {DISTRIBUTION.format(row="d")}
                                              || jsonb_build_object('withdrawn_by', OLD.actor_name))
                   FROM distribution AS d WHERE d.id = OLD.distribution_id AND d.sent_back_at IS NULL;
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER note_withdrawal AFTER DELETE ON approval "
        "FOR EACH ROW EXECUTE FUNCTION masspayout_note_withdrawal()"
    )
