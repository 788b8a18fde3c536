"""The columns that we read or write, as they must be where the tables stand already."""

from dataclasses import dataclass
from typing import Final

from pg8000.dbapi import Connection

from ops.schema.migration_run import execute
from ops.schema.preflight.finding import Finding


@dataclass(frozen=True)
class Column:
    """What a column has to hold; *size* is a text's characters or a number's decimals."""

    types: tuple[str, ...]
    size: int = 0
    sql: str = ""
    """The type to change to, where the name alone does not say it."""

    @property
    def wanted(self) -> str:
        """The column's type as the migrations would make it."""
        return self.sql or self.types[0].upper()

    def holds(self, type_name: str, size: int | None) -> bool:
        """Tell whether a column of this type is fit; no *size* is no limit."""
        return type_name in self.types and (size is None or size >= self.size)


_TEXTS: Final = ("character varying", "text")


def _text(size: int) -> Column:
    return Column(_TEXTS, size, f"VARCHAR({size})")


_INTEGER: Final = Column(("integer",))
_TIME: Final = Column(("timestamp without time zone",), sql="TIMESTAMP")
_INSTANT: Final = "timestamp with time zone"
_BOOLEAN: Final = Column(("boolean",))
_UUID: Final = Column(("uuid",))
_AMOUNT: Final = Column(("numeric",), 8, "NUMERIC(20, 8)")

COLUMNS: Final[dict[str, dict[str, Column]]] = {
    "payout_accumulation": {
        "id": _INTEGER,
        "client_id": _text(1),
        "payment_amount_usd": Column(("numeric",), 2, "NUMERIC(10, 2)"),
        "accumulated_eth": _AMOUNT,
        "accumulated_amount_usdt": _AMOUNT,
        "conversion_status": _text(9),
        "conversion_tx_hash": _text(100),
        "is_paid_out": _BOOLEAN,
        "is_conversion_complete": _BOOLEAN,
        "nowpayments_outcome_amount": Column(("numeric",), 8, "NUMERIC(30, 18)"),
        "batch_conversion_id": _UUID,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "batch_conversions": {
        "id": _INTEGER,
        "batch_conversion_id": _UUID,
        "total_eth_usd": _AMOUNT,
        "threshold_at_creation": Column(("numeric",), 2, "NUMERIC(20, 2)"),
        "cn_api_id": _text(64),
        "payin_address": _text(64),
        "conversion_status": _text(9),
        "actual_usdt_received": _AMOUNT,
        "conversion_tx_hash": _text(255),
        "created_at": _TIME,
        "processing_started_at": _TIME,
        "completed_at": _TIME,
    },
}

# What no migration adds: without it the table is not the one that is meant.
NEVER_ADDED: Final = {
    "payout_accumulation": ("id", "client_id", "payment_amount_usd"),
    "batch_conversions": ("id", "batch_conversion_id", "total_eth_usd", "threshold_at_creation"),
}

# What our own check gives when it opens a batch; anything else has to do without.
GIVEN_AT_BIRTH: Final = {
    *("batch_conversion_id", "total_eth_usd", "threshold_at_creation", "conversion_status", "opened_because"),
    *("payments_count", "amount_eth", "quoted_usdt", "quoted_at", "created_at"),
    *("deposit_fee_eth", "withdrawal_fee_usdt", "minimum_eth", "market_usdt_per_eth"),
}

_STANDING: Final = """
SELECT class.relname, attribute.attname, FORMAT_TYPE(attribute.atttypid, NULL),
    CASE FORMAT_TYPE(attribute.atttypid, NULL)
        WHEN 'character varying' THEN NULLIF(attribute.atttypmod, -1) - 4
        WHEN 'numeric' THEN (NULLIF(attribute.atttypmod, -1) - 4) & 2047 END,
    attribute.attnotnull AND NOT attribute.atthasdef AND attribute.attidentity = ''
FROM pg_class AS class JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
WHERE class.oid IN (TO_REGCLASS('payout_accumulation'), TO_REGCLASS('batch_conversions'))
    AND attribute.attnum > 0 AND NOT attribute.attisdropped
ORDER BY class.relname DESC, attribute.attnum
"""

_NOT_A_UUID: Final = """
SELECT COUNT(*), (ARRAY_AGG(id ORDER BY id))[1:10] FROM {table}
WHERE batch_conversion_id::TEXT !~* '^[0-9a-f]{{8}}-?([0-9a-f]{{4}}-?){{3}}[0-9a-f]{{12}}$'
"""

# A foreign key between two columns stands in the way of changing the type of either; the migrations make it anew.
_KEYS_OVER: Final = """
SELECT FORMAT('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I;', conrelid::REGCLASS, conname)
FROM pg_constraint JOIN pg_attribute ON attname = '{name}' AND attrelid = TO_REGCLASS('{table}')
WHERE contype = 'f'
    AND ((conrelid = attrelid AND attnum = ANY (conkey)) OR (confrelid = attrelid AND attnum = ANY (confkey)))
"""


def examine_columns(connection: Connection) -> list[Finding]:
    """Find columns of another type, too short ones, and those of a batch that must be given and that we do not know."""
    standing = execute(connection, _STANDING)
    findings = _find_absent({(table, name) for table, name, *_ in standing})
    for table, name, type_name, size, must_be_given in standing:
        expected = COLUMNS[table].get(name)
        if expected is not None and not expected.holds(type_name, size):
            findings.append(_misfit(connection, (table, name), expected, (type_name, size)))
        if must_be_given and table == "batch_conversions" and name not in GIVEN_AT_BIRTH:
            findings.append(
                Finding(
                    "column_must_be_given",
                    f"batch_conversions.{name} is NOT NULL without a default: a batch is opened without it",
                    f"ALTER TABLE batch_conversions ALTER COLUMN {name} DROP NOT NULL;",
                    stops=True,
                )
            )
    return findings


def _find_absent(standing: set[tuple[str, str]]) -> list[Finding]:
    tables = {table for table, _ in standing}
    return [
        Finding("column_missing", f"{table} has no column {name}: it is not the table that is meant", stops=True)
        for table, names in NEVER_ADDED.items()
        if table in tables
        for name in names
        if (table, name) not in standing
    ]


def _misfit(
    connection: Connection, place: tuple[str, str], expected: Column, standing: tuple[str, int | None]
) -> Finding:
    """Say what the column is and what it must be; a text that is to become a UUID may hold others."""
    (table, name), (type_name, size) = place, standing
    has = type_name if size is None else f"{type_name} of {size}"
    says = f"{table}.{name} is {has}, and must be {expected.wanted}"
    # A cast would write down the time of the zone that whoever types this has.
    value = f"{name} AT TIME ZONE 'UTC'" if type_name == _INSTANT else f"{name}::{expected.wanted}"
    using = "" if type_name in expected.types else f" USING {value}"
    if expected is _UUID and type_name in _TEXTS:
        ((count, ids),) = execute(connection, _NOT_A_UUID.format(table=table))
        says += f"; rows that hold no UUID there: {count} (id {', '.join(map(str, ids))})" if count else ""
    change = f"ALTER TABLE {table} ALTER COLUMN {name} TYPE {expected.wanted}{using};"
    keys = [drop for (drop,) in execute(connection, _KEYS_OVER.format(table=table, name=name))] if using else []
    return Finding("column_type", says, " ".join([*keys, change]), stops=True)
