"""A real Chromium: Debian's, or the one that playwright was given; none may mean that a test cannot be made here."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WANTED: Final = "no Chromium on this machine (Debian's package chromium, or playwright's own)"


def find_chromium() -> str | None:
    """Where a Chromium is, or None."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is not None:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def running_chromium(executable: str) -> Iterator[Browser]:
    """Run it without a window; root may not use its sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
