"""Every page: no error in the browser, nothing from elsewhere, fit for a phone and for a keyboard, light and dark."""

from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from browsing import Open, Service
from payouts import ASSET_TOKEN, TREASURY

PATHS = (
    "/",
    "/assets",
    f"/assets/{ASSET_TOKEN}",
    "/assets/import",
    "/payouts/new",
    "/payouts/upcoming",
    "/payouts/ongoing",
    "/payouts/completed",
    "/series",
    "/listeners",
    "/audit",
    "/policy",
    "/users",
    "/tokens",
    "/webhooks",
)
SMALLEST_PHONE = {"width": 360, "height": 640}


async def too_wide(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def contrast(page: Page) -> float:
    """Return the contrast of the text of a page against its background, as WCAG reckons it."""
    return float(
        await page.evaluate(
            """() => {
                const light = (colour) => {
                    const [r, g, b] = colour.match(/[0-9.]+/g).map(Number)
                        .map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const style = getComputedStyle(document.body);
                const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
                return (a + 0.05) / (b + 0.05);
            }"""
        )
    )


async def test_every_page_fits_a_phone_and_asks_nobody_else(service: Service, sign_in: Open) -> None:
    page = await sign_in("ana", viewport=SMALLEST_PHONE)
    foreign_urls: list[str] = []
    own = urlsplit(service.address).netloc
    page.on(
        "request", lambda request: foreign_urls.append(request.url) if urlsplit(request.url).netloc != own else None
    )
    for path in PATHS:
        await page.goto(path)
        await expect(page.locator("main h1").first).to_be_visible()
        assert await too_wide(page) <= 0, path
    assert not [url for url in foreign_urls if not url.startswith(("data:", "blob:"))]


async def test_the_api_is_read_and_tried_without_anything_from_elsewhere(service: Service, sign_in: Open) -> None:
    page = await sign_in("ana")
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    answer = await page.goto("/docs")
    assert answer is not None
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    await expect(page.get_by_text("/api/v1/assets/import")).to_be_visible()
    assert "://" not in (await page.content()).replace(service.address, "").replace("http://www.w3.org", "")
    assert complaints == []


async def test_a_page_can_be_used_by_keyboard(service: Service, sign_in: Open) -> None:
    page = await sign_in("ana")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.keyboard.press("Tab")
    focused = page.locator(":focus-visible")
    await expect(focused).to_have_count(1)
    assert await focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


async def test_light_and_dark_are_chosen_and_remembered(service: Service, sign_in: Open) -> None:
    page = await sign_in("ana", color_scheme="light")
    await expect(page.locator("body.body--light")).to_have_count(1)
    assert await contrast(page) > 7
    await page.get_by_role("button", name="Theme").click()
    await expect(page.locator("body.body--dark")).to_have_count(1)
    await page.reload()
    await expect(page.locator("body.body--dark")).to_have_count(1)
    assert await contrast(page) > 7


async def test_the_register_is_searched_and_turned_on_the_server(service: Service, sign_in: Open) -> None:
    page = await sign_in("vera", f"/assets/{ASSET_TOKEN}")
    first_cell = page.locator("table.table").first.locator("tbody td").first
    await expect(first_cell).to_have_text(TREASURY)
    await page.get_by_role("button", name="Next").first.click()
    await expect(first_cell).to_have_text("0.0.20275")
    await page.get_by_label("Search the register").fill("0.0.2015")
    await expect(first_cell).to_have_text("0.0.20150")
    await expect(page.locator("table.table").first.locator("tbody tr")).to_have_count(10)
    await page.get_by_label("Search the register").fill("0.0.8")
    await expect(page.get_by_text("No matching holder")).to_be_visible()


async def test_what_is_not_there_says_so(service: Service, sign_in: Open) -> None:
    page = await sign_in("vera")
    for path in ("/assets/0.0.404", "/payouts/nonsense", "/series/00000000-0000-7000-8000-000000000000"):
        response = await page.goto(path)
        assert response is not None
        assert response.status == 404
        await expect(page.get_by_text("Page not found")).to_be_visible()
