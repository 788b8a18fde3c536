"""How large the batches were."""

from decimal import Decimal
from typing import Final

from ops.command_line.text import count, shown
from ops.pages.figures.bins import array, bars, filled
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from shared.model.money import dollars
from shared.outside.database import Row, Transaction

COLUMNS: Final = {"between": "dollars", "batches": "batches", "payments": "payments", "total_usd": "dollars together"}
EDGES_USD: Final = tuple(Decimal(digit) * 10**power for power in range(9) for digit in (1, 2, 5))


def draw_sizes(transaction: Transaction, period: Period) -> Figure:
    """How many batches held how many dollars."""
    rows = transaction.rows("count_batches_by_size", since=period.since, edges=array(EDGES_USD))
    bins = filled(rows, EDGES_USD, _short, *COLUMNS)
    return Figure("sizes", "Batch sizes", _finding(rows), COLUMNS, bins, bars(bins, "batches", "batches"))


def _finding(rows: list[Row]) -> str:
    if not rows:
        return "No batch was opened."
    largest = rows[-1]
    batches = sum(row["batches"] for row in rows)
    return (
        f"Half of {count(batches, 'batch')} held {dollars(rows[0]['median_usd'])} or less; the largest, "
        f"#{largest['largest_number']}, held {dollars(largest['largest_usd'])}."
    )


def _short(edge_usd: Decimal) -> str:
    for size, letter in ((Decimal(1_000_000), "M"), (Decimal(1_000), "k")):
        if edge_usd >= size:
            return f"${shown(edge_usd / size)}{letter}"
    return f"${shown(edge_usd)}"
