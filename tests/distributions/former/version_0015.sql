
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA sandbox;

CREATE TYPE public.procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);

CREATE TYPE public.procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);

CREATE TYPE public.procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);

CREATE FUNCTION public.masspayout_event_is_wanted(wanted character varying) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
            SELECT EXISTS (SELECT FROM webhook AS w
                            WHERE w.enabled
                              AND (wanted = ANY (w.events) OR split_part(wanted, '.', 1) || '.*' = ANY (w.events)))
        $$;

CREATE FUNCTION public.masspayout_note_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF masspayout_event_is_wanted('distribution.approved') THEN
                PERFORM masspayout_note_event('distribution.approved',
                                              
    jsonb_build_object(
        'distribution_id', d.id, 'asset_id', d.asset_id, 'series_id', d.series_id, 'type', d.type,
        'execution_type', d.execution_type, 'status', d.status, 'concept', d.concept,
        'scheduled_time', to_char(d.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'record_time', to_char(d.record_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'payment_token_id', d.payment_token_id, 'total_amount', CAST(d.total_amount AS text),
        'payable_count', d.payable_count, 'register_hash', d.register_hash,
        'approvals_required', d.approvals_required,
        'failure_code', d.failure_code, 'failure_message', d.failure_message)

                                              || jsonb_build_object('approved_by', NEW.actor_name))
                   FROM distribution AS d WHERE d.id = NEW.distribution_id;
            END IF;
            RETURN NULL;
        END
        $$;

CREATE FUNCTION public.masspayout_note_batch_payout() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            event_type CONSTANT VARCHAR := 'batch.' || lower(NEW.status);
        BEGIN
            IF masspayout_event_is_wanted(event_type) THEN
                PERFORM masspayout_note_event(event_type, 
    jsonb_build_object(
        'distribution_id', NEW.distribution_id, 'batch_id', NEW.id, 'batch_number', NEW.batch_number,
        'status', NEW.status, 'total_holders', NEW.total_holders, 'successful_payments', NEW.successful_payments,
        'failed_payments', NEW.failed_payments, 'total_amount', CAST(NEW.total_amount AS text),
        'transaction_id', NEW.transaction_id, 'error_message', NEW.error_message)
);
            END IF;
            RETURN NULL;
        END
        $$;

CREATE FUNCTION public.masspayout_note_distribution() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
                    PERFORM masspayout_note_event('distribution.' || event_type, 
    jsonb_build_object(
        'distribution_id', NEW.id, 'asset_id', NEW.asset_id, 'series_id', NEW.series_id, 'type', NEW.type,
        'execution_type', NEW.execution_type, 'status', NEW.status, 'concept', NEW.concept,
        'scheduled_time', to_char(NEW.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'record_time', to_char(NEW.record_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'payment_token_id', NEW.payment_token_id, 'total_amount', CAST(NEW.total_amount AS text),
        'payable_count', NEW.payable_count, 'register_hash', NEW.register_hash,
        'approvals_required', NEW.approvals_required,
        'failure_code', NEW.failure_code, 'failure_message', NEW.failure_message)
);
                END IF;
            END LOOP;
            RETURN NULL;
        END
        $$;

CREATE FUNCTION public.masspayout_note_event(event_type character varying, event_data jsonb) RETURNS void
    LANGUAGE sql
    AS $$
            INSERT INTO webhook_event (id, type, data, created_at)
            VALUES (masspayout_uuid7(), event_type, event_data, clock_timestamp())
        $$;

CREATE FUNCTION public.masspayout_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            RAISE EXCEPTION 'the audit trail is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME
                  USING ERRCODE = 'insufficient_privilege';
        END
        $$;

CREATE FUNCTION public.masspayout_uuid7() RETURNS uuid
    LANGUAGE plpgsql PARALLEL SAFE
    AS $$
    DECLARE
        microseconds CONSTANT bigint := extract(epoch FROM clock_timestamp()) * 1000000;
        fraction CONSTANT int := (microseconds % 1000) * 4096 / 1000;
        bits bytea := uuid_send(gen_random_uuid());
    BEGIN
        bits := overlay(bits PLACING substring(int8send(microseconds / 1000) FROM 3) FROM 1 FOR 6);
        bits := set_byte(bits, 6, 112 | (fraction >> 8));
        bits := set_byte(bits, 7, fraction & 255);
        RETURN encode(bits, 'hex')::uuid;
    END
$$;

CREATE FUNCTION public.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;

CREATE FUNCTION public.procrastinate_defer_jobs_v1(jobs public.procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;

    RETURN job_ids;
END;
$$;

CREATE FUNCTION public.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;

    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;

    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;

    RETURN _job_id;
END;
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status public.procrastinate_job_status DEFAULT 'todo'::public.procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::public.procrastinate_job_status) AND (abort_requested = true))))
);

CREATE FUNCTION public.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS public.procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;

 RETURN found_jobs;
END;
$$;

CREATE FUNCTION public.procrastinate_finish_job_v1(job_id bigint, end_status public.procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION public.procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION public.procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION public.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION public.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;

END;
$$;

CREATE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);

	RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;

CREATE FUNCTION public.procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;

CREATE FUNCTION public.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION public.procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;

CREATE TABLE public.access_user (
    id uuid NOT NULL,
    name character varying NOT NULL,
    password_hash character varying,
    role character varying NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    oidc_issuer character varying,
    oidc_subject character varying,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    CONSTRAINT access_user_role_check CHECK (((role)::text = ANY ((ARRAY['viewer'::character varying, 'operator'::character varying, 'approver'::character varying, 'admin'::character varying])::text[])))
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_token (
    id uuid NOT NULL,
    name character varying NOT NULL,
    prefix character varying NOT NULL,
    digest character varying NOT NULL,
    role character varying NOT NULL,
    owner_id uuid,
    expires_at timestamp without time zone,
    revoked_at timestamp without time zone,
    last_used_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    CONSTRAINT api_token_role_check CHECK (((role)::text = ANY ((ARRAY['viewer'::character varying, 'operator'::character varying, 'approver'::character varying, 'admin'::character varying])::text[])))
);

CREATE TABLE public.approval (
    id uuid NOT NULL,
    distribution_id uuid NOT NULL,
    person character varying NOT NULL,
    actor_kind character varying NOT NULL,
    actor_name character varying NOT NULL,
    source_address character varying,
    approved_at timestamp without time zone NOT NULL,
    register_hash character varying NOT NULL,
    payment_token_id character varying NOT NULL,
    payer_account_id character varying NOT NULL,
    total_amount numeric NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.asset (
    id uuid NOT NULL,
    token_id character varying NOT NULL,
    name character varying NOT NULL,
    symbol character varying NOT NULL,
    total_supply bigint NOT NULL,
    decimals integer NOT NULL,
    lifecycle_contract_id character varying,
    payment_token_id character varying,
    last_synced_at timestamp without time zone,
    sync_status character varying,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    treasury_account_id character varying,
    payment_token_symbol character varying,
    payment_token_decimals integer,
    sync_error text,
    sync_every_seconds integer,
    sync_requested_at timestamp without time zone,
    contract_paused boolean DEFAULT false NOT NULL,
    holder_count integer DEFAULT 0 NOT NULL,
    held_units bigint DEFAULT 0 NOT NULL,
    ledger_identity character varying,
    CONSTRAINT asset_sync_status_check CHECK (((sync_status)::text = ANY ((ARRAY['SYNCED'::character varying, 'SYNCING'::character varying, 'FAILED'::character varying])::text[])))
);

CREATE TABLE public.attempt (
    id uuid NOT NULL,
    batch_payout_id uuid NOT NULL,
    transaction_id character varying NOT NULL,
    signed_bytes bytea NOT NULL,
    expires_at timestamp without time zone NOT NULL,
    status character varying NOT NULL,
    recipient_count integer NOT NULL,
    total_amount numeric NOT NULL,
    looks integer DEFAULT 0 NOT NULL,
    outcome_code character varying,
    outcome_detail text,
    submitted_at timestamp without time zone,
    settled_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    CONSTRAINT attempt_status_check CHECK (((status)::text = ANY ((ARRAY['SIGNED'::character varying, 'SUBMITTED'::character varying, 'SETTLED'::character varying, 'DEAD'::character varying])::text[])))
);

CREATE TABLE public.audit_entry (
    id uuid NOT NULL,
    number bigint NOT NULL,
    actor_kind character varying NOT NULL,
    actor_id character varying NOT NULL,
    actor_name character varying NOT NULL,
    source_address character varying,
    action character varying NOT NULL,
    subject_type character varying NOT NULL,
    subject_id character varying NOT NULL,
    before jsonb,
    after jsonb,
    previous_hash character varying NOT NULL,
    hash character varying NOT NULL,
    created_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.audit_head (
    id uuid NOT NULL,
    number bigint NOT NULL,
    hash character varying NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.batch_payout (
    id uuid NOT NULL,
    distribution_id uuid NOT NULL,
    batch_number integer NOT NULL,
    total_holders integer NOT NULL,
    successful_payments integer DEFAULT 0,
    failed_payments integer DEFAULT 0,
    transaction_id character varying,
    status character varying NOT NULL,
    error_message text,
    executed_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    total_amount numeric,
    slices integer[],
    claimed_until timestamp without time zone,
    transient_failures integer DEFAULT 0 NOT NULL,
    paid_amount numeric DEFAULT 0 NOT NULL,
    CONSTRAINT batch_payout_status_check CHECK (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'PROCESSING'::character varying, 'COMPLETED'::character varying, 'FAILED'::character varying])::text[])))
);

CREATE TABLE public.blockchain_event_listener_config (
    id uuid NOT NULL,
    contract_id character varying NOT NULL,
    last_processed_timestamp bigint,
    enabled boolean DEFAULT true,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    last_processed_index integer,
    last_polled_at timestamp without time zone,
    poll_error text,
    ledger_identity character varying
);

CREATE TABLE public.contract_event (
    id uuid NOT NULL,
    contract_id character varying NOT NULL,
    timestamp_nanos bigint NOT NULL,
    event_index integer NOT NULL,
    name character varying NOT NULL,
    payload jsonb NOT NULL,
    status character varying NOT NULL,
    error text,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    CONSTRAINT contract_event_status_check CHECK (((status)::text = ANY ((ARRAY['HANDLED'::character varying, 'SET_ASIDE'::character varying])::text[])))
);

CREATE TABLE public.distribution (
    id uuid NOT NULL,
    asset_id uuid NOT NULL,
    type character varying NOT NULL,
    execution_type character varying NOT NULL,
    payout_type character varying,
    amount numeric,
    concept character varying,
    scheduled_time timestamp without time zone,
    frequency character varying,
    start_time timestamp without time zone,
    trigger_condition character varying,
    status character varying NOT NULL,
    executed_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    record_time timestamp without time zone,
    excluded_accounts character varying[] DEFAULT '{}'::character varying[] NOT NULL,
    included_accounts character varying[] DEFAULT '{}'::character varying[] NOT NULL,
    obligation_key character varying,
    frozen_at timestamp without time zone,
    snapshot_at timestamp without time zone,
    register_hash character varying,
    payment_token_id character varying,
    payment_token_decimals integer,
    payer_account_id character varying,
    entitlement_count integer,
    payable_count integer,
    batch_count integer,
    total_amount numeric,
    remainder_amount numeric,
    failure_code character varying,
    failure_message text,
    series_id uuid,
    trigger_event_id uuid,
    created_by character varying,
    created_by_name character varying,
    approvals_required integer DEFAULT 0 NOT NULL,
    contract_terms text,
    ledger_identity character varying,
    CONSTRAINT distribution_execution_type_check CHECK (((execution_type)::text = ANY ((ARRAY['MANUAL'::character varying, 'SCHEDULED'::character varying, 'RECURRING'::character varying, 'AUTOMATIC'::character varying])::text[]))),
    CONSTRAINT distribution_frequency_check CHECK (((frequency)::text = ANY ((ARRAY['HOURLY'::character varying, 'DAILY'::character varying, 'WEEKLY'::character varying, 'MONTHLY'::character varying])::text[]))),
    CONSTRAINT distribution_payout_type_check CHECK (((payout_type)::text = ANY ((ARRAY['FIXED'::character varying, 'PERCENTAGE'::character varying])::text[]))),
    CONSTRAINT distribution_status_check CHECK (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'PROCESSING'::character varying, 'COMPLETED'::character varying, 'FAILED'::character varying, 'CANCELLED'::character varying])::text[]))),
    CONSTRAINT distribution_type_check CHECK (((type)::text = ANY ((ARRAY['DIVIDEND'::character varying, 'COUPON'::character varying, 'SNAPSHOT'::character varying])::text[])))
);

CREATE TABLE public.evm_balance_change (
    evm_token_id uuid NOT NULL,
    account_id character varying NOT NULL,
    block_number bigint NOT NULL,
    change_units numeric NOT NULL
);

CREATE TABLE public.evm_token (
    id uuid NOT NULL,
    chain_id bigint NOT NULL,
    token_id character varying NOT NULL,
    first_block bigint NOT NULL,
    read_block bigint NOT NULL,
    read_block_hash character varying NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.evm_transaction (
    id uuid NOT NULL,
    transaction_id character varying NOT NULL,
    hash character varying NOT NULL,
    chain_id bigint NOT NULL,
    sender character varying NOT NULL,
    nonce bigint NOT NULL,
    token_id character varying NOT NULL,
    signed_bytes bytea NOT NULL,
    max_fee_wei numeric NOT NULL,
    is_cancellation boolean DEFAULT false NOT NULL,
    signed_at_block bigint NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    ledger_identity character varying
);

CREATE TABLE public.holder (
    id uuid NOT NULL,
    asset_id uuid NOT NULL,
    distribution_id uuid,
    account_id character varying NOT NULL,
    balance bigint NOT NULL,
    payment_amount numeric,
    paid boolean DEFAULT false,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    batch_number integer,
    attempt_id uuid,
    failure_code character varying,
    CONSTRAINT holder_balance_check CHECK ((balance >= 0)),
    CONSTRAINT holder_payment_amount_check CHECK ((payment_amount >= (0)::numeric))
)
WITH (fillfactor='50');

CREATE TABLE public.idempotent_request (
    id uuid NOT NULL,
    asked_by character varying NOT NULL,
    key character varying NOT NULL,
    digest character varying NOT NULL,
    new_id uuid NOT NULL,
    claimed_until timestamp without time zone NOT NULL,
    response_status integer,
    response_type character varying,
    response_location character varying,
    response_body bytea,
    sealed boolean DEFAULT false NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.ledger_sequence (
    id uuid NOT NULL,
    account_id character varying NOT NULL,
    last_number bigint NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.login_link (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    prefix character varying NOT NULL,
    digest character varying NOT NULL,
    expires_at timestamp without time zone NOT NULL,
    used_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.login_session (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    prefix character varying NOT NULL,
    digest character varying NOT NULL,
    expires_at timestamp without time zone NOT NULL,
    ended_at timestamp without time zone,
    source_address character varying,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.login_throttle (
    id uuid NOT NULL,
    key character varying NOT NULL,
    failures integer NOT NULL,
    blocked_until timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.payout_start (
    id uuid NOT NULL,
    distribution_id uuid NOT NULL,
    payment_token_id character varying NOT NULL,
    amount numeric NOT NULL,
    started_at timestamp without time zone NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type public.procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);

CREATE SEQUENCE public.procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.procrastinate_events_id_seq OWNED BY public.procrastinate_events.id;

CREATE SEQUENCE public.procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.procrastinate_jobs_id_seq OWNED BY public.procrastinate_jobs.id;

CREATE TABLE public.procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);

CREATE SEQUENCE public.procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.procrastinate_periodic_defers_id_seq OWNED BY public.procrastinate_periodic_defers.id;

CREATE TABLE public.procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.refund (
    id uuid NOT NULL,
    contract_event_id uuid NOT NULL,
    account_id character varying NOT NULL,
    token_id character varying NOT NULL,
    amount_units numeric NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.series (
    id uuid NOT NULL,
    asset_id uuid NOT NULL,
    type character varying NOT NULL,
    execution_type character varying NOT NULL,
    payout_type character varying NOT NULL,
    amount numeric,
    concept character varying,
    excluded_accounts character varying[] DEFAULT '{}'::character varying[] NOT NULL,
    included_accounts character varying[] DEFAULT '{}'::character varying[] NOT NULL,
    frequency character varying,
    start_time timestamp without time zone,
    end_time timestamp without time zone,
    time_zone character varying DEFAULT 'UTC'::character varying NOT NULL,
    catch_up_seconds bigint DEFAULT 86400 NOT NULL,
    next_number integer DEFAULT 0 NOT NULL,
    trigger_condition character varying,
    status character varying NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    created_by character varying,
    created_by_name character varying,
    CONSTRAINT series_execution_type_check CHECK (((execution_type)::text = ANY ((ARRAY['RECURRING'::character varying, 'AUTOMATIC'::character varying])::text[]))),
    CONSTRAINT series_frequency_check CHECK (((frequency)::text = ANY ((ARRAY['HOURLY'::character varying, 'DAILY'::character varying, 'WEEKLY'::character varying, 'MONTHLY'::character varying])::text[]))),
    CONSTRAINT series_payout_type_check CHECK (((payout_type)::text = ANY ((ARRAY['FIXED'::character varying, 'PERCENTAGE'::character varying])::text[]))),
    CONSTRAINT series_status_check CHECK (((status)::text = ANY ((ARRAY['ACTIVE'::character varying, 'PAUSED'::character varying, 'ENDED'::character varying, 'CANCELLED'::character varying])::text[]))),
    CONSTRAINT series_type_check CHECK (((type)::text = ANY ((ARRAY['DIVIDEND'::character varying, 'COUPON'::character varying, 'SNAPSHOT'::character varying])::text[])))
);

CREATE TABLE public.webhook (
    id uuid NOT NULL,
    url character varying NOT NULL,
    events character varying[] NOT NULL,
    sealed_secret text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    last_number bigint DEFAULT 0 NOT NULL,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE public.webhook_delivery (
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    number bigint NOT NULL,
    status character varying NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    next_try_at timestamp without time zone NOT NULL,
    response_status integer,
    response_ms integer,
    error text,
    delivered_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now(),
    CONSTRAINT webhook_delivery_status_check CHECK (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'DELIVERED'::character varying, 'FAILED'::character varying])::text[])))
);

CREATE TABLE public.webhook_event (
    id uuid NOT NULL,
    type character varying NOT NULL,
    data jsonb NOT NULL,
    dispatched_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE sandbox.contract_event (
    contract_id text NOT NULL,
    timestamp_nanos bigint NOT NULL,
    event_index integer NOT NULL,
    name text NOT NULL,
    payload jsonb NOT NULL
);

CREATE TABLE sandbox.deleted_account (
    account_id text NOT NULL
);

CREATE TABLE sandbox.holding (
    token_id text NOT NULL,
    account_id text NOT NULL,
    balance_units numeric DEFAULT 0 NOT NULL,
    associated boolean DEFAULT true NOT NULL,
    frozen boolean DEFAULT false NOT NULL,
    CONSTRAINT holding_balance_units_check CHECK ((balance_units >= (0)::numeric))
)
WITH (fillfactor='70');

CREATE TABLE sandbox.in_transit (
    id bigint NOT NULL,
    signed_bytes bytea NOT NULL,
    deliver_at_nanos bigint NOT NULL
);

ALTER TABLE sandbox.in_transit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME sandbox.in_transit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sandbox.ledger_transaction (
    transaction_id text NOT NULL,
    kind text NOT NULL,
    result text NOT NULL,
    payer_account_id text NOT NULL,
    token_id text NOT NULL,
    accounts text[] NOT NULL,
    amounts_units numeric[] NOT NULL,
    moved_units numeric NOT NULL,
    failed_accounts text[] NOT NULL,
    failure_codes text[] NOT NULL,
    consensus_nanos bigint NOT NULL,
    memo text NOT NULL,
    CONSTRAINT ledger_transaction_kind_check CHECK ((kind = ANY (ARRAY['CREATE'::text, 'DEPOSIT'::text, 'TRANSFER'::text])))
);

CREATE TABLE sandbox.network (
    only_row boolean DEFAULT true NOT NULL,
    schema_version integer NOT NULL,
    clock_offset_nanos bigint DEFAULT 0 NOT NULL,
    longest_valid_seconds integer DEFAULT 0 NOT NULL,
    faults jsonb DEFAULT '{}'::jsonb NOT NULL,
    network_id uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT network_only_row_check CHECK (only_row)
);

CREATE TABLE sandbox.token (
    token_id text NOT NULL,
    name text NOT NULL,
    symbol text NOT NULL,
    decimals integer NOT NULL,
    total_supply_units numeric NOT NULL,
    treasury_account_id text NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    created_nanos bigint NOT NULL,
    CONSTRAINT token_decimals_check CHECK ((decimals >= 0)),
    CONSTRAINT token_total_supply_units_check CHECK ((total_supply_units >= (0)::numeric))
);

ALTER TABLE ONLY public.procrastinate_events ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_events_id_seq'::regclass);

ALTER TABLE ONLY public.procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_jobs_id_seq'::regclass);

ALTER TABLE ONLY public.procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_periodic_defers_id_seq'::regclass);

INSERT INTO public.alembic_version VALUES ('0015');

INSERT INTO public.asset VALUES ('01a22815-24d3-71fe-a678-f8b0146edcbe', '0.0.5001', 'Green Bond', 'GRB', 4435, 2, NULL, '0.0.7001', '2026-11-29 16:13:29.131195', 'SYNCED', '2026-11-29 16:13:24.039324', '2026-11-29 16:13:29.114146', '0.0.900', 'TUSD', 6, NULL, NULL, NULL, false, 31, 4435, 'sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c');

INSERT INTO public.attempt VALUES ('01a22815-27a7-757d-b0b4-ac3452e5ff51', '01a22815-266d-71aa-8259-dd665594d5a6', '0.0.1001@1795968799.801123559', '\x6eb245c9a0d839c6436647e42d99ed771b44febcfbe3628f0b9b12adcd2d23397b226163636f756e7473223a5b22302e302e3230303030222c22302e302e3230303031222c22302e302e3230303032222c22302e302e3230303033222c22302e302e3230303034225d2c22616d6f756e74735f756e697473223a5b383733333632342c383832303936312c383930383239372c383939353633332c393038323936395d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d323531322d373538362d623736392d3634386261316139396262652062617463682031222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383739393830313132333535397d', '2026-11-29 16:15:19.801123', 'SETTLED', 5, 44.541484, 0, 'SUCCESS', NULL, '2026-11-29 16:13:24.851217', '2026-11-29 16:13:24.900043', '2026-11-29 16:13:24.733922', '2026-11-29 16:13:24.900043');
INSERT INTO public.attempt VALUES ('01a22815-27c5-7446-a9fa-43a661927259', '01a22815-266d-71aa-8259-dd665594d5a7', '0.0.1001@1795968799.826398678', '\xc1b29e9b3e30834f0c3d60ab32567390a71b27519788b4c097fa3ab3d71761627b226163636f756e7473223a5b22302e302e3230303035222c22302e302e3230303036222c22302e302e3230303037222c22302e302e3230303038222c22302e302e3230303039225d2c22616d6f756e74735f756e697473223a5b393137303330362c393235373634322c393334343937382c393433323331342c393531393635315d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d323531322d373538362d623736392d3634386261316139396262652062617463682032222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383739393832363339383637387d', '2026-11-29 16:15:19.826398', 'SETTLED', 5, 46.724891, 0, 'SUCCESS', NULL, '2026-11-29 16:13:24.865523', '2026-11-29 16:13:24.932916', '2026-11-29 16:13:24.766548', '2026-11-29 16:13:24.932916');
INSERT INTO public.attempt VALUES ('01a22815-27cd-701b-9a92-14bc8b7cb74f', '01a22815-266d-71aa-8259-dd665594d5a8', '0.0.1001@1795968799.830263022', '\x50f3e9060e37fb7d3e36a0f026f1020e6d54cfe39cdf891ae17a2fe071be0af37b226163636f756e7473223a5b22302e302e3230303130222c22302e302e3230303131222c22302e302e3230303132222c22302e302e3230303133222c22302e302e3230303134225d2c22616d6f756e74735f756e697473223a5b393630363938372c393639343332332c393738313635392c393836383939362c393935363333325d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d323531322d373538362d623736392d3634386261316139396262652062617463682033222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383739393833303236333032327d', '2026-11-29 16:15:19.830263', 'SETTLED', 5, 48.908297, 0, 'SUCCESS', NULL, '2026-11-29 16:13:24.887036', '2026-11-29 16:13:24.964742', '2026-11-29 16:13:24.764928', '2026-11-29 16:13:24.964742');
INSERT INTO public.attempt VALUES ('01a22815-356f-758d-bebd-fb30ceec5a1a', '01a22815-266d-71aa-8259-dd665594d5a9', '0.0.1001@1795968803.306254267', '\xfb4508041fb8cf5582b24f095b0552f284f833510c23424103436e222fba142b7b226163636f756e7473223a5b22302e302e3230303135222c22302e302e3230303136222c22302e302e3230303137222c22302e302e3230303138222c22302e302e3230303139225d2c22616d6f756e74735f756e697473223a5b31303034333636382c31303133313030342c31303231383334312c31303330353637372c31303339333031335d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d323531322d373538362d623736392d3634386261316139396262652062617463682034222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383830333330363235343236377d', '2026-11-29 16:15:23.306254', 'SIGNED', 5, 51.091703, 0, NULL, NULL, NULL, NULL, '2026-11-29 16:13:28.29258', '2026-11-29 16:13:28.29258');
INSERT INTO public.attempt VALUES ('01a22815-3592-7096-8ec4-eea88de2b75b', '01a22815-266d-71aa-8259-dd665594d5aa', '0.0.1001@1795968803.342939217', '\x856f8c20ba5c6529c46484d6325f34722b2298853a3eaef09eca7a2dcc9de3b47b226163636f756e7473223a5b22302e302e3230303230222c22302e302e3230303231222c22302e302e3230303232222c22302e302e3230303233222c22302e302e3230303234225d2c22616d6f756e74735f756e697473223a5b31303438303334392c31303536373638362c31303635353032322c31303734323335382c31303832393639345d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d323531322d373538362d623736392d3634386261316139396262652062617463682035222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383830333334323933393231377d', '2026-11-29 16:15:23.342939', 'SUBMITTED', 5, 53.275109, 0, NULL, NULL, '2026-11-29 16:13:28.365659', NULL, '2026-11-29 16:13:28.336747', '2026-11-29 16:13:28.365659');
INSERT INTO public.attempt VALUES ('01a22815-375b-74b9-93c2-0efcb7e2e7b8', '01a22815-363a-7173-8d90-52eb0382c4bf', '0.0.1001@1795968803.817662865', '\x25ed19e60bac91788c01385a20bb5dcc3925a510cd8365d027b3ee8b7af609f17b226163636f756e7473223a5b22302e302e3230303030222c22302e302e3230303031222c22302e302e3230303032222c22302e302e3230303033222c22302e302e3230303034225d2c22616d6f756e74735f756e697473223a5b323030303030302c323030303030302c323030303030302c323030303030302c323030303030305d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d333631652d373765632d383838342d3032356430626338663731352062617463682031222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383830333831373636323836357d', '2026-11-29 16:15:23.817662', 'SETTLED', 5, 10.000000, 0, 'SUCCESS', NULL, '2026-11-29 16:13:28.836497', '2026-11-29 16:13:28.890013', '2026-11-29 16:13:28.786835', '2026-11-29 16:13:28.890013');
INSERT INTO public.attempt VALUES ('01a22815-3768-7101-9632-0f7ff78231d4', '01a22815-363a-7173-8d90-52eb0382c4c0', '0.0.1001@1795968803.819346256', '\x491ea2c1250d0cf988ca4c04dba6a9bd2b6b57638d0c3efaa8c54a6f9591b5bf7b226163636f756e7473223a5b22302e302e3230303035222c22302e302e3230303036225d2c22616d6f756e74735f756e697473223a5b323030303030302c323030303030305d2c2261746f6d6963223a747275652c226d656d6f223a227061796f75742030316132323831352d333631652d373765632d383838342d3032356430626338663731352062617463682032222c2270617965725f6163636f756e745f6964223a22302e302e31303031222c22746f6b656e5f6964223a22302e302e37303031222c2276616c69645f7365636f6e6473223a3132302c2276616c69645f73746172745f6e616e6f73223a313739353936383830333831393334363235367d', '2026-11-29 16:15:23.819346', 'SETTLED', 2, 4.000000, 0, 'SUCCESS', NULL, '2026-11-29 16:13:28.838078', '2026-11-29 16:13:28.904185', '2026-11-29 16:13:28.787575', '2026-11-29 16:13:28.904185');

INSERT INTO public.audit_entry VALUES ('01a22815-24db-7208-bef9-26851c95ebd0', 1, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'asset.imported', 'asset', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '{"name": "Green Bond", "symbol": "GRB", "decimals": 2, "token_id": "0.0.5001", "total_supply": 4435, "ledger_identity": "sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c", "payment_token_id": "0.0.7001", "treasury_account_id": "0.0.900", "payment_token_symbol": "TUSD", "payment_token_decimals": 6}', '0000000000000000000000000000000000000000000000000000000000000000', '5db9a7c8cd0851545c0b28580e36837afb4139971d23a3459ddabd7418d58d04', '2026-11-29 16:13:24.059898');
INSERT INTO public.audit_entry VALUES ('01a22815-263d-76bb-bd91-2acc73cb3ec9', 2, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.created', 'distribution', '01a22815-2512-7586-b769-648ba1a99bbe', NULL, '{"type": "DIVIDEND", "amount": "300", "concept": null, "asset_id": "01a22815-24d3-71fe-a678-f8b0146edcbe", "series_id": null, "payout_type": "PERCENTAGE", "record_time": null, "execution_type": "MANUAL", "scheduled_time": null, "excluded_accounts": [], "included_accounts": []}', '5db9a7c8cd0851545c0b28580e36837afb4139971d23a3459ddabd7418d58d04', 'e0f9fd1056e0d92ba5513b5b6bc0f05a8e60bb135fd2e5a6a8b77b39478eb3d5', '2026-11-29 16:13:24.413259');
INSERT INTO public.audit_entry VALUES ('01a22815-2692-76f4-ac32-af2730d64ae7', 3, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.frozen', 'distribution', '01a22815-2512-7586-b769-648ba1a99bbe', NULL, '{"batch_count": 6, "snapshot_at": "2026-11-29T16:13:24.219694Z", "total_amount": "300.000000", "payable_count": 30, "register_hash": "bea1a0c6a03b8635e18cfde5c376bbcdf92ac23ba4010f104c4bac7b667304b3", "ledger_identity": "sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c", "payer_account_id": "0.0.1001", "payment_token_id": "0.0.7001", "remainder_amount": "0.000000", "entitlement_count": 30, "payment_token_decimals": 6}', 'e0f9fd1056e0d92ba5513b5b6bc0f05a8e60bb135fd2e5a6a8b77b39478eb3d5', '2f0f68b311140a7a956dff57b0736417be41b63440da6705dbc52d4f6dee8299', '2026-11-29 16:13:24.498163');
INSERT INTO public.audit_entry VALUES ('01a22815-2717-73f0-84c0-c916b4900ebb', 4, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.executed', 'distribution', '01a22815-2512-7586-b769-648ba1a99bbe', '{"status": "PENDING"}', '{"status": "PROCESSING", "total_amount": "300.000000", "register_hash": "bea1a0c6a03b8635e18cfde5c376bbcdf92ac23ba4010f104c4bac7b667304b3"}', '2f0f68b311140a7a956dff57b0736417be41b63440da6705dbc52d4f6dee8299', 'a7b5efd3c3415b72afe62e201bfba5f35bfd845daf407d4464824969d31fc7a1', '2026-11-29 16:13:24.632013');
INSERT INTO public.audit_entry VALUES ('01a22815-364d-76d6-bbb3-00d70470efac', 5, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.created', 'distribution', '01a22815-361e-77ec-8884-025d0bc8f715', NULL, '{"type": "SNAPSHOT", "amount": "14.000000", "concept": "March 2026", "asset_id": "01a22815-24d3-71fe-a678-f8b0146edcbe", "series_id": null, "payout_type": null, "record_time": null, "execution_type": "MANUAL", "scheduled_time": null, "excluded_accounts": [], "included_accounts": []}', 'a7b5efd3c3415b72afe62e201bfba5f35bfd845daf407d4464824969d31fc7a1', '0fb0b307734d3604308c8fe7ea4e27d0b6f6820dde84b0e8cc1928ca1543204a', '2026-11-29 16:13:28.525986');
INSERT INTO public.audit_entry VALUES ('01a22815-366b-73dd-8a36-9bc08965ecb5', 6, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.frozen', 'distribution', '01a22815-361e-77ec-8884-025d0bc8f715', NULL, '{"batch_count": 2, "snapshot_at": null, "total_amount": "14.000000", "payable_count": 7, "register_hash": "52088657c120b8ecfb8309055251d78e5421c546443d3a375550392bc1af8ed0", "ledger_identity": "sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c", "payer_account_id": "0.0.1001", "payment_token_id": "0.0.7001", "remainder_amount": "0.000000", "entitlement_count": 7, "payment_token_decimals": 6}', '0fb0b307734d3604308c8fe7ea4e27d0b6f6820dde84b0e8cc1928ca1543204a', '79fb63a5b9b2b2a8c1119052818d1446ecc8a59cf7d1f2f3598a15e6ce4b700c', '2026-11-29 16:13:28.555074');
INSERT INTO public.audit_entry VALUES ('01a22815-36f1-7351-8914-e13e06e631e4', 7, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.executed', 'distribution', '01a22815-361e-77ec-8884-025d0bc8f715', '{"status": "PENDING"}', '{"status": "PROCESSING", "total_amount": "14.000000", "register_hash": "52088657c120b8ecfb8309055251d78e5421c546443d3a375550392bc1af8ed0"}', '79fb63a5b9b2b2a8c1119052818d1446ecc8a59cf7d1f2f3598a15e6ce4b700c', '0332de011b81facc4fcdc2ee6e42f22b561405116ece2b5068901204e9363840', '2026-11-29 16:13:28.68921');
INSERT INTO public.audit_entry VALUES ('01a22815-382c-75cc-addf-8a154673ec08', 8, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.finished', 'distribution', '01a22815-361e-77ec-8884-025d0bc8f715', '{"status": "PROCESSING"}', '{"status": "COMPLETED"}', '0332de011b81facc4fcdc2ee6e42f22b561405116ece2b5068901204e9363840', '022ae798a4e86f0a2d9992d781aa04abb51f5f5a04ea40ba3026c274e815b87c', '2026-11-29 16:13:29.004354');
INSERT INTO public.audit_entry VALUES ('01a22815-38f7-7668-b50a-bd25afcf8e5a', 9, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.created', 'distribution', '01a22815-387e-7622-ba8f-68d80f8491f3', NULL, '{"type": "DIVIDEND", "amount": "60", "concept": null, "asset_id": "01a22815-24d3-71fe-a678-f8b0146edcbe", "series_id": null, "payout_type": "PERCENTAGE", "record_time": null, "execution_type": "MANUAL", "scheduled_time": null, "excluded_accounts": [], "included_accounts": []}', '022ae798a4e86f0a2d9992d781aa04abb51f5f5a04ea40ba3026c274e815b87c', '35245709462269d9cd5a7ecb231f2ff8441aea8f21c37f08ed261264085132ec', '2026-11-29 16:13:29.207999');
INSERT INTO public.audit_entry VALUES ('01a22815-3951-72e1-98ec-e83e330da797', 10, 'SYSTEM', 'masspayout', 'masspayout', NULL, 'distribution.frozen', 'distribution', '01a22815-387e-7622-ba8f-68d80f8491f3', NULL, '{"batch_count": 6, "snapshot_at": "2026-11-29T16:13:29.131195Z", "total_amount": "60.000000", "payable_count": 30, "register_hash": "68d34ed6b888881c3df38d406fe875a50288e82f697d4739976fa090cc2a8479", "ledger_identity": "sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c", "payer_account_id": "0.0.1001", "payment_token_id": "0.0.7001", "remainder_amount": "0.000000", "entitlement_count": 30, "payment_token_decimals": 6}', '35245709462269d9cd5a7ecb231f2ff8441aea8f21c37f08ed261264085132ec', 'c0a653aac41a10fd049c290f87e2649d34981904495ef3e02169997509c09d9c', '2026-11-29 16:13:29.297746');

INSERT INTO public.audit_head VALUES ('01a22815-1fb6-7b47-ae47-3ce6ead8087f', 10, 'c0a653aac41a10fd049c290f87e2649d34981904495ef3e02169997509c09d9c', '2026-11-29 16:13:21.351163', '2026-11-29 16:13:29.200091');

INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5a6', '01a22815-2512-7586-b769-648ba1a99bbe', 1, 5, 5, 0, '0.0.1001@1795968799.801123559', 'COMPLETED', NULL, '2026-11-29 16:13:24.733922', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 44.541484, NULL, NULL, 0, 44.541484);
INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5a7', '01a22815-2512-7586-b769-648ba1a99bbe', 2, 5, 5, 0, '0.0.1001@1795968799.826398678', 'COMPLETED', NULL, '2026-11-29 16:13:24.766548', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 46.724891, NULL, NULL, 0, 46.724891);
INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5a8', '01a22815-2512-7586-b769-648ba1a99bbe', 3, 5, 5, 0, '0.0.1001@1795968799.830263022', 'COMPLETED', NULL, '2026-11-29 16:13:24.764928', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 48.908297, NULL, NULL, 0, 48.908297);
INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5ab', '01a22815-2512-7586-b769-648ba1a99bbe', 6, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 55.458516, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5a9', '01a22815-2512-7586-b769-648ba1a99bbe', 4, 5, 0, 0, '0.0.1001@1795968803.306254267', 'PROCESSING', NULL, '2026-11-29 16:13:28.29258', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 51.091703, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-266d-71aa-8259-dd665594d5aa', '01a22815-2512-7586-b769-648ba1a99bbe', 5, 5, 0, 0, '0.0.1001@1795968803.342939217', 'PROCESSING', NULL, '2026-11-29 16:13:28.336747', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 53.275109, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-363a-7173-8d90-52eb0382c4bf', '01a22815-361e-77ec-8884-025d0bc8f715', 1, 5, 5, 0, '0.0.1001@1795968803.817662865', 'COMPLETED', NULL, '2026-11-29 16:13:28.786835', '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 10.000000, NULL, NULL, 0, 10.000000);
INSERT INTO public.batch_payout VALUES ('01a22815-363a-7173-8d90-52eb0382c4c0', '01a22815-361e-77ec-8884-025d0bc8f715', 2, 2, 2, 0, '0.0.1001@1795968803.819346256', 'COMPLETED', NULL, '2026-11-29 16:13:28.787575', '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.904185', 4.000000, NULL, NULL, 0, 4.000000);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c032', '01a22815-387e-7622-ba8f-68d80f8491f3', 1, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 8.908297, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c033', '01a22815-387e-7622-ba8f-68d80f8491f3', 2, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 9.344978, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c034', '01a22815-387e-7622-ba8f-68d80f8491f3', 3, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 9.781659, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c035', '01a22815-387e-7622-ba8f-68d80f8491f3', 4, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 10.218341, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c036', '01a22815-387e-7622-ba8f-68d80f8491f3', 5, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 10.655022, NULL, NULL, 0, 0);
INSERT INTO public.batch_payout VALUES ('01a22815-391d-7625-9081-c8a9e1f5c037', '01a22815-387e-7622-ba8f-68d80f8491f3', 6, 5, 0, 0, NULL, 'PENDING', NULL, NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 11.091703, NULL, NULL, 0, 0);

INSERT INTO public.distribution VALUES ('01a22815-2512-7586-b769-648ba1a99bbe', '01a22815-24d3-71fe-a678-f8b0146edcbe', 'DIVIDEND', 'MANUAL', 'PERCENTAGE', 300, NULL, NULL, NULL, NULL, NULL, 'PROCESSING', '2026-11-29 16:13:24.520693', '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.534576', NULL, '{}', '{}', NULL, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.219694', 'bea1a0c6a03b8635e18cfde5c376bbcdf92ac23ba4010f104c4bac7b667304b3', '0.0.7001', 6, '0.0.1001', 30, 30, 6, 300.000000, 0.000000, NULL, NULL, NULL, NULL, 'SYSTEM:masspayout', 'masspayout', 0, NULL, 'sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c');
INSERT INTO public.distribution VALUES ('01a22815-361e-77ec-8884-025d0bc8f715', '01a22815-24d3-71fe-a678-f8b0146edcbe', 'SNAPSHOT', 'MANUAL', NULL, 14.000000, 'March 2026', NULL, NULL, NULL, NULL, 'COMPLETED', '2026-11-29 16:13:28.594138', '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.973427', NULL, '{}', '{}', 'ac837aad158cc53b27a281a617cbfada9915ec8e28c3889295019d19c701962a', '2026-11-29 16:13:28.481095', NULL, '52088657c120b8ecfb8309055251d78e5421c546443d3a375550392bc1af8ed0', '0.0.7001', 6, '0.0.1001', 7, 7, 2, 14.000000, 0.000000, NULL, NULL, NULL, NULL, 'SYSTEM:masspayout', 'masspayout', 0, NULL, 'sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c');
INSERT INTO public.distribution VALUES ('01a22815-387e-7622-ba8f-68d80f8491f3', '01a22815-24d3-71fe-a678-f8b0146edcbe', 'DIVIDEND', 'MANUAL', 'PERCENTAGE', 60, NULL, NULL, NULL, NULL, NULL, 'PENDING', NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', NULL, '{}', '{}', NULL, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.131195', '68d34ed6b888881c3df38d406fe875a50288e82f697d4739976fa090cc2a8479', '0.0.7001', 6, '0.0.1001', 30, 30, 6, 60.000000, 0.000000, NULL, NULL, NULL, NULL, 'SYSTEM:masspayout', 'masspayout', 0, NULL, 'sandbox:9818adf1-5db8-4d80-a62e-adb221a1b94c');

INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ff5', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20000', 100, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ff6', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20001', 101, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ff7', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20002', 102, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ff8', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20003', 103, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ff9', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20004', 104, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ffa', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20005', 105, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ffb', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20006', 106, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ffc', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20007', 107, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ffd', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20008', 108, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99ffe', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20009', 109, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e99fff', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20010', 110, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a000', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20011', 111, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a001', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20012', 112, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a002', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20013', 113, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a003', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20014', 114, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a004', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20015', 115, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a005', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20016', 116, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a006', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20017', 117, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a007', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20018', 118, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a008', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20019', 119, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a009', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20020', 120, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00a', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20021', 121, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00b', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20022', 122, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00c', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20023', 123, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00d', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20024', 124, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00e', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20025', 125, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a00f', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20026', 126, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a010', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20027', 127, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a011', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20028', 128, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a012', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.20029', 129, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-25da-7358-8b77-a7f302e9a013', '01a22815-24d3-71fe-a678-f8b0146edcbe', NULL, '0.0.900', 1000, NULL, false, '2026-11-29 16:13:24.189138', '2026-11-29 16:13:24.189138', NULL, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d588', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20000', 100, 8.733624, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 1, '01a22815-27a7-757d-b0b4-ac3452e5ff51', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d589', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20001', 101, 8.820961, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 1, '01a22815-27a7-757d-b0b4-ac3452e5ff51', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58a', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20002', 102, 8.908297, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 1, '01a22815-27a7-757d-b0b4-ac3452e5ff51', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a1', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20025', 125, 10.917031, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a2', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20026', 126, 11.004367, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a3', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20027', 127, 11.091703, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a4', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20028', 128, 11.179039, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a5', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20029', 129, 11.266376, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.408478', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58d', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20005', 105, 9.170306, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 2, '01a22815-27c5-7446-a9fa-43a661927259', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58e', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20006', 106, 9.257642, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 2, '01a22815-27c5-7446-a9fa-43a661927259', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d592', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20010', 110, 9.606987, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 3, '01a22815-27cd-701b-9a92-14bc8b7cb74f', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d593', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20011', 111, 9.694323, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 3, '01a22815-27cd-701b-9a92-14bc8b7cb74f', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d594', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20012', 112, 9.781659, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 3, '01a22815-27cd-701b-9a92-14bc8b7cb74f', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d595', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20013', 113, 9.868996, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 3, '01a22815-27cd-701b-9a92-14bc8b7cb74f', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d596', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20014', 114, 9.956332, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.964742', 3, '01a22815-27cd-701b-9a92-14bc8b7cb74f', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d597', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20015', 115, 10.043668, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 4, '01a22815-356f-758d-bebd-fb30ceec5a1a', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d598', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20016', 116, 10.131004, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 4, '01a22815-356f-758d-bebd-fb30ceec5a1a', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d599', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20017', 117, 10.218341, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 4, '01a22815-356f-758d-bebd-fb30ceec5a1a', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59a', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20018', 118, 10.305677, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 4, '01a22815-356f-758d-bebd-fb30ceec5a1a', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59b', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20019', 119, 10.393013, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.29258', 4, '01a22815-356f-758d-bebd-fb30ceec5a1a', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58b', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20003', 103, 8.995633, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 1, '01a22815-27a7-757d-b0b4-ac3452e5ff51', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58c', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20004', 104, 9.082969, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.900043', 1, '01a22815-27a7-757d-b0b4-ac3452e5ff51', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d58f', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20007', 107, 9.344978, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 2, '01a22815-27c5-7446-a9fa-43a661927259', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d590', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20008', 108, 9.432314, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 2, '01a22815-27c5-7446-a9fa-43a661927259', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d591', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20009', 109, 9.519651, true, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:24.932916', 2, '01a22815-27c5-7446-a9fa-43a661927259', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59c', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20020', 120, 10.480349, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 5, '01a22815-3592-7096-8ec4-eea88de2b75b', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59d', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20021', 121, 10.567686, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 5, '01a22815-3592-7096-8ec4-eea88de2b75b', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59e', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20022', 122, 10.655022, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 5, '01a22815-3592-7096-8ec4-eea88de2b75b', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d59f', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20023', 123, 10.742358, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 5, '01a22815-3592-7096-8ec4-eea88de2b75b', NULL);
INSERT INTO public.holder VALUES ('01a22815-266d-71aa-8259-dd665594d5a0', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.20024', 124, 10.829694, false, '2026-11-29 16:13:24.408478', '2026-11-29 16:13:28.336747', 5, '01a22815-3592-7096-8ec4-eea88de2b75b', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4b8', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20000', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 1, '01a22815-375b-74b9-93c2-0efcb7e2e7b8', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4b9', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20001', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 1, '01a22815-375b-74b9-93c2-0efcb7e2e7b8', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4ba', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20002', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 1, '01a22815-375b-74b9-93c2-0efcb7e2e7b8', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4bb', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20003', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 1, '01a22815-375b-74b9-93c2-0efcb7e2e7b8', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4bc', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20004', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.890013', 1, '01a22815-375b-74b9-93c2-0efcb7e2e7b8', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4bd', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20005', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.904185', 2, '01a22815-3768-7101-9632-0f7ff78231d4', NULL);
INSERT INTO public.holder VALUES ('01a22815-363a-7173-8d90-52eb0382c4be', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.20006', 0, 2.000000, true, '2026-11-29 16:13:28.481095', '2026-11-29 16:13:28.904185', 2, '01a22815-3768-7101-9632-0f7ff78231d4', NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c014', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20000', 100, 1.746725, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 1, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c015', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20001', 101, 1.764192, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 1, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c016', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20002', 102, 1.781659, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 1, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c017', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20003', 103, 1.799127, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 1, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c018', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20004', 104, 1.816594, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 1, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c019', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20005', 105, 1.834061, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 2, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01a', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20006', 106, 1.851528, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 2, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01b', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20007', 107, 1.868996, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 2, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01c', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20008', 108, 1.886463, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 2, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01d', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20009', 109, 1.903930, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 2, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01e', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20010', 110, 1.921397, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 3, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c01f', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20011', 111, 1.938865, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 3, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c020', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20012', 112, 1.956332, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 3, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c021', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20013', 113, 1.973799, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 3, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c022', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20014', 114, 1.991266, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 3, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c023', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20015', 115, 2.008734, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 4, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c024', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20016', 116, 2.026201, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 4, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c025', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20017', 117, 2.043668, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 4, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c026', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20018', 118, 2.061135, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 4, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c027', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20019', 119, 2.078603, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 4, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c028', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20020', 120, 2.096070, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 5, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c029', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20021', 121, 2.113537, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 5, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02a', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20022', 122, 2.131004, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 5, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02b', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20023', 123, 2.148472, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 5, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02c', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20024', 124, 2.165939, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 5, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02d', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20025', 125, 2.183406, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02e', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20026', 126, 2.200873, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c02f', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20027', 127, 2.218341, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c030', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20028', 128, 2.235808, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 6, NULL, NULL);
INSERT INTO public.holder VALUES ('01a22815-391d-7625-9081-c8a9e1f5c031', '01a22815-24d3-71fe-a678-f8b0146edcbe', '01a22815-387e-7622-ba8f-68d80f8491f3', '0.0.20029', 129, 2.253275, false, '2026-11-29 16:13:29.200091', '2026-11-29 16:13:29.200091', 6, NULL, NULL);

INSERT INTO public.ledger_sequence VALUES ('01a22815-27c1-71fe-bc9b-c5cbd8c58a7c', '0.0.1001', 1795968803819346256, '2026-11-29 16:13:24.733922', '2026-11-29 16:13:28.787575');

INSERT INTO public.payout_start VALUES ('01a22815-26fa-7052-86a9-6a2ce4968a92', '01a22815-2512-7586-b769-648ba1a99bbe', '0.0.7001', 300.000000, '2026-11-29 16:13:24.520693', '2026-11-29 16:13:24.534576', '2026-11-29 16:13:24.534576');
INSERT INTO public.payout_start VALUES ('01a22815-36d8-74f8-945f-41a042362a18', '01a22815-361e-77ec-8884-025d0bc8f715', '0.0.7001', 14.000000, '2026-11-29 16:13:28.594138', '2026-11-29 16:13:28.597115', '2026-11-29 16:13:28.597115');

INSERT INTO public.procrastinate_events VALUES (1, 1, 'deferred', '2026-11-29 16:13:24.534576+00');
INSERT INTO public.procrastinate_events VALUES (2, 2, 'deferred', '2026-11-29 16:13:24.534576+00');
INSERT INTO public.procrastinate_events VALUES (3, 3, 'deferred', '2026-11-29 16:13:24.534576+00');
INSERT INTO public.procrastinate_events VALUES (4, 4, 'deferred', '2026-11-29 16:13:24.534576+00');
INSERT INTO public.procrastinate_events VALUES (5, 5, 'deferred', '2026-11-29 16:13:28.597115+00');
INSERT INTO public.procrastinate_events VALUES (6, 6, 'deferred', '2026-11-29 16:13:28.597115+00');

INSERT INTO public.procrastinate_jobs VALUES (1, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-2512-7586-b769-648ba1a99bbe"}', 'todo', NULL, 0, false, NULL);
INSERT INTO public.procrastinate_jobs VALUES (2, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-2512-7586-b769-648ba1a99bbe"}', 'todo', NULL, 0, false, NULL);
INSERT INTO public.procrastinate_jobs VALUES (3, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-2512-7586-b769-648ba1a99bbe"}', 'todo', NULL, 0, false, NULL);
INSERT INTO public.procrastinate_jobs VALUES (4, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-2512-7586-b769-648ba1a99bbe"}', 'todo', NULL, 0, false, NULL);
INSERT INTO public.procrastinate_jobs VALUES (5, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-361e-77ec-8884-025d0bc8f715"}', 'todo', NULL, 0, false, NULL);
INSERT INTO public.procrastinate_jobs VALUES (6, 'default', 'pay_distribution', 0, NULL, NULL, '{"distribution_id": "01a22815-361e-77ec-8884-025d0bc8f715"}', 'todo', NULL, 0, false, NULL);

INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20000', 100, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20001', 101, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20002', 102, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20003', 103, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20004', 104, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20005', 105, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20006', 106, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20007', 107, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20008', 108, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20009', 109, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20010', 110, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20011', 111, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20012', 112, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20013', 113, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20014', 114, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20015', 115, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20016', 116, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20017', 117, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20018', 118, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20019', 119, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20020', 120, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20021', 121, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20022', 122, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20023', 123, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20024', 124, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20025', 125, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20026', 126, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20027', 127, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20028', 128, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.20029', 129, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.5001', '0.0.900', 1000, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.900', 0, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20007', 9344978, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20008', 9432314, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20009', 9519651, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20010', 9606987, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20011', 9694323, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20012', 9781659, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20013', 9868996, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20014', 9956332, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20020', 10480349, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20021', 10567686, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20022', 10655022, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20023', 10742358, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20024', 10829694, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20000', 10733624, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20001', 10820961, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20002', 10908297, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20003', 10995633, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20004', 11082969, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.1001', 999792550219, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20005', 11170306, true, false);
INSERT INTO sandbox.holding VALUES ('0.0.7001', '0.0.20006', 11257642, true, false);

INSERT INTO sandbox.ledger_transaction VALUES ('0.0.900@1795968803.465840000/1', 'CREATE', 'SUCCESS', '0.0.900', '0.0.5001', '{0.0.900}', '{1000}', 1000, '{}', '{}', 1795968803465840000, 'Green Bond');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.900@1795968803.531303000/1', 'CREATE', 'SUCCESS', '0.0.900', '0.0.7001', '{0.0.900}', '{0}', 0, '{}', '{}', 1795968803531303000, 'Test Dollar');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.900@1795968803.554859000/1', 'DEPOSIT', 'SUCCESS', '0.0.900', '0.0.7001', '{0.0.1001}', '{1000000000000}', 1000000000000, '{}', '{}', 1795968803554859000, 'deposit');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968799.801123559', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20000,0.0.20001,0.0.20002,0.0.20003,0.0.20004}', '{8733624,8820961,8908297,8995633,9082969}', 44541484, '{}', '{}', 1795968804862446000, 'payout 01a22815-2512-7586-b769-648ba1a99bbe batch 1');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968799.826398678', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20005,0.0.20006,0.0.20007,0.0.20008,0.0.20009}', '{9170306,9257642,9344978,9432314,9519651}', 46724891, '{}', '{}', 1795968804904901000, 'payout 01a22815-2512-7586-b769-648ba1a99bbe batch 2');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968799.830263022', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20010,0.0.20011,0.0.20012,0.0.20013,0.0.20014}', '{9606987,9694323,9781659,9868996,9956332}', 48908297, '{}', '{}', 1795968804923662000, 'payout 01a22815-2512-7586-b769-648ba1a99bbe batch 3');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968803.342939217', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20020,0.0.20021,0.0.20022,0.0.20023,0.0.20024}', '{10480349,10567686,10655022,10742358,10829694}', 53275109, '{}', '{}', 1795968808438110000, 'payout 01a22815-2512-7586-b769-648ba1a99bbe batch 5');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968803.817662865', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20000,0.0.20001,0.0.20002,0.0.20003,0.0.20004}', '{2000000,2000000,2000000,2000000,2000000}', 10000000, '{}', '{}', 1795968808847552000, 'payout 01a22815-361e-77ec-8884-025d0bc8f715 batch 1');
INSERT INTO sandbox.ledger_transaction VALUES ('0.0.1001@1795968803.819346256', 'TRANSFER', 'SUCCESS', '0.0.1001', '0.0.7001', '{0.0.20005,0.0.20006}', '{2000000,2000000}', 4000000, '{}', '{}', 1795968808879708000, 'payout 01a22815-361e-77ec-8884-025d0bc8f715 batch 2');

INSERT INTO sandbox.network VALUES (true, 1, 0, 120, '{}', '9818adf1-5db8-4d80-a62e-adb221a1b94c');

INSERT INTO sandbox.token VALUES ('0.0.5001', 'Green Bond', 'GRB', 2, 4435, '0.0.900', false, 1795968803465840000);
INSERT INTO sandbox.token VALUES ('0.0.7001', 'Test Dollar', 'TUSD', 6, 1000000000000, '0.0.900', false, 1795968803531303000);

SELECT pg_catalog.setval('public.procrastinate_events_id_seq', 6, true);

SELECT pg_catalog.setval('public.procrastinate_jobs_id_seq', 6, true);

SELECT pg_catalog.setval('public.procrastinate_periodic_defers_id_seq', 1, false);

SELECT pg_catalog.setval('public.procrastinate_workers_id_seq', 1, false);

SELECT pg_catalog.setval('sandbox.in_transit_id_seq', 1, false);

ALTER TABLE ONLY public.access_user
    ADD CONSTRAINT access_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_head
    ADD CONSTRAINT audit_head_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.batch_payout
    ADD CONSTRAINT batch_payout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.blockchain_event_listener_config
    ADD CONSTRAINT blockchain_event_listener_config_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.contract_event
    ADD CONSTRAINT contract_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT distribution_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.evm_balance_change
    ADD CONSTRAINT evm_balance_change_pkey PRIMARY KEY (evm_token_id, account_id, block_number);

ALTER TABLE ONLY public.evm_token
    ADD CONSTRAINT evm_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.evm_transaction
    ADD CONSTRAINT evm_transaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.holder
    ADD CONSTRAINT holder_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotent_request
    ADD CONSTRAINT idempotent_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_user
    ADD CONSTRAINT idx_access_user_name UNIQUE (name);

ALTER TABLE ONLY public.access_user
    ADD CONSTRAINT idx_access_user_oidc UNIQUE (oidc_issuer, oidc_subject);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT idx_api_token_prefix UNIQUE (prefix);

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT idx_approval_person UNIQUE (distribution_id, person);

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT idx_asset_token_id UNIQUE (token_id);

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT idx_attempt_transaction UNIQUE (transaction_id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT idx_audit_number UNIQUE (number);

ALTER TABLE ONLY public.batch_payout
    ADD CONSTRAINT idx_batch_number UNIQUE (distribution_id, batch_number);

ALTER TABLE ONLY public.contract_event
    ADD CONSTRAINT idx_contract_event_position UNIQUE (contract_id, timestamp_nanos, event_index);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT idx_distribution_obligation UNIQUE (obligation_key);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT idx_distribution_occurrence UNIQUE (series_id, scheduled_time);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT idx_distribution_trigger UNIQUE (series_id, trigger_event_id);

ALTER TABLE ONLY public.evm_token
    ADD CONSTRAINT idx_evm_token UNIQUE (chain_id, token_id);

ALTER TABLE ONLY public.evm_transaction
    ADD CONSTRAINT idx_evm_transaction_hash UNIQUE (hash);

ALTER TABLE ONLY public.holder
    ADD CONSTRAINT idx_holder_unique UNIQUE NULLS NOT DISTINCT (asset_id, distribution_id, account_id);

ALTER TABLE ONLY public.idempotent_request
    ADD CONSTRAINT idx_idempotent_request_key UNIQUE (asked_by, key);

ALTER TABLE ONLY public.ledger_sequence
    ADD CONSTRAINT idx_ledger_sequence_account UNIQUE (account_id);

ALTER TABLE ONLY public.blockchain_event_listener_config
    ADD CONSTRAINT idx_listener_contract UNIQUE (contract_id);

ALTER TABLE ONLY public.login_link
    ADD CONSTRAINT idx_login_link_prefix UNIQUE (prefix);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT idx_login_session_prefix UNIQUE (prefix);

ALTER TABLE ONLY public.login_throttle
    ADD CONSTRAINT idx_login_throttle_key UNIQUE (key);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT idx_refund_event UNIQUE (contract_event_id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT idx_webhook_delivery_event UNIQUE (event_id, webhook_id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT idx_webhook_delivery_number UNIQUE (webhook_id, number);

ALTER TABLE ONLY public.ledger_sequence
    ADD CONSTRAINT ledger_sequence_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.login_link
    ADD CONSTRAINT login_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.login_throttle
    ADD CONSTRAINT login_throttle_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payout_start
    ADD CONSTRAINT payout_start_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);

ALTER TABLE ONLY public.procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_event
    ADD CONSTRAINT webhook_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sandbox.contract_event
    ADD CONSTRAINT contract_event_pkey PRIMARY KEY (contract_id, timestamp_nanos, event_index);

ALTER TABLE ONLY sandbox.deleted_account
    ADD CONSTRAINT deleted_account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY sandbox.holding
    ADD CONSTRAINT holding_pkey PRIMARY KEY (token_id, account_id);

ALTER TABLE ONLY sandbox.in_transit
    ADD CONSTRAINT in_transit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sandbox.ledger_transaction
    ADD CONSTRAINT ledger_transaction_consensus_nanos_key UNIQUE (consensus_nanos);

ALTER TABLE ONLY sandbox.ledger_transaction
    ADD CONSTRAINT ledger_transaction_pkey PRIMARY KEY (transaction_id);

ALTER TABLE ONLY sandbox.network
    ADD CONSTRAINT network_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY sandbox.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (token_id);

CREATE INDEX idx_asset_sync_status ON public.asset USING btree (sync_status);

CREATE INDEX idx_attempt_batch ON public.attempt USING btree (batch_payout_id);

CREATE UNIQUE INDEX idx_attempt_open ON public.attempt USING btree (batch_payout_id) WHERE ((status)::text = ANY ((ARRAY['SIGNED'::character varying, 'SUBMITTED'::character varying])::text[]));

CREATE INDEX idx_audit_subject ON public.audit_entry USING btree (subject_id, number);

CREATE INDEX idx_batch_distribution ON public.batch_payout USING btree (distribution_id);

CREATE INDEX idx_batch_open ON public.batch_payout USING btree (distribution_id, batch_number) WHERE ((status)::text = ANY ((ARRAY['PENDING'::character varying, 'PROCESSING'::character varying])::text[]));

CREATE INDEX idx_batch_status ON public.batch_payout USING btree (status);

CREATE INDEX idx_contract_event_set_aside ON public.contract_event USING btree (contract_id) WHERE ((status)::text = 'SET_ASIDE'::text);

CREATE INDEX idx_distribution_asset ON public.distribution USING btree (asset_id);

CREATE INDEX idx_distribution_created ON public.distribution USING btree (created_at, id);

CREATE INDEX idx_distribution_scheduled ON public.distribution USING btree (scheduled_time) WHERE ((status)::text = 'PENDING'::text);

CREATE INDEX idx_distribution_status ON public.distribution USING btree (status);

CREATE INDEX idx_evm_transaction_id ON public.evm_transaction USING btree (transaction_id);

CREATE INDEX idx_evm_transaction_nonce ON public.evm_transaction USING btree (chain_id, sender, nonce);

CREATE INDEX idx_holder_account ON public.holder USING btree (account_id);

CREATE INDEX idx_holder_asset ON public.holder USING btree (asset_id);

CREATE INDEX idx_holder_batch ON public.holder USING btree (distribution_id, batch_number) WHERE (batch_number IS NOT NULL);

CREATE INDEX idx_holder_distribution ON public.holder USING btree (distribution_id);

CREATE INDEX idx_holder_failed ON public.holder USING btree (distribution_id, failure_code, account_id) WHERE (failure_code IS NOT NULL);

CREATE INDEX idx_holder_largest ON public.holder USING btree (asset_id, balance, account_id) WHERE (distribution_id IS NULL);

CREATE INDEX idx_login_session_user ON public.login_session USING btree (user_id);

CREATE INDEX idx_payout_start_distribution ON public.payout_start USING btree (distribution_id);

CREATE INDEX idx_payout_start_token ON public.payout_start USING btree (payment_token_id, started_at);

CREATE INDEX idx_procrastinate_jobs_worker_not_null ON public.procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::public.procrastinate_job_status));

CREATE INDEX idx_procrastinate_workers_last_heartbeat ON public.procrastinate_workers USING btree (last_heartbeat);

CREATE INDEX idx_refund_account ON public.refund USING btree (account_id, token_id);

CREATE INDEX idx_series_active ON public.series USING btree (execution_type) WHERE ((status)::text = 'ACTIVE'::text);

CREATE INDEX idx_series_asset ON public.series USING btree (asset_id);

CREATE INDEX idx_webhook_delivery_due ON public.webhook_delivery USING btree (webhook_id, next_try_at) WHERE ((status)::text = 'PENDING'::text);

CREATE INDEX idx_webhook_delivery_failed ON public.webhook_delivery USING btree (webhook_id) WHERE ((status)::text = 'FAILED'::text);

CREATE INDEX idx_webhook_event_new ON public.webhook_event USING btree (id) WHERE (dispatched_at IS NULL);

CREATE INDEX procrastinate_events_job_id_fkey_v1 ON public.procrastinate_events USING btree (job_id);

CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON public.procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::public.procrastinate_job_status, 'doing'::public.procrastinate_job_status]));

CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON public.procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::public.procrastinate_job_status);

CREATE INDEX procrastinate_jobs_priority_idx_v1 ON public.procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::public.procrastinate_job_status);

CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON public.procrastinate_jobs USING btree (queue_name);

CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON public.procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::public.procrastinate_job_status);

CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON public.procrastinate_periodic_defers USING btree (job_id);

CREATE TRIGGER note_event AFTER INSERT OR UPDATE ON public.approval FOR EACH ROW EXECUTE FUNCTION public.masspayout_note_approval();

CREATE TRIGGER note_event AFTER UPDATE OF status ON public.batch_payout FOR EACH ROW WHEN ((((new.status)::text = ANY ((ARRAY['COMPLETED'::character varying, 'FAILED'::character varying])::text[])) AND ((new.status)::text <> (old.status)::text))) EXECUTE FUNCTION public.masspayout_note_batch_payout();

CREATE TRIGGER note_event AFTER INSERT OR UPDATE OF status, frozen_at, scheduled_time, record_time ON public.distribution FOR EACH ROW EXECUTE FUNCTION public.masspayout_note_distribution();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_notify_queue_abort_job_v1();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_notify_queue_job_inserted_v1();

CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.abort_requested = true)) EXECUTE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1();

CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_unlink_periodic_defers_v1();

CREATE TRIGGER procrastinate_trigger_scheduled_events_v1 AFTER INSERT OR UPDATE ON public.procrastinate_jobs FOR EACH ROW WHEN (((new.scheduled_at IS NOT NULL) AND (new.status = 'todo'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1();

CREATE TRIGGER procrastinate_trigger_status_events_insert_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1();

CREATE TRIGGER procrastinate_trigger_status_events_update_v1 AFTER UPDATE OF status ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_update_v1();

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION public.masspayout_refuse_change();

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.access_user(id);

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_distribution_id_fkey FOREIGN KEY (distribution_id) REFERENCES public.distribution(id);

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_batch_payout_id_fkey FOREIGN KEY (batch_payout_id) REFERENCES public.batch_payout(id);

ALTER TABLE ONLY public.batch_payout
    ADD CONSTRAINT batch_payout_distribution_id_fkey FOREIGN KEY (distribution_id) REFERENCES public.distribution(id);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT distribution_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES public.asset(id);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT distribution_series_id_fkey FOREIGN KEY (series_id) REFERENCES public.series(id);

ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT distribution_trigger_event_id_fkey FOREIGN KEY (trigger_event_id) REFERENCES public.contract_event(id);

ALTER TABLE ONLY public.evm_balance_change
    ADD CONSTRAINT evm_balance_change_evm_token_id_fkey FOREIGN KEY (evm_token_id) REFERENCES public.evm_token(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.holder
    ADD CONSTRAINT holder_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES public.asset(id);

ALTER TABLE ONLY public.holder
    ADD CONSTRAINT holder_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES public.attempt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.holder
    ADD CONSTRAINT holder_distribution_id_fkey FOREIGN KEY (distribution_id) REFERENCES public.distribution(id);

ALTER TABLE ONLY public.login_link
    ADD CONSTRAINT login_link_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.access_user(id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.access_user(id);

ALTER TABLE ONLY public.payout_start
    ADD CONSTRAINT payout_start_distribution_id_fkey FOREIGN KEY (distribution_id) REFERENCES public.distribution(id);

ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES public.procrastinate_workers(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_contract_event_id_fkey FOREIGN KEY (contract_event_id) REFERENCES public.contract_event(id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES public.asset(id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.webhook_event(id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(id) ON DELETE CASCADE;

