"""`threshold recommend`: which threshold, and which longest age, would have been cheapest for one's own payments."""

import json
import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from ops.advice.arrivals import Arrivals, read_csv, sorted_arrivals
from ops.advice.cost_rule import CostRule
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
from shared.model.policy import DEFAULT_THRESHOLD_USD, Policy, parse_policy
from shared.outside.database import Database

SWAP_COST_USD: Final = Decimal("2.00")  # where none was ever told
RULES: Final = ("max_age_hours", "cost_ratio")  # of the policy, that go with the threshold
COLUMNS: Final = {
    "threshold_usd": "threshold $",
    "max_age_hours": "max age h",
    "cost_ratio": "cost ratio",
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
    "--swap-cost", type=Amount(), show_default="as the last one cost, else 2.00", help="Dollars a swap, of any size."
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
    swap_cost: Decimal | None,
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
    if swap_cost == 0 or not waiting_cost:
        raise click.UsageError("a swap and waiting must both cost something, else there is nothing to weigh")
    if file:
        arrivals, today, last_cost = read_csv(file), Levers(DEFAULT_THRESHOLD_USD, None, minimum), None
    else:
        arrivals, today, last_cost = _recorded(days, minimum)
    with click.progressbar(label="Replaying", file=sys.stderr, length=1) as bar:

        def said(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        advice = recommend_levers(
            arrivals,
            Prices(swap_cost or last_cost or SWAP_COST_USD, waiting_cost / 100),
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
        raise NotDone("the policy's newest version is not valid, so that no rule can be set beside the threshold")
    changed = [levers.change(levers.THRESHOLD, plain(best.threshold_usd), act, create=False)]
    kept = {name: value for name, value in policy.items() if name not in RULES}
    if policy != (rules := kept | {name: rule for name, rule in _rules(best).items() if rule is not None}):
        changed.append(levers.change(levers.POLICY, levers.write_document(rules), act, create=True))
    applied = [answer.document for answer in changed]
    return Answer(document | {"applied": applied}, [line for answer in changed for line in answer.lines])


def _rules(best: Levers) -> dict[str, Any]:
    """What the policy is to say beside the threshold; None for a rule that is to be off."""
    ratio = best.cost_rule.ratio if best.cost_rule else None
    return {"max_age_hours": best.max_age_hours, "cost_ratio": asdict(ratio) if ratio else None}


def _recorded(days: int, minimum: Decimal) -> tuple[Arrivals, Levers, Decimal | None]:
    """The payments on record, the levers that the newest check had, and what the last swap cost if that is known."""
    with opened_database() as database:
        with database.transaction() as transaction:
            since = datetime.now(UTC) - timedelta(days=days)
            rows = transaction.rows("list_arrivals", since=since.replace(tzinfo=None))
            cost = transaction.row("get_last_swap_cost")
        last_cost_usd = cost["fixed_cost_usd"] if cost else None
        today = _levers_in_force(database, minimum, last_cost_usd)
    arrivals = sorted_arrivals((row["instant_us"], row["amount"]) for row in rows)
    return arrivals, today, last_cost_usd


def _levers_in_force(database: Database, minimum: Decimal, last_cost_usd: Decimal | None) -> Levers:
    with database.transaction() as transaction:
        threshold = transaction.row("get_last_valid_threshold")
        policy = transaction.row("get_last_valid_policy")
    threshold_usd = threshold["threshold_usd"] if threshold else DEFAULT_THRESHOLD_USD
    rules = parse_policy(policy["policy"].encode()) if policy and policy["policy"] else Policy()
    rule = CostRule(rules.cost_ratio, last_cost_usd) if rules.cost_ratio and last_cost_usd else None
    return Levers(threshold_usd, rules.max_age_hours, minimum, rule)


def _plain_rule_usd(arrivals: Arrivals, advice: Recommendation, hours: int) -> Decimal:
    volume_usd = from_units(arrivals.sums[-1])
    return calculate_optimal_threshold(volume_usd / max(advice.days, Decimal(1)), volume_usd / len(arrivals), hours)


def _lines(advice: Recommendation, hours: int, plain_rule_usd: Decimal) -> list[str]:
    rows = [_row(line) for line in advice.lines]
    rows.append(_row(advice.today) | {"threshold_usd": f"{plain(advice.today.levers.threshold_usd)} today"})
    best = advice.best.levers
    rules = " ".join(f"{name}={_typed(rule)}" for name, rule in _rules(best).items())
    waiting_pct = plain((advice.prices.waiting_usd * 100).normalize())
    return [
        f"{advice.payments} payments in {advice.days:.0f} days",
        f"--swap-cost {dollars(advice.prices.swap_usd)} a swap, --waiting-cost {waiting_pct} % an hour of what waits",
        f"{advice.tried} choices tried on the first half; these figures are of the second, each batch confirmed:",
        "",
        *text.table(rows, COLUMNS),
        "",
        f"Cheapest: a threshold of {dollars(best.threshold_usd)}{_beside(best)};",
        f"against today it {advice.saving.words()}",
        f"To compare: {advice.flatness};",
        f"one batch every {hours} hours would come at about {dollars(plain_rule_usd)}, whatever it costs.",
        "To set it, type this once more with --apply, or by hand:",
        f"  ./microbatch threshold set {plain(best.threshold_usd)}",
        f"  ./microbatch policy set {rules}",
    ]


def _beside(best: Levers) -> str:
    """The rule that goes with the threshold, in words."""
    if best.max_age_hours:
        return f" and a longest age of {plain(best.max_age_hours)} hours"
    if best.cost_rule is None:
        return ""
    ratio = best.cost_rule.ratio
    return (
        f", sooner where a swap costs at most {plain(ratio.start * 100)} % of what waits, e times as much after each "
        f"{plain(ratio.tau_hours)} hours"
    )


def _typed(rule: Any) -> str:
    """A rule as it is typed in a shell."""
    if isinstance(rule, dict):
        return shlex.quote(json.dumps(rule, default=plain))
    return "null" if rule is None else plain(rule)


def _row(line: Any) -> dict[str, Any]:
    waits = {"median": line.wait_median, "95 %": line.wait_95, "longest": line.wait_longest}
    document = line_document(line)
    if ratio := document["cost_ratio"]:
        document["cost_ratio"] = f"{plain(ratio['start'])}, {plain(ratio['tau_hours'])} h"
    return document | {name: text.age(wait) for name, wait in waits.items()}
