"""In which schema the tables are: where they stand already, whatever a search_path would have a new table made in."""

from typing import Final

from pg8000.dbapi import Connection

from ops.schema.migration_run import execute
from ops.schema.preflight.finding import Finding, PreflightStopped

SHARED_TABLES: Final = ("payout_accumulation", "batch_conversions")

_STANDING: Final = """
SELECT class.relname, namespace.nspname, namespace.nspname = ANY (CURRENT_SCHEMAS(FALSE))
FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relname IN ('payout_accumulation', 'batch_conversions') AND class.relkind NOT IN ('i', 'I', 'c')
    AND namespace.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""


def settle_schema(connection: Connection) -> str:
    """Have the session work in the tables' own schema, and return its name; raises PreflightStopped if unclear.

    Only that schema: CREATE TABLE IF NOT EXISTS looks for the name in the first of a search_path alone, and would make
    an empty table there beside the real one.
    """
    home = _find_home(connection)
    if isinstance(home, Finding):
        raise PreflightStopped([home])
    execute(connection, f"SET search_path = {_quoted(home)}, pg_temp")
    return home


def _find_home(connection: Connection) -> str | Finding:
    rows = execute(connection, _STANDING)
    schemas = {name: [schema for table, schema, _ in rows if table == name] for name in SHARED_TABLES}
    visible = {schema for _, schema, is_on_path in rows if is_on_path}
    ((first, path),) = execute(connection, "SELECT CURRENT_SCHEMA(), CURRENT_SETTING('search_path')")
    if len(visible) > 1:
        return _stop(
            f"tables stand in more than one schema of the search_path ({path}): {_told(schemas)}; which are the real "
            "ones is for a person to say",
            "ALTER TABLE SCHEMA.TABLE RENAME TO TABLE_unused;  -- for those that no service writes",
        )
    if visible:
        return str(visible.pop())
    if rows:
        return _stop(
            f"{_told(schemas)}, which the search_path of this role ({path}) does not lead to",
            f"ALTER ROLE CURRENT_USER IN DATABASE {_database(connection)} SET search_path = {_quoted(rows[0][1])};",
        )
    if first is None:
        return _stop(f"the search_path ({path}) names no schema that exists", "CREATE SCHEMA ...;")
    return str(first)


def _told(schemas: dict[str, list[str]]) -> str:
    return " and ".join(f"{table} in {', '.join(names)}" for table, names in schemas.items() if names)


def _stop(says: str, to_type: str) -> Finding:
    return Finding("schema_unclear", says, to_type, stops=True)


def _database(connection: Connection) -> str:
    return str(execute(connection, "SELECT QUOTE_IDENT(CURRENT_DATABASE())")[0][0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
