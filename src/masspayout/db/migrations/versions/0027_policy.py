"""The policy as versions, proposals, and the trigger by which nothing begins without its approvals."""

from alembic import op
from sqlalchemy import text

from masspayout.kernel.errors import DatabaseMismatch
from masspayout.kernel.next_steps import Action

revision = "0027"
down_revision = "0026"

TABLES = (
    """
    CREATE TABLE policy (
        id UUID PRIMARY KEY,
        number BIGINT NOT NULL,
        asset_id UUID REFERENCES asset (id),
        content JSONB NOT NULL,
        made_by VARCHAR NOT NULL,
        made_by_name VARCHAR NOT NULL,
        approved_by VARCHAR,
        approved_by_name VARCHAR,
        made_at TIMESTAMP NOT NULL,
        replaced_at TIMESTAMP,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_policy_number UNIQUE (number)
    )
    """,
    "CREATE UNIQUE INDEX idx_policy_in_force ON policy (asset_id) NULLS NOT DISTINCT WHERE replaced_at IS NULL",
    """
    CREATE TABLE proposal (
        id UUID PRIMARY KEY,
        kind VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        before JSONB,
        after JSONB NOT NULL,
        made_by VARCHAR NOT NULL,
        made_by_name VARCHAR NOT NULL,
        approved_by VARCHAR,
        decided_by_name VARCHAR,
        decided_at TIMESTAMP,
        state VARCHAR NOT NULL,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT proposal_state_check CHECK (state IN ('OPEN', 'APPROVED', 'REFUSED', 'WITHDRAWN')),
        CONSTRAINT proposal_other_person_check CHECK (approved_by <> made_by)
    )
    """,
    "CREATE UNIQUE INDEX idx_proposal_open ON proposal (kind, subject) WHERE state = 'OPEN'",
    "CREATE INDEX idx_proposal_created ON proposal (created_at, id)",
)
COLUMNS = (
    # How many approvals of each group; the rest of approvals_required may come from anybody.
    ("distribution", "approval_groups", "JSONB"),
    # The newest version of the policy that the number of approvals was worked out by.
    ("distribution", "policy_number", "BIGINT"),
    # A session that began with a sign-in link approves nothing.
    ("login_session", "is_by_link", "BOOLEAN NOT NULL DEFAULT false"),
)

# An approval counts for exactly what was approved, once for each person, and never when it is the creator's or a
# program's. Where groups have to approve, one person fills one place: by Hall's theorem all places are filled unless
# some groups together have fewer people among the approvers than places. The number is then what is required less the
# largest shortage.
GIVEN_APPROVALS = """
CREATE FUNCTION masspayout_given_approvals(of_distribution UUID) RETURNS INTEGER LANGUAGE plpgsql STABLE AS $$
DECLARE
    approved RECORD;
    people VARCHAR[];
    named VARCHAR[];
    places INTEGER[];
    missing INTEGER;
    wanted INTEGER;
    chosen VARCHAR[];
    found INTEGER;
BEGIN
    SELECT d.asset_id, d.approvals_required, d.approval_groups,
           ARRAY(SELECT a.person FROM approval AS a
                  WHERE a.distribution_id = d.id AND a.register_hash = d.register_hash
                    AND a.payment_token_id = d.payment_token_id AND a.payer_account_id = d.payer_account_id
                    AND a.total_amount = d.total_amount AND a.person IS DISTINCT FROM d.created_by
                    AND (a.actor_kind <> 'USER' OR 'COMMAND_LINE:' || a.actor_name IS DISTINCT FROM d.created_by)
                    AND a.actor_kind <> 'TOKEN') AS people
      INTO approved FROM distribution AS d WHERE d.id = of_distribution;
    people := approved.people;
    IF coalesce(approved.approval_groups, '{}') = '{}' THEN
        RETURN cardinality(people);
    END IF;
    SELECT array_agg(key ORDER BY key), array_agg(CAST(value AS INTEGER) ORDER BY key)
      INTO named, places FROM jsonb_each_text(approved.approval_groups);
    missing := greatest(0, approved.approvals_required - cardinality(people));
    FOR subset IN 1 .. (1 << cardinality(named)) - 1 LOOP
        SELECT sum(places[i]), array_agg(named[i]) INTO wanted, chosen
          FROM generate_subscripts(named, 1) AS i WHERE subset & (1 << (i - 1)) <> 0;
        SELECT count(DISTINCT u.id) INTO found
          FROM policy AS p
          CROSS JOIN LATERAL jsonb_each(p.content -> 'groups') AS g
          CROSS JOIN LATERAL jsonb_array_elements_text(g.value) AS member
          JOIN access_user AS u ON u.name = member
         WHERE p.replaced_at IS NULL AND (p.asset_id IS NULL OR p.asset_id = approved.asset_id)
           AND g.key = ANY(chosen) AND 'USER:' || u.id = ANY(people);
        missing := greatest(missing, wanted - found);
    END LOOP;
    RETURN approved.approvals_required - missing;
END
$$
"""

# What binds is told by the policy itself: an open one without limits lets everything begin, by whatever version.
MAY_BEGIN = """
CREATE FUNCTION masspayout_may_begin(of_distribution UUID) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT masspayout_given_approvals(d.id) >= greatest(d.approvals_required, in_force.approvals)
           AND (d.policy_number IS NOT DISTINCT FROM in_force.number OR NOT coalesce(in_force.binds, false))
      FROM distribution AS d
      CROSS JOIN LATERAL (
            SELECT max(p.number) AS number,
                   coalesce(max(CAST(p.content ->> 'approvals' AS INTEGER)), 0) AS approvals,
                   bool_or(p.content ->> 'mode' = 'guarded' OR p.content ? 'limits') AS binds
              FROM policy AS p
             WHERE p.replaced_at IS NULL AND (p.asset_id IS NULL OR p.asset_id = d.asset_id)
           ) AS in_force
     WHERE d.id = of_distribution
$$
"""

# After the row is written, so that what is looked at is what is to be committed.
REQUIRE_APPROVALS = """
CREATE FUNCTION masspayout_require_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT masspayout_may_begin(NEW.id) THEN
        RAISE EXCEPTION 'payout % has % of % approvals under version % of the policy, and cannot begin',
              NEW.id, masspayout_given_approvals(NEW.id), NEW.approvals_required, coalesce(NEW.policy_number, 0)
              USING ERRCODE = 'check_violation',
                    HINT = 'Begin it with a version of masspayout that knows the policy, once it is approved.';
    END IF;
    RETURN NULL;
END
$$
"""
TRIGGERS = (
    """
    CREATE TRIGGER require_approvals AFTER UPDATE OF status ON distribution
       FOR EACH ROW WHEN (NEW.status = 'PROCESSING' AND OLD.status <> 'PROCESSING')
       EXECUTE FUNCTION masspayout_require_approvals()
    """,
    """
    CREATE TRIGGER require_approvals_of_new AFTER INSERT ON distribution
       FOR EACH ROW WHEN (NEW.status = 'PROCESSING')
       EXECUTE FUNCTION masspayout_require_approvals()
    """,
)

# A worker of an earlier version knows no policy: what it starts in a guarded installation the database refuses, and it
# calls that a failure. So it is to be stopped before. 15 seconds without a heartbeat is a dead worker's.
_LIVE_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > clock_timestamp() - interval '15 seconds'"
)


def upgrade() -> None:
    """Add tables, columns and the triggers. Without a policy, nothing is refused that was not refused before.

    Raises:
        DatabaseMismatch: Workers of an earlier version are running.
    """
    op.execute("SET LOCAL lock_timeout = '5s'")
    workers = op.get_bind().scalar(_LIVE_WORKERS)
    if workers:
        raise DatabaseMismatch(
            f"{workers} worker(s) of an earlier version are running, which know no policy. Nothing was changed.",
            "Stop them, wait for 15 seconds, then: ",
            Action.UPGRADE_DATABASE,
        )
    for statement in TABLES:
        op.execute(statement)
    for table, column, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    for statement in (GIVEN_APPROVALS, MAY_BEGIN, REQUIRE_APPROVALS, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Drop the policy with its history, and what it demanded of payouts besides a number of approvals."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TRIGGER require_approvals ON distribution")
    op.execute("DROP TRIGGER require_approvals_of_new ON distribution")
    op.execute("DROP FUNCTION masspayout_require_approvals()")
    op.execute("DROP FUNCTION masspayout_may_begin(UUID)")
    op.execute("DROP FUNCTION masspayout_given_approvals(UUID)")
    for table, column, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("DROP TABLE proposal")
    op.execute("DROP TABLE policy")
