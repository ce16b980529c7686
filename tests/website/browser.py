"""A browser for the tests of the built site: Chromium, headless, one per worker, cut off from every other host."""

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field

import chromium
from build_book import HTML
from site_server import serve

# Whatever a page asks for elsewhere fails at once, and is counted where it was asked for.
FLAGS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--disable-lcd-text",
]
WIDE = {"viewport": {"width": 1366, "height": 768}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SETTINGS = {
    f"{colours}-{size['viewport']['width']}": {"color_scheme": colours, **size}
    for colours in ("light", "dark")
    for size in (WIDE, PHONE)
}


@contextmanager
def launched():
    """A running Chromium under Playwright."""
    try:
        from playwright.sync_api import sync_playwright  # here, so that tests without a browser can be collected
    except ImportError:
        raise RuntimeError(f"Playwright is not installed: {sys.executable} tools/prepare_browser.py") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open, with what its visit has brought to light."""

    page: object
    context: object
    problems: list[str] = field(default_factory=list)  # console errors and warnings, exceptions
    elsewhere: list[str] = field(default_factory=list)  # requests to other hosts


class Visitor:
    """Opens pages of the site, each in a browser context of its own: nothing is cached, nothing is remembered."""

    def __init__(self, browser, site):
        self.browser, self.site, self.visits = browser, site, []

    def address(self, name: str) -> str:
        """Where a page is: ``book/index`` and so on; ``404`` is an address at which there is nothing."""
        return self.site.url + ("no/such/page.html" if name == "404" else f"{name}.html")

    def open(self, name: str | None, *, address: str | None = None, script: str | None = None, **options) -> Visit:
        """A page in a new context with ``options``, loaded; ``script`` runs in it before its own scripts do."""
        context = self.browser.new_context(**{**WIDE, **options})
        context.set_default_timeout(10_000)
        if script:
            context.add_init_script(script)
        visit = Visit(context.new_page(), context)
        self.visits.append(visit)
        local = ("data:", "blob:", "file:", "about:", self.site.url)
        context.on("request", lambda r: None if r.url.startswith(local) else visit.elsewhere.append(r.url))

        def heard(message):
            where = message.location["url"]
            if "status of 404" in message.text and "/no/such/" in where:
                return  # asked for on purpose
            if message.type in ("error", "warning"):
                visit.problems.append(f"{message.type}: {message.text} ({where})")

        context.on("console", heard)
        context.on("weberror", lambda error: visit.problems.append(f"exception: {error.error}"))
        if name is not None:
            visit.page.goto(address or self.address(name))
        return visit

    def close(self) -> list[str]:
        """Close what was opened. Returns what went wrong on any of the pages."""
        wrong = [line for visit in self.visits for line in visit.problems + visit.elsewhere]
        for visit in self.visits:
            visit.context.close()
        self.visits.clear()
        return wrong


@contextmanager
def visitor(folder=HTML):
    """A Visitor of the site in ``folder``."""
    with serve(folder) as site, launched() as browser:
        yield Visitor(browser, site)


def scroll_through(page) -> None:
    """Scroll down a page as a reader does, so that pictures which load lazily load; then back to the top."""
    page.evaluate(
        """async () => {
            const pause = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
            for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
                scrollTo({ top: y, behavior: "instant" })
                await pause()
            }
            const loading = [...document.images].filter((image) => image.checkVisibility() && !image.complete)
            await Promise.all(loading.map((image) => new Promise((done) => { image.onload = image.onerror = done })))
            scrollTo({ top: 0, behavior: "instant" })
            await pause()
        }"""
    )
