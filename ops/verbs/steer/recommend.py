"""`threshold recommend`: which threshold, and which longest age, would have been cheapest for one's own payments."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from ops.advice.arrivals import Arrivals, read_csv, sorted_arrivals
from ops.advice.costs import Prices
from ops.advice.frequency import calculate_optimal_threshold
from ops.advice.recommendation import Recommendation, line_document, recommend_levers, to_document
from ops.advice.replay import Levers
from ops.command_line import text
from ops.command_line.acts import Act, acting
from ops.command_line.amounts import Amount
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.situation import levers
from shared.model.money import dollars, from_units, plain
from shared.model.policy import DEFAULT_THRESHOLD_USD, parse_policy
from shared.outside.database import Database

COLUMNS: Final = {
    "threshold_usd": "threshold $",
    "max_age_hours": "max age h",
    "batches_a_day": "batches/day",
    "payments_a_batch": "payments",
    "median": "wait",
    "95 %": "95 %",
    "longest": "longest",
    "fixed_cost_saved_usd_a_day": "saved $/day",
    "waiting_cost_usd_a_day": "waiting $/day",
    "cost_usd_a_day": "cost $/day",
    "at_risk_usd": "at risk $",
}


@click.command()
@click.option("--csv", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Payments to replay.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Of payments on record.")
@click.option(
    "--swap-cost", type=Amount(), default="2.00", show_default=True, help="Dollars a swap, whatever its size."
)
@click.option("--waiting-cost", type=Amount(), default="0.1", show_default=True, help="Percent an hour of what waits.")
@click.option("--longest-wait", type=click.IntRange(1), metavar="HOURS", help="Nobody may wait longer.")
@click.option("--minimum", type=Amount(), default="0", help="Dollars below which the exchange takes nothing.")
@click.option("--hours", type=click.IntRange(1, 8760), default=6, show_default=True, help="For the plain rule.")
@click.option("--apply", is_flag=True, help="Set what is recommended, once agreed to.")
@acting("threshold recommend")
@answering
def recommend(  # noqa: PLR0917 - click gives them by name
    file: Path | None,
    days: int,
    swap_cost: Decimal,
    waiting_cost: Decimal,
    longest_wait: int | None,
    minimum: Decimal,
    hours: int,
    act: Act,
    *,
    apply: bool,
) -> Answer:
    """Replay payments under other levers and show which would have been cheapest.

    Nothing is set without --apply.
    """
    if not swap_cost or not waiting_cost:
        raise click.UsageError("a swap and waiting must both cost something, else there is nothing to weigh")
    arrivals, today = (
        (read_csv(file), Levers(DEFAULT_THRESHOLD_USD, None, minimum)) if file else _recorded(days, minimum)
    )
    with click.progressbar(label="Replaying", file=sys.stderr, length=1) as bar:

        def said(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        advice = recommend_levers(
            arrivals,
            Prices(swap_cost, waiting_cost / 100),
            today=today,
            longest_wait=timedelta(hours=longest_wait) if longest_wait else None,
            said=said,
        )
    plain_rule_usd = _plain_rule_usd(arrivals, advice, hours)
    document = to_document(advice) | {"by_frequency": {"hours": hours, "threshold_usd": plain_rule_usd}}
    lines = _lines(advice, hours, plain_rule_usd)
    return _apply(advice.best.levers, act, document, lines) if apply else Answer(document, lines)


def _apply(best: Levers, act: Act, document: dict[str, Any], lines: list[str]) -> Answer:
    """Set the threshold and the longest age, after the figures have been shown."""
    for line in lines:
        tell(line)
    policy = levers.newest_document(levers.POLICY)
    if policy is None:
        raise NotDone(
            "the policy's newest version is not valid, so that no longest age can be set beside the threshold"
        )
    changed = [levers.change(levers.THRESHOLD, plain(best.threshold_usd), act, create=False)]
    rules = {name: value for name, value in policy.items() if name != "max_age_hours"}
    if best.max_age_hours is not None:
        rules["max_age_hours"] = best.max_age_hours
    if best.max_age_hours != policy.get("max_age_hours"):
        changed.append(levers.change(levers.POLICY, levers.write_document(rules), act, create=True))
    applied = [answer.document for answer in changed]
    return Answer(document | {"applied": applied}, [line for answer in changed for line in answer.lines])


def _recorded(days: int, minimum: Decimal) -> tuple[Arrivals, Levers]:
    """The payments on record, and the levers that the newest check had."""
    with opened_database() as database:
        with database.transaction() as transaction:
            since = datetime.now(UTC) - timedelta(days=days)
            rows = transaction.rows("list_arrivals", since=since.replace(tzinfo=None))
        today = _levers_in_force(database, minimum)
    return sorted_arrivals((row["instant_us"], row["amount"]) for row in rows), today


def _levers_in_force(database: Database, minimum: Decimal) -> Levers:
    with database.transaction() as transaction:
        threshold = transaction.row("get_last_valid_threshold")
        policy = transaction.row("get_last_valid_policy")
    threshold_usd = threshold["threshold_usd"] if threshold else DEFAULT_THRESHOLD_USD
    max_age_hours = parse_policy(policy["policy"].encode()).max_age_hours if policy and policy["policy"] else None
    return Levers(threshold_usd, max_age_hours, minimum)


def _plain_rule_usd(arrivals: Arrivals, advice: Recommendation, hours: int) -> Decimal:
    volume_usd = from_units(arrivals.sums[-1])
    return calculate_optimal_threshold(volume_usd / max(advice.days, Decimal(1)), volume_usd / len(arrivals), hours)


def _lines(advice: Recommendation, hours: int, plain_rule_usd: Decimal) -> list[str]:
    rows = [_row(line) for line in advice.lines]
    rows.append(_row(advice.today) | {"threshold_usd": f"{plain(advice.today.levers.threshold_usd)} today"})
    best = advice.best.levers
    waiting_pct = plain((advice.prices.waiting_usd * 100).normalize())
    return [
        f"{advice.payments} payments in {advice.days:.0f} days",
        f"--swap-cost {dollars(advice.prices.swap_usd)} a swap, --waiting-cost {waiting_pct} % an hour of what waits",
        f"{advice.tried} choices tried on the first half; these figures are of the second, each batch confirmed:",
        "",
        *text.table(rows, COLUMNS),
        "",
        f"Cheapest: a threshold of {dollars(best.threshold_usd)}"
        + (f" and a longest age of {plain(best.max_age_hours)} hours" if best.max_age_hours else "")
        + f"; against today it {advice.saving.words()}",
        f"To compare: {advice.flatness};",
        f"one batch every {hours} hours would come at about {dollars(plain_rule_usd)}, whatever it costs.",
        "To set it, type this once more with --apply, or by hand:",
        f"  ./microbatch threshold set {plain(best.threshold_usd)}",
        f"  ./microbatch policy set max_age_hours={plain(best.max_age_hours) if best.max_age_hours else 'null'}",
    ]


def _row(line: Any) -> dict[str, Any]:
    waits = {"median": line.wait_median, "95 %": line.wait_95, "longest": line.wait_longest}
    return line_document(line) | {name: text.age(wait) for name, wait in waits.items()}
