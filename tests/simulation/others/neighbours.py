"""What the deployed services do to rows beside ours: each statement with the effect that theirs has."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pg8000.dbapi

from tests.neighbours import statements
from tests.simulation.database.installation import at
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.history.vocabulary import Hold, Neighbour
    from tests.simulation.world.world import World

RULE: Final = "a neighbour's statement that worked before us works after us"
WAITS_FOR_MS: Final = 150  # for a row that a check holds while it stands still
IN_USE: Final = "55P03"
REFUSED: Final = "23514"
ROWS: Final = """
    SELECT payment.id, client_id, payment.conversion_status AS status, payment.batch_conversion_id AS batch_id
    FROM payout_accumulation AS payment ORDER BY id"""
OPEN_BATCHES: Final = """
    SELECT batch_conversion_id AS id, conversion_status AS status, opened_because FROM batch_conversions
    WHERE conversion_status IN ('pending', 'swapping') ORDER BY batch_conversions.id"""
JOIN: Final = """
    UPDATE payout_accumulation SET conversion_status = 'swapping', batch_conversion_id = '{batch}' WHERE id = {id}"""
OTHER_COLUMNS: Final = """
    UPDATE payout_accumulation SET eth_to_usdt_rate = 2500, payout_batch_id = 'payout-0', subscription_id = 7,
        updated_at = NOW() WHERE id = {id}"""

Row = dict[str, Any]
BY_ROW: Final[dict[str, Callable[[Row], str]]] = {
    "mark paid": lambda row: statements.mark_paid(row["client_id"]),
    "count an attempt": lambda row: statements.count_attempt(row["id"]),
    "update other columns": lambda row: OTHER_COLUMNS.format(**row),
}
OUTSIDE_BATCHES: Final[dict[str, Callable[[Row], str]]] = {
    "convert it by itself": lambda row: statements.finalize(row["id"]),
    "say processing": lambda row: statements.set_status(row["id"], "processing"),
    "say failed": lambda row: statements.set_status(row["id"], "failed"),
}
KINDS: Final = (*BY_ROW, *OUTSIDE_BATCHES, "join by hand", "claim as before")


def act(world: "World", action: "Neighbour") -> None:
    """Run one statement of a neighbour's on the row that it is about, if there is one."""
    rows = world.observer.sql(ROWS)
    if action.statement in OUTSIDE_BATCHES:
        rows = [row for row in rows if row["status"] == "pending" and row["batch_id"] is None]
    if not rows:
        return
    row = rows[action.which % len(rows)]
    if action.statement == "join by hand":
        _join_by_hand(world, row, action.which)
    elif action.statement == "claim as before":
        _claim_as_before(world)
    else:
        text = (BY_ROW | OUTSIDE_BATCHES)[action.statement](row)
        if (code := _run(world, text)) not in (None, IN_USE):
            raise RuleBroken(RULE, f"{action.statement} of payment {row['id']} was refused with {code}")
        if action.statement in OUTSIDE_BATCHES and code is None:
            world.rules.moved_by_others(row["id"])


def hold(world: "World", action: "Hold") -> None:
    """Hold the row of a payment that is not converted, until its time is over or, without one, for ever."""
    rows = [row for row in world.observer.sql(ROWS) if row["status"] in ("pending", "swapping")]
    free = [row["id"] for row in rows if row["id"] not in world.observer.held.ids]
    if not free:
        return
    payment_id = free[action.which % len(free)]
    world.observer.held.hold(payment_id)
    world.journal.faults["a row is held"] += 1
    if action.seconds is None:
        world.lasting.rows.add(payment_id)
    else:
        world.plan(action.seconds, partial(_let_go, world, payment_id))


def _let_go(world: "World", payment_id: int, running: object) -> None:
    world.observer.held.free(payment_id)


def _join_by_hand(world: "World", row: Row, which: int) -> None:
    """Put a payment into a batch by SQL: only one that is open for payments takes it."""
    batches = world.observer.sql(OPEN_BATCHES)
    if not batches or row["batch_id"] is not None or row["status"] != "pending":
        return
    batch = batches[which % len(batches)]
    code = _run(world, JOIN.format(batch=batch["id"], id=row["id"]))
    if code is None and (batch["status"] != "pending" or not batch["opened_because"]):
        raise RuleBroken("a row joins a batch only while that is pending", f"payment {row['id']} is in {batch}")
    if code is None:
        world.journal.faults["joined by hand"] += 1
        world.rules.joined_by_hand(row["id"], batch["id"])


def _claim_as_before(world: "World") -> None:
    """The service that ours replaces begins a batch: it may insert it, and its claim is refused."""
    if _run(world, statements.OLD_BATCH_INSERT.replace("'old-exchange'", "'old-unknown'")) not in (None, "23505"):
        raise RuleBroken(RULE, "the old service's batch was refused")
    waits = world.observer.sql("SELECT COUNT(*) AS rows FROM payout_accumulation WHERE conversion_status = 'pending'")
    if _run(world, statements.OLD_CLAIM) not in (REFUSED, IN_USE) and waits[0]["rows"]:
        raise RuleBroken("only ours claims", "the old service has claimed payments")


def _run(world: "World", statement: str) -> str | None:
    """Run a statement; the SQLSTATE that it ended with, None where all was well."""
    limited = [f"SET LOCAL lock_timeout = '{WAITS_FOR_MS}ms'", statement.replace("NOW()", "shelf.now()")]
    try:
        world.observer.sql(at(world.now, limited))
    except pg8000.dbapi.DatabaseError as error:
        world.journal.note(f"a neighbour's statement: {error.args[0]['C']}")
        return str(error.args[0]["C"])
    return None
