"""SQL by name: a statement stands in a file of a folder under ``-- name: NAME``, and is made ready when first run."""

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pg8000.native import to_statement

LOCKED: Final = "/locked"  # after a name: the same statement, its rows held until the transaction ends

Statement = tuple[str, Callable[[dict[str, Any]], Any]]  # with $1 for a parameter; what puts the values in order


class Statements:
    """The statements of some folders by name; a name that two of them use is a bug of ours."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._ready: dict[str, Statement] = {}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The statements as they are written, by name."""
        found: dict[str, str] = {}
        for path in (path for folder in self._folders for path in sorted(folder.glob("*.sql"))):
            for block in re.split(r"^-- name: ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
                name, _, text = block.partition("\n")
                assert name.strip() not in found, f"two statements are called {name.strip()}"
                found[name.strip()] = text.strip().rstrip(";")
        return found

    def ready(self, name: str) -> Statement:
        """Return a statement ready for the driver, which takes a millisecond for each: a first request runs few."""
        if name not in self._ready:
            plain, locked, _ = name.partition(LOCKED)
            self._ready[name] = to_statement(self.texts[plain] + ("\nFOR UPDATE" if locked else ""))
        return self._ready[name]


SQL_FOLDER: Final = Path(__file__).parent.parent / "sql"
STATEMENTS: Final = Statements(SQL_FOLDER)
