"""A world in which payouts need approvals, unless a test sets other terms."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approving import CREATOR
from masspayout.db.session import Database
from masspayout.kernel.actors import acting_as
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime


@pytest.fixture
def terms() -> dict[str, Any]:
    """What is set; a test's own parametrisation may say otherwise."""
    return {"approvals_required": 2}


@pytest.fixture
async def world(database: Database, settings: Settings, terms: dict[str, Any]) -> AsyncIterator[World]:
    runtime = make_runtime(database, settings.model_copy(update=terms))
    with acting_as(CREATOR):
        yield await World.make(runtime, [(account, 100) for account in accounts(10)])
    await runtime.ledger.close()
