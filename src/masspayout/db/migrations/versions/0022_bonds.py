"""Terms of bonds with their factors, and the operator's own days of calendars."""

from alembic import op

revision = "0022"
down_revision = "0021"

TABLES = (
    """
    CREATE TABLE calendar_day (
        id UUID PRIMARY KEY,
        calendar VARCHAR NOT NULL,
        day DATE NOT NULL,
        description VARCHAR NOT NULL,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_calendar_day UNIQUE (calendar, day)
    )
    """,
    """
    CREATE TABLE bond (
        id UUID PRIMARY KEY,
        asset_id UUID NOT NULL REFERENCES asset (id),
        par NUMERIC NOT NULL,
        rate NUMERIC NOT NULL,
        day_count VARCHAR NOT NULL,
        coupons_a_year INTEGER NOT NULL,
        issue_date DATE NOT NULL,
        first_coupon_date DATE NOT NULL,
        last_coupon_date DATE,
        maturity_date DATE NOT NULL,
        calendar VARCHAR,
        calendar_version VARCHAR NOT NULL,
        convention VARCHAR NOT NULL,
        adjusted BOOLEAN NOT NULL,
        record_rule VARCHAR NOT NULL,
        time_zone VARCHAR NOT NULL,
        factor NUMERIC NOT NULL,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_bond_asset UNIQUE (asset_id),
        CONSTRAINT bond_day_count_check CHECK (day_count IN ('30/360', '30E/360', '30E/360-ISDA', 'ACT/360',
                                                             'ACT/365F', 'ACT/ACT-ICMA', 'ACT/ACT-ISDA')),
        CONSTRAINT bond_convention_check CHECK (convention IN ('FOLLOWING', 'MODIFIED_FOLLOWING', 'PRECEDING',
                                                               'MODIFIED_PRECEDING', 'NONE')),
        CONSTRAINT bond_amounts_check CHECK (par > 0 AND rate >= 0 AND factor > 0 AND factor <= 1),
        CONSTRAINT bond_coupons_a_year_check CHECK (coupons_a_year IN (1, 2, 4, 12)),
        CONSTRAINT bond_dates_check CHECK (issue_date < first_coupon_date AND first_coupon_date <= maturity_date)
    )
    """,
    """
    CREATE TABLE bond_factor (
        id UUID PRIMARY KEY,
        bond_id UUID NOT NULL REFERENCES bond (id),
        effective_date DATE NOT NULL,
        factor NUMERIC NOT NULL,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_bond_factor_date UNIQUE (bond_id, effective_date),
        CONSTRAINT bond_factor_check CHECK (factor >= 0 AND factor <= 1)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("bond_factor", "bond", "calendar_day"):
        op.execute(f"DROP TABLE {table}")
