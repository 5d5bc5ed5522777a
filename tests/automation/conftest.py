"""A world of three holders, where a test asks for no other."""

import pytest

from masspayout.context import Context
from payouts import World, accounts


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in accounts(3)])
