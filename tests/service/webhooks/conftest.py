"""A world whose webhooks may lead to this machine, and servers that end with the test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from masspayout.db.session import Database
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {
        "webhook_allow_private": True,
        "webhook_timeout_seconds": 60.0,
        "webhook_retry_seconds": 0.001,
        "webhook_tries": 3,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def world(database: Database, settings: Settings) -> AsyncIterator[World]:
    runtime = make_runtime(database, settings)
    yield await World.make(runtime, [(account, 100) for account in accounts(10)])
    await runtime.ledger.close()


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack
