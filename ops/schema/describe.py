"""Writes down what stands in a database, as docs/reference/schema.md has it.

`.venv/bin/python -m ops.schema.describe` prints the page for the database of DATABASE_URL, or of the Cloud SQL
settings, to be compared with the page in the repository.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from pg8000.dbapi import Connection

from ops.schema.migration_run import execute
from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.outside.connection import connect
from shared.settings import load_database_settings

FIRST: Final = ("payout_accumulation", "batch_conversions")  # the two that the rest hangs on

HEAD: Final = """# Schema

What a migrated database holds. Written from its catalog, never by hand: `make schema` writes this page anew, and a test
compares it with what the migrations make.

**`accumulated_eth` and `total_eth_usd` hold US dollars**, see the [glossary](glossary.md). `TIMESTAMP` columns
hold UTC. On a database that was there before us further columns of other services stand beside these.
"""

_RELATIONS: Final = """
SELECT relname, relkind = 'v', obj_description(oid, 'pg_class'), CAST(oid AS bigint)
FROM pg_class
WHERE relnamespace = CAST('public' AS regnamespace) AND relkind IN ('r', 'v')
ORDER BY relname
"""
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid, TRUE),
    col_description(attrelid, attnum)
FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""
_CONSTRAINTS: Final = """
SELECT conname, pg_get_constraintdef(oid, TRUE) FROM pg_constraint
WHERE conrelid = {oid} AND contype <> 'n' ORDER BY contype DESC, conname
"""
_INDEXES: Final = """
SELECT CAST(indexrelid AS regclass), pg_get_indexdef(indexrelid, 0, TRUE) FROM pg_index
WHERE indrelid = {oid} AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY 1
"""
_TRIGGERS: Final = """
SELECT tgname, pg_get_triggerdef(oid, TRUE) FROM pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal ORDER BY tgname
"""
_FUNCTIONS: Final = """
SELECT proname, obj_description(pg_proc.oid, 'pg_proc'), pg_get_functiondef(pg_proc.oid)
FROM pg_proc
JOIN pg_language ON pg_language.oid = prolang
WHERE pronamespace = CAST('public' AS regnamespace) AND lanname = 'sql'
ORDER BY proname
"""
_VIEW: Final = "SELECT pg_get_viewdef(CAST({oid} AS oid), TRUE)"

_CAST: Final = re.compile(r"::(?:character varying|text|numeric|regclass)(?:\[\])?")
_SHORT_TYPES: Final = {
    "character varying": "VARCHAR",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
}


def describe(connection: Connection) -> str:
    """The page of everything in the schema `public`; *connection* is in autocommit."""
    relations = execute(connection, _RELATIONS)
    relations.sort(key=lambda row: (row[1], FIRST.index(row[0]) if row[0] in FIRST else len(FIRST), row[0]))
    sections = [_section(connection, row) for row in relations]
    sections += [_function(*row) for row in execute(connection, _FUNCTIONS)]
    return HEAD + "".join(f"\n{section}" for section in sections)


def _section(connection: Connection, relation: tuple[Any, ...]) -> str:
    """One table or view: what it is, its columns, and what holds for it."""
    name, is_view, comment, oid = relation
    lines = [f"## {name}", ""]
    if comment:
        lines += [comment, ""]
    lines += _columns(connection, oid, is_view=is_view)
    if is_view:
        ((definition,),) = execute(connection, _VIEW.format(oid=oid))
        lines += ["", *_sql(definition)]
    else:
        lines += [""] * any(rules := list(_rules(connection, oid))) + rules
    return "\n".join(lines) + "\n"


def _function(name: str, comment: str | None, definition: str) -> str:
    """A function that statements call: what a view or a rule says by its name."""
    said = [comment, ""] if comment else []
    return "\n".join([f"## {name}()", "", *said, *_sql(definition)]) + "\n"


def _sql(definition: str) -> list[str]:
    return ["```sql", *(line.rstrip() for line in definition.strip("\n").splitlines()), "```"]


def _columns(connection: Connection, oid: int, *, is_view: bool) -> list[str]:
    rows = execute(connection, _COLUMNS.format(oid=oid))
    if is_view:
        return _table(("column", "type", "what it is"), [(f"`{row[0]}`", _type(row[1]), row[4] or "") for row in rows])
    cells = [
        (f"`{name}`", _type(kind), "" if needed else "yes", f"`{_plain(default)}`" if default else "", comment or "")
        for name, kind, needed, default, comment in rows
    ]
    return _table(("column", "type", "may be NULL", "default", "what it is"), cells)


def _rules(connection: Connection, oid: int) -> Iterator[str]:
    for name, definition in execute(connection, _CONSTRAINTS.format(oid=oid)):
        yield f"- rule `{name}`: `{_plain(definition)}`"
    for name, definition in execute(connection, _INDEXES.format(oid=oid)):
        unique = "unique index" if definition.startswith("CREATE UNIQUE") else "index"
        yield f"- {unique} `{name}`: `{_plain(definition.partition(' USING ')[2])}`"
    for name, definition in execute(connection, _TRIGGERS.format(oid=oid)):
        yield f"- trigger `{name}`: `{_plain(re.sub(r'^CREATE (CONSTRAINT )?TRIGGER [^ ]+ ', '', definition))}`"


def _plain(definition: str) -> str:
    """A definition on one line, without the casts that PostgreSQL adds for itself."""
    return _CAST.sub("", " ".join(definition.split()))


def _type(name: str) -> str:
    for long, short in _SHORT_TYPES.items():
        name = name.replace(long, short)
    return name.upper()


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _row(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main() -> int:
    """0 printed; 1 settings are missing; 3 the database is away, try again."""
    try:
        with closing(connect(load_database_settings(os.environ))) as connection:
            sys.stdout.write(describe(connection))
    except SettingsInvalid as error:
        print(f"schema: {error}", file=sys.stderr)
        return 1
    except DatabaseUnavailable as error:
        print(f"schema: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
