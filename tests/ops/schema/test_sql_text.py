"""A file of SQL is cut where psql would cut it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.schema.sql_text import split_statements


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("", []),
        (" ;; -- nothing\n ; /* nor here */", []),
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;b', \"c;d\"; SELECT 2;", ["SELECT 'a;b', \"c;d\"", "SELECT 2"]),
        ("SELECT 'it''s; so'; SELECT 2", ["SELECT 'it''s; so'", "SELECT 2"]),
        (r"SELECT E'\';', 'x\'; SELECT 2", [r"SELECT E'\';', 'x\'", "SELECT 2"]),
        ("SELECT 1 -- one; still one\n; SELECT 2", ["SELECT 1 -- one; still one", "SELECT 2"]),
        ("SELECT 1 /* a /* b; */ ; */; SELECT 2", ["SELECT 1 /* a /* b; */ ; */", "SELECT 2"]),
        ("DO $$ BEGIN; END $$; SELECT 2", ["DO $$ BEGIN; END $$", "SELECT 2"]),
        ("DO $a$ ; $b$ ; $$ ; $a$; SELECT 2", ["DO $a$ ; $b$ ; $$ ; $a$", "SELECT 2"]),
        ("SELECT a$b$c; SELECT 2", ["SELECT a$b$c", "SELECT 2"]),
        ("SELECT $1; SELECT x-1", ["SELECT $1", "SELECT x-1"]),
        ("-- why\n\n/* more */ SELECT 1;", ["SELECT 1"]),
    ],
)
def test_cuts_at_semicolons_outside_quotes_and_comments(sql: str, texts: list[str]) -> None:
    """Quotes of every kind and nested comments keep their semicolons."""
    assert [statement.text for statement in split_statements(sql)] == texts


def test_names_the_line_on_which_each_statement_begins() -> None:
    """Comments before a statement do not count as its beginning."""
    sql = "-- one\nSELECT 1;\n\n-- two\nSELECT\n  2; SELECT 3"
    assert [statement.line for statement in split_statements(sql)] == [2, 5, 6]


@pytest.mark.parametrize("sql", ["SELECT 1;\nSELECT 'a", 'SELECT 1;\n"', "SELECT 1;\n/* /* */", "SELECT 1;\n$x$ $y$"])
def test_refuses_what_does_not_end(sql: str) -> None:
    """A quote or a comment without an end is named with its line."""
    with pytest.raises(ValueError, match="line 2"):
        split_statements(sql)


PIECES = st.sampled_from(["SELECT 1", "'a;b'", '"c;"', "$$;$$", "$t$ $$; $t$", "/*;*/ x", "--;\n y"])


@given(st.lists(PIECES, max_size=8))
def test_statements_joined_and_cut_again_are_the_same(pieces: list[str]) -> None:
    """Nothing of a statement is lost, and none flows into the next."""
    statements = split_statements(";\n".join(pieces))
    assert len(statements) == len(pieces)
    again = split_statements(";\n".join(statement.text for statement in statements))
    assert [statement.text for statement in again] == [s.text for s in statements]
