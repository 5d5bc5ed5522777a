"""Users, API tokens, sessions, login links, and failed logins."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = ("login_throttle", "login_link", "login_session", "api_token", "access_user")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_access_user()
    create_api_token()
    create_logins()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")


def create_access_user() -> None:
    op.execute(
        """
        CREATE TABLE access_user (
            id UUID PRIMARY KEY,
            name VARCHAR NOT NULL,
            password_hash VARCHAR,
            role VARCHAR NOT NULL,
            disabled BOOLEAN NOT NULL DEFAULT false,
            oidc_issuer VARCHAR,
            oidc_subject VARCHAR,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_access_user_name UNIQUE (name),
            CONSTRAINT idx_access_user_oidc UNIQUE (oidc_issuer, oidc_subject),
            CONSTRAINT access_user_role_check CHECK (role IN ('viewer', 'operator', 'approver', 'admin'))
        )
        """
    )


def create_api_token() -> None:
    op.execute(
        """
        CREATE TABLE api_token (
            id UUID PRIMARY KEY,
            name VARCHAR NOT NULL,
            prefix VARCHAR NOT NULL,
            digest VARCHAR NOT NULL,
            role VARCHAR NOT NULL,
            owner_id UUID REFERENCES access_user (id),
            expires_at TIMESTAMP,
            revoked_at TIMESTAMP,
            last_used_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_api_token_prefix UNIQUE (prefix),
            CONSTRAINT api_token_role_check CHECK (role IN ('viewer', 'operator', 'approver', 'admin'))
        )
        """
    )


def create_logins() -> None:
    op.execute(
        """
        CREATE TABLE login_session (
            id UUID PRIMARY KEY,
            user_id UUID NOT NULL REFERENCES access_user (id),
            prefix VARCHAR NOT NULL,
            digest VARCHAR NOT NULL,
            expires_at TIMESTAMP NOT NULL,
            ended_at TIMESTAMP,
            source_address VARCHAR,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_login_session_prefix UNIQUE (prefix)
        )
        """
    )
    op.execute("CREATE INDEX idx_login_session_user ON login_session (user_id)")
    op.execute(
        """
        CREATE TABLE login_link (
            id UUID PRIMARY KEY,
            user_id UUID NOT NULL REFERENCES access_user (id),
            prefix VARCHAR NOT NULL,
            digest VARCHAR NOT NULL,
            expires_at TIMESTAMP NOT NULL,
            used_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_login_link_prefix UNIQUE (prefix)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE login_throttle (
            id UUID PRIMARY KEY,
            key VARCHAR NOT NULL,
            failures INT NOT NULL,
            blocked_until TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_login_throttle_key UNIQUE (key)
        )
        """
    )
