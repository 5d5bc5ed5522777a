"""Where the database is."""

from functools import cached_property
from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings
from sqlalchemy import URL


class DatabaseSettings(BaseSettings):
    """The users' own PostgreSQL, or the embedded one."""

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
