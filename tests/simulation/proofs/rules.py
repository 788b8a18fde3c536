"""The rules that never bend, looked at from the outside: own SQL, the peers' memories, an arithmetic of its own."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.market import ETH_TO_USDT, Market
from sandbox.peers.gchostpay1_tokens import Order
from shared.model.reasons import LeftOut
from tests.simulation.model.situation import Situation
from tests.simulation.proofs.fence_rules import (
    fence_is_not_ahead,
    has_ended,
    order_is_fenced,
    payments_are_ordered_once,
    wants_it,
)
from tests.simulation.world.cloud_tasks import OrderTask
from tests.simulation.world.peer_records import Callback, RuleBroken, read_order

if TYPE_CHECKING:
    from tests.simulation.world.world import World

UNITS: Final = 10**8
ALIVE: Final = ("pending", "swapping")
QUOTE_VALID_FOR: Final = timedelta(minutes=10 + 30 + 5)  # a quote's age, an order that may be repeated, its token's age
NEVER: Final = "-"
PLACES: Final = frozenset({("pending", NEVER), ("completed", "completed"), *(("swapping", status) for status in ALIVE)})

Row = dict[str, Any]


class Rules:
    """Raises RuleBroken; what a server's thread sees broken is kept until the step's end."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._markets: list[tuple[datetime, Market]] = []
        self._weights: dict[int, tuple[str, datetime | None]] = {}
        self._before_us: dict[int, tuple[str | None, str]] = {}  # where each payment stood, however oddly
        self._moved_by_others: set[int] = set()
        self._strangers: dict[int, Any] = {}  # payments joined into a batch by hand, which its total knows nothing of
        self.resent: set[str] = set()  # batches whose order an operator has sent again
        self.tolerance_pct = Decimal(20)

    def begin(self) -> None:
        """Take in where the payments stand when ours moves in."""
        batches = {batch["id"]: batch for batch in self._world.observer.batches()}
        self._before_us = {row["id"]: _place(row, batches) for row in self._world.observer.payments()}

    def moved_by_others(self, payment_id: int) -> None:
        """Remember a payment that another service converts, or gave up, by itself."""
        self._moved_by_others.add(payment_id)

    def joined_by_hand(self, payment_id: int, batch_id: Any) -> None:
        """Remember a payment that somebody put into an open batch by SQL."""
        self._strangers[payment_id] = batch_id

    def sent_again(self, batch_id: str) -> None:
        """Remember a batch whose lost order an operator has sent once more."""
        self.resent.add(batch_id)

    def remember(self) -> Callable[[], None]:
        """Return what recalls all that is known of the rows as they stand: they are put back to this moment."""
        weights, moved, strangers = dict(self._weights), set(self._moved_by_others), dict(self._strangers)

        def recall() -> None:
            self._weights, self._moved_by_others, self._strangers = dict(weights), set(moved), dict(strangers)

        return recall

    @property
    def strangers(self) -> dict[int, Any]:
        """Payments that are in a batch by hand, by their id."""
        return self._strangers

    # After every step

    def verify(self) -> None:
        """Look at everything."""
        if self._world.records.broken:
            raise self._world.records.broken[0]
        payments, batches = self._world.observer.payments(), self._world.observer.batches()
        claimed: dict[Any, list[Row]] = {}
        for payment in payments:
            if self._strangers.get(payment["id"], NEVER) != payment["batch_id"]:
                claimed.setdefault(payment["batch_id"], []).append(payment)
        self._nothing_is_lost(payments, {batch["id"]: batch for batch in batches})
        for batch in batches:
            mine = claimed.get(batch["id"], [])
            is_old = batch["opened_because"] is None
            if not is_old:
                _total_is_exact(batch, mine)
            if batch["status"] == "completed" and (not is_old or batch["settled_by"]):
                self._amount_is_true(batch)
                _shares_are_exact(batch, mine)
        self._swaps_are_paid_once(batches)
        payments_are_ordered_once(self._world)
        fence_is_not_ahead(self._world, batches)
        self._events_are_single()
        self._sums_are_known(payments)

    def _nothing_is_lost(self, payments: Sequence[Row], batches: dict[Any, Row]) -> None:
        rule = "every payment is in exactly one place"
        for payment in payments:
            place = _place(payment, batches)
            is_ours = place != self._before_us.get(payment["id"]) and payment["id"] not in self._moved_by_others
            if place not in PLACES and is_ours:
                raise RuleBroken(rule, f"payment {payment['id']} is {place[0]} and its batch {place[1]}")
            weight = (str(payment["usd"]), payment["created_at"])
            if self._weights.setdefault(payment["id"], weight) != weight:
                raise RuleBroken("weights never change", f"payment {payment['id']} was {self._weights[payment['id']]}")
        if len(self._weights) != len(payments):
            raise RuleBroken(rule, f"{len(self._weights)} payments came in, {len(payments)} are there")

    @staticmethod
    def _sums_are_known(payments: Sequence[Row]) -> None:
        """One client whose sum is NULL stops GCBatchProcessor's payouts for all."""
        missing = [payment["id"] for payment in payments if payment["share"] is None]
        if missing:
            raise RuleBroken("a neighbour's sum is never NULL", f"payments {missing} have no accumulated_amount_usdt")

    def _amount_is_true(self, batch: Row) -> None:
        rule = "what is distributed is what ChangeNow paid out"
        exchange = self._world.servers.exchange.exchange(batch["cn_api_id"])
        if exchange.status != "finished":
            raise RuleBroken(rule, f"batch completed, exchange {exchange.status}")
        if exchange.amount_to != batch["received"]:
            raise RuleBroken(rule, f"{batch['received']} distributed, {exchange.amount_to} paid out")

    def _swaps_are_paid_once(self, batches: Sequence[Row]) -> None:
        rule = "a swap is paid for once"
        dead = self._world.records.dead_orders
        accepted = [entry.order for token, entry in self._world.records.accepted.items() if token not in dead]
        for name in ("batch_conversion_id", "cn_api_id", "payin_address"):
            counted = Counter(getattr(order, name) for order in accepted)
            for value, times in counted.items():
                if times > 1:
                    raise RuleBroken(rule, f"{times} orders were accepted for {name} {value}")
        status_of = {str(batch["id"]): batch["status"] for batch in batches}
        for order in accepted:
            exchange = self._world.servers.exchange.exchange(order.cn_api_id)
            is_given_up = order.batch_conversion_id in self._world.records.given_up
            is_given_back = status_of.get(order.batch_conversion_id) == "failed" and not is_given_up
            if is_given_back and not has_ended(exchange):
                raise RuleBroken(
                    "no payment is given back while its swap goes on",
                    f"batch {order.batch_conversion_id} has failed, its exchange is {exchange.status} and paid",
                )

    def _events_are_single(self) -> None:
        rows = self._world.observer.sql(
            "SELECT batch_conversion_id AS id, event, COUNT(*) AS times FROM batch_events"
            " GROUP BY batch_conversion_id, event HAVING COUNT(*) > 1"
        )
        told_twice = [row for row in rows if row["event"] != "batch.stuck" or str(row["id"]) not in self.resent]
        if told_twice:
            raise RuleBroken("each change of a batch is told of once", f"{told_twice[0]}")

    # Orders, as they are taken and accepted

    def order_taken(self, task: OrderTask) -> None:
        """Compare an order with what is on record at this instant; called from the server's thread."""
        _, order = read_order(task.body)
        self._world.records.ordered.append(order)
        batch = self._world.observer.batch(order.batch_conversion_id)
        stored = (batch["cn_api_id"], batch["payin_address"]) if batch else None
        is_stored = stored == (order.cn_api_id, order.payin_address)
        if is_stored or self._world.backups.restored:  # perhaps under the process that sends it
            order_is_fenced(self._world, order, batch)
        else:
            self._keep("the exchange is stored before its order", f"ordered {order}, on record {stored}")
        if batch is None or not is_stored:
            return
        self._world.backups.note_held(order.batch_conversion_id)
        if self._world.servers.exchange.exchange(order.cn_api_id).status == "new":
            self._keep("an order leaves only once its exchange waits", f"ordered {order}, which is new")
        self._must_be_worth(order, batch)

    def order_accepted(self, order: Order) -> None:
        """An order about to be paid belongs to a batch that still wants it."""
        batch = self._world.observer.batch(order.batch_conversion_id)
        if not wants_it(self._world, batch):
            status = batch and (batch["status"], batch["opened_because"])
            raise RuleBroken(
                "a swap is paid for once", f"paid for batch {order.batch_conversion_id}, which is {status}"
            )

    def _must_be_worth(self, order: Order, batch: Row) -> None:
        """Some market of the last while must have made the order worth the batch's dollars."""
        exchange = self._world.servers.exchange.exchange(order.cn_api_id)
        if not order.from_amount == exchange.expected_amount_from == batch["amount_eth"]:
            self._keep("an order is for its exchange's amount", f"{order.from_amount} ETH ordered, {exchange}")
        worths = [market.direct(ETH_TO_USDT, order.from_amount) for market in self._recent_markets()]
        limit = batch["usd"] * self.tolerance_pct
        if all(abs(worth - batch["usd"]) * 100 > limit for worth in worths):
            self._keep("an order is worth its payments", f"{worths} USDT would arrive for ${batch['usd']}")

    def _recent_markets(self) -> list[Market]:
        since = self._world.now - QUOTE_VALID_FOR
        recent = [market for at, market in self._markets if at >= since]
        before = [market for at, market in self._markets if at < since]
        return recent + before[-1:]

    def market_moved(self, market: Market) -> None:
        """Remember what the market is from now on."""
        self._markets.append((self._world.now, copy(market)))

    def policy_set(self, payload: bytes) -> None:
        """Remember the widest tolerance that was ever asked for."""
        with suppress(ValueError, InvalidOperation, AttributeError, TypeError):
            asked = json.loads(payload).get("quote_deviation_pct")
            self.tolerance_pct = max(self.tolerance_pct, Decimal(str(asked)))

    def _keep(self, rule: str, what: str) -> None:
        self._world.records.broken.append(RuleBroken(rule, what))

    # Around checks and callbacks

    def after_check(self, before: Situation) -> None:
        """A check that ended well leaves one row, and has seen or set aside at least what waited when it began."""
        rows = self._world.observer.sql("SELECT * FROM threshold_checks ORDER BY id OFFSET %s", before.checks)
        if len(rows) != 1:
            raise RuleBroken("every check leaves one row", f"{len(rows)} rows")
        (row,) = rows
        if row["pending_usd"] is None:
            return
        waited = before.claimable()
        waited_usd = sum((payment["usd"] for payment in waited), Decimal(0))
        counts = json.loads(row["unclaimable_by_reason"])
        left_out = sum(counts.get(reason, 0) for reason in LeftOut)
        if row["pending_payments"] + left_out < len(waited) or (not left_out and row["pending_usd"] < waited_usd):
            raise RuleBroken("an error is never a zero", f"${waited_usd} waited, ${row['pending_usd']} were seen")

    def called_back(self, callback: Callback, status: int) -> None:
        """A repeat with the same facts is no conflict."""
        if not callback.is_true or status not in (404, 409, 422):
            return
        batch = self._world.observer.batch(callback.batch_id)
        if batch is None and self._world.backups.restored:
            return
        if batch is None or batch["status"] == "completed":
            raise RuleBroken("a repeat is harmless", f"a true callback of a completed batch was answered {status}")


def _place(payment: Row, batches: dict[Any, Row]) -> tuple[str | None, str]:
    """Where a payment is: what it says of itself, and what its batch does."""
    batch = batches.get(payment["batch_id"])
    return payment["status"], str(batch["status"]) if batch else NEVER


def _total_is_exact(batch: Row, payments: Sequence[Row]) -> None:
    total = sum((payment["usd"] for payment in payments), Decimal(0))
    expected = (Decimal(0), 0) if batch["status"] == "failed" else (batch["usd"], batch["payments"])
    if (total, len(payments)) != expected:
        raise RuleBroken("a batch's total is the sum of its payments", f"${total} in {len(payments)}, not {expected}")


def _shares_are_exact(batch: Row, payments: Sequence[Row]) -> None:
    rule = "the distribution is exact"
    expected = largest_remainders(batch["received"], [payment["usd"] for payment in payments])
    shares = [payment["share"] for payment in payments]
    if shares != expected:
        raise RuleBroken(rule, f"{batch['received']} USDT were split into {shares}, not {expected}")
    with localcontext() as context:
        context.prec = 60
        if sum(shares) != batch["received"] or min(shares) < 0:
            raise RuleBroken(rule, f"shares sum to {sum(shares)}, not {batch['received']}")


def largest_remainders(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split by Hamilton's method in units of 1e-8; *weights* come oldest first, which is how ties are broken."""
    units = int(total * UNITS)
    scaled = [int(weight * UNITS) for weight in weights]
    whole = sum(scaled)
    shares = [units * weight // whole for weight in scaled]
    order = sorted(range(len(scaled)), key=lambda index: (-(units * scaled[index] % whole), index))
    for index in order[: units - sum(shares)]:
        shares[index] += 1
    return [Decimal(share).scaleb(-8) for share in shares]
