"""Draws the page as README shows it, from the demonstration's real data: `make picture`."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import httpx
from PIL import Image

from components.settings import Settings
from tests.servers import serving
from workflows.local.deployment import local_services
from workflows.local.stand_ins import deployed
from workflows.serve.app import create_app

TARGET = Path(__file__).parents[1] / "docs" / "page.webp"
_SIZE = {"width": 1280, "height": 680}


def main() -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("drawing the page needs Chromium: apt-get install chromium")
    settings = deployed(Settings.load())
    with (
        local_services(settings) as services,
        serving(create_app(services, settings)) as client,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pictures = [_drawn(browser, client, scheme) for scheme in ("light", "dark")]
        browser.close()
    sheet = Image.new("RGB", (2 * pictures[0].width, pictures[0].height))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number * picture.width, 0))
    sheet.save(TARGET, "WEBP", quality=82, method=6)


def _drawn(browser, client: httpx.Client, scheme: str) -> Image.Image:
    """Return what a search shows in light, and a moment that plays in dark."""
    page = browser.new_page(base_url=str(client.base_url), viewport=_SIZE, color_scheme=scheme)
    page.goto("/?q=a bicycle&confidence=60")
    page.wait_for_load_state("networkidle")
    if scheme == "dark":
        page.locator(".moments .open").first.click()
        page.wait_for_function("() => document.querySelector('dialog video')?.readyState >= 2")
        # The moment in the middle of its time line shows more than the best one, at its end.
        page.locator("dialog .times a").nth(1).click()
        page.evaluate("document.querySelector('dialog video').pause()")
        page.wait_for_function("() => !document.querySelector('dialog video').seeking")
        page.wait_for_load_state("networkidle")
    content = page.screenshot()
    page.close()
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


if __name__ == "__main__":
    main()
