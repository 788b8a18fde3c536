"""Operators steer: a verb is typed about a batch or a lever, and comes to what the model says it must."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from shared.flow.check_lock import CHECK_LOCK
from tests.simulation.model import fence
from tests.simulation.model.breaker import count_lost
from tests.simulation.model.exchanges import TOLERANCE_USDT
from tests.simulation.model.levers import read_policy
from tests.simulation.model.operators import Ground, may_accept, may_release, may_resend
from tests.simulation.model.situation import Row, look
from tests.simulation.others.operators import AWAY, DONE, type_verb
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.history.vocabulary import Operate
    from tests.simulation.world.world import World

RULE: Final = "a verb does what is certain and refuses the rest"
CHECK_RUNS: Final = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND (CAST(classid AS bigint) << 32) + CAST(objid AS bigint) = %s"
    " AND database = (SELECT oid FROM pg_database WHERE datname = CURRENT_DATABASE())"
)
VOUCHED: Final = "--gchostpay1-has-not-paid"
THRESHOLDS: Final = ("15", "40.00", "0", "abc")
VALID: Final = ("15", "40.00")
RULES: Final = ("max_in_flight=2", "max_age_hours=2", "max_payments=0", "quote_deviation_pct=30")
REFUSED_AMOUNTS: Final = """
    SELECT batch_conversion_id AS id, refused_usdt AS usdt FROM batch_conversions
    WHERE conversion_status = 'swapping' AND refused_usdt IS NOT NULL AND accepted_usdt IS DISTINCT FROM refused_usdt
    ORDER BY batch_conversions.id"""


def operate(world: "World", action: "Operate") -> None:
    """Type one verb, unless something that it needs is away."""
    if not world.servers.is_sound:
        return
    if action.verb in BATCH_VERBS:
        batches = [batch for batch in look(world, world.now).batches if batch["status"]]
        if batches:
            BATCH_VERBS[action.verb](world, batches[action.which % len(batches)])
    else:
        _move_lever(world, action)


def accept_all(world: "World") -> None:
    """Accept the unusual amounts that wait for it, and reset the breaker."""
    if not world.servers.is_sound:
        return
    by_id = {batch["id"]: batch for batch in look(world, world.now).batches}
    for row in world.observer.sql(REFUSED_AMOUNTS):
        _accept(world, by_id[row["id"]], row["usdt"])
    if count_lost(look(world, world.now), world.levers.breaker_reset_at):
        _reset_breaker(world)


def _accept(world: "World", batch: Row, amount: Decimal | None = None) -> None:
    """Accept what was refused; or what nobody saw, which must be refused."""
    ground = _ground(world, batch)
    paid_out = ground.exchange.amount_to if ground.exchange is not None else None
    asked = amount or Decimal(1)
    is_that = paid_out is not None and abs(paid_out - asked) <= TOLERANCE_USDT
    _expect(world, may_accept(ground) and is_that, "accept", str(batch["id"]), "--amount", format(asked, "f"))


def release(world: "World", batch: Row) -> None:
    """Give a batch back where that is certain."""
    ground = _ground(world, batch)
    vouched = (VOUCHED,) if ground.is_vouched else ()
    _expect(world, may_release(ground), "release", str(batch["id"]), *vouched)


def _resend(world: "World", batch: Row) -> None:
    """Send a lost order again; the guard may refuse what is certain, where the price has moved."""
    ground = _ground(world, batch)
    vouched = (VOUCHED,) if ground.is_vouched else ()
    code = type_verb(world, "resend", str(batch["id"]), *vouched)
    if code == DONE and not may_resend(ground):
        raise RuleBroken(RULE, f"resend of {batch}: expected a refusal, since ChangeNow says {ground.status}")
    if code == DONE:
        world.rules.sent_again(str(batch["id"]))


BATCH_VERBS: Final[dict[str, Callable[["World", Row], None]]] = {
    "accept": _accept,
    "release": release,
    "resend": _resend,
}


def _ground(world: "World", batch: Row) -> Ground:
    known: dict[str, Any] = world.servers.exchange._exchanges
    exchange_id = batch["cn_api_id"]
    is_behind = fence.is_behind(world)
    return Ground(
        batch,
        world.servers.exchange.exchange(exchange_id) if exchange_id in known else None,
        world.lasting.exchanges.get(exchange_id),
        is_untried=world.servers.tasks.is_untried(str(batch["id"])),
        is_vouched=exchange_id not in world.records.to_be_paid,
        now=world.now.replace(tzinfo=None),
        is_behind=is_behind,
        is_forgotten=is_behind and fence.is_forgotten(world, str(batch["id"])),
    )


def _expect(world: "World", is_certain: bool, *typed: str) -> None:
    code = type_verb(world, *typed)
    if (code == DONE) != is_certain:
        raise RuleBroken(RULE, f"expected {typed} to be {'done' if is_certain else 'refused'}, saw exit code {code}")


def _move_lever(world: "World", action: "Operate") -> None:
    """Move a lever by its verb; what is not valid is refused, and nothing changes."""
    match action.verb:
        case "breaker":
            _reset_breaker(world)
        case "threshold":
            dollars = THRESHOLDS[action.which % len(THRESHOLDS)]
            _expect(world, dollars in VALID, "threshold", "set", dollars)
            if dollars in VALID:
                world.levers.threshold_payload = dollars.encode()
        case "pause" | "resume":
            _expect(world, True, "policy", action.verb)
            _take_over_policy(world, {"paused": action.verb == "pause"})
        case _:
            rule = RULES[action.which % len(RULES)]
            key, _, value = rule.partition("=")
            is_valid = read_policy(world.levers.policy_payload or b"{}") is not None and value != "0"
            _expect(world, is_valid, "policy", "set", rule)
            if is_valid:
                _take_over_policy(world, {key: int(value)})


def _reset_breaker(world: "World") -> None:
    is_any = count_lost(look(world, world.now), world.levers.breaker_reset_at)
    if is_any and world.observer.sql(CHECK_RUNS, CHECK_LOCK):  # it may find another deposit: the verb waits its turn
        if (code := type_verb(world, "breaker", "reset")) != AWAY:
            raise RuleBroken(RULE, f"expected a reset beside a check to be put off, saw exit code {code}")
        return
    _expect(world, True, "breaker", "reset")
    if is_any:  # else nothing is put on record
        world.levers.breaker_reset_at = world.now.replace(tzinfo=None)


def _take_over_policy(world: "World", changed: dict[str, Any]) -> None:
    """The model's own policy: what was set, or what was in force where that cannot be read, with the change."""
    payload = world.levers.policy_payload or b"{}"
    if read_policy(payload) is None:
        known = world.levers.last_policy(world.observer.sql)
        payload = known.encode() if known else b"{}"
    world.levers.policy_payload = json.dumps(json.loads(payload) | changed).encode()
    world.rules.policy_set(world.levers.policy_payload)
