"""Advice in words, in rows and as it is typed: what the command line and the pages both say of it."""

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from ops.advice.recommendation import Line, Recommendation, line_document
from ops.advice.replay import Levers
from ops.command_line.text import age
from shared.model.money import dollars, plain

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


def rows_of(advice: Recommendation) -> list[dict[str, Any]]:
    """The choices that are shown, and today's below them."""
    today = row_of(advice.today)
    return [*map(row_of, advice.lines), today | {"threshold_usd": f"{plain(advice.today.levers.threshold_usd)} today"}]


def row_of(line: Line) -> dict[str, Any]:
    """One choice in a table."""
    waits = {"median": line.wait_median, "95 %": line.wait_95, "longest": line.wait_longest}
    document = line_document(line)
    if ratio := document["cost_ratio"]:
        document["cost_ratio"] = f"{plain(ratio['start'])}, {plain(ratio['tau_hours'])} h"
    return document | {name: age(wait) for name, wait in waits.items()}


def weighed(advice: Recommendation) -> str:
    """What a swap and waiting were taken to cost, as it is typed."""
    waiting_pct = plain((advice.prices.waiting_usd * 100).normalize())
    return f"--swap-cost {dollars(advice.prices.swap_usd)} a swap, --waiting-cost {waiting_pct} % an hour of what waits"


def finding(advice: Recommendation) -> Iterable[str]:
    """Which choice is the cheapest, and what may be said of it against today's."""
    best = advice.best.levers
    yield f"Cheapest: a threshold of {dollars(best.threshold_usd)}{_beside(best)};"
    yield f"against today it {advice.saving.words()}"


def commands(best: Levers) -> list[str]:
    """What is typed to set the levers."""
    rules = " ".join(f"{name}={_typed(rule)}" for name, rule in rules_of(best).items())
    return [f"./microbatch threshold set {plain(best.threshold_usd)}", f"./microbatch policy set {rules}"]


def rules_of(best: Levers) -> dict[str, Any]:
    """What the policy is to say beside the threshold; None for a rule that is to be off."""
    ratio = best.cost_rule.ratio if best.cost_rule else None
    return {"max_age_hours": best.max_age_hours, "cost_ratio": asdict(ratio) if ratio else None}


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
