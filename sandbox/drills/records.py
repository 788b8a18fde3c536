"""Rows are wrong: a payment without dollars, a claimed payment changed by hand, something of ours taken away."""

from typing import Any, Final

from sandbox.drills.drill import Drill, End, nothing_to_end
from sandbox.peers.database import database_connection
from sandbox.world.world import World

WORTHLESS: Final = """
INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, client_wallet_address, client_payout_currency, client_payout_network)
VALUES ('client-1', 1, 10.00, 'usd', NOW(), 0, '0xc1', 'usdt', 'eth') RETURNING id
"""
WORTH: Final = "UPDATE payout_accumulation SET accumulated_eth = 9.70, accumulated_amount_usdt = 9.70 WHERE id = %s"
CLAIMED: Final = """
SELECT id FROM payout_accumulation WHERE conversion_status = 'swapping' AND batch_conversion_id IS NOT NULL
ORDER BY id DESC LIMIT 1
"""
CHANGE: Final = "UPDATE payout_accumulation SET accumulated_eth = accumulated_eth + %s WHERE id = %s"
# What a superuser who knows better can do: no trigger fires.
UNGUARDED: Final = "SET LOCAL session_replication_role = replica"
NEWEST: Final = """
SELECT batch_conversion_id FROM batch_conversions WHERE order_number IS NOT NULL ORDER BY order_number DESC LIMIT 1
"""
FORGET: Final = (
    """
    UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL,
        accumulated_amount_usdt = accumulated_eth, is_conversion_complete = FALSE, conversion_tx_hash = NULL
    WHERE batch_conversion_id = %s
    """,
    "DELETE FROM batch_events WHERE batch_conversion_id = %s",
    "DELETE FROM batch_state_changes WHERE batch_conversion_id = %s",
    "DELETE FROM threshold_checks WHERE batch_conversion_id = %s",
    "DELETE FROM batch_conversions WHERE batch_conversion_id = %s",
)
HIDE: Final = "ALTER TABLE threshold_checks RENAME TO threshold_checks_hidden"
SHOW: Final = "ALTER TABLE threshold_checks_hidden RENAME TO threshold_checks"


def _worthless_payment(world: World) -> End:
    """Let a payment come in that nobody can tell the worth of; the end sets its dollars, as a person does."""
    (number,) = _run(world, WORTHLESS)[0]
    return lambda: _do(world, WORTH, number)


def _change_claimed(world: World) -> End:
    """Add a dollar to a claimed payment, past every rule; the end takes it away again."""
    claimed = _run(world, CLAIMED)
    if not claimed:
        raise ValueError("no payment is claimed yet: let a check open a batch first")
    (number,) = claimed[0]
    _do(world, CHANGE, 1, number)
    return lambda: _do(world, CHANGE, -1, number)


def _hide_table(world: World) -> End:
    _do(world, HIDE)
    return lambda: _do(world, SHOW)


def _forget_order(world: World) -> End:
    """Leave the tables as they were before the newest order, as a backup of that moment would."""
    newest = _run(world, NEWEST)
    if not newest:
        raise ValueError("no order has left yet: let a check open a batch first")
    for statement in FORGET:
        _do(world, statement, *newest[0])
    return nothing_to_end


def _do(world: World, sql: str, *arguments: object) -> None:
    _run(world, sql, *arguments)


def _run(world: World, sql: str, *arguments: object) -> list[Any]:
    with database_connection(world.database_url) as connection:
        cursor = connection.cursor()
        cursor.execute(UNGUARDED)
        cursor.execute(sql, arguments)
        rows: list[Any] = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
    return rows


DRILLS: Final = (
    Drill("payment-without-dollars", "a payment comes in whose worth nobody knows", _worthless_payment),
    Drill("claimed-payment-changed", "somebody adds a dollar to a claimed payment, by hand", _change_claimed),
    Drill("order-forgotten", "the database is put back to before its newest order", _forget_order),
    Drill("table-hidden", "a table of ours is gone from the database", _hide_table),
)
