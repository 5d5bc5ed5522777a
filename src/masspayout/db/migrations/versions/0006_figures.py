"""Figures that people look at, kept where they arise: what each batch paid, how large each register is."""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = (
    ("batch_payout", "paid_amount", "DECIMAL NOT NULL DEFAULT 0"),
    ("asset", "holder_count", "INT NOT NULL DEFAULT 0"),
    ("asset", "held_units", "BIGINT NOT NULL DEFAULT 0"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, column, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    count_what_is_there()
    op.execute(
        "CREATE INDEX idx_holder_largest ON holder (asset_id, balance, account_id) WHERE distribution_id IS NULL"
    )
    op.execute(
        "CREATE INDEX idx_holder_failed ON holder (distribution_id, failure_code, account_id) "
        "WHERE failure_code IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX idx_holder_failed")
    op.execute("DROP INDEX idx_holder_largest")
    for table, column, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def count_what_is_there() -> None:
    op.execute(
        """
        UPDATE batch_payout AS b SET paid_amount = paid.amount
          FROM (SELECT distribution_id, batch_number, sum(payment_amount) AS amount
                  FROM holder WHERE paid AND batch_number IS NOT NULL
                 GROUP BY distribution_id, batch_number) AS paid
         WHERE b.distribution_id = paid.distribution_id AND b.batch_number = paid.batch_number
        """
    )
    op.execute(
        """
        UPDATE asset AS a SET holder_count = held.holders, held_units = held.units
          FROM (SELECT asset_id, count(*) AS holders, sum(balance) AS units
                  FROM holder WHERE distribution_id IS NULL GROUP BY asset_id) AS held
         WHERE a.id = held.asset_id
        """
    )
