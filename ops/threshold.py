"""Which threshold would make so many batches a day: `python -m ops.threshold`.

Only a suggestion, from the payments of the last days; the operator adds it to MICRO_BATCH_THRESHOLD_USD, or does not.
Uses DATABASE_URL, or the Cloud SQL settings, like `make migrate`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.model.money import dollars
from shared.outside import database
from shared.settings import load_database_settings

DONE, REFUSED, TRY_AGAIN = 0, 1, 3
STEP_USD = Decimal(10)
HOURS_A_DAY = Decimal(24)

# What came in, whatever became of it since; rows without usable dollars do not count.
VOLUME = """
SELECT COUNT(*), COALESCE(SUM(accumulated_eth), 0)
FROM payout_accumulation
WHERE created_at >= NOW() - CAST(%s AS integer) * INTERVAL '1 day'
    AND accumulated_eth > 0 AND accumulated_eth < 'Infinity'
"""


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


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done; 1 refused, nothing to go by; 3 the database is away, try again."""
    parser = argparse.ArgumentParser(prog="python -m ops.threshold", description=__doc__)
    parser.add_argument("--hours", type=_whole, default=6, help="hours from one batch to the next (6)")
    parser.add_argument("--days", type=_whole, default=30, help="days of payments to look at (30)")
    chosen = parser.parse_args(arguments)
    try:
        with closing(database.connect(load_database_settings(os.environ))) as connection:
            cursor = connection.cursor()
            with database.translated("the command"):
                cursor.execute(VOLUME, (chosen.days,))
                payments, volume_usd = cursor.fetchone()
    except SettingsInvalid as error:
        return _end(REFUSED, str(error))
    except DatabaseUnavailable as error:
        return _end(TRY_AGAIN, str(error))
    if not payments:
        return _end(REFUSED, f"no payment in the last {chosen.days} days; try --days with more")
    threshold_usd = calculate_optimal_threshold(volume_usd / chosen.days, volume_usd / payments, chosen.hours)
    print(f"{payments} payments in {chosen.days} days, {dollars(volume_usd)} together")
    print(f"about one batch every {chosen.hours} hours at a threshold of {dollars(threshold_usd)}")
    return DONE


def _whole(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def _end(code: int, message: str) -> int:
    print(f"threshold: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
