"""What a person must look at, each with the command to type; nothing here means that nobody is needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ops.command_line.text import age, count
from ops.situation.reading import Situation
from ops.situation.reasons import LEFT_OUT, explain_reason
from shared.model.money import plain
from shared.model.reasons import HELD_RIGHTLY

CHECK_OVERDUE: Final = timedelta(minutes=45)  # as the alert check-stopped has it
PAYMENT_OVERDUE: Final = timedelta(hours=48)  # as the alert pending-age has it
NEEDS_A_PERSON: Final = {
    "quote_refused": "./microbatch trigger --dry-run",
    "exchange_refused": "./microbatch trigger --dry-run",
    "claim_refused": "",  # the log alone has the rule that refused
    "policy_unreadable": "./microbatch policy show",
    "deposits_lost": "./microbatch breaker show",
    "database_behind": "./microbatch fence show",
    "fence_lost": "./microbatch fence show",
    "above_exchange_maximum": "./microbatch pending --sort amount",
}
"""Reasons of a check that do not pass by themselves, each with what is typed first."""


@dataclass(frozen=True)
class Need:
    """What is wrong, and what to type."""

    what: str
    command: str

    @property
    def document(self) -> dict[str, Any]:
        """The need for a JSON document."""
        return {"what": self.what, "command": self.command}


def find_needs(situation: Situation) -> list[Need]:
    """Name everything that waits for a person, the most pressing first."""
    return [*_of_checks(situation), *_of_batches(situation), *_of_payments(situation)]


def _of_checks(situation: Situation) -> Iterator[Need]:
    last = situation.last_check
    if situation.cut_over and situation.cut_over["is_wanted"]:
        yield Need("from when on payments are ours is still to be decided", "./microbatch cut-over")
    if last is None:
        yield Need("no check has ever ended well", "./microbatch trigger --wait")
        return
    silence = situation.age(last, "checked_at")
    if silence > CHECK_OVERDUE:
        yield Need(f"no check has ended well for {age(silence)}", "./microbatch trigger --wait")
    if last["reason"] in NEEDS_A_PERSON:
        said, lever = explain_reason(last["reason"])
        command = NEEDS_A_PERSON[last["reason"]]
        yield Need(f"nothing is opened: {said}" if command else f"nothing is opened: {said}; {lever}", command)
    if last["threshold_source"] not in (None, "secret"):
        yield Need(f"the threshold cannot be read; {last['threshold_source']} serves", "./microbatch threshold show")


def _of_batches(situation: Situation) -> Iterator[Need]:
    for batch in situation.in_flight:
        name = str(batch["batch_conversion_id"])
        if batch["refused_usdt"] is not None and batch["accepted_usdt"] is None:
            amount = plain(batch["refused_usdt"])
            yield Need(
                f"batch {name[:8]}: {amount} USDT arrived for ${plain(batch['total_usd'])}, nothing is distributed",
                f"./microbatch accept {name} --amount {amount}",
            )
        elif batch["stuck_reported_at"] is not None:
            since = age(situation.age(batch, "task_enqueued_at", "order_prepared_at", "created_at"))
            yield Need(
                f"batch {name[:8]} is stuck for {since}, ChangeNow says {batch['exchange_status'] or 'nothing'}",
                f"./microbatch batch {name}",
            )
    for batch in situation.unresolved:
        name = str(batch["batch_conversion_id"])
        yield Need(
            f"batch {name[:8]} was given up, and {plain(batch['late_usdt_received'])} USDT arrived after all",
            f"./microbatch batch {name}",
        )
    if lost := situation.breaker["recent"] or situation.breaker["unreturned"]:
        said = f"{count(lost, 'deposit')} lost, {situation.breaker['unreturned']} not known to have come back"
        yield Need(said, "./microbatch breaker show")


def _of_payments(situation: Situation) -> Iterator[Need]:
    if situation.oldest_age is not None and situation.oldest_age > PAYMENT_OVERDUE:
        yield Need(f"the oldest payment has waited for {age(situation.oldest_age)}", "./microbatch checks")
    for reason, payments in situation.left_out.items():
        said, command = LEFT_OUT[reason]
        if command:
            yield Need(f"{count(payments, 'payment')} left out by the last check: {said}", command)
    for reason, payments in situation.held.items():
        if reason not in HELD_RIGHTLY:
            yield Need(f"{count(payments, 'payment')} can never be claimed: {reason}", "./microbatch held")
