"""`savings`: what batching saved, batch by batch and in sum, and what no batching saves."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import click

from ops.advice.savings import BatchSaving, Savings, sum_up
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import count, table
from shared.model.money import dollars, plain

COLUMNS: Final = {
    "number": "#",
    "short_id": "batch",
    "created_at": "opened",
    "payments": "payments",
    "payments_below_minimum": "below min",
    "total_usd": "dollars",
    "fixed_cost_usd": "K $",
    "deposit_gas_usd": "gas $",
    "saved_usd": "saved $",
    "spread_usd": "percentage $",
    "slippage_usdt": "slippage USDT",
}
FIGURES: Final = ("fixed_cost_usd", "deposit_gas_usd", "saved_usd", "spread_usd", "slippage_usdt")
CENT_OF_A_CENT: Final = Decimal("0.0001")


@click.command()
@click.option("--since", type=Moment(), help="Only batches opened from this time on.")
@click.option("--until", type=Moment(), help="Only batches opened before this time.")
@click.option("--client", help="Only batches that hold, or held, a payment of this client.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="List at most so many.")
@answering
def command(since: datetime | None, until: datetime | None, client: str | None, limit: int) -> Answer:
    """Show what batching saved, and what it could not.

    The sums are of every batch that fits; the newest are listed.
    """
    with opened_database() as database, database.transaction() as transaction:
        rows = transaction.rows("list_batch_savings", since=since, until=until, client_id=client)
    batches = [BatchSaving(**row) for row in rows]
    savings, newest = sum_up(batches), batches[: -limit - 1 : -1]
    document = savings.document | {"listed": [batch.document for batch in newest]}
    if not batches:
        return Answer(document, ["no batch of that kind has ended"])
    return Answer(document, [*table([_row(batch) for batch in newest], COLUMNS), "", *_lines(savings)])


def _row(batch: BatchSaving) -> dict[str, Any]:
    known = {name: getattr(batch, name) for name in FIGURES}
    return batch.document | {
        "short_id": str(batch.batch_conversion_id)[:8],
        **{name: None if figure is None else figure.quantize(CENT_OF_A_CENT) for name, figure in known.items()},
    }


def _lines(savings: Savings) -> list[str]:
    """The sums, a line each."""
    sums = savings.document
    told = f"{count(sums['batches'], 'batch')} completed with {count(sums['payments'], 'payment')}"
    lines = [f"{told} of {dollars(sums['total_usd'])}; the costs of {sums['batches_measured']} were told"]
    if sums["batches_measured"]:
        each = sums["fixed_cost_usd"] / sums["batches_measured"]
        lines += [
            f"fixed costs   ${sums['fixed_cost_usd']:.2f} paid, ${each:.4f} a swap (K)",
            f"  of it gas   {_gas(sums)}",
            f"saved         ${sums['saved_usd']:.2f}: {count(sums['swaps_saved'], 'swap')} not made",
        ]
    lines.append(
        f"below minimum {count(sums['payments_below_minimum'], 'payment')} of {dollars(sums['below_minimum_usd'])}, "
        "convertible only together"
    )
    if savings.spread_pct is not None:
        lines.append(f"percentage    ${sums['spread_usd']:.2f}, {savings.spread_pct:.2f} %: no batching saves it")
    slippage = sums["slippage_usdt"]
    lines.append(f"slippage      {plain(abs(slippage))} USDT {'less' if slippage >= 0 else 'more'} than quoted")
    return lines + _lost_lines(savings)


def _gas(sums: Mapping[str, Any]) -> str:
    """What the deposits' gas came to, and for how many of them nobody has asked the chain."""
    unknown = sums["batches_measured"] - sums["batches_with_gas"]
    told = f"${sums['deposit_gas_usd']:.4f} as paid for {count(sums['batches_with_gas'], 'deposit')}"
    return f"{told}; not known of {unknown}, of which K is the fees alone: ./microbatch reconcile" if unknown else told


def _lost_lines(savings: Savings) -> list[str]:
    lines = []
    for name, is_refunded, said in (
        ("refunded", True, "came back, less fees"),
        ("lost", False, "not known to have come back: ./microbatch reconcile"),
    ):
        lost = savings.lost(is_refunded=is_refunded)
        if lost.batches:
            lines.append(
                f"{name:<13} {count(lost.batches, 'deposit')}, {plain(lost.eth)} ETH (${lost.usd:.2f}), {said}"
            )
    if late_usdt := savings.document["late_usdt"]:
        lines.append(f"late          {plain(late_usdt)} USDT for batches given up, belonging to nobody yet")
    return lines
