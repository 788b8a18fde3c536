"""What a check must come to, and why: pause, threshold, force, age, count, cost, the limit in flight, the quote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from sandbox.changenow.market import ETH_TO_USDT
from tests.simulation.model.cost_rule import find_cost_usd, is_cheap
from tests.simulation.model.exchanges import CHECK_TAKES_MAX
from tests.simulation.model.fitting import UNSURE_PCT, UNSURE_USD, first_that_fit, sort_out, worth_eth
from tests.simulation.model.levers import Policy
from tests.simulation.model.situation import Row, Situation

OPENING: Final = frozenset({"threshold_reached", "forced", "over_age", "payment_count", "cost_ratio"})


@dataclass(frozen=True)
class Expected:
    """The reasons that a check may give, and in words why."""

    reasons: frozenset[str]
    because: str

    @property
    def must_open(self) -> bool:
        """Whether there is no way around a new batch."""
        return self.reasons <= OPENING

    @property
    def may_open(self) -> bool:
        """Whether a new batch is allowed."""
        return bool(self.reasons & OPENING)


def expect(situation: Situation, pending: Sequence[Row], *, in_flight: int, is_forced: bool) -> Expected:
    """Say what a check must come to that finds these payments claimable and so many batches in flight."""
    policy = situation.policy
    if situation.is_behind:
        return _only("database_behind", "a backup was put back, and orders that are out are forgotten")
    if policy is None:
        return _only("policy_unreadable", "no policy was ever valid, and what is there cannot be read")
    if situation.ours_from is None:
        return _only("cut_over_pending", "payments waited when ours was installed, and nobody has decided")
    if policy.paused:
        return _only("paused", "the policy says paused")
    fitting = sort_out(pending, policy, situation.market)
    is_full = policy.max_in_flight is not None and in_flight >= policy.max_in_flight
    if is_full and _wishes(situation, policy, fitting.capped, is_forced=is_forced)[0]:
        return _only("in_flight_limit", f"{in_flight} batches are in flight, {policy.max_in_flight} may be")
    fitting = fitting.without(situation.held)
    later = replace(situation, now=situation.now + CHECK_TAKES_MAX)  # within the check a payment may come of age
    cases = [_expect_for(moment, policy, fitting.surely, is_forced=is_forced) for moment in (situation, later)]
    if not fitting.are_all_sure:
        cases.append(_expect_for(situation, policy, fitting.possible, is_forced=is_forced))
    reasons = frozenset().union(*(case.reasons for case in cases))
    if is_full and _wishes(later, policy, fitting.capped, is_forced=is_forced)[0]:
        reasons |= {"in_flight_limit"}
    if _is_untold(situation, policy, fitting.capped, is_forced=is_forced):
        reasons |= {"below_exchange_minimum"}
    return Expected(reasons, cases[0].because)


def _is_untold(situation: Situation, policy: Policy, capped: Sequence[Row], *, is_forced: bool) -> bool:
    """Whether ChangeNow may refuse to estimate so little: then nothing tells which payments are worth their dollars."""
    market = situation.market
    wishes = _wishes(situation, policy, capped, is_forced=is_forced)[0]
    return bool(wishes) and worth_eth(capped, market) < market.min_eth


def _only(reason: str, because: str) -> Expected:
    return Expected(frozenset({reason}), because)


def _expect_for(situation: Situation, policy: Policy, fitting: Sequence[Row], *, is_forced: bool) -> Expected:
    wishes, because = _wishes(situation, policy, fitting, is_forced=is_forced)
    if wishes:
        return expect_quote(situation, fitting, wishes, because=because)
    market = situation.market
    if market.max_eth is not None and market.max_eth < market.min_eth:  # a range that takes nothing: either may be said
        return Expected(frozenset({"below_threshold", "below_exchange_minimum"}), because)
    return _only("below_threshold", because)


def _wishes(
    situation: Situation, policy: Policy, fitting: Sequence[Row], *, is_forced: bool
) -> tuple[frozenset[str], str]:
    """Every reason for a batch that holds, with the figures."""
    total_usd = sum((row["usd"] for row in fitting), Decimal(0))
    said = f"${total_usd} in {len(fitting)} payments wait, the threshold is ${situation.threshold_usd}"
    if not fitting:
        return frozenset(), said
    age = max((situation.now - row["created_at"] for row in fitting), default=timedelta())
    holds = {
        "threshold_reached": total_usd >= situation.threshold_usd,
        "forced": is_forced,
        "over_age": policy.max_age_hours is not None and age >= timedelta(hours=float(policy.max_age_hours)),
        "payment_count": policy.max_payments is not None and len(fitting) >= policy.max_payments,
        "cost_ratio": is_cheap(policy.cost_ratio, find_cost_usd(situation.batches), total_usd, age),
    }
    return frozenset(reason for reason, does in holds.items() if does), f"{said}, the oldest for {age}"


def expect_quote(
    situation: Situation, fitting: Sequence[Row], wishes: frozenset[str] = OPENING, *, because: str = ""
) -> Expected:
    """Narrow the wish by what ChangeNow takes and what the guard lets through."""
    market, policy = situation.market, situation.policy
    assert policy is not None
    chosen = first_that_fit(fitting, policy.max_batch_usd)
    total_usd = sum((row["usd"] for row in chosen), Decimal(0))
    eth = worth_eth(chosen, market)
    slack = eth * UNSURE_PCT / 100 + UNSURE_USD / market.eth_price_usd
    reasons = set(wishes)
    if eth - slack < market.min_eth:
        reasons.add("below_exchange_minimum")
        if eth + slack < market.min_eth:
            return _only("below_exchange_minimum", f"{because}; {eth} ETH is below {market.min_eth}")
    if market.max_eth is not None and eth + slack > market.max_eth:
        # Fewer payments go then, which may be worth less than the exchange's minimum.
        return Expected(frozenset(reasons | {"below_exchange_minimum", "quote_refused"}), because)
    return _guarded(situation, eth, total_usd, policy.quote_deviation_pct, reasons=reasons, because=because)


def _guarded(
    situation: Situation, eth: Decimal, total_usd: Decimal, tolerance_pct: Decimal, *, reasons: set[str], because: str
) -> Expected:
    worth_usdt = situation.market.direct(ETH_TO_USDT, eth)
    off_usd, slack = abs(worth_usdt - total_usd), total_usd * UNSURE_PCT / 100 + UNSURE_USD
    allowed_usd = total_usd * tolerance_pct / 100
    said = f"{because}; {worth_usdt} USDT would arrive for ${total_usd}, {tolerance_pct} % are allowed"
    if off_usd - slack > allowed_usd:
        return Expected(frozenset({"quote_refused"} | (reasons - OPENING)), said)
    if off_usd + slack > allowed_usd:
        reasons = reasons | {"quote_refused"}
    return Expected(frozenset(reasons), said)
