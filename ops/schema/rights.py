"""What the functions' own database user needs, and no more: granted by the owner, compared with what the user has.

The user owns nothing: it cannot change a rule, a trigger or a table, delete a row, or write what neighbours write.
What the rules themselves do (the log of state changes, the comparison of sums) they do with the owner's rights.
"""

from collections.abc import Sequence
from typing import Final

from pg8000.dbapi import Connection
from pg8000.native import identifier

from ops.command_line.failures import NotDone
from shared.outside.driver_errors import translate_errors

WRITTEN_OF_A_PAYMENT: Final = (
    "accumulated_amount_usdt, batch_conversion_id, conversion_status, conversion_tx_hash, is_conversion_complete,"
    " updated_at"
)
RIGHTS: Final = (
    ("SELECT", "payout_accumulation"),
    (f"UPDATE ({WRITTEN_OF_A_PAYMENT})", "payout_accumulation"),
    ("SELECT", "batchable_payments"),
    ("UPDATE (batch_conversion_id, conversion_status, updated_at)", "batchable_payments"),
    ("SELECT, INSERT, UPDATE", "batch_conversions"),
    ("SELECT, INSERT", "threshold_checks"),
    ("UPDATE (batches_opened)", "threshold_checks"),
    ("SELECT, INSERT", "batch_events"),
    ("UPDATE (published_at)", "batch_events"),
    ("SELECT, INSERT", "released_payments"),
    ("SELECT", "operator_acts"),
    ("SELECT", "cut_over"),
    ("SELECT", "batch_costs"),
)
"""By table or view, in the schema of the installation."""

_SEQUENCES: Final = """
SELECT c.relname FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype IN ('a', 'i')
WHERE c.relkind = 'S' AND d.refobjid = ANY (CAST(%s AS regclass[])) ORDER BY c.relname
"""
_ROLE: Final = """
SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'USAGE')
FROM pg_roles r CROSS JOIN pg_class c
WHERE r.rolname = %s AND c.oid = CAST('batch_conversions' AS regclass)
"""


def grant_rights(connection: Connection, roles: Sequence[str]) -> list[str]:
    """Grant each role what the functions need, in one transaction; a right that it has beyond them is left to it.

    Returns the statements. Raises NotDone for a role that does not exist, or that owns the tables by itself.
    """
    statements = [text for role in roles for text in _grants(connection, role)]
    with translate_errors("grants"):
        connection.execute_simple("; ".join(["BEGIN", *statements, "COMMIT"]))
    return statements


def _grants(connection: Connection, role: str) -> list[str]:
    _require_stranger(connection, role)
    schema = identifier(_one(connection, "SELECT current_schema()")[0])
    inserted = [table for rights, table in RIGHTS if "INSERT" in rights]
    with translate_errors("the tables' sequences"):
        cursor = connection.cursor()
        cursor.execute(_SEQUENCES, (inserted,))
        sequences = [identifier(row[0]) for row in cursor.fetchall()]
    to = f"TO {identifier(role)}"
    return [
        f"GRANT USAGE ON SCHEMA {schema} {to}",
        *(f"GRANT {rights} ON {schema}.{relation} {to}" for rights, relation in RIGHTS),
        *(f"GRANT USAGE ON SEQUENCE {schema}.{sequence} {to}" for sequence in sequences),
    ]


def _require_stranger(connection: Connection, role: str) -> None:
    found = _one(connection, _ROLE, role)
    if not found:
        raise NotDone(f"there is no database user {role!r}: it is made first (Terraform, or gcloud sql users create)")
    if found[0]:
        raise NotDone(f"{role!r} may do all that the tables' owner may: the functions need a user of their own")


def _one(connection: Connection, sql: str, *parameters: str) -> Sequence[object]:
    with translate_errors("a database user"):
        cursor = connection.cursor()
        cursor.execute(sql, parameters)
        return cursor.fetchone() or ()
