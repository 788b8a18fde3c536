"""Writes the figures of docs/economics.md and its curve anew: `ECONOMICS_DATA=folder python -m tests.ops.economics`.

The data are not ours to pass on and are in no repository; without them the figures stay as they are. The folder holds
`arrivals-*.csv.gz` (created_at, amount_usd) and `ethereum-daily.csv` (date, eth_usd, gas_price_wei).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from ops.advice.arrivals import Arrivals, read_csv
from ops.advice.costs import dearer_pct, dollars_an_hour, economic_threshold_usd
from ops.advice.judgement import try_all
from ops.advice.recommendation import choices_around, recommend_levers
from tests.ops.economics.curve import curve
from tests.ops.economics.tables import PRICES, TODAY, families, gas, recommendation, scaling
from tests.ops.economics.traffic import daily_cycle, poisson

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "economics.md"
CURVE: Final = PAGE.parent / "figures" / "economics" / "cost-over-threshold.svg"
VARIABLE: Final = "ECONOMICS_DATA"
QUIET, BURST, GAS = "arrivals-2018-2021.csv.gz", "arrivals-2021-burst.csv.gz", "ethereum-daily.csv"
CEILING_TIMES: Final = 5


def data_folder() -> Path | None:
    """Where the data are, if they are here."""
    folder = Path(os.environ.get(VARIABLE, "."))
    return folder if all((folder / name).is_file() for name in (QUIET, BURST, GAS)) else None


def tables(folder: Path) -> dict[str, str]:
    """Every table of the page that needs the data."""
    quiet, burst = read_csv(folder / QUIET), read_csv(folder / BURST)
    return {
        "gas": gas(folder / GAS),
        "quiet": recommendation(recommend_levers(quiet, PRICES, today=TODAY)),
        "burst": recommendation(recommend_levers(burst, PRICES, today=TODAY)),
        "families": families(
            [
                ("two years of real payments", quiet),
                ("eight days of a real burst", burst),
                ("even, 1.5 an hour of $10", poisson(1.5, 365)),
                ("following the day, 1.5 an hour of $10", daily_cycle(1.5, 365)),
            ]
        ),
    }


def put(page: str, written: Mapping[str, str]) -> str:
    """Replace the tables of a page, each between its two marks."""
    for name, text in written.items():
        begin, end = f"<!-- {name}: written by tests.ops.economics -->\n", f"<!-- end of {name} -->"
        before, begins, rest = page.partition(begin)
        _, ends, after = rest.partition(end)
        if not (begins and ends):
            raise SystemExit(f"{PAGE.name} has no place for {name}")
        page = f"{before}{begin}\n{text}\n\n{end}{after}"
    return page


def drawn(arrivals: Arrivals) -> str:
    """The cost of real payments by sum alone and with a longest age, and the textbook's curve."""
    economic_usd = economic_threshold_usd(PRICES, dollars_an_hour(arrivals))
    by_sum = [levers for levers in choices_around(economic_usd, TODAY)[1:] if levers.max_age_hours is None]
    lowest = 2 * PRICES.swap_usd * dollars_an_hour(arrivals) / economic_usd * 24
    textbook = [
        (levers.threshold_usd, lowest * (1 + dearer_pct(levers.threshold_usd, economic_usd) / 100)) for levers in by_sum
    ]
    lines = [("even payments, by the formula", textbook)]
    for name, age in (("real payments, by sum alone", None), ("real payments, longest age 48 h", Decimal(48))):
        tried = try_all(arrivals, [replace(levers, max_age_hours=age) for levers in by_sum], PRICES)
        lines.append((name, [(one.levers.threshold_usd, one.usd_a_day) for one in tried]))
    return curve(lines, ceiling_usd=(lowest * CEILING_TIMES).quantize(Decimal(1)))


def main() -> int:
    """0 written, or nothing to write from."""
    page = put(PAGE.read_text(encoding="utf-8"), {"scaling": scaling()})
    folder = data_folder()
    if folder is None:
        print(f"the data are not in {VARIABLE}: only the made-up traffic's table was written", file=sys.stderr)
    else:
        page = put(page, tables(folder))
        CURVE.parent.mkdir(exist_ok=True)
        CURVE.write_text(drawn(read_csv(folder / QUIET)), encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
