"""Payments as the services insert them: October's statement, November's, and the architecture document's."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from pg8000.native import literal

from sandbox.peers.gcaccumulator_inserts import INSERTS, Generation
from tests.simulation.database.installation import at

if TYPE_CHECKING:
    from tests.simulation.history.vocabulary import Payment
    from tests.simulation.world.world import World

KEPT_OF_A_PAYMENT: Final = Decimal("0.97")  # what TelePay's fee leaves
PAID_MAX_USD: Final = Decimal("99999999.99")  # as the column has it


def insert_payments(world: "World", payments: "tuple[Payment, ...]") -> None:
    """Insert payments at their times: a writer whose clock is wrong stands in for an old or a future one."""
    known = world.records.came_in
    named = {f"np-{len(known) + number}": each for number, each in enumerate(payments, 1)}
    known.update(named)
    _insert(world, named)
    world.journal.counts["payments"] += len(payments)


def put_payments_back(world: "World") -> None:
    """Insert again what a restored database has not: other ids, and the time of now."""
    lost, world.backups.lost = world.backups.lost, {}
    if lost:
        _insert(world, {name: replace(payment, age_s=0) for name, payment in lost.items()})
        world.journal.counts["payments put back"] += len(lost)


def _insert(world: "World", named: "dict[str, Payment]") -> None:
    statements = [
        at(world.now - timedelta(seconds=each.age_s), [_statement(name, each)]) for name, each in named.items()
    ]
    world.observer.sql("; ".join(statements))


def _statement(name: str, payment: "Payment") -> str:
    # No column of October's takes dollars that are missing
    generation = Generation.NOVEMBER if payment.usd is None else Generation(payment.by)
    common = (payment.client, 1, None, paid_usd(payment), "eth", "2026-01-01", "0xclient", "usdt", "eth")
    fee_usd = () if generation is Generation.DOCUMENT else (Decimal(0),)
    values = (*common, name, None, payment.eth, *fee_usd, payment.usd)
    return INSERTS[generation] % tuple(map(literal, values))


def paid_usd(payment: "Payment") -> Decimal:
    """What the user paid: the dollars before TelePay's fee of 3 %."""
    try:
        before_fee_usd = Decimal(payment.usd or "1") / KEPT_OF_A_PAYMENT
        return min(max(before_fee_usd, Decimal(1)), PAID_MAX_USD).quantize(Decimal("0.01"))
    except InvalidOperation:  # NaN
        return Decimal(1)
