"""Takes ``docs/screenshots/*.png`` of the dashboard, from a set of made-up data: ``make screenshots``."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from playwright.async_api import Browser, Page, async_playwright

from masspayout import distributions
from masspayout.automation import series
from masspayout.automation.series import Calendar
from masspayout.automation.triggers import Trigger
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.distributions import payout_lists, starts
from masspayout.distributions.csv_import import parse_payout_list
from masspayout.entitlements.freezing import payment_token_of
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.roles import Role
from masspayout.ledger.sandbox import Faults, SandboxAdministration, SandboxLedger
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from masspayout.runtime import open_runtime
from masspayout.service import access
from masspayout.settings import Settings

TARGET = Path(__file__).parent / "screenshots"
CHROMIUM = "/usr/bin/chromium"
PASSWORD = "a long enough password"
EURO, DOLLAR = "0.0.7101", "0.0.7102"
BOND, FUND, RESIDENCES = "0.0.5101", "0.0.5102", "0.0.5103"
PORT = 8719
WIDE, NARROW = {"width": 1240, "height": 820}, {"width": 390, "height": 800}


@dataclass(frozen=True)
class Scenario:
    """What was made up, as far as pages are to be opened on it."""

    running: Distribution
    failed: Distribution
    completed: Distribution
    planned: Distribution
    coupons: str


class Author:
    """Makes up a small world: three assets, a year of payouts, some trouble, and plans."""

    def __init__(self, runtime: Context, admin: SandboxAdministration) -> None:
        self.runtime = runtime
        self.admin = admin
        self.chance = random.Random(5)

    async def write(self) -> Scenario:
        """Make it all up."""
        async with self.runtime.database.unit_of_work() as session:
            for name, role in (("ana", Role.ADMIN), ("ben", Role.APPROVER), ("vera", Role.VIEWER)):
                await access.add_user(session, name, role=role, password=PASSWORD)
        for token_id, name, symbol in ((EURO, "Euro on Ledger", "EURD"), (DOLLAR, "Dollar on Ledger", "USDD")):
            await self.admin.create_token(token_id, name=name, symbol=symbol, decimals=6)
            await self.admin.deposit(token_id, 9_000_000 * 10**6, self.runtime.settings.payer_account_id)
        bond = await self.asset(BOND, "Harbour Bridge Bond", "HBB", 3000, 1.6, EURO)
        fund = await self.asset(FUND, "Solar Park Fund", "SPF", 1240, 1.2, EURO)
        residences = await self.asset(RESIDENCES, "Linden Street Residences", "LSR", 412, 2.1, DOLLAR)
        completed = await self.year(bond, fund, residences)
        failed = await self.trouble(bond)
        planned = await self.plans(bond, fund, residences)
        coupons = await self.coupons(bond)
        running = await self.begin(fund)
        return Scenario(running, failed, completed, planned, coupons)

    async def asset(self, token_id: str, name: str, symbol: str, holder_count: int, tail: float, paid_in: str) -> Asset:
        number = int(token_id.rsplit(".", 1)[1])
        holders = [
            (f"0.0.{number * 1000 + at}", round(self.chance.paretovariate(tail) * 10_000)) for at in range(holder_count)
        ]
        await self.admin.create_token(token_id, name=name, symbol=symbol, decimals=2, holders=holders)
        asset = await assets.import_asset(
            self.runtime.database, self.runtime.ledger, token_id, payment_token_id=paid_in
        )
        await assets.sync(self.runtime.database, self.runtime.ledger, asset.id)
        return asset

    async def plan(self, asset: Asset, amount: str, concept: str, **terms: object) -> Distribution:
        kind = terms.pop("kind", DistributionType.DIVIDEND)
        wanted = PayoutTerms(kind, PayoutType.PERCENTAGE, Decimal(amount), concept=concept, **terms)  # type: ignore[arg-type]
        runtime = self.runtime
        return await distributions.create(runtime, asset, wanted)

    async def pay(self, distribution: Distribution, *, months_ago: int = 0) -> Distribution:
        runtime = self.runtime
        await starts.execute(runtime, distribution.id)
        await DistributionPayer(runtime.database, runtime.ledger, runtime.settings).pay(distribution.id)
        if months_ago:
            self.move_back(distribution, timedelta(days=30.4 * months_ago))
        return distribution

    def move_back(self, distribution: Distribution, by: timedelta) -> None:
        """Let a payout have happened earlier."""
        with psycopg.connect(**connect_arguments(self.runtime.database.url)) as connection:
            for column in ("created_at", "frozen_at", "executed_at", "updated_at", "snapshot_at"):
                connection.execute(
                    f"UPDATE distribution SET {column} = {column} - %s WHERE id = %s".encode(), (by, distribution.id)
                )

    async def year(self, bond: Asset, fund: Asset, residences: Asset) -> Distribution:
        last = None
        for months_ago in range(11, 0, -1):
            rent = await self.plan(residences, f"{18_400 + 350 * (11 - months_ago)}", f"Rent, {months_ago} months ago")
            await self.pay(rent, months_ago=months_ago)
            if months_ago in (11, 8, 5, 2):
                coupon = await self.plan(bond, "62500", "Quarterly coupon 5 %", kind=DistributionType.COUPON)
                last = await self.pay(coupon, months_ago=months_ago)
            if months_ago in (10, 4):
                dividend = await self.plan(fund, "48210.55", "Half-year dividend")
                await self.pay(dividend, months_ago=months_ago)
        if last is None:
            raise LookupError("no coupon was paid")
        return last

    async def trouble(self, bond: Asset) -> Distribution:
        holders = [f"0.0.{5101 * 1000 + at}" for at in range(3000)]
        await self.admin.freeze(holders[100:105], EURO)
        await self.admin.dissociate(holders[1500:1512], EURO)
        return await self.pay(await self.plan(bond, "250000", "Dividend 2026"))

    async def plans(self, bond: Asset, fund: Asset, residences: Asset) -> Distribution:
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        scheduled = {"execution_type": ExecutionType.SCHEDULED}
        await self.plan(fund, "51300", "Half-year dividend", scheduled_time=now + timedelta(days=4), **scheduled)
        await self.plan(residences, "22900", "Rent, next month", scheduled_time=now + timedelta(days=9), **scheduled)
        rows = "".join(f"0.0.{5103 * 1000 + at},{12 + at % 7}.50\n" for at in range(40))
        token = payment_token_of(self.runtime.settings, residences)
        entries = parse_payout_list(f"account_id,amount\n{rows}".encode().splitlines(keepends=True), token.decimals)
        await payout_lists.create(
            self.runtime,
            residences,
            token,
            entries,
            PayoutTerms(concept="Refund of heating costs"),
        )
        return await self.plan(bond, "31250.75", "Extra dividend, autumn")

    async def coupons(self, bond: Asset) -> str:
        now = datetime.now(UTC)
        terms = PayoutTerms(DistributionType.COUPON, PayoutType.PERCENTAGE, Decimal(12_000), concept="Monthly coupon")
        start = (now + timedelta(days=12)).replace(hour=9, minute=0, second=0, microsecond=0)
        calendar = Calendar(Frequency.MONTHLY, start, time_zone="Europe/Madrid")
        on_deposit = PayoutTerms(
            DistributionType.DIVIDEND, PayoutType.PERCENTAGE, None, concept="Passes on what comes in"
        )
        made = await series.create(self.runtime, bond, terms, calendar, now=now)
        await series.create(self.runtime, bond, on_deposit, Trigger(Decimal(100_000)), now=now)
        return str(made.id)

    async def begin(self, fund: Asset) -> Distribution:
        """Begin a payout that takes a while, because the ledger is slow."""
        dividend = await self.plan(fund, "73450.25", "Special dividend")
        runtime = self.runtime
        await self.admin.set_faults(Faults(mirror_lag_seconds=3))
        await starts.execute(runtime, dividend.id)
        return dividend


@dataclass(frozen=True)
class Shot:
    """One picture: of which page, how wide, and in which light."""

    name: str
    path: str
    size: dict[str, int]
    is_dark: bool = False
    whole: bool = False


def shots(scenario: Scenario) -> list[Shot]:
    """Return what is to be taken."""
    return [
        Shot("payout-running", f"/payouts/{scenario.running.id}", WIDE),
        Shot("payout-running-phone", f"/payouts/{scenario.running.id}", NARROW),
        Shot("overview", "/", WIDE),
        Shot("overview-dark", "/", WIDE, is_dark=True),
        Shot("overview-phone", "/", NARROW),
        Shot("asset", f"/assets/{BOND}", WIDE),
        Shot("payout-failed", f"/payouts/{scenario.failed.id}", WIDE),
        Shot("payout-failed-dark-phone", f"/payouts/{scenario.failed.id}", NARROW, is_dark=True),
        Shot("new-payout", f"/payouts/new?asset={BOND}", WIDE),
    ]


async def take(browser: Browser, address: str, shot: Shot, target: Path) -> None:
    """Sign in, open a page, and take its picture when it stands still."""
    context = await browser.new_context(
        viewport=shot.size,
        color_scheme="dark" if shot.is_dark else "light",
        timezone_id="Europe/Madrid",
        locale="en-GB",
    )
    page = await context.new_page()
    await sign_in(page, address, "ana")
    await page.goto(f"{address}{shot.path}")
    await page.wait_for_selector("main .page-inner > *")
    if shot.name.startswith("new-payout"):
        await page.get_by_label("Total to divide").fill("262500")
        await page.get_by_label("Name").fill("Dividend, second half")
        await page.get_by_role("button", name="Preview", exact=True).click()
        await page.get_by_text("Funds available").wait_for()
    if shot.name == "payout-running":
        await page.get_by_text("holders/s").wait_for()
    await page.wait_for_timeout(1200)
    await page.screenshot(path=target / f"{shot.name}.png", full_page=shot.whole)
    await context.close()


async def sign_in(page: Page, address: str, name: str) -> None:
    """Sign in with a password."""
    await page.goto(f"{address}/sign-in")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Debian's Chromium."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


@contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """Run ``masspayout up`` on a data folder."""
    environment = {**os.environ, "DATA_DIR": str(data_dir), "BATCH_SIZE": "10"}
    command = [sys.executable, "-m", "masspayout", "up", "--port", str(PORT)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/sign-in").close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


async def write_scenario(data_dir: Path) -> Scenario:
    """Make the data up in a data folder."""
    settings = Settings(_env_file=None, data_dir=data_dir, batch_size=10)  # type: ignore[call-arg]
    async with open_runtime(settings) as runtime:
        ledger = runtime.ledger
        if not isinstance(ledger, SandboxLedger):
            raise TypeError("the pictures are taken of the sandbox")
        with acting_as(Actor(ActorKind.USER, id="ana", name="ana", source_address="192.0.2.7")):
            return await Author(runtime, ledger.admin).write()


async def main() -> None:
    """Take all pictures."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data_dir:
        scenario = await write_scenario(Path(data_dir))
        with serving(Path(data_dir)) as address:
            async with chromium() as browser:
                for shot in shots(scenario):
                    await take(browser, address, shot, TARGET)


if __name__ == "__main__":
    asyncio.run(main())
