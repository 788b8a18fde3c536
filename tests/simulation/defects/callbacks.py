"""Mistakes with what GCHostPay1 and ChangeNow report."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

from shared.errors import BatchConflict, ExchangeUnfinished
from shared.flow import callback
from shared.flow.batch import reconciliation, settlement
from shared.model import tokens
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState, Phase
from tests.simulation.defects.defect import Defect, Planted
from tests.simulation.history import scenes


@contextmanager
def _no_plausibility_check() -> Iterator[None]:
    """Whatever arrived is distributed, a third or twice of what the payments are worth."""
    with ExitStack() as stack:
        for module in (callback, reconciliation):
            stack.enter_context(patch.object(module, "require_plausible", lambda *_, **__: None))
        yield


@contextmanager
def _acceptance_ignored() -> Iterator[None]:
    """An amount that an operator accepted is refused again."""
    original = settlement.require_plausible

    def refuse(queries: Any, batch: Batch, payout: Any, **facts: Any) -> None:
        original(queries, batch._replace(accepted_usdt=None), payout, **facts)

    with ExitStack() as stack:
        for module in (callback, reconciliation):
            stack.enter_context(patch.object(module, "require_plausible", refuse))
        yield


def _tolerance_of_100_000() -> Planted:
    """A report agrees with ChangeNow however far it is off."""
    return patch.object(settlement, "AMOUNT_TOLERANCE_USDT", Decimal(100_000))


def _age_unbounded() -> Planted:
    """A token of any age is taken."""

    def decrypt(token: str, **facts: Any) -> tokens.SwapExecuted:
        return tokens.decrypt_gchostpay1_to_microbatch_token(token, **facts | {"age_max": timedelta(days=999)})

    return patch.object(callback, "decrypt_gchostpay1_to_microbatch_token", decrypt)


def _signature_unchecked() -> Planted:
    """Whoever sends a token is believed."""
    return patch.object(tokens, "_verify", lambda raw, _: raw[: -tokens.SIGNATURE_BYTES])


def _any_exchange_accepted() -> Planted:
    """A report that names another batch's exchange is taken for this one's."""
    original = callback._require_match

    def matched(batch: Batch | None, report: tokens.SwapExecuted) -> Batch:
        return original(batch and batch._replace(cn_api_id=report.cn_api_id), report)

    return patch.object(callback, "_require_match", matched)


def _unfinished_is_a_conflict() -> Planted:
    """A report that comes before ChangeNow has finished is refused for good."""
    original = settlement.require_payout

    def certain(state: ExchangeState) -> settlement.Payout:
        try:
            return original(state)
        except ExchangeUnfinished as unfinished:
            raise BatchConflict(str(unfinished)) from unfinished

    return patch.object(callback, "require_payout", certain)


def _phase_read_as(phase: Phase) -> Callable[[], Planted]:
    """An exchange that has failed reads as something else."""

    def is_lost(self: ExchangeState) -> bool:
        return self.phase in {Phase.FAILED, Phase.REFUNDED} - {phase}

    return lambda: patch.object(ExchangeState, "is_lost", property(is_lost))


CALLBACKS: Final = (
    Defect("no plausibility check", _no_plausibility_check, 60),
    Defect("an operator's acceptance ignored", _acceptance_ignored, 60),
    Defect(
        "callback tolerance of 100,000 USDT",
        _tolerance_of_100_000,
        20,
        conditions={"manner": "wrong", "peer": "changed"},
    ),
    Defect("callback of any age", _age_unbounded, 60, conditions={"manner": "expired", "peer": "changed"}),
    Defect("signature unchecked", _signature_unchecked, 10, scene=scenes.badly_signed),
    Defect("another exchange's callback accepted", _any_exchange_accepted, 10, scene=scenes.reported_with_anothers),
    Defect("unfinished answered as a conflict", _unfinished_is_a_conflict, 10, scene=scenes.reported_too_early),
    Defect("a failed exchange is waited for", _phase_read_as(Phase.FAILED), 30),
    Defect("a refunded exchange is waited for", _phase_read_as(Phase.REFUNDED), 10, conditions={"course": "refund"}),
)
