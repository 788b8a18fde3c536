"""Writes docs/reference/schema.md from a database made for it: `make schema`."""

from ops.schema.describe import describe
from ops.schema.migrate import migrate
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from tests.ops.schema.test_schema_page import PAGE


def main() -> None:
    """Migrate an empty database and describe it."""
    with Postgres() as server:
        migrate(lambda: open_session(server.url()))
        session = open_session(server.url())
        PAGE.write_text(describe(session), encoding="utf-8")
        session.close()


if __name__ == "__main__":
    main()
