"""The pages in a real browser: on a desk and on a telephone, by day and by night, by keyboard, and by ear."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, ViewportSize

from ops.pages.figures.all_figures import FIGURES
from ops.pages.rendering import TEXT_MAX
from tests.ops.conftest import Shell
from tests.ops.pages.browser import WANTED, find_chromium, running_chromium
from tests.ops.pages.conftest import PATHS
from tests.ops.pages.hostile import ENDLESS, HEBREW

DESK, TELEPHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
LOOKED_AT = ["/", "/figures", *PATHS[1:], "/nowhere"]
LOOKS: list[dict[str, Any]] = [
    {"viewport": DESK, "color_scheme": "light"},
    {"viewport": DESK, "color_scheme": "dark"},
    {"viewport": TELEPHONE, "color_scheme": "light"},
    {"viewport": TELEPHONE, "color_scheme": "dark"},
]
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]  # axe looks at every element, and others use the machine
IDS = ["desk by day", "desk by night", "telephone by day", "telephone by night"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; without one these tests are skipped, and say so."""
    executable = find_chromium()
    if executable is None:
        pytest.skip(WANTED)
    with running_chromium(executable) as running:
        yield running


@pytest.fixture
def report(records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A report's place on disk."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    file = tmp_path / "report.html"
    assert bare_shell("report", "--output", file, "--payment", "1", "--lives", "1").code == 0
    return file.as_uri()


def asked_for(page: Page) -> list[Request]:
    """Every request that a page makes from here on."""
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)

    page.on("request", note)
    return requests


def assert_fit(page: Page, look: dict[str, Any]) -> None:
    """Nothing to scroll to the side, nothing that axe objects to."""
    assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations] == []


@pytest.mark.parametrize(
    ("look", "paths"), list(zip(LOOKS, (LOOKED_AT, LOOKED_AT[:2], LOOKED_AT[:2], LOOKED_AT), strict=True)), ids=IDS
)  # each width and each scheme once on every page, the other pairs on those with the most in them
def test_every_page_fits_and_can_be_heard(
    browser: Browser, pages_url: str, look: dict[str, Any], paths: list[str]
) -> None:
    """At both widths and in both schemes, numbers unfolded; nothing but these pages is asked for."""
    page = browser.new_page(**look)
    requests = asked_for(page)
    for path in paths:
        page.goto(urljoin(pages_url, path))
        page.evaluate("[...document.querySelectorAll('details')].slice(0, 2).forEach(one => one.open = true)")
        assert_fit(page, look)
    assert {request.url.startswith(pages_url) for request in requests} == {True}
    page.close()


@pytest.mark.parametrize("look", LOOKS[1:3], ids=IDS[1:3])
def test_a_report_opens_from_disk(browser: Browser, report: str, look: dict[str, Any]) -> None:
    """With its style, its plots and its links, and with no request beside the file."""
    page = browser.new_page(**look, java_script_enabled=True)
    requests = asked_for(page)
    page.goto(report)
    assert_fit(page, look)
    assert [request.url for request in requests] == [report]
    assert page.locator("svg.plot:visible").count() == len(FIGURES) + 1, "and the curve of the recommendation"
    page.locator("#payment-1").scroll_into_view_if_needed()
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px", "its own style is let through"
    page.close()


def test_hostile_texts_do_nothing(browser: Browser, pages_url: str) -> None:
    """They are on the page, isolated, and nothing of them runs; a long one unfolds by keyboard."""
    page = browser.new_page(viewport=TELEPHONE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    for path in ("/", "/levers", "/held", "/batches", "/pending"):
        page.goto(urljoin(pages_url, path))
        assert page.title() != "run"
        assert page.locator("main script, main img, main i, main b").count() == 0
    assert complaints == []
    page.goto(urljoin(pages_url, "/levers"))
    assert page.locator("bdi", has_text=HEBREW).first.is_visible()
    long = page.locator("details.long").first
    whole = long.locator("> bdi")
    assert not whole.is_visible()
    long.locator("summary").focus()
    page.keyboard.press("Enter")
    assert whole.is_visible()
    assert len(whole.inner_text().strip()) == len(ENDLESS.strip()) > TEXT_MAX
    page.close()


def test_all_of_it_can_be_reached_by_keyboard(browser: Browser, pages_url: str) -> None:
    """The first stop leads past the navigation; every link and every table that scrolls is a stop that shows itself."""
    page = browser.new_page(viewport=DESK)
    page.goto(pages_url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box() is not None
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    every = "[...document.querySelectorAll('main a, main summary, main [tabindex=\"0\"]')]"
    stops = page.evaluate(f"{every}.filter(one => one.checkVisibility()).length")
    seen = set()
    for _ in range(stops):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert len(seen) == stops
    page.close()


def test_a_command_is_copied_whole(browser: Browser, pages_url: str) -> None:
    """One click marks a command, all of it and nothing else."""
    page = browser.new_page(viewport=DESK)
    page.goto(pages_url)
    page.locator("code", has_text="trigger --dry-run").first.click()
    assert page.evaluate("getSelection().toString()") == "./microbatch trigger --dry-run"
    page.close()


def test_a_script_would_be_stopped(browser: Browser, pages_url: str, report: str) -> None:
    """Were a tag ever let through, the policy would still not let it run."""
    for place in (pages_url, report):
        page = browser.new_page()
        page.goto(place)
        page.evaluate(
            "() => { const one = document.createElement('script'); one.textContent = \"document.title = 'run'\";"
            " document.body.append(one); }"
        )
        assert page.title() != "run"
        page.close()
