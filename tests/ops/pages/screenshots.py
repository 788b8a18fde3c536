"""Takes the documents' pictures, from a month of made-up records: `python -m tests.ops.pages.screenshots`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from playwright.sync_api import Browser, ViewportSize

from ops.command_line.database import STATEMENTS
from ops.pages.serving import Pages
from ops.schema.migrate import migrate
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from shared.outside.database import open_database
from shared.settings import load_database_settings
from tests.ops.pages.browser import WANTED, find_chromium, running_chromium
from tests.ops.pages.conftest import END
from tests.ops.pages.records import make_records, write_records

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs" / "screenshots"
DESK, TELEPHONE = ViewportSize(width=1000, height=880), ViewportSize(width=390, height=844)
PICTURES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "now.png": ("/", {"viewport": DESK, "color_scheme": "light"}),
    "figures.png": ("/figures", {"viewport": DESK, "color_scheme": "light"}),
    "telephone.png": ("/figures", {"viewport": TELEPHONE, "color_scheme": "dark"}),
}


def main() -> int:
    """0 once every picture is taken; 1 where there is no browser to take them with."""
    executable = find_chromium()
    if executable is None:
        print(WANTED, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Postgres() as postgres:
        migrate(lambda: open_session(postgres.url()))
        write_records(postgres.url(), make_records(1500, 30, END))
        database = open_database(load_database_settings({"DATABASE_URL": postgres.url()}), STATEMENTS)
        with Pages(database, 0, lambda: END + timedelta(minutes=4)) as pages, running_chromium(executable) as browser:
            for name, (path, look) in PICTURES.items():
                _take(browser, urljoin(pages.url, path), look, FOLDER / name)
        database.close()
    return 0


def _take(browser: Browser, url: str, look: dict[str, Any], file: Path) -> None:
    page = browser.new_page(**look)
    page.goto(url)
    page.screenshot(path=file)
    page.close()
    print(f"{file.stat().st_size:>9,} {file.name}")


if __name__ == "__main__":
    sys.exit(main())
