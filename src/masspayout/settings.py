"""Settings from the environment or a ``.env`` file. ``docs/settings.md`` lists them; a test keeps the two together."""

from functools import cached_property
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from masspayout.errors import Invalid


class Settings(BaseSettings):
    """What the operator can set. Every field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    app_env: Literal["production", "development"] = Field(
        default="production", description="`development` logs every SQL statement."
    )

    database_host: str | None = Field(
        default=None, description="PostgreSQL's host or socket directory. Unset: the embedded one, in `DATA_DIR`."
    )
    database_port: int = Field(default=5432, ge=1, le=65535, description="PostgreSQL's port.")
    database_user: str = Field(default="masspayout", description="The role to connect as.")
    database_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    database_name: str = Field(default="masspayout", description="The database to work in.")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("masspayout", appauthor=False)),
        description="Where the embedded PostgreSQL keeps its files. Default: the platform's user data folder.",
    )

    ledger: Literal["sandbox"] = Field(default="sandbox", description="Which ledger to pay on.")
    payer_account_id: str = Field(default="0.0.1001", description="The account that payouts are paid from.")

    batch_size: int = Field(
        default=100, ge=1, le=10_000, description="Holders in a batch, unless the ledger takes fewer in a transaction."
    )
    claim_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long a worker may hold a batch without a sign of life before another may take it over.",
    )
    look_again_seconds: float = Field(
        default=0.25, gt=0, description="First pause before an undecided transaction is looked up again; it doubles."
    )
    look_again_max_seconds: float = Field(default=15.0, gt=0, description="The longest such pause.")
    transient_retries: int = Field(
        default=10,
        ge=0,
        le=100,
        description="How often in a row a batch is signed anew, after such pauses, when nobody is to blame.",
    )
    listener_overlap_seconds: float = Field(
        default=300.0,
        ge=0,
        description="How far behind its cursor an event listener reads again, to find events that came late.",
    )

    sandbox_recipients_per_transaction: int = Field(
        default=100, ge=1, le=10_000, description="Recipients that the sandbox takes in one transaction."
    )
    sandbox_results: Literal["atomic", "per-recipient"] = Field(
        default="atomic",
        description="`atomic`: one bad recipient fails the transaction, as on Hedera; `per-recipient`: as a contract.",
    )
    sandbox_valid_seconds: int = Field(
        default=120, ge=10, le=180, description="How long a signed sandbox transaction can be executed."
    )

    @cached_property
    def uses_embedded_database(self) -> bool:
        """Whether no external PostgreSQL was named."""
        return self.database_host is None

    @cached_property
    def external_database_url(self) -> URL:
        """The address of the external PostgreSQL, for SQLAlchemy with psycopg 3."""
        return URL.create(
            "postgresql+psycopg",
            username=self.database_user,
            password=self.database_password.get_secret_value() or None,
            host=self.database_host,
            port=self.database_port,
            database=self.database_name,
        )


def load_settings() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        Invalid: A setting has a value that it cannot have; every such setting is named.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{str(problem['loc'][0]).upper()}={problem['input']!r}: {problem['msg'].lower()}"
            for problem in error.errors()
        )
        raise Invalid(
            f"The settings are wrong: {wrong}.",
            "Mend them in the environment or in .env; docs/settings.md says what each one takes.",
        ) from None
