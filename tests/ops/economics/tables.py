"""Every table of docs/economics.md, as Markdown."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

from ops.advice.arrivals import Arrivals
from ops.advice.costs import Prices, dollars_an_hour, economic_threshold_usd
from ops.advice.judgement import Tried, cheapest, saving, try_all
from ops.advice.recommendation import SEED, Line, Recommendation, choices_around, cost_choices
from ops.advice.replay import Levers, outcome
from tests.ops.economics.traffic import poisson

PRICES: Final = Prices(swap_usd=Decimal("2.00"), waiting_usd=Decimal("0.001"))
PERCENTAGE: Final = Decimal("0.005")  # of an amount, whatever its size: nothing saves it
TODAY: Final = Levers(Decimal("20.00"))
NEVER_USD: Final = Decimal(999_999_999)

TRANSFER_GAS: Final = 21_000
TOKEN_GAS: Final = 63_000
WEI: Final = 10**18


class Claim(NamedTuple):
    """A row of the architecture document: threshold, payments, hours between batches, share of fixed costs saved."""

    threshold_usd: int
    payments: str
    hours: str
    saved_pct: int
    usd_an_hour: int
    """What its threshold and its hours imply."""


CLAIMS: Final = (
    Claim(20, "2-4", "2", 50, 10),
    Claim(50, "5-10", "3-4", 70, 14),
    Claim(100, "10-20", "6-8", 80, 14),
    Claim(500, "50-100+", "12-24", 90, 28),
    Claim(1000, "50-100+", "12-24", 90, 56),
)


def scaling() -> str:
    """The document's thresholds on even traffic of payments of $5 and $10 on average, beside what it says."""
    head = (
        "threshold", "document: payments", "found: payments of $10 / $5", "document: hours", "found: hours",
        "document: saved", "found: saved", "of all costs",
    )  # fmt: skip
    rows = []
    for claim in CLAIMS:
        found = [_scaled(claim, mean_usd) for mean_usd in (10, 5)]
        rows.append(
            (
                f"${claim.threshold_usd}",
                claim.payments,
                " / ".join(f"{payments:.1f}" for payments, _, _ in found),
                claim.hours,
                " / ".join(f"{hours:.1f}" for _, hours, _ in found),
                f"{claim.saved_pct} %",
                " / ".join(f"{100 * (1 - 1 / payments):.0f} %" for payments, _, _ in found),
                " / ".join(f"{share:.0f} %" for _, _, share in found),
            )
        )
    return table(head, rows)


def _scaled(claim: Claim, mean_usd: int) -> tuple[Decimal, Decimal, Decimal]:
    came_to = outcome(poisson(claim.usd_an_hour / mean_usd, 360, mean_usd), Levers(Decimal(claim.threshold_usd)))
    payments = Decimal(came_to.payments) / came_to.batches
    whole = PRICES.swap_usd + PERCENTAGE * mean_usd
    return payments, came_to.days * 24 / came_to.batches, 100 * PRICES.swap_usd * (1 - 1 / payments) / whole


def gas(file: Path) -> str:
    """What the transfers of a swap cost, by half-years, from daily averages."""
    head = (
        "half-year",
        "gas price, gwei: median (10 % - 90 %)",
        "ETH sent: median, 90 %",
        "USDT received: median, 90 %",
    )
    rows = []
    for period, days in groupby(_days(file), key=lambda day: day[0]):
        prices = [price for _, price in days]
        in_gwei = [float(wei) / 1e9 for _, wei in prices]
        spread = quantiles(in_gwei, n=10)
        cells = [period, f"{median(in_gwei):.2f} ({spread[0]:.2f} - {spread[-1]:.2f})"]
        for units in (TRANSFER_GAS, TOKEN_GAS):
            costs = [float(eth_usd * wei * units / WEI) for eth_usd, wei in prices]
            cells.append(f"${median(costs):.2f}, ${quantiles(costs, n=10)[-1]:.2f}")
        rows.append(cells)
    return table(head, rows)


def _days(file: Path) -> Iterator[tuple[str, tuple[Decimal, Decimal]]]:
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            year, month = row["date"].split("-")[:2]
            half = "first" if int(month) <= 6 else "second"
            yield f"{year}, {half}", (Decimal(row["eth_usd"]), Decimal(row["gas_price_wei"]))


def recommendation(advice: Recommendation) -> str:
    """The choices of one advice, the recommended one among them and today's last."""
    head = (
        "threshold", "longest age", "cost ratio", "batches a day", "payments a batch", "wait: median, 95 %, longest",
        "fixed costs saved", "waiting", "both costs", "at risk a batch",
    )  # fmt: skip
    lines = [*advice.lines, advice.today]
    rows = [_line(line, advice) for line in lines]
    said = (
        f"{advice.payments:,} payments in {advice.days:.0f} days; dollars a day. Against today the cheapest "
        f"{advice.saving.words()}."
    )
    return table(head, rows) + f"\n\n{said}"


def _line(line: Line, advice: Recommendation) -> list[str]:
    mark = "**" if line.levers == advice.best.levers else ""
    name = f"{mark}${line.levers.threshold_usd:.0f}{mark}" + (" today" if line is advice.today else "")
    age = f"{line.levers.max_age_hours} h" if line.levers.max_age_hours else "-"
    rule = line.levers.cost_rule
    ratio = f"{rule.ratio.start}, {rule.ratio.tau_hours} h" if rule else "-"
    waits = ", ".join(_hours(wait.total_seconds()) for wait in (line.wait_median, line.wait_95, line.wait_longest))
    amounts = (line.saved_usd_a_day, line.waiting_usd_a_day, line.cost_usd_a_day, line.at_risk_usd)
    return [
        name, age, ratio, f"{line.batches_a_day:.1f}", f"{line.payments_a_batch:.1f}", waits,
        *(f"${amount:,.2f}" for amount in amounts),
    ]  # fmt: skip


def families(traffic: Sequence[tuple[str, Arrivals]]) -> str:
    """By sum, by age, by either, by a swap's cost: each tuned on the first half, judged on the second."""
    head = ("traffic", "sum alone", "age alone", "sum or age", "cost ratio", "cost ratio against sum or age")
    return table(head, [(name, *_families(arrivals)) for name, arrivals in traffic])


def _families(arrivals: Arrivals) -> Iterable[str]:
    first, rest = arrivals.split(0.5)
    economic_usd = economic_threshold_usd(PRICES, dollars_an_hour(arrivals))
    choices = choices_around(economic_usd, TODAY)
    by_sum = [levers for levers in choices if levers.max_age_hours is None]
    ages = dict.fromkeys(levers.max_age_hours for levers in choices if levers.max_age_hours)
    by_age = [Levers(NEVER_USD, age) for age in ages]
    by_cost = cost_choices(economic_usd, TODAY, PRICES.swap_usd)
    found = [cheapest(try_all(first, tried, PRICES)) for tried in (by_sum, by_age, choices, by_cost)]
    best = [one for one in found if one is not None]
    yield from (_judged(rest, one) for one in best)
    _, _, either, cost = best
    yield saving(rest, PRICES, today=either.levers, instead=cost.levers, chance=Random(SEED)).words()


def _judged(rest: Arrivals, best: Tried) -> str:
    came_to = outcome(rest, best.levers)
    return f"${PRICES.a_day(came_to):.2f} (longest wait {_hours(came_to.longest.total_seconds())})"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 36_000 else f"{seconds / 3600:.1f} h"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
