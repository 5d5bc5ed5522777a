"""A real server on a real socket, in front of a fresh database with a small world to pay in."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from databases import fresh_database
from http_service import Service, running
from lying_provider import LyingProvider, lying_provider
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

HOLDERS = 25


@pytest.fixture(scope="module")
async def service(
    embedded_server: URL, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """The service in front of a database that the tests of a module share, each with assets of its own."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path_factory.mktemp("data"),
        look_again_seconds=0.01,
        look_again_max_seconds=0.1,
        rate_limit_per_minute=100_000,
    )
    with fresh_database(embedded_server, template=migrated_template) as url:
        database = Database(url)
        runtime = make_runtime(database, settings)
        async with running(runtime) as service:
            yield service
        await runtime.ledger.close()
        await database.close()


@pytest.fixture(scope="module")
async def world(service: Service) -> World:
    """An asset with holders, and a payer with funds."""
    return await World.make(service.runtime, [(account, 100) for account in accounts(HOLDERS)])


@pytest.fixture(scope="module")
def admin(service: Service) -> httpx.AsyncClient:
    """A client that may do everything."""
    return service.client(Role.ADMIN)


@pytest.fixture
async def provider(settings: Settings) -> AsyncIterator[LyingProvider]:
    async with lying_provider(settings) as provider:
        yield provider


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Settings that a test has beside those of the provider."""
    return {}


@pytest.fixture
async def with_provider(
    database: Database, settings: Settings, provider: LyingProvider, more_settings: dict[str, Any]
) -> AsyncIterator[Service]:
    """The service of a database of its own, which knows the provider."""
    oidc: dict[str, Any] = {
        "oidc_issuer": provider.address,
        "oidc_client_id": "masspayout",
        "oidc_client_secret": SecretStr("secret"),
    }
    runtime = make_runtime(database, settings.model_copy(update=oidc | more_settings))
    async with running(runtime) as service:
        yield service
    await runtime.ledger.close()
