"""The situation on one screen, in plain words."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ops.command_line.text import age, count, instant, rules, shown, table
from ops.situation.forecast import next_batch_in, next_check_at, policy_in_force
from ops.situation.needs import Need
from ops.situation.reading import Situation
from ops.situation.reasons import LEFT_OUT, explain_reason
from shared.model.money import dollars

IN_FLIGHT_COLUMNS: Final = {
    "number": "#",
    "batch": "batch",
    "status": "status",
    "payments": "payments",
    "total_usd": "dollars",
    "age": "since",
    "says": "ChangeNow says",
    "next": "asked again",
}
IN_FLIGHT_SHOWN_MAX: Final = 12


Fact = tuple[str, str]
"""A label and what is to be said under it; what goes on from the fact before has no label."""
LABEL_WIDTH: Final = 12


def situation_lines(situation: Situation, needs: list[Need]) -> list[str]:
    """Write the whole screen."""
    return [
        *_needs_lines(needs),
        "",
        *_lines(present_facts(situation)),
        "",
        *_lines(in_flight_facts(situation)),
        *_in_flight_lines(situation),
        *_lines(held_facts(situation)),
    ]


def present_facts(situation: Situation) -> list[Fact]:
    """Say what waits, by which levers, what the last check decided, and when the next one comes."""
    return [_pending_fact(situation), *_lever_facts(situation), *_check_facts(situation)]


def situation_document(situation: Situation, needs: list[Need]) -> dict[str, Any]:
    """The same facts for a program."""
    return {
        "at": situation.now,
        "person_needed": bool(needs),
        "needs": [need.document for need in needs],
        "pending": situation.pending,
        "levers": situation.levers,
        "levers_moved_since": situation.lever_acts,
        "last_check": situation.last_check,
        "running_check": situation.running,
        "next_check_at": next_check_at(situation),
        "next_batch_in_s": _seconds(next_batch_in(situation)),
        "batches_in_flight": situation.in_flight,
        "held": situation.held,
        "left_out": situation.left_out,
        "late_payouts": situation.unresolved,
        "lost_deposits": situation.breaker,
        "unpublished_events": situation.unpublished_events,
    }


def in_flight_facts(situation: Situation) -> list[Fact]:
    """Say how much is in flight."""
    return [("in flight", count(len(situation.in_flight), "batch") if situation.in_flight else "nothing")]


def in_flight_rows(situation: Situation) -> list[dict[str, Any]]:
    """The batches in flight for IN_FLIGHT_COLUMNS, with their age, ChangeNow's last word and the next question."""
    return [
        batch
        | {
            "batch": str(batch["batch_conversion_id"])[:8],
            "age": age(situation.age(batch, "task_enqueued_at", "order_prepared_at", "created_at")),
            "says": batch["exchange_status"] or ("nothing yet" if batch["cn_api_id"] else "no exchange yet"),
            "next": batch["reconcile_after"] or "when due",
        }
        for batch in situation.in_flight
    ]


def held_facts(situation: Situation) -> list[Fact]:
    """Say what is held and why, and what has not been told yet."""
    held = [("held", f"{count(payments, 'payment')}: {reason}") for reason, payments in situation.held.items()]
    held += [
        ("left out", f"{count(payments, 'payment')} by the last check: {LEFT_OUT[reason][0]}")
        for reason, payments in situation.left_out.items()
    ]
    if situation.unpublished_events:
        held.append(("events", f"{situation.unpublished_events} not published yet"))
    return held


def _lines(facts: Iterable[Fact]) -> list[str]:
    return [f"{label:<{LABEL_WIDTH}}{text}" for label, text in facts]


def _needs_lines(needs: list[Need]) -> Iterator[str]:
    if not needs:
        yield "Nobody is needed."
    for need in needs:
        yield f"A PERSON IS NEEDED: {need.what}"
        if need.command:
            yield f"    {need.command}"


def _pending_fact(situation: Situation) -> Fact:
    waiting = count(situation.pending["payments"], "payment")
    oldest = f", the oldest for {age(situation.oldest_age)}" if situation.oldest_age is not None else ""
    threshold = dollars(situation.levers["threshold_usd"]) if situation.levers else "a threshold not read yet"
    return "pending", f"{dollars(situation.pending_usd)} of {threshold}: {waiting}{oldest}"


def _lever_facts(situation: Situation) -> Iterator[Fact]:
    if situation.levers is None:
        yield "levers", "no check has read them yet"
        return
    source = situation.levers["threshold_source"]
    source = source.replace("secret", "the secret")
    yield "threshold", f"{dollars(situation.levers['threshold_usd'])}, from {source}"
    policy = policy_in_force(situation)
    yield "policy", rules(policy)
    if policy.cost_ratio:
        yield "", _cost_text(situation)
    for act in situation.lever_acts:
        new = json.loads(act["detail"] or "{}").get("new", "")
        yield "", f"{act['act']} {shown(new)} by {shown(act['by_whom'])}: from the next check on"


def _cost_text(situation: Situation) -> str:
    cost_usd = situation.last_check["swap_cost_usd"] if situation.last_check else None
    if cost_usd is None:
        return "cost_ratio says nothing yet: no swap's cost is known; see ./microbatch savings"
    return f"cost_ratio goes by {dollars(cost_usd)} a swap, as the last one cost"


def _check_facts(situation: Situation) -> Iterator[Fact]:
    last, due = situation.last_check, next_check_at(situation)
    if last is None or due is None:
        return
    said, lever = explain_reason(last["reason"])
    opened = f"opened {count(last['batches_opened'], 'batch')}: {said}" if last["batches_opened"] else f"waits: {said}"
    yield "last check", f"{age(situation.age(last, 'checked_at'))} ago ({last['reason']}) {opened}"
    if lever and not last["batches_opened"]:
        yield "", f"what would change it: {lever}"
    if situation.running:
        silent = age(situation.age(situation.running, "state_since"))
        yield "running", f"a check holds the lock, silent for {silent}; past 5 min its session is ended by itself"
    overdue = situation.now > due
    yield "next check", f"{'was due' if overdue else 'due'} {instant(due)}"
    wait = next_batch_in(situation)
    if wait is not None:
        yield "next batch", f"in about {age(wait)}, at the pace of the last day" if wait else "with the next check"


def _in_flight_lines(situation: Situation) -> Iterator[str]:
    rows = in_flight_rows(situation)
    shown_rows = rows[:IN_FLIGHT_SHOWN_MAX]
    if rows:
        yield from (f"  {line}" for line in table(shown_rows, IN_FLIGHT_COLUMNS))
    if len(rows) > len(shown_rows):
        yield f"  ... and {len(rows) - len(shown_rows)} more: ./microbatch batches --status swapping"


def _seconds(span: Any) -> int | None:
    return None if span is None else int(span.total_seconds())
