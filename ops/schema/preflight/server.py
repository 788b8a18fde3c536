"""What the server, the role and the tables' keys must be for the migrations to run at all."""

from typing import Final

from pg8000.dbapi import Connection

from ops.schema.migration_run import execute
from ops.schema.preflight.finding import Finding
from ops.schema.preflight.place import SHARED_TABLES

POSTGRESQL_MIN: Final = 14

_SERVER: Final = """
SELECT CURRENT_SETTING('server_version_num')::INTEGER / 10000, CURRENT_USER::TEXT,
    HAS_SCHEMA_PRIVILEGE(CURRENT_SCHEMA(), 'CREATE'), QUOTE_IDENT(CURRENT_SCHEMA())
"""
_TABLE: Final = """
SELECT class.relkind, PG_GET_USERBYID(class.relowner)::TEXT, PG_HAS_ROLE(class.relowner, 'USAGE')
FROM pg_class AS class WHERE class.oid = TO_REGCLASS('{table}')
"""
_KEY: Final = """
SELECT 1 FROM pg_index AS index
WHERE index.indrelid = TO_REGCLASS('{table}') AND index.indisunique AND index.indisvalid AND index.indimmediate
    AND index.indpred IS NULL AND index.indexprs IS NULL AND index.indnkeyatts = 1
    AND index.indkey[0] = (
        SELECT attnum FROM pg_attribute WHERE attrelid = TO_REGCLASS('{table}') AND attname = '{column}')
UNION ALL
SELECT 1 WHERE NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = TO_REGCLASS('{table}') AND attname = '{column}' AND NOT attisdropped)
"""
_DOUBLES: Final = """
SELECT {column}::TEXT FROM {table} GROUP BY {column} HAVING COUNT(*) > 1 OR {column} IS NULL ORDER BY 1 LIMIT 10
"""
_KEYS: Final = (("payout_accumulation", "id"), ("batch_conversions", "batch_conversion_id"))


def examine_server(connection: Connection) -> list[Finding]:
    """Find a server too old, a role with too few rights, tables that are none, keys that are missing."""
    ((version, role, may_create, schema),) = execute(connection, _SERVER)
    findings = []
    if version < POSTGRESQL_MIN:
        findings.append(
            _stop("server_too_old", f"PostgreSQL {version} is too old: {POSTGRESQL_MIN} is the least", None)
        )
    if not may_create:
        findings.append(
            _stop(
                "may_not_create",
                f"the role {role} may not create tables in the schema {schema}",
                f"GRANT CREATE ON SCHEMA {schema} TO {role};  -- as the schema's owner",
            )
        )
    for table in SHARED_TABLES:
        findings += _examine_table(connection, table, role)
    return findings + _examine_keys(connection)


def _examine_table(connection: Connection, table: str, role: str) -> list[Finding]:
    findings = []
    for kind, owner, owned in execute(connection, _TABLE.format(table=table)):
        if kind not in {"r", b"r"}:
            findings.append(_stop("not_a_table", f"{table} is no plain table (relkind {kind})", None))
        if not owned:
            findings.append(
                _stop(
                    "not_the_owner",
                    f"{table} belongs to {owner}, and the role {role} is no member of it",
                    f"GRANT {owner} TO {role};  -- or migrate as {owner}",
                )
            )
    return findings


def _examine_keys(connection: Connection) -> list[Finding]:
    findings = []
    for table, column in _KEYS:
        if not execute(connection, _TABLE.format(table=table)) or execute(
            connection, _KEY.format(table=table, column=column)
        ):
            continue
        doubles = [row[0] for row in execute(connection, _DOUBLES.format(table=table, column=column))]
        told = f"; several rows have {', '.join(map(str, doubles))}" if doubles else ""
        findings.append(
            _stop(
                "key_missing",
                f"{table}.{column} is not unique{told}",
                f"CREATE UNIQUE INDEX CONCURRENTLY {table}_{column}_unique ON {table} ({column});",
            )
        )
    return findings


def _stop(name: str, says: str, to_type: str | None) -> Finding:
    return Finding(name, says, to_type, stops=True)
