"""What can be typed about a thing that a page shows: pages only read, the command line steers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ops.situation.reasons import MENDABLE
from shared.model.money import plain
from shared.outside.database import Row


@dataclass(frozen=True)
class Command:
    """A command as it is typed, and what it does."""

    text: str
    does: str


WHOLE: Final = (
    Command("./microbatch status", "this, as text"),
    Command("./microbatch trigger --dry-run", "what a check would do now"),
    Command("./microbatch trigger --wait", "one check now"),
    Command("./microbatch trigger --force", "one batch below the threshold"),
)
LEVERS: Final = (
    Command("./microbatch threshold show", "the newest version of the secret, and whether it is valid"),
    Command("./microbatch threshold set DOLLARS", "another threshold, from the next check on"),
    Command("./microbatch threshold recommend", "which threshold your own payments would have liked"),
    Command("./microbatch policy show", "the newest version of the policy"),
    Command("./microbatch policy pause", "no new batches until it is resumed"),
    Command("./microbatch policy resume", "new batches again"),
)
ADVICE: Final = (
    Command("./microbatch threshold recommend", "the same, as text"),
    Command("./microbatch threshold recommend --longest-wait 24", "where nobody may wait longer than a day"),
    Command("./microbatch threshold recommend --apply", "set what is cheapest, once agreed to"),
)
CHECKS: Final = (Command("./microbatch checks --summary", "by reason, of the last 24 hours"),)
PENDING: Final = (
    Command("./microbatch pending --sort rate", "the payment whose ETH is furthest from the others first"),
)
HELD: Final = (
    Command("./microbatch held", "this, as text"),
    Command("./microbatch mend PAYMENT --dollars DOLLARS", "give a held payment the dollars that it is worth"),
    Command("./microbatch breaker show", "the deposits that were lost"),
)


def about_batch(batch: Row) -> Iterator[Command]:
    """What can be typed about one batch, by the state that it is in."""
    name = str(batch["batch_conversion_id"])
    yield Command(f"./microbatch batch {name}", "this, as text")
    if batch["status"] not in ("pending", "swapping"):
        return
    yield Command(f"./microbatch wait {name}", "until it has ended")
    if batch["refused_usdt"] is not None and batch["accepted_usdt"] is None:
        amount = plain(batch["refused_usdt"])
        yield Command(f"./microbatch accept {name} --amount {amount}", "distribute the amount that arrived")
    yield Command(f"./microbatch release {name}", "end it where nothing was paid; its payments wait again")
    yield Command(f"./microbatch resend {name}", "send its order once more where it was lost")


def about_payment(payment: dict[str, Any]) -> Iterator[Command]:
    """What can be typed about one payment, by the state that it is in."""
    payment_id = payment["id"]
    yield Command(f"./microbatch payment {payment_id}", "this, as text")
    if payment["status"] == "completed":
        yield Command(f"./microbatch receipt {payment_id}", "what it got and why, to pass on")
    if payment["held_because"] in MENDABLE:
        yield Command(f"./microbatch mend {payment_id} --dollars DOLLARS", "give it the dollars that it is worth")
