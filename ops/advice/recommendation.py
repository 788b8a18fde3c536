"""The whole advice: choices tried, the cheapest found, and judged on payments that it was not tuned on."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from random import Random
from typing import Any, Final

from ops.advice.arrivals import MICROSECOND, Arrivals
from ops.advice.cost_rule import CostRule
from ops.advice.costs import (
    Prices,
    dearer_pct,
    dollars_an_hour,
    economic_threshold_usd,
    hours,
    two_digits,
)
from ops.advice.judgement import Saving, Tried, cheapest, saving, try_all
from ops.advice.replay import Levers, confirm, outcome, replay, waits_us
from shared.errors import ValueImpossible
from shared.model.policy import CostRatio

SWAP_COST_USD: Final = Decimal("2.00")
"""What a swap is taken to cost where none was ever told."""
WAITING_PCT: Final = Decimal("0.1")
"""What an hour costs of what waits, where nobody says anything else."""
AGES_HOURS: Final = (None, 2, 4, 8, 12, 24, 48, 72, 120, 168)
THRESHOLDS: Final = 30
SPREAD: Final = 16
"""The thresholds tried go from S*/16 to 16 S*."""
COST_SPREAD: Final = 4
"""Cost rules begin at S*/4: smaller sums make many batches, and take long to replay."""
TAUS_HOURS: Final = (3, 6, 12, 24, 48)
SHOWN: Final = 10
TUNED_SHARE: Final = 0.5
PAYMENTS_MIN: Final = 50
SEED: Final = 17  # the same payments give the same advice
# What the price of ETH moves in an hour, of a dollar (standard deviation), and how many of it nine in ten stay within.
VOLATILITY_AN_HOUR: Final = Decimal("0.0075")
NINETY_FIVE: Final = Decimal("1.645")


@dataclass(frozen=True)
class Line:
    """One choice on the part that it was not tuned on, confirmed by the functions' own decision."""

    levers: Levers
    batches_a_day: Decimal
    payments_a_batch: Decimal
    wait_median: timedelta
    wait_95: timedelta
    wait_longest: timedelta
    saved_usd_a_day: Decimal
    """Fixed costs against a swap for each payment."""
    waiting_usd_a_day: Decimal
    cost_usd_a_day: Decimal
    at_risk_usd: Decimal
    """What a batch may lose while it waits, 95 %, on average."""


@dataclass(frozen=True)
class Recommendation:
    """The advice."""

    prices: Prices
    payments: int
    days: Decimal
    usd_an_hour: Decimal
    economic_usd: Decimal
    tried: int
    today: Line
    best: Line
    lines: Sequence[Line]
    saving: Saving

    @property
    def flatness(self) -> str:
        """How far one may be off, in words, with the curve of even arrivals."""
        half, double = (
            dearer_pct(self.economic_usd * factor, self.economic_usd) for factor in (Decimal("0.5"), Decimal(2))
        )
        return (
            f"even arrivals would want ${two_digits(self.economic_usd)}; the curve is flat: half or twice of it costs "
            f"{half:.0f} or {double:.0f} % more"
        )


def recommend_levers(
    arrivals: Arrivals,
    prices: Prices,
    *,
    today: Levers,
    longest_wait: timedelta | None = None,
    said: Callable[[int, int], None] = lambda _done, _of: None,
) -> Recommendation:
    """Find the cheapest levers; raises ValueImpossible for too few payments, or where none keeps the longest wait."""
    if len(arrivals) < PAYMENTS_MIN:
        raise ValueImpossible(f"{len(arrivals)} payments are too few to tell anything by; {PAYMENTS_MIN} are needed")
    if not arrivals.span:
        raise ValueImpossible("all payments came in at one instant: there is no time to replay")
    first, rest = arrivals.split(TUNED_SHARE)
    usd_an_hour = dollars_an_hour(arrivals)
    economic_usd = economic_threshold_usd(prices, usd_an_hour)
    choices = [*choices_around(economic_usd, today), *cost_choices(economic_usd, today, prices.swap_usd)]
    tried = try_all(first, choices, prices, lambda done: said(done, len(choices)))
    best = cheapest(tried, longest_wait)
    if best is None:
        kept = (
            "keeps the longest wait; allow a longer one" if longest_wait else "opens a batch: the minimum is too high"
        )
        raise ValueImpossible(f"no choice {kept}")
    return Recommendation(
        prices=prices,
        payments=len(arrivals),
        days=hours(arrivals.span) / 24,
        usd_an_hour=usd_an_hour,
        economic_usd=economic_usd,
        tried=len(choices),
        today=describe(rest, today, prices),
        best=describe(rest, best.levers, prices),
        lines=[describe(rest, levers, prices) for levers in shown(tried, best)],
        saving=saving(rest, prices, today=today, instead=best.levers, chance=Random(SEED)),  # noqa: S311 - a resampling, no secret
    )


def choices_around(economic_usd: Decimal, today: Levers) -> list[Levers]:
    """Thresholds around S*, each with every age; today's levers first."""
    tried = [
        Levers(threshold, None if age is None else Decimal(age), today.minimum_usd)
        for threshold in _thresholds_around(economic_usd)
        for age in AGES_HOURS
    ]
    return [today, *(levers for levers in tried if levers != today)]


def cost_choices(economic_usd: Decimal, today: Levers, swap_usd: Decimal) -> list[Levers]:
    """Cost rules that open at once at sums around S*, each with every tau.

    The threshold beside one is twice that sum: room for a swap to become twice as dear before the rule is overruled.
    """
    tried = []
    for at_once_usd in _thresholds_around(economic_usd)[::2]:
        start = _significant(swap_usd / at_once_usd)
        if at_once_usd * SPREAD < economic_usd * COST_SPREAD or start > 1:
            continue
        tried += [
            Levers(2 * at_once_usd, None, today.minimum_usd, CostRule(CostRatio(start, Decimal(tau)), swap_usd))
            for tau in TAUS_HOURS
        ]
    return tried


def _thresholds_around(economic_usd: Decimal) -> list[Decimal]:
    """Sums in even steps of their ratio around S*."""
    step = Decimal(SPREAD) ** (Decimal(2) / (THRESHOLDS - 1))
    steps = (max(economic_usd / SPREAD * step**number, Decimal("0.01")) for number in range(THRESHOLDS))
    return list(dict.fromkeys(map(two_digits, steps)))


def _significant(ratio: Decimal) -> Decimal:
    """A ratio with the two digits that a person types, rounded up: never later than what was tried for it."""
    return ratio.quantize(Decimal(1).scaleb(ratio.adjusted() - 1), rounding=ROUND_CEILING)


def shown(tried: Sequence[Tried], best: Tried) -> list[Levers]:
    """Some choices around the best to set beside it: its threshold's neighbours, all else as the best one's."""
    alike = [one.levers for one in tried if _kind(one.levers) == _kind(best.levers)]
    alike.sort(key=lambda levers: levers.threshold_usd)
    step = max(1, len(alike) // SHOWN)
    return alike[alike.index(best.levers) % step :: step]


def _kind(levers: Levers) -> tuple[Decimal | None, Decimal | None]:
    return levers.max_age_hours, levers.cost_rule.ratio.tau_hours if levers.cost_rule else None


def describe(arrivals: Arrivals, levers: Levers, prices: Prices) -> Line:
    """One choice in full; every one of its batches is confirmed by the functions' own decision."""
    confirm(arrivals, levers)
    came_to = outcome(arrivals, levers)
    waits = waits_us(arrivals, levers) or [0]
    days = came_to.days or Decimal(1)
    return Line(
        levers=levers,
        batches_a_day=came_to.batches / days,
        payments_a_batch=Decimal(came_to.payments) / max(came_to.batches, 1),
        wait_median=waits[len(waits) // 2] * MICROSECOND,
        wait_95=waits[len(waits) * 95 // 100] * MICROSECOND,
        wait_longest=waits[-1] * MICROSECOND,
        saved_usd_a_day=prices.swap_usd * (came_to.payments - came_to.batches) / days,
        waiting_usd_a_day=prices.waiting_usd * came_to.waited_dollar_hours / days,
        cost_usd_a_day=prices.a_day(came_to),
        at_risk_usd=_at_risk_usd(arrivals, levers),
    )


def _at_risk_usd(arrivals: Arrivals, levers: Levers) -> Decimal:
    """A batch that grows evenly to Q dollars over a time T strays by sigma Q sqrt(T/3); 95 % of it, averaged."""
    at_risk, batches = Decimal(0), 0
    for tick, first, end in replay(arrivals, levers):
        waited = (tick * arrivals.interval_us - arrivals.instants_us[first]) * MICROSECOND
        usd = Decimal(arrivals.sums[end] - arrivals.sums[first]) / 10**8
        at_risk += NINETY_FIVE * VOLATILITY_AN_HOUR * usd * (hours(waited) / 3).sqrt()
        batches += 1
    return at_risk / max(batches, 1)


def to_document(advice: Recommendation) -> dict[str, Any]:
    """The advice as one JSON document; amounts in dollars."""
    return {
        "swap_cost_usd": advice.prices.swap_usd,
        "waiting_cost_usd_per_usd_hour": advice.prices.waiting_usd,
        "payments": advice.payments,
        "days": _places(advice.days),
        "usd_an_hour": _places(advice.usd_an_hour),
        "economic_threshold_usd": two_digits(advice.economic_usd),
        "tried": advice.tried,
        "today": line_document(advice.today),
        "recommended": line_document(advice.best),
        "saving_usd_a_day": _places(advice.saving.usd_a_day),
        "saving_interval_usd_a_day": [_places(end) for end in advice.saving.interval]
        if advice.saving.interval
        else None,
        "saving": advice.saving.words(),
        "choices": [line_document(line) for line in advice.lines],
    }


def line_document(line: Line) -> dict[str, Any]:
    """One choice as JSON."""
    return {
        "threshold_usd": line.levers.threshold_usd,
        "max_age_hours": line.levers.max_age_hours,
        "cost_ratio": asdict(line.levers.cost_rule.ratio) if line.levers.cost_rule else None,
        "batches_a_day": _places(line.batches_a_day),
        "payments_a_batch": _places(line.payments_a_batch),
        "wait_median_s": int(line.wait_median.total_seconds()),
        "wait_95_s": int(line.wait_95.total_seconds()),
        "wait_longest_s": int(line.wait_longest.total_seconds()),
        "fixed_cost_saved_usd_a_day": _places(line.saved_usd_a_day),
        "waiting_cost_usd_a_day": _places(line.waiting_usd_a_day),
        "cost_usd_a_day": _places(line.cost_usd_a_day),
        "at_risk_usd": _places(line.at_risk_usd),
    }


def _places(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))
