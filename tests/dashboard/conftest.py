"""A real browser on a real ``masspayout up``: Debian's Chromium, one process, a database of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sqlalchemy import URL

from browsing import ARGUMENTS, BATCH_SIZE, CHROMIUM, HOLDERS, IMPORTED_LATER, PASSWORD, USERS, Open, Service, served
from databases import fresh_database
from masspayout.db.session import Database
from masspayout.registers import assets
from masspayout.service import access
from masspayout.settings import Settings
from payouts import TREASURY, World, accounts, make_runtime


@pytest.fixture(scope="session")
def service_url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """The address of the database that is served to all tests here."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
async def service(service_url: URL, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A dashboard with five users, and a ledger with an asset that nobody imported yet."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    database = Database(service_url)
    settings = Settings(_env_file=None, batch_size=BATCH_SIZE, approvals_required=1)  # type: ignore[call-arg]
    runtime = make_runtime(database, settings)
    world = await World.make(runtime, [(account, 100 + at) for at, account in enumerate(accounts(HOLDERS))])
    holders = [(account, 100) for account in accounts(HOLDERS)]
    await world.sandbox.admin.create_token(
        IMPORTED_LATER, name="Blue Bond", symbol="BLB", decimals=0, holders=holders, treasury_account_id=TREASURY
    )
    await assets.sync(database, runtime.ledger, world.asset.id)
    async with database.unit_of_work() as session:
        for name, role in USERS.items():
            await access.add_user(session, name, role=role, password=PASSWORD)
    with served(service_url, tmp_path_factory.mktemp("service")) as address:
        yield Service(address, world)
    await runtime.ledger.close()
    await database.close()


@pytest.fixture(scope="session")
async def browser(service: Service) -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=120_000)
        yield browser
        await browser.close()


@pytest.fixture
async def sign_in(service: Service, browser: Browser) -> AsyncIterator[Open]:
    """Sign somebody in, in a browser profile of their own, and open a page. What the page logs as an error fails."""
    expect.set_options(timeout=60_000)
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_page(name: str, path: str = "/", **options: object) -> Page:
        context = await browser.new_context(
            base_url=service.address,
            timezone_id="Europe/Madrid",
            locale="en-GB",
            accept_downloads=True,
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(f"/sign-in?next={path}")
        await page.fill("input[name=name]", name)
        await page.fill("input[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await expect(page.locator("main .page-inner")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert not errors
