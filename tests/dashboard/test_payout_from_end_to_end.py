"""A payout from end to end, in a browser: import, upload, fix, preview, approve, execute, fail, retry, reconcile.

Each step goes on from the one before, as a user would.
"""

import asyncio
import csv
import io
import re
import uuid
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from playwright.async_api import Locator, Page, expect

from browsing import BATCH_SIZE, FROZEN, HOLDERS, IMPORTED_LATER, STRANGERS, Open, Service
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import Distributions
from payouts import PAYMENT_TOKEN, accounts

ACCOUNTS = accounts(HOLDERS)
BATCHES = HOLDERS // BATCH_SIZE
GOOD_ROWS = [f"{account},{1 + at % 5}.50" for at, account in enumerate(ACCOUNTS)]
TOTAL = sum((Decimal(row.split(",")[1]) for row in GOOD_ROWS), Decimal(0))


def shown(number: int | Decimal) -> str:
    """A number as the pages write it."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def text_of(locator: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\s+", r"\\s+", re.escape(locator).replace(r"\ ", " ")))


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def confirm(page: Page, name: str | re.Pattern[str]) -> None:
    await page.get_by_role("alertdialog").get_by_role("button", name=name).click()


def id_in_address(page: Page) -> uuid.UUID:
    return uuid.UUID(page.url.rsplit("/", 1)[1])


async def import_asset(page: Page) -> None:
    await page.get_by_role("link", name="Assets", exact=True).click()
    await page.get_by_role("link", name="Import an asset").click()
    await page.get_by_label("Token id").fill("0.0.404")
    await press(page, "Look up token")
    await expect(page.get_by_text("The sandbox has no token 0.0.404")).to_be_visible()
    await page.get_by_label("Token id").fill(IMPORTED_LATER)
    await press(page, "Look up token")
    await expect(page.get_by_role("heading", name="Blue Bond (BLB)")).to_be_visible()
    await press(page, "Use this token")
    await page.get_by_label("Payment token id").fill(PAYMENT_TOKEN)
    await press(page, "Import BLB")
    await expect(page.get_by_text(text_of(f"The register has {shown(HOLDERS)} holders."))).to_be_visible()


async def upload_and_fix(page: Page) -> None:
    rows = list(GOOD_ROWS)
    rows[7] = f"{ACCOUNTS[7]},twelve"
    rows[9] = f"{ACCOUNTS[8]},1.50"
    content = "\n".join(["account_id,amount", *rows]).encode()
    await page.get_by_role("radio", name=re.compile("Payout list")).click()
    await page.locator("input[type=file]").set_input_files(
        {"name": "march.csv", "mimeType": "text/csv", "buffer": content}
    )
    await expect(page.get_by_text("march.csv has 2 bad rows")).to_be_visible()
    await expect(page.get_by_text("'twelve' is not an amount.")).to_be_visible()
    await expect(page.get_by_text(f"{ACCOUNTS[8]} is already on line 10.")).to_be_visible()
    await page.get_by_label("Line 9").fill(GOOD_ROWS[7])
    await press(page, "Check again")
    await expect(page.get_by_text("march.csv has 1 bad row;")).to_be_visible()
    await page.get_by_label("Line 11").fill(GOOD_ROWS[9])
    await press(page, "Check again")
    await expect(page.get_by_text("march.csv is valid.")).to_be_visible()


async def plan_list(page: Page) -> None:
    await page.get_by_role("link", name="Plan a payout").click()
    await page.get_by_label("Name").fill("March 2026")
    await page.get_by_label("Reference").fill("INV-2026-0331")
    await upload_and_fix(page)
    create = page.get_by_role("button", name="Create payout")
    await expect(create).to_be_disabled()
    await press(page, "Preview")
    await expect(page.get_by_text("5 holders cannot receive it now")).to_be_visible()
    await expect(page.get_by_text("Sufficient funds.")).to_be_visible()
    await page.get_by_label("Name").fill("March 2026, mended list")
    await expect(create).to_be_disabled()
    await press(page, "Preview")
    await expect(create).to_be_enabled()
    await create.click()
    await expect(page.get_by_role("heading", name="March 2026, mended list")).to_be_visible()
    await expect(page.get_by_text("INV-2026-0331")).to_be_visible()


def paid_figure(page: Page) -> Locator:
    return page.locator(".figure", has=page.get_by_text("Paid", exact=True))


async def counters(page: Page) -> tuple[int, Decimal]:
    """Return how many are paid and how much, as the page says."""
    text = re.sub(r"[\u202f\u00a0]", "", await paid_figure(page).inner_text())
    amount, count = re.search(r"([0-9]+(?:\.[0-9]+)?)\s*TUSD", text), re.search(r"([0-9]+) of", text)
    assert amount, text
    assert count, text
    return int(count[1]), Decimal(amount[1])


async def database_counters(service: Service, distribution_id: uuid.UUID) -> tuple[int, Decimal]:
    """Return the same by looking at every holder."""
    found = await service.world.find(distribution_id)
    paid = [holder.payment_amount or Decimal(0) for holder in found.holders if holder.paid]
    return len(paid), sum(paid, Decimal(0))


async def watch(service: Service, page: Page, distribution_id: uuid.UUID) -> None:
    """See the figures move by themselves, a third of the way at a time, and agree with the database at each reload."""
    for batch in (BATCHES // 3, 2 * BATCHES // 3):
        service.world.hold_back(distribution_id, after=batch)
        await until_done_with(service, distribution_id, batch)
        count, _ = await database_counters(service, distribution_id)
        await expect(paid_figure(page)).to_contain_text(f"{count} of")
        assert await counters(page) == await database_counters(service, distribution_id)
    service.world.hold_back(distribution_id, after=BATCHES)
    while await service.world.find_status(distribution_id) is DistributionStatus.PROCESSING:
        before = await database_counters(service, distribution_id)
        await page.reload()
        await expect(page.locator(".figure").first).to_be_visible()
        assert before <= await counters(page) <= await database_counters(service, distribution_id)


async def until_done_with(service: Service, distribution_id: uuid.UUID, last: int) -> None:
    """Wait until the batches up to a number are closed, whoever of them is paid."""
    while True:
        batches = (await service.world.find(distribution_id)).batches
        if not any(batch.status.is_open for batch in batches if batch.batch_number <= last):
            return
        await asyncio.sleep(0.05)


async def test_a_payout_from_import_to_reconciliation(service: Service, sign_in: Open) -> None:
    world = service.world
    await world.sandbox.admin.freeze(FROZEN, PAYMENT_TOKEN)
    await world.sandbox.admin.dissociate(STRANGERS, PAYMENT_TOKEN)
    page = await sign_in("oscar")
    await import_asset(page)
    await plan_list(page)
    distribution_id = id_in_address(page)

    await expect(page.get_by_text("1 approval missing")).to_be_visible()
    await expect(page.get_by_role("button", name="Execute …")).to_have_count(0)
    second = await sign_in("ben", f"/payouts/{distribution_id}")
    await press(second, "Approve …")
    await confirm(second, re.compile("^Approve"))

    world.hold_back(distribution_id, after=0)
    await press(page, "Execute …")
    await confirm(page, re.compile("^Pay 1.050.00.TUSD$"))
    await expect(page.get_by_text("Payout started.")).to_be_visible()
    await watch(service, page, distribution_id)

    await expect(page.get_by_text("holders unpaid")).to_be_visible()
    assert await counters(page) == await database_counters(service, distribution_id)
    await expect(page.get_by_text("3 holders · The account is not associated")).to_be_visible()
    await retry_and_reconcile(service, page, distribution_id)

    page = await sign_in("oscar", "/payouts/new")
    await page.get_by_label("Total to divide").fill("1234.5")
    await press(page, "Preview")
    await expect(page.get_by_text("Compared with the last payout")).to_be_visible()


async def retry_and_reconcile(service: Service, page: Page, distribution_id: uuid.UUID) -> None:
    world = service.world
    await world.sandbox.admin.unfreeze(FROZEN, PAYMENT_TOKEN)
    await world.sandbox.admin.associate(STRANGERS, PAYMENT_TOKEN)
    await page.get_by_label(f"Select {STRANGERS[0]}").click()
    await press(page, "Retry 1 selected …")
    await confirm(page, "Retry 1 holder")
    await expect(page.get_by_text("2 holders · The account is not associated")).to_be_visible()
    assert [h.account_id for h in (await world.find(distribution_id)).holders if not h.paid and h.payment_amount] != []

    await page.get_by_role("button", name="Retry these 2 holders …").first.click()
    await confirm(page, "Retry 2 holders")
    await expect(page.get_by_role("button", name="Retry these 2 holders …")).to_have_count(1)
    await expect(page.get_by_role("button", name="Retry all unpaid …")).to_be_visible()
    await press(page, "Retry all unpaid …")
    await confirm(page, re.compile("^Pay"))
    await expect(page.get_by_text("All holders paid")).to_be_visible()
    assert await database_counters(service, distribution_id) == (HOLDERS, TOTAL)
    assert await counters(page) == (HOLDERS, TOTAL)

    await press(page, "Reconcile now")
    await expect(page.get_by_text("Ledger and database agree to the smallest unit.")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download CSV").click()
    content = (await (await download.value).path()).read_text()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [(row["account_id"], Decimal(row["payment_amount"]), row["paid"]) for row in rows] == [
        (account, Decimal(row.split(",")[1]), "true") for account, row in zip(ACCOUNTS, GOOD_ROWS, strict=True)
    ]
    link = page.get_by_role("link", name=re.compile(r"^0\.0\.1001")).first
    assert (await link.get_attribute("href") or "").startswith("https://explorer.example/transaction/0.0.1001")


async def test_a_scheduled_payout_is_called_off(service: Service, sign_in: Open) -> None:
    page = await sign_in("oscar", "/payouts/new")
    await page.get_by_label("Name").fill("Dividend that never was")
    await page.get_by_label("Total to divide").fill("1234.5")
    await page.get_by_role("radio", name=re.compile("Scheduled")).click()
    await page.get_by_label("Pay at").fill("2031-03-31T09:00")
    await expect(page.get_by_label("Time zone")).to_have_value("Europe/Madrid")
    await press(page, "Preview")
    await press(page, "Create payout")
    await expect(page.get_by_text("Amounts locked when due")).to_be_visible()
    await expect(page.get_by_text("31 Mar 2031, 09:00").first).to_be_visible()
    assert await page.locator("local-time", has_text="31 Mar 2031").first.get_attribute("title") == (
        "2031-03-31 07:00:00 UTC"
    )
    distribution_id = id_in_address(page)
    await press(page, "Cancel payout …")
    await confirm(page, "Cancel payout")
    await expect(page.get_by_text("Cancelled: no holder paid")).to_be_visible()
    assert await service.world.find_status(distribution_id) is DistributionStatus.CANCELLED


SLOW_ZONE = """
    const zone = new Promise(tell => setTimeout(() => tell("Europe/Madrid"), 2000));
    Intl.DateTimeFormat.prototype.resolvedOptions = () => ({timeZone: zone});
"""


async def test_a_preview_waits_for_the_time_zone_of_a_slow_browser(service: Service, sign_in: Open) -> None:
    page = await sign_in("oscar")
    await page.add_init_script(SLOW_ZONE)
    await page.goto("/payouts/new?execution=RECURRING")
    await page.get_by_label("Name").fill("Quarterly coupon")
    await page.get_by_label("Total to divide").fill("100")
    await page.get_by_label("First payment").fill("2031-01-31T09:00")
    await expect(page.get_by_label("Time zone")).to_have_value("UTC")
    await press(page, "Preview")
    await press(page, "Create series")
    await expect(page.get_by_role("heading", name="Quarterly coupon")).to_be_visible()
    async with service.runtime.database.unit_of_work() as session:
        (made,) = await Distributions(session).find_of_series(id_in_address(page), 10)
    assert made.scheduled_time == datetime(2031, 1, 31, 9, tzinfo=ZoneInfo("Europe/Madrid"))


async def test_a_series_is_made_paused_and_cancelled(service: Service, sign_in: Open) -> None:
    page = await sign_in("oscar", "/payouts/new?execution=RECURRING")
    await page.get_by_label("Name").fill("Monthly coupon")
    await page.get_by_label("Total to divide").fill("100")
    await page.get_by_label("First payment").fill("2031-01-31T09:00")
    await press(page, "Preview")
    await press(page, "Create series")
    await expect(page.get_by_role("heading", name="Monthly coupon")).to_be_visible()
    await expect(page.get_by_role("link", name="31 Jan 2031, 09:00")).to_be_visible()
    await press(page, "Pause")
    await expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    await press(page, "Resume …")
    await confirm(page, "Resume")
    # The page is renewed with that, and a button that is pressed meanwhile may be gone.
    await expect(page.get_by_text("Paused", exact=True)).to_be_hidden()
    await press(page, "Cancel series …")
    await confirm(page, "Cancel series")
    await expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    async with service.runtime.database.unit_of_work() as session:
        made = await Distributions(session).find_of_series(id_in_address(page), 10)
    assert [each.status for each in made] == [DistributionStatus.CANCELLED]
