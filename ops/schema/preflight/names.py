"""Names that the migrations are about to give, and that something else has already."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pg8000.dbapi import Connection

from ops.schema.migration_files import Migration
from ops.schema.migration_run import execute
from ops.schema.preflight.finding import Finding

_OBJECT: Final = re.compile(r"CREATE\s+(?P<kind>TABLE|VIEW|FUNCTION)\s+(?!IF\b)(?P<name>\w+)", re.I)
_INDEX: Final = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>\w+)\s+"
    r"ON\s+(?P<table>\w+)\s*\((?P<keys>[^)]*)\)(?P<rest>.*)",
    re.I | re.S,
)
_TRIGGER: Final = re.compile(r"CREATE\s+TRIGGER\s+(?P<name>\w+)\s.*?\sON\s+(?P<table>\w+)", re.I | re.S)
_CONSTRAINTS: Final = re.compile(r"ALTER\s+TABLE\s+(?P<table>\w+)\s+(?P<added>(?:.(?!ALTER\s+TABLE))*)", re.I | re.S)
_ADDED: Final = re.compile(r"ADD\s+CONSTRAINT\s+(?P<name>\w+)", re.I)

_TAKEN: Final = """
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' ELSE 'table' END,
    relname::TEXT, CASE WHEN relkind = 'i' THEN PG_GET_INDEXDEF(oid) END
FROM pg_class WHERE relnamespace = CURRENT_SCHEMA()::REGNAMESPACE
UNION ALL
SELECT 'function', proname::TEXT, NULL FROM pg_proc WHERE pronamespace = CURRENT_SCHEMA()::REGNAMESPACE
UNION ALL
SELECT 'trigger', tgname::TEXT, tgrelid::REGCLASS::TEXT FROM pg_trigger
WHERE tgrelid IN (TO_REGCLASS('payout_accumulation'), TO_REGCLASS('batch_conversions')) AND NOT tgisinternal
UNION ALL
SELECT 'constraint', conname::TEXT, conrelid::REGCLASS::TEXT FROM pg_constraint
WHERE conrelid IN (TO_REGCLASS('payout_accumulation'), TO_REGCLASS('batch_conversions'))
"""
_RENAME: Final = {
    "table": "ALTER TABLE {name} RENAME TO {name}_before;",
    "view": "ALTER VIEW {name} RENAME TO {name}_before;",
    "index": "ALTER INDEX {name} RENAME TO {name}_before;",
    "sequence": "ALTER SEQUENCE {name} RENAME TO {name}_before;",
    "function": "ALTER ROUTINE {name} RENAME TO {name}_before;",
    "trigger": "ALTER TRIGGER {name} ON {table} RENAME TO {name}_before;",
    "constraint": "ALTER TABLE {table} RENAME CONSTRAINT {name} TO {name}_before;",
}
_VERSIONS: Final = """
SELECT ARRAY_AGG(attname::TEXT ORDER BY attnum) FROM pg_attribute
WHERE attrelid = TO_REGCLASS('schema_migrations') AND attnum > 0 AND NOT attisdropped
"""
VERSION_COLUMNS: Final = ["version", "name", "checksum", "applied_at"]


@dataclass(frozen=True)
class Given:
    """A name that a migration gives; *index* is what an index of ours, begun by an interrupted run, looks like."""

    space: str
    """relation, function, trigger or constraint: what must not have the same name."""
    name: str
    index: str | None = None


def examine_names(connection: Connection, missing: list[Migration]) -> list[Finding]:
    """Find what has a name that the *missing* migrations are about to give."""
    given = {(name.space, name.name): name for migration in missing for name in _given(migration)}
    findings = []
    for kind, name, detail in execute(connection, _TAKEN):
        space = kind if kind in {"function", "trigger", "constraint"} else "relation"
        ours = given.get((space, name))
        if ours is None or (kind == "index" and ours.index is not None and _outline(detail) == ours.index):
            continue
        findings.append(
            Finding(
                "name_taken",
                f"the name {name} is taken by another {kind}",
                _RENAME[kind].format(name=name, table=detail),
                stops=True,
            )
        )
    return findings


def examine_versions(connection: Connection) -> list[Finding]:
    """Find another program's table where ours is to be."""
    ((columns,),) = execute(connection, _VERSIONS)
    if columns is None or columns == VERSION_COLUMNS:
        return []
    says = f"schema_migrations is another program's: it has the columns {', '.join(columns)}"
    return [
        Finding("name_taken", says, "ALTER TABLE schema_migrations RENAME TO schema_migrations_before;", stops=True)
    ]


def _given(migration: Migration) -> Iterator[Given]:
    for statement in migration.statements:
        if match := _OBJECT.match(statement.text):
            yield Given("function" if match["kind"].upper() == "FUNCTION" else "relation", match["name"])
        elif match := _INDEX.match(statement.text):
            yield Given("relation", match["name"], _outline(statement.text))
        elif match := _TRIGGER.match(statement.text):
            yield Given("trigger", match["name"])
        for altered in _CONSTRAINTS.finditer(statement.text):
            for added in _ADDED.finditer(altered["added"]):
                yield Given("constraint", added["name"])


def _outline(index: str) -> str | None:
    """An index as its table, its columns, and whether it is unique and partial; None for one of another kind."""
    match = _INDEX.match(re.sub(r"\b\w+\.(?=\w+ USING)| USING btree", "", index))
    if match is None:
        return None
    keys = ", ".join(key.strip() for key in match["keys"].split(","))
    marks = [mark for mark in ("UNIQUE", "WHERE", "INCLUDE") if re.search(rf"\b{mark}\b", index)]
    return f"{match['table']} ({keys}) {' '.join(marks)}"
