"""What advice starts from where payments are on record: them, the levers in force, what the last swap cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ops.advice.arrivals import Arrivals, sorted_arrivals
from ops.advice.cost_rule import CostRule
from ops.advice.costs import Prices
from ops.advice.recommendation import SWAP_COST_USD
from ops.advice.replay import Levers
from shared.model.policy import DEFAULT_THRESHOLD_USD, Policy, parse_policy
from shared.outside.database import Transaction


@dataclass(frozen=True)
class Recorded:
    """Payments with the levers that the newest check had; *last_cost_usd* is None where no swap told its cost."""

    arrivals: Arrivals
    today: Levers
    last_cost_usd: Decimal | None

    def prices(self, swap_usd: Decimal | None, waiting_pct: Decimal) -> Prices:
        """What is weighed: a swap's cost, as said or else as the last one's was, and percent an hour of what waits."""
        return Prices(swap_usd or self.last_cost_usd or SWAP_COST_USD, waiting_pct / 100)


def read_recorded(
    transaction: Transaction, now: datetime, span: timedelta, minimum_usd: Decimal = Decimal(0)
) -> Recorded:
    """Read what came in for a time up to an instant in UTC; raises ValueImpossible where nothing did."""
    until = now.replace(tzinfo=None)
    rows = transaction.rows("list_arrivals", since=until - span, until=until)
    cost = transaction.row("get_last_swap_cost")
    last_cost_usd = cost["fixed_cost_usd"] if cost else None
    today = _levers_in_force(transaction, minimum_usd, last_cost_usd)
    arrivals = sorted_arrivals((row["instant_us"], row["amount"]) for row in rows)
    return Recorded(arrivals, today, last_cost_usd)


def _levers_in_force(transaction: Transaction, minimum_usd: Decimal, last_cost_usd: Decimal | None) -> Levers:
    threshold = transaction.row("get_last_valid_threshold")
    policy = transaction.row("get_last_valid_policy")
    threshold_usd = threshold["threshold_usd"] if threshold else DEFAULT_THRESHOLD_USD
    rules = parse_policy(policy["policy"].encode()) if policy and policy["policy"] else Policy()
    rule = CostRule(rules.cost_ratio, last_cost_usd) if rules.cost_ratio and last_cost_usd else None
    return Levers(threshold_usd, rules.max_age_hours, minimum_usd, rule)
