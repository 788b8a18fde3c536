"""What an operator asks and decides about one batch: `python -m ops.batches show ID`, `accept-amount ID`.

Uses DATABASE_URL, or the Cloud SQL settings, like `make migrate`.
"""

import argparse
import os
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from pg8000.dbapi import Connection

from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.outside import database
from shared.settings import load_database_settings

DONE, REFUSED, TRY_AGAIN = 0, 1, 3

# Once accepted, the next callback or the next check distributes the amount.
ACCEPT = """
UPDATE batch_conversions
SET amount_accepted_at = COALESCE(amount_accepted_at, NOW()), reconcile_after = NULL
WHERE batch_conversion_id = CAST(%s AS uuid) AND conversion_status = 'swapping'
RETURNING batch_conversion_id
"""

SHOW = """
SELECT batch_conversion_id, conversion_status, opened_because, total_eth_usd, payments_count, amount_eth, quoted_usdt,
    cn_api_id, payin_address, created_at, order_prepared_at, task_enqueued_at, exchange_status, stuck_reported_at,
    amount_accepted_at, actual_usdt_received, conversion_tx_hash, settled_by, completed_at, failure_reason
FROM batch_conversions
WHERE batch_conversion_id = CAST(%s AS uuid)
"""


def show(connection: Connection, batch_conversion_id: uuid.UUID) -> int:
    """Print everything that is on record about a batch, a line each."""
    rows = _run(connection, SHOW, batch_conversion_id)
    if not rows:
        return _end(REFUSED, f"no batch {batch_conversion_id}")
    for name, value in rows[0].items():
        print(f"{name:<22} {'-' if value is None else value}")
    return DONE


def accept_amount(connection: Connection, batch_conversion_id: uuid.UUID) -> int:
    """Let a batch be completed with whatever ChangeNow says was paid out, however far from its dollars."""
    if not _run(connection, ACCEPT, batch_conversion_id):
        return _end(REFUSED, f"no batch {batch_conversion_id} that is swapping; look with: show")
    print("accepted: the next callback, or the next check, distributes what ChangeNow says was paid out")
    return DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done; 1 refused; 3 the database is away, try again."""
    parser = argparse.ArgumentParser(prog="python -m ops.batches", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in (("show", show), ("accept-amount", accept_amount)):
        command = verbs.add_parser(name, help=verb.__doc__)
        command.add_argument("batch_conversion_id", type=uuid.UUID)
        command.set_defaults(run=verb)
    chosen = parser.parse_args(arguments)
    try:
        with closing(database.connect(load_database_settings(os.environ))) as connection:
            return int(chosen.run(connection, chosen.batch_conversion_id))
    except SettingsInvalid as error:
        return _end(REFUSED, str(error))
    except DatabaseUnavailable as error:
        return _end(TRY_AGAIN, str(error))


def _run(connection: Connection, text: str, batch_conversion_id: uuid.UUID) -> list[dict[str, Any]]:
    cursor = connection.cursor()
    with database.translated("the command"):
        cursor.execute(text, (batch_conversion_id,))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _end(code: int, message: str) -> int:
    print(f"batches: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
