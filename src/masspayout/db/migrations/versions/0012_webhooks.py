"""Webhooks, and triggers that write down what their targets want to hear of, with the change itself."""

from alembic import op

revision = "0012"
down_revision = "0011"

# The payload of an event about a distribution (the row called {row}) or a batch. Amounts are texts, as always in JSON.
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
BATCH = """
    jsonb_build_object(
        'distribution_id', NEW.distribution_id, 'batch_id', NEW.id, 'batch_number', NEW.batch_number,
        'status', NEW.status, 'total_holders', NEW.total_holders, 'successful_payments', NEW.successful_payments,
        'failed_payments', NEW.failed_payments, 'total_amount', CAST(NEW.total_amount AS text),
        'transaction_id', NEW.transaction_id, 'error_message', NEW.error_message)
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_tables()
    create_note()
    create_notes_of_distributions()
    create_notes_of_batches()
    create_notes_of_approvals()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("distribution", "batch_payout", "approval"):
        op.execute(f"DROP TRIGGER note_event ON {table}")
        op.execute(f"DROP FUNCTION masspayout_note_{table}()")
    op.execute("DROP FUNCTION masspayout_note_event(VARCHAR, JSONB)")
    op.execute("DROP FUNCTION masspayout_event_is_wanted(VARCHAR)")
    op.execute("DROP TABLE webhook_delivery")
    op.execute("DROP TABLE webhook_event")
    op.execute("DROP TABLE webhook")


def create_tables() -> None:
    op.execute(
        """
        CREATE TABLE webhook (
            id UUID PRIMARY KEY,
            url VARCHAR NOT NULL,
            events VARCHAR[] NOT NULL,
            sealed_secret TEXT NOT NULL,
            enabled BOOLEAN NOT NULL DEFAULT true,
            last_number BIGINT NOT NULL DEFAULT 0,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE webhook_event (
            id UUID PRIMARY KEY,
            type VARCHAR NOT NULL,
            data JSONB NOT NULL,
            dispatched_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX idx_webhook_event_new ON webhook_event (id) WHERE dispatched_at IS NULL")
    op.execute(
        """
        CREATE TABLE webhook_delivery (
            id UUID PRIMARY KEY,
            webhook_id UUID NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
            event_id UUID NOT NULL REFERENCES webhook_event (id),
            number BIGINT NOT NULL,
            status VARCHAR NOT NULL,
            tries INT NOT NULL DEFAULT 0,
            next_try_at TIMESTAMP NOT NULL,
            response_status INT,
            response_ms INT,
            error TEXT,
            delivered_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_webhook_delivery_number UNIQUE (webhook_id, number),
            CONSTRAINT idx_webhook_delivery_event UNIQUE (event_id, webhook_id),
            CONSTRAINT webhook_delivery_status_check CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED'))
        )
        """
    )
    op.execute(
        "CREATE INDEX idx_webhook_delivery_due ON webhook_delivery (webhook_id, next_try_at) WHERE status = 'PENDING'"
    )
    op.execute("CREATE INDEX idx_webhook_delivery_failed ON webhook_delivery (webhook_id) WHERE status = 'FAILED'")


def create_note() -> None:
    """Create the function that writes events. Without webhooks, an event costs a look into an empty table."""
    op.execute(
        """
        CREATE FUNCTION masspayout_event_is_wanted(wanted VARCHAR) RETURNS boolean LANGUAGE sql STABLE AS $$
            SELECT EXISTS (SELECT FROM webhook AS w
                            WHERE w.enabled
                              AND (wanted = ANY (w.events) OR split_part(wanted, '.', 1) || '.*' = ANY (w.events)))
        $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION masspayout_note_event(event_type VARCHAR, event_data JSONB) RETURNS void LANGUAGE sql AS $$
            INSERT INTO webhook_event (id, type, data, created_at)
            VALUES (masspayout_uuid7(), event_type, event_data, clock_timestamp())
        $$
        """
    )


def create_notes_of_distributions() -> None:
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_distribution() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            event_type VARCHAR;
        BEGIN
            FOREACH event_type IN ARRAY ARRAY[
                CASE WHEN TG_OP = 'INSERT' THEN 'created' END,
                CASE WHEN TG_OP = 'UPDATE' AND (NEW.scheduled_time, NEW.record_time)
                               IS DISTINCT FROM (OLD.scheduled_time, OLD.record_time) THEN 'changed' END,
                CASE WHEN NEW.frozen_at IS NOT NULL AND OLD.frozen_at IS NULL THEN 'frozen' END,
                CASE WHEN TG_OP = 'UPDATE' AND NEW.status <> OLD.status THEN lower(NEW.status) END
            ] LOOP
                IF event_type IS NOT NULL AND masspayout_event_is_wanted('distribution.' || event_type) THEN
                    PERFORM masspayout_note_event('distribution.' || event_type, {DISTRIBUTION.format(row="NEW")});
                END IF;
            END LOOP;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER note_event AFTER INSERT OR UPDATE OF status, frozen_at, scheduled_time, record_time "
        "ON distribution FOR EACH ROW EXECUTE FUNCTION masspayout_note_distribution()"
    )


def create_notes_of_batches() -> None:
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_batch_payout() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            event_type CONSTANT VARCHAR := 'batch.' || lower(NEW.status);
        BEGIN
            IF masspayout_event_is_wanted(event_type) THEN
                PERFORM masspayout_note_event(event_type, {BATCH});
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER note_event AFTER UPDATE OF status ON batch_payout FOR EACH ROW "
        "WHEN (NEW.status IN ('COMPLETED', 'FAILED') AND NEW.status <> OLD.status) "
        "EXECUTE FUNCTION masspayout_note_batch_payout()"
    )


def create_notes_of_approvals() -> None:
    op.execute(
        f"""
        CREATE FUNCTION masspayout_note_approval() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF masspayout_event_is_wanted('distribution.approved') THEN
                PERFORM masspayout_note_event('distribution.approved',
                                              {DISTRIBUTION.format(row="d")}
                                              || jsonb_build_object('approved_by', NEW.actor_name))
                   FROM distribution AS d WHERE d.id = NEW.distribution_id;
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER note_event AFTER INSERT OR UPDATE ON approval "
        "FOR EACH ROW EXECUTE FUNCTION masspayout_note_approval()"
    )
