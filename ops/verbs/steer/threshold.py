"""`threshold recommend`: which threshold would open so many batches a day, from the payments of the last days."""

from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from shared.model.money import dollars

STEP_USD = Decimal(10)
HOURS_A_DAY = Decimal(24)


def calculate_optimal_threshold(
    avg_daily_volume: Decimal, avg_payment_size: Decimal, target_batch_frequency_hours: int = 6
) -> Decimal:
    """Return the threshold in US dollars at which a batch is opened every so many hours, to the nearest $10.

    Half of a step goes to the even one. Never below one step, nor below what holds one payment: a threshold that every
    payment reaches by itself saves nothing. Volume and size are US dollars.
    """
    batches_a_day = HOURS_A_DAY / target_batch_frequency_hours
    optimal_usd = _steps(avg_daily_volume / batches_a_day, ROUND_HALF_EVEN)
    return max(optimal_usd, _steps(avg_payment_size, ROUND_UP), STEP_USD)


def _steps(amount_usd: Decimal, rounding: str) -> Decimal:
    return (amount_usd / STEP_USD).quantize(Decimal(1), rounding=rounding) * STEP_USD


@click.group()
def command() -> None:
    """Recommend the threshold."""


@command.command()
@click.option("--hours", type=click.IntRange(1, 24 * 365), default=6, show_default=True, help="From batch to batch.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Of payments to look at.")
@answering
def recommend(hours: int, days: int) -> Answer:
    """Recommend a threshold from what came in; nothing is set."""
    with opened_database() as database, database.transaction() as transaction:
        row = transaction.row("sum_recent_payments", days=days)
    assert row is not None
    payments, volume_usd = row["payments"], row["volume_usd"]
    if not payments:
        raise NotDone(f"no payment in the last {days} days; try --days with more")
    threshold_usd = calculate_optimal_threshold(volume_usd / days, volume_usd / payments, hours)
    lines = [
        f"{payments} payments in {days} days, {dollars(volume_usd)} together",
        f"about one batch every {hours} hours at a threshold of {dollars(threshold_usd)}",
    ]
    facts = {"days": days, "hours": hours, "payments": payments, "volume_usd": volume_usd}
    return Answer(facts | {"threshold_usd": threshold_usd}, lines)
