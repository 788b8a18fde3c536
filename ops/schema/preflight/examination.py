"""Looks at the whole database before the first change to it."""

from pg8000.dbapi import Connection

from ops.schema.migration_files import Migration
from ops.schema.preflight.columns import examine_columns
from ops.schema.preflight.contents import examine_contents
from ops.schema.preflight.finding import Finding
from ops.schema.preflight.names import examine_names
from ops.schema.preflight.server import examine_server


def examine(connection: Connection, missing: list[Migration], *, first: bool) -> list[Finding]:
    """Find what stops the *missing* migrations, and, where they are the *first*, what they carry along as it is.

    Reads only. Rows are looked at once the tables are known to be those that are meant.
    """
    findings = examine_server(connection) + examine_columns(connection) + examine_names(connection, missing)
    if any(finding.stops for finding in findings):
        return findings
    return findings + (examine_contents(connection) if first else [])
