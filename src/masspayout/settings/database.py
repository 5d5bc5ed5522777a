"""Settings of the database and the connection to it."""

import ipaddress
import ssl
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings
from sqlalchemy import URL

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

# The least shares, three for jobs and two for the ledger, leave three for units of work.
_LEAST_CONNECTIONS = 8

# The files in which systems keep the certificates of authorities.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class ConnectionShares(NamedTuple):
    """The number of connections that each part of a process may open.

    Attributes:
        work: Units of work.
        jobs: The queue of jobs, with the connection that listens.
        ledger: The sandbox's own books, where they are in our database.
    """

    work: int
    jobs: int
    ledger: int


class DatabaseSettings(BaseSettings):
    """The users' own PostgreSQL, or the embedded one."""

    database_host: str | None = Field(
        default=None, description="PostgreSQL's host or socket directory. Unset: the embedded one, in `DATA_DIR`."
    )
    database_port: int = Field(default=5432, ge=1, le=65535, description="PostgreSQL's port.")
    database_user: str = Field(default="masspayout", description="The role to connect as.")
    database_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    database_owner_user: str | None = Field(
        default=None,
        description="The role that owns the tables, for `masspayout db …` alone. Unset: `DATABASE_USER` owns them.",
    )
    database_owner_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    database_name: str = Field(default="masspayout", description="The database to work in.")
    database_schema: str | None = Field(default=None, description="The schema that the tables are in. Unset: `public`.")
    database_sslmode: SslMode | None = Field(
        default=None,
        description="As libpq's `sslmode`. Unset: `verify-full`; `prefer` for a server on this machine.",
    )
    database_sslrootcert: Path | None = Field(
        default=None,
        description="Certificates of authorities, by which the server's is verified. Unset: this machine's.",
    )
    database_connections: int = Field(
        default=20,
        ge=_LEAST_CONNECTIONS,
        le=500,
        description="The most connections that a process opens; all together need fewer than the server allows.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("masspayout", appauthor=False)),
        description="Where the embedded PostgreSQL keeps its files. Default: the platform's user data folder.",
    )

    @cached_property
    def uses_embedded_database(self) -> bool:
        """True if no external PostgreSQL is named."""
        return self.database_host is None

    @cached_property
    def external_database_url(self) -> URL:
        """The address of the external PostgreSQL for the application, for SQLAlchemy with psycopg 3."""
        return self._external_url(self.database_user, self.database_password)

    @cached_property
    def external_owner_url(self) -> URL:
        """The address of the external PostgreSQL for whoever migrates it."""
        if self.database_owner_user is None:
            return self.external_database_url
        return self._external_url(self.database_owner_user, self.database_owner_password)

    def _external_url(self, user: str, password: SecretStr) -> URL:
        url = URL.create(
            "postgresql+psycopg",
            username=user,
            password=password.get_secret_value() or None,
            host=self.database_host,
            port=self.database_port,
            database=self.database_name,
        )
        if self.database_schema is not None:
            quoted = self.database_schema.replace('"', '""')
            url = url.update_query_dict({"search_path": f'"{quoted}"'})
        return encrypted(url, self.database_sslmode, self.database_sslrootcert)

    @cached_property
    def connection_shares(self) -> ConnectionShares:
        """The shares of a process's connections: a fifth to jobs, a fifth to the ledger, the rest to units of work.

        The least that each part needs: two for the ledger, three for jobs, of which one listens.
        """
        ledger = max(2, self.database_connections // 5)
        jobs = max(3, self.database_connections // 5)
        return ConnectionShares(self.database_connections - jobs - ledger, jobs, ledger)


def encrypted(url: URL, sslmode: str | None = None, sslrootcert: Path | None = None) -> URL:
    """Return an address with the checks of its server's identity.

    An ``sslmode`` of the address itself has precedence.
    """
    said = url.query.get("sslmode", sslmode)
    mode = str(said or ("prefer" if _is_on_this_machine(url) else "verify-full"))
    query = {"sslmode": mode} if said or mode != "prefer" else {}
    if mode.startswith("verify") and "sslrootcert" not in url.query:
        query["sslrootcert"] = str(sslrootcert or _authorities())
    return url.update_query_dict(query)


def _is_on_this_machine(url: URL) -> bool:
    host = str(url.query.get("host", url.host or ""))
    try:
        return not host or host == "localhost" or host.startswith(("/", "@")) or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _authorities() -> str:
    """Return the file in which this machine keeps the certificates of authorities.

    libpq's ``system`` uses the place that its OpenSSL was built with: none, where the driver brought its own.
    """
    found = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in found if path and Path(path).exists()), "system")
