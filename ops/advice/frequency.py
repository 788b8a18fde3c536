"""The architecture document's rule for a threshold: so many batches a day, whatever they cost."""

from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Final

STEP_USD: Final = Decimal(10)
HOURS_A_DAY: Final = Decimal(24)


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
