"""Who visits the page in a real browser, and what the page should not have done meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from asyncflow.web.tokens import TokenFile
from tests.web.restaurant import Restaurant

playwright = pytest.importorskip("playwright.async_api", reason="pip install playwright")
expect = playwright.expect
_PATIENCE = 30_000
"""Milliseconds: other work may keep the machine busy."""
expect.set_options(timeout=_PATIENCE)
CHROMIUM = shutil.which("chromium-headless-shell")
PICTURES = Path(__file__).parents[2] / "build" / "page"


@dataclass(frozen=True)
class Visit:
    """A page, and everything that it should not have done."""

    page: playwright.Page
    url: str
    theme: str
    troubles: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page, home = self.page, urlsplit(self.url).netloc
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: self.troubles.append(f"a script has run: {dialog.message}"))
        page.on("console", lambda said: said.type in {"error", "warning"} and self.troubles.append(said.text))
        page.on("request", lambda one: urlsplit(one.url).netloc != home and self.troubles.append(one.url))

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}")

    def expect(self, selector: str) -> playwright.LocatorAssertions:
        return expect(self.page.locator(selector).first)

    async def picture(self, name: str) -> None:
        """Keep how it looks in both themes; nothing may be wider than the window, or than its card."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        size = await self.page.evaluate("innerWidth")
        await self.page.evaluate("scrollTo(0, 0)")  # or what sticks to the top is in the midst of it
        cut = "[...document.querySelectorAll('.card, .card-small')].filter((one) => one.scrollWidth > one.clientWidth)"
        for theme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=theme)
            await self.page.screenshot(path=PICTURES / f"{name}-{size}-{theme}.png", full_page=True)
            assert await self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, theme)
            assert await self.page.evaluate(f"{cut}.map((one) => one.innerText)") == [], (name, theme)
        await self.page.emulate_media(color_scheme=self.theme)


@dataclass(frozen=True)
class Reader:
    """Who visits."""

    browser: playwright.Browser
    restaurant: Restaurant

    @asynccontextmanager
    async def visit(
        self, width: int = 1280, theme: str = "light", tokens: TokenFile | None = None
    ) -> AsyncIterator[Visit]:
        async with self.restaurant.served(tokens) as asked:
            page = await self.browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
            visited = Visit(page, str(asked.base_url), theme)
            visited.watch()
            try:
                yield visited
            finally:
                await page.context.close()
        assert visited.troubles == []


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[playwright.Browser]:
    """It takes seconds to start: one for all tests, which get a profile of their own each."""
    async with playwright.async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture
def reader(browser: playwright.Browser, restaurant: Restaurant) -> Reader:
    return Reader(browser, restaurant)
