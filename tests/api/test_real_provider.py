"""Sign-in through a real OpenID Connect provider, from the first login to the last day at work."""

from collections.abc import AsyncIterator, Iterator

import pytest

from http_service import Service
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.settings import Settings
from oidc_logins import Browser, service_with
from oidc_provider import RealProvider, running_provider


@pytest.fixture(scope="module")
def real_provider() -> Iterator[RealProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
async def known(database: Database, settings: Settings, real_provider: RealProvider) -> AsyncIterator[Service]:
    async with service_with(database, settings, real_provider) as service:
        yield service


@pytest.fixture
async def browser(known: Service) -> AsyncIterator[Browser]:
    browser = Browser(known)
    yield browser
    await browser.close()


async def test_a_person_signs_in_and_goes_where_they_wanted(real_provider: RealProvider, browser: Browser) -> None:
    real_provider.welcome("42", preferred_username="Anna", roles=["approver"])
    answer = await browser.sign_in("/sign-in/oidc?next=/payouts/7%3Ftab%3Dholders")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/payouts/7?tab=holders"), answer.text
    identity = await browser.identity()
    assert (identity.name, identity.role) == ("anna", Role.APPROVER)
