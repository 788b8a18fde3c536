"""docs/reference/schema.md is what the migrations make."""

import re
from pathlib import Path

import pytest

from ops.schema.describe import describe
from sandbox.postgres.session import open_session

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schema.md"


def test_the_page_is_what_the_migrations_make(database_url: str) -> None:
    """Every table, column, rule, index, trigger and view, word by word; `make schema` writes it anew."""
    session = open_session(database_url)
    try:
        described = describe(session)
    finally:
        session.close()
    assert described == PAGE.read_text(), "docs/reference/schema.md is old: run `make schema` and commit what it writes"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE batch_conversions ADD COLUMN surprise INTEGER",
        "ALTER TABLE batch_conversions ALTER COLUMN payin_address TYPE TEXT",
        "CREATE INDEX surprise ON batch_conversions (created_at)",
        "COMMENT ON COLUMN batch_conversions.amount_eth IS 'something else'",
        "ALTER TABLE batch_events DROP CONSTRAINT batch_events_event",
    ],
)
def test_a_change_is_seen(database_url: str, change: str) -> None:
    """The comparison can fail: whatever is added, changed or taken away shows on the page."""
    session = open_session(database_url)
    try:
        before = describe(session)
        session.cursor().execute(change)
        assert describe(session) != before
    finally:
        session.close()


def test_every_table_says_what_it_is() -> None:
    """A migration that makes a table or a view says in the database what it is for."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]
    named = {section.partition("\n")[0]: section.partition("\n\n")[2] for section in sections}
    assert len(named) > 10
    assert {name for name, text in named.items() if text.startswith("|")} == set()
