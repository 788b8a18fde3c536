"""How PostgreSQL finds rows for the functions' statements: always by an index, so that the history costs nothing."""

import pytest

from shared.outside.connection import connect
from shared.outside.statements import STATEMENTS
from tests.rig import Rig


@pytest.mark.parametrize("name", sorted(STATEMENTS.texts))
def test_no_statement_reads_a_whole_table(rig: Rig, name: str) -> None:
    """In a session like the functions', whose plans do not depend on what the tables hold."""
    session = connect(rig.check_dependencies.settings.database)
    try:
        text, _ = STATEMENTS.ready(name)
        plan = "\n".join(row[0] for row in session.execute_simple(f"EXPLAIN (GENERIC_PLAN) {text}").rows)
    finally:
        session.close()
    assert "Seq Scan" not in plan, plan
    assert "Bitmap" not in plan, plan
