"""`threshold recommend`: which threshold, and which longest age, would have been cheapest for one's own payments."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from ops.advice import telling
from ops.advice.arrivals import Arrivals, read_csv
from ops.advice.frequency import calculate_optimal_threshold
from ops.advice.recommendation import WAITING_PCT, Recommendation, recommend_levers, to_document
from ops.advice.recorded import Recorded, read_recorded
from ops.advice.replay import Levers
from ops.command_line import text
from ops.command_line.acts import Act, acting
from ops.command_line.amounts import Amount
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.situation import levers
from shared.model.money import dollars, from_units, plain
from shared.model.policy import DEFAULT_THRESHOLD_USD

TINY: Final = Decimal("0.000001")
HUGE: Final = Decimal(1_000_000)


@click.command()
@click.option("--csv", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Payments to replay.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Of payments on record.")
@click.option(
    "--swap-cost", type=Amount(), show_default="as the last one cost, else 2.00", help="Dollars a swap, of any size."
)
@click.option(
    "--waiting-cost", type=Amount(), default=str(WAITING_PCT), show_default=True, help="Percent an hour of what waits."
)
@click.option("--longest-wait", type=click.IntRange(1, 8760), metavar="HOURS", help="Nobody may wait longer.")
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
    _require_weighable(swap_cost, waiting_cost, minimum)
    if file:
        known = Recorded(read_csv(file), Levers(DEFAULT_THRESHOLD_USD, None, minimum), None)
    else:
        known = _recorded(days, minimum)
    with click.progressbar(label="Replaying", file=sys.stderr, length=1) as bar:

        def said(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        advice = recommend_levers(
            known.arrivals,
            known.prices(swap_cost, waiting_cost),
            today=known.today,
            longest_wait=timedelta(hours=longest_wait) if longest_wait else None,
            said=said,
        )
    plain_rule_usd = _plain_rule_usd(known.arrivals, advice, hours)
    document = to_document(advice) | {"by_frequency": {"hours": hours, "threshold_usd": plain_rule_usd}}
    lines = _lines(advice, hours, plain_rule_usd)
    return _apply(advice.best.levers, act, document, lines) if apply else Answer(document, lines)


def _require_weighable(swap_cost: Decimal | None, waiting_cost: Decimal, minimum: Decimal) -> None:
    """Refuse what nobody pays: the arithmetic has 28 digits."""
    if swap_cost == 0 or not waiting_cost:
        raise click.UsageError("a swap and waiting must both cost something, else there is nothing to weigh")
    for name, amount, least in (
        ("swap-cost", swap_cost, TINY),
        ("waiting-cost", waiting_cost, TINY),
        ("minimum", minimum, Decimal(0)),
    ):
        if amount is not None and not least <= amount <= HUGE:
            raise click.UsageError(f"--{name} is between {least:f} and {plain(HUGE)}")


def _apply(best: Levers, act: Act, document: dict[str, Any], lines: list[str]) -> Answer:
    """Set the threshold and the longest age, after the figures have been shown."""
    for line in lines:
        tell(line)
    policy = levers.newest_document(levers.POLICY)
    if policy is None:
        raise NotDone("the policy's newest version is not valid, so that no rule can be set beside the threshold")
    changed = [levers.change(levers.THRESHOLD, plain(best.threshold_usd), act, create=False)]
    wanted = telling.rules_of(best)
    kept = {name: value for name, value in policy.items() if name not in wanted}
    if policy != (rules := kept | {name: rule for name, rule in wanted.items() if rule is not None}):
        changed.append(levers.change(levers.POLICY, levers.write_document(rules), act, create=True))
    applied = [answer.document for answer in changed]
    return Answer(document | {"applied": applied}, [line for answer in changed for line in answer.lines])


def _recorded(days: int, minimum: Decimal) -> Recorded:
    """What is on record of the last so many days."""
    with opened_database() as database, database.transaction() as transaction:
        return read_recorded(transaction, datetime.now(UTC), timedelta(days=days), minimum)


def _plain_rule_usd(arrivals: Arrivals, advice: Recommendation, hours: int) -> Decimal:
    volume_usd = from_units(arrivals.sums[-1])
    return calculate_optimal_threshold(volume_usd / max(advice.days, Decimal(1)), volume_usd / len(arrivals), hours)


def _lines(advice: Recommendation, hours: int, plain_rule_usd: Decimal) -> list[str]:
    return [
        f"{advice.payments} payments in {advice.days:.0f} days",
        telling.weighed(advice),
        f"{advice.tried} choices tried on the first half; these figures are of the second, each batch confirmed:",
        "",
        *text.table(telling.rows_of(advice), telling.COLUMNS),
        "",
        *telling.finding(advice),
        f"To compare: {advice.flatness};",
        f"one batch every {hours} hours would come at about {dollars(plain_rule_usd)}, whatever it costs.",
        "To set it, type this once more with --apply, or by hand:",
        *(f"  {command}" for command in telling.commands(advice.best.levers)),
    ]
