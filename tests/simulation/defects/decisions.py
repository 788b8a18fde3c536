"""Mistakes of judgement: batches that should not have been opened, or should have been and were not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from unittest.mock import patch

from shared.errors import NoQuote
from shared.flow import check, check_record
from shared.flow import threshold_and_policy as levers
from shared.flow.batch import opening, quoting, trouble
from shared.flow.context import CheckContext
from shared.model.decision import decide
from shared.model.money import AMOUNT_MAX
from shared.model.policy import Policy, PolicyInForce, PolicySource, Threshold
from shared.model.quote import Offer, Quote, Selection, Sums
from shared.model.reasons import Reason
from shared.outside.database import Database, Session
from tests.simulation.defects.defect import Defect, Planted
from tests.simulation.history import scenes


def _no_check_lock() -> Planted:
    """Two checks at once both work."""

    original, keys = Database.exclusive, count()
    return patch.object(Database, "exclusive", lambda self, _: original(self, next(keys)))


def _deciding(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], Planted]:
    """The decision is taken on other facts."""

    def decide_otherwise(pending: Any, **facts: Any) -> Reason:
        return decide(pending, **change(facts))

    return lambda: patch.object(opening, "decide", decide_otherwise)


def _policy_without(**rules: Any) -> Callable[[], Planted]:
    """One rule of the policy is not looked at."""
    return _deciding(lambda facts: facts | {"policy": facts["policy"] and replace(facts["policy"], **rules)})


def _force_overrides_pause() -> Planted:
    """A forced tick opens a batch whatever the policy says."""

    def give_in(pending: Any, **facts: Any) -> Reason:
        return Reason.FORCED if facts["forced"] and pending.payments else decide(pending, **facts)

    return patch.object(opening, "decide", give_in)


def _costs_taken_for_nothing() -> Planted:
    """A swap's cost, once one is known, is looked at as if it were a hundred-millionth of a dollar."""
    return _deciding(lambda facts: facts | {"swap_cost_usd": facts["swap_cost_usd"] and Decimal("1e-8")})()


def _guard_skipped() -> Planted:
    """A quote is taken whatever it is worth."""
    return patch.object(quoting, "require_worth", lambda *_: None)


def _minimum_ignored() -> Planted:
    """Payments are claimed for less than ChangeNow takes, at what they would be worth."""
    original = quoting.make_offer

    def offer(check: CheckContext, selection: Selection, sums: Sums) -> Offer:
        try:
            return original(check, selection, sums)
        except NoQuote as no_quote:
            if no_quote.reason != Reason.BELOW_EXCHANGE_MINIMUM:
                raise
            return Offer(selection, sums, Quote(sums.value_in_eth(selection.terms.rate), sums.total_usd))

    return patch.object(quoting, "make_offer", offer)


@contextmanager
def _cap_ignored() -> Iterator[None]:
    """The largest batch that operators allow is not looked at."""
    with ExitStack() as stack:
        for module in (quoting, check_record):
            stack.enter_context(patch.object(module, "cap_usd", lambda _: AMOUNT_MAX))
        yield


def _rest_left_behind() -> Planted:
    """What a cap leaves over waits for the next check."""
    return patch.object(opening.Opening, "_more_may_open", lambda *_: False)


def _threshold_frozen() -> Planted:
    """The threshold is read once in a process's life."""
    return patch.object(check, "get_micro_batch_threshold", lambda *_: Threshold(Decimal(20), "secret"))


def _bad_threshold_is_default() -> Planted:
    """A threshold that cannot be read is $20, whatever was valid before."""
    original = levers.get_micro_batch_threshold

    def read(secrets: Any, session: Session) -> Threshold:
        found = original(secrets, session)
        return found if found.source == "secret" else Threshold(Decimal(20), "default")

    return patch.object(check, "get_micro_batch_threshold", read)


def _bad_policy_is_default() -> Planted:
    """A policy that cannot be read counts as none, so that a mistyped word ends a pause."""
    absent = PolicyInForce(Policy(), PolicySource.ABSENT)
    return patch.object(levers, "_get_last_policy", lambda _: absent)


def _never_reconciled() -> Planted:
    """ChangeNow is never asked: batches without a callback stand for ever."""
    return patch.object(check, "reconcile_all", lambda _: None)


def _next_question_put_off() -> Planted:
    """A batch that is not finished yet is asked about again after days."""
    original = trouble.record_question

    def put_off(*facts: Any, ask_at: datetime, **more: Any) -> None:
        original(*facts, ask_at=ask_at + timedelta(days=1), **more)

    return patch.object(trouble, "record_question", put_off)


DECISIONS: Final = (
    Defect("no check lock", _no_check_lock, 60),
    Defect("threshold ignored", _deciding(lambda facts: facts | {"threshold_usd": Decimal("1e-8")}), 5),
    Defect("threshold frozen", _threshold_frozen, 30),
    Defect("a bad threshold is taken for $20", _bad_threshold_is_default, 60),
    Defect("pause ignored", _policy_without(paused=False), 60),
    Defect("a forced tick overrides a pause", _force_overrides_pause, 120),
    Defect("force ignored", _deciding(lambda facts: facts | {"forced": False}), 10, scene=scenes.forced_below),
    Defect("in-flight limit ignored", _deciding(lambda facts: facts | {"in_flight": 0}), 60),
    Defect("age rule ignored", _policy_without(max_age_hours=None), 10, scene=scenes.waits_too_long),
    Defect("count rule ignored", _policy_without(max_payments=None), 10, scene=scenes.too_many_wait),
    Defect("cost rule ignored", _policy_without(cost_ratio=None), 10, scene=scenes.costs_little),
    Defect("a swap's cost taken for nothing", _costs_taken_for_nothing, 10, scene=scenes.costs_much),
    Defect("guard skipped where the price falls", _guard_skipped, 10, scene=scenes.the_price_falls),
    Defect("exchange's minimum ignored", _minimum_ignored, 10, scene=scenes.below_the_minimum),
    Defect("cap ignored", _cap_ignored, 60),
    Defect("what a cap leaves over is left behind", _rest_left_behind, 60),
    Defect("a bad policy counts as none", _bad_policy_is_default, 60),
    Defect("ChangeNow never asked", _never_reconciled, 10),
    Defect("next question put off for a day", _next_question_put_off, 30),
)
