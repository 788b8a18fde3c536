"""Compares what was seen with what the model expects, after every step."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.exchange import Exchange
from tests.simulation.model.breaker import is_open
from tests.simulation.model.callbacks import Ground, expect_status
from tests.simulation.model.claims import must_hold_the_oldest
from tests.simulation.model.decision import OPENING, Expected, expect
from tests.simulation.model.exchanges import (
    ASKED_AGAIN_WITHIN,
    Fate,
    fate,
    fate_given_up,
    is_asked,
    is_asked_again,
    is_nearly_stuck,
    is_too_old,
)
from tests.simulation.model.fitting import sort_out
from tests.simulation.model.levers import Policy
from tests.simulation.model.situation import BATCHES, Row, Situation, look
from tests.simulation.model.waits import must_not_wait_longer
from tests.simulation.world.peer_records import Callback, RuleBroken

if TYPE_CHECKING:
    from tests.simulation.engine.running_action import RunningAction
    from tests.simulation.history.vocabulary import Check
    from tests.simulation.world.processes import Process
    from tests.simulation.world.world import World

OVER: Final = frozenset({"completed", "failed"})
IN_PROGRESS: Final = "check_in_progress"
ABOUT_BATCHES: Final = frozenset(
    {"batch_failed", "batch_refunded", "batch_completed", "batch_stuck", "amount_refused", "distribution_mismatch"}
    | {"deposit_lost", "paid_after_failure"}
)
WORKS_ONLY_WITH_LOCK: Final = frozenset({"http", "tasks", "secrets", "fence"})
LOCK_RELEASED: Final = "pg_advisory_unlock"


@dataclass
class Sight:
    """One check as it is watched: what stood before it, and what it said."""

    situation: Situation
    check: "Check"
    is_undisturbed: bool
    process: "Process"
    running: "RunningAction"
    ordered: int  # orders that Cloud Tasks had taken before
    said: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def told(self, event: str) -> Counter[str]:
        """The batches that an event of the log named, each with how often."""
        named = (str(fields.get("batch_conversion_id", "")) for said, fields in self.said if said == event)
        return Counter(named)


class Judge:
    """One history's; raises RuleBroken, which says what was expected, why, and what was seen."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._checks: list[Sight] = []

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take in a line of the log."""
        if self._checks:
            self._checks[-1].said.append((event, dict(fields)))

    # Checks

    def begin_check(self, check: "Check", process: "Process", running: "RunningAction") -> Sight:
        """Take in what stands before a check."""
        is_undisturbed = not check.faults and not running.depth and self._world.servers.is_sound
        ordered = len(self._world.records.ordered)
        sight = Sight(look(self._world, process.now()), check, is_undisturbed, process, running, ordered)
        self._checks.append(sight)
        return sight

    def end_check(self, sight: Sight, reason: str | None) -> None:
        """Judge a check that ended; *reason* is what it came to, None where it failed or died."""
        self._checks.remove(sight)
        if reason is not None and reason != IN_PROGRESS:
            self._must_be_alone(sight, reason)
        if sight.running.depth or sight.running.was_paused:
            return
        after = look(self._world, sight.process.now())
        if sight.situation.is_behind and len(self._world.records.ordered) > sight.ordered:
            raise RuleBroken("a database that is behind orders nothing", f"saw {self._world.records.ordered[-1]}")
        if sight.is_undisturbed:
            self._world.journal.counts["checks judged"] += 1
            if reason is None:
                raise RuleBroken("a check that nothing disturbs ends well", "expected a reason, saw it fail")
            self._must_follow_exchanges(sight, after)
            self._must_decide(sight, after, reason)
            self._must_record(sight, reason)
        else:
            self._must_not_open(sight, after)

    def _must_be_alone(self, sight: Sight, reason: str) -> None:
        """One check at a time: while one works that has its lock, another says so and does nothing."""
        for outer in self._checks:
            met = outer.running
            works = bool(met.kinds_met & WORKS_ONLY_WITH_LOCK) and LOCK_RELEASED not in met.calls_met
            if outer is not sight and works and self._world.observer.are_alive(outer.process):
                raise RuleBroken(
                    "one check at a time", f"expected {IN_PROGRESS}, since another one is at work; saw {reason}"
                )

    def _decision(self, sight: Sight, after: Situation) -> tuple[Expected, list[Row]]:
        """What the check had to decide on what it had left to decide on, and the payments that waited then."""
        now_by_id = {batch["id"]: batch for batch in after.batches}
        ended = [batch for batch in sight.situation.alive if now_by_id[batch["id"]]["status"] in OVER]
        given_back = {batch["id"] for batch in ended if now_by_id[batch["id"]]["status"] == "failed"}
        waiting = [
            row | {"status": "pending", "batch_id": None} if row["batch_id"] in given_back else row
            for row in sight.situation.payments
        ]
        pending = replace(sight.situation, payments=waiting).claimable()
        in_flight = len(sight.situation.alive) - len(ended)
        # A batch that was quoted anew by this check has told another cost by then
        quoted = [now_by_id[batch["id"]] for batch in sight.situation.batches]
        at_decision = replace(sight.situation, batches=quoted)
        return expect(at_decision, pending, in_flight=in_flight, is_forced=sight.check.forced), pending

    def _must_decide(self, sight: Sight, after: Situation, reason: str) -> None:
        expected, pending = self._decision(sight, after)
        stops = self._stopped_by(sight.situation, after)
        reasons = stops if "deposits_lost" in stops else expected.reasons | stops
        reasons = expected.reasons if sight.situation.is_behind else reasons
        if reason not in reasons:
            raise RuleBroken(
                "a check decides as the design says", f"expected {sorted(reasons)}, {expected.because}; saw {reason}"
            )
        opened = self._opened(sight, after)
        if bool(opened) != (reason in OPENING):
            raise RuleBroken("a check does what it says", f"it said {reason} and opened {len(opened)} batches")
        claimed: dict[str, list[Row]] = {}
        for row in after.payments:
            claimed.setdefault(str(row["batch_id"]), []).append(row)
        if opened:
            must_hold_the_oldest(sight.situation, pending, opened, claimed)

    def _stopped_by(self, situation: Situation, after: Situation) -> set[str]:
        """Deposits lost hold up opening, and so may an exchange that ChangeNow denies of a batch in flight."""
        unknown = [batch for batch in situation.alive if batch["cn_api_id"] and self._exchange(batch) is None]
        may = {"exchange_unavailable", "resume_failed"} if unknown else set[str]()
        return may | ({"deposits_lost"} if is_open(after, self._world.levers.breaker_reset_at) else set())

    def _must_not_open(self, sight: Sight, after: Situation) -> None:
        """Whatever failed beside it: no batch without a reason for one, by the levers set or those on record."""
        opened = self._opened(sight, after)
        expected, _ = self._decision(sight, after)
        readable = sight.situation.is_threshold_readable and sight.situation.is_policy_readable
        if opened and readable and not expected.may_open and not self._world.servers.secrets.faults.taken:
            raise RuleBroken(
                "no batch without a reason", f"expected {sorted(expected.reasons)}, {expected.because}; saw {opened}"
            )

    @staticmethod
    def _opened(sight: Sight, after: Situation) -> list[Row]:
        known = {batch["id"] for batch in sight.situation.batches}
        return [batch for batch in after.batches if batch["id"] not in known]

    # ChangeNow's word

    def _exchange(self, batch: Row) -> Exchange | None:
        try:
            return self._world.servers.exchange.exchange(str(batch["cn_api_id"]))
        except KeyError:
            return None

    def _exchange_told(self, batch: Row) -> Exchange | None:
        """A batch's exchange, unless ChangeNow will not tell about it."""
        return None if batch["cn_api_id"] in self._world.lasting.exchanges else self._exchange(batch)

    def _must_follow_exchanges(self, sight: Sight, after: Situation) -> None:
        """Each batch that was in flight stands where ChangeNow's word puts it, and each alert named whom it must."""
        now, now_by_id = sight.situation.now, {batch["id"]: batch for batch in after.batches}
        for batch in sight.situation.alive:
            exchange, then = self._exchange(batch), now_by_id[batch["id"]]
            if is_asked(batch, now) and exchange is not None:
                unsure = frozenset({"batch_stuck"}) if is_nearly_stuck(batch, now) else frozenset[str]()
                self._must_meet(sight, then, self._fate(sight, batch, exchange), unsure)
            elif batch["task_enqueued_at"] is not None and then["status"] != batch["status"]:
                raise RuleBroken("nothing moves by itself", f"expected no change of {batch}, saw {then}")
            elif is_too_old(batch, now) and then["task_enqueued_at"] is not None:
                raise RuleBroken("an exchange that may expire any moment is not ordered", f"{batch} at {now}")
            ask_at = then["reconcile_after"]
            if ask_at not in (None, batch["reconcile_after"]) and ask_at > now + ASKED_AGAIN_WITHIN:
                raise RuleBroken("no batch is forgotten", f"asked at {now}, next asked at {ask_at}")
        for batch in sight.situation.batches:
            exchange = self._exchange(batch)
            if is_asked_again(batch, now) and exchange is not None:
                how_bad = self._world.lasting.exchanges.get(batch["cn_api_id"])
                self._must_meet(sight, now_by_id[batch["id"]], fate_given_up(batch, exchange, how_bad))
        self._must_tell_of_changes(sight, after)
        must_not_wait_longer(sight.situation, after, self._exchange_told, self._world.clocks_apart)

    def _fate(self, sight: Sight, batch: Row, exchange: Exchange) -> Fate:
        how_bad = self._world.lasting.exchanges.get(batch["cn_api_id"])
        is_held = sight.situation.is_held(batch)
        return fate(batch, exchange, sight.situation.now, is_held=is_held, how_bad=how_bad)

    @staticmethod
    def _must_meet(sight: Sight, then: Row, expected: Fate, unsure: frozenset[str] = frozenset()) -> None:
        # batch_created is said by the way: an order in doubt is noted as soon as a deposit tells of it
        told = frozenset(event for event in ABOUT_BATCHES if sight.told(event)[str(then["id"])])
        if (then["status"], told - unsure) != (expected.status, expected.alerts - unsure):
            raise RuleBroken(
                "a batch follows ChangeNow's word and the right people hear of it",
                f"expected {expected.status} and {sorted(expected.alerts)}, since {expected.because};"
                f" saw {then['status']} and {sorted(told)}",
            )

    def _must_tell_of_changes(self, sight: Sight, after: Situation) -> None:
        """Created, completed, failed: each such line is a change that happened, and each change has its line."""
        before = {batch["id"]: batch for batch in sight.situation.batches}
        changed: dict[str, set[str]] = {"batch_created": set(), "batch_completed": set(), "batch_failed": set()}
        for batch in after.batches:
            was = before.get(batch["id"], {"status": None, "task_enqueued_at": None})
            if batch["task_enqueued_at"] is not None and was["task_enqueued_at"] is None:
                changed["batch_created"].add(str(batch["id"]))
            if batch["status"] in OVER and was["status"] != batch["status"]:
                changed[f"batch_{batch['status']}"].add(str(batch["id"]))
        for event, expected in changed.items():
            if sight.told(event) != Counter(expected):
                raise RuleBroken(
                    "the log tells what happened", f"expected {event} for {expected}, saw {sight.told(event)}"
                )

    # What is on record, what was said

    def _must_record(self, sight: Sight, reason: str) -> None:
        """One row and one line with the reason; the fallbacks and the unclaimable said when they are so."""
        situation = sight.situation
        rows = self._world.observer.sql("SELECT * FROM threshold_checks ORDER BY id OFFSET %s", situation.checks)
        recorded = [row["reason"] for row in rows]
        ended = [str(fields["reason"]) for event, fields in sight.said if event == "check_completed"]
        if recorded != [reason] or ended != [reason]:
            raise RuleBroken(
                "every check leaves one row and one line", f"expected {reason}, saw {recorded} and {ended}"
            )
        expected = {
            "threshold_fallback": not situation.is_threshold_readable,
            "policy_fallback": not situation.is_policy_readable,
            "payments_unclaimable": self._are_left_out(situation),
            "database_behind": situation.is_behind,
        }
        for event, is_due in expected.items():
            if is_due is not None and bool(sight.told(event)) != is_due:
                raise RuleBroken("the log tells what happened", f"expected {event}: {is_due}, saw {sight.told(event)}")
        (row,) = rows
        if row["threshold_usd"] is not None and row["threshold_usd"] != situation.threshold_usd:
            raise RuleBroken(
                "the threshold in force is the operators'",
                f"expected ${situation.threshold_usd}, saw ${row['threshold_usd']}",
            )

    @staticmethod
    def _are_left_out(situation: Situation) -> bool | None:
        """Whether payments must be named that no batch takes; None where that depends on whether it came to a quote."""
        if situation.unclaimable():
            return True
        pending, policy = situation.claimable(), situation.policy or Policy()
        fitting = sort_out(pending, policy, situation.market)
        if len(fitting.capped) < len(pending):
            return True
        is_whole = len(fitting.surely) == len(pending) and not situation.held
        return False if is_whole and not situation.alive else None  # batches that end may give more payments back

    # Callbacks

    def expect_callback(self, callback: Callback, process: "Process") -> int:
        """The status that a callback must get if nothing disturbs it."""
        situation = look(self._world, process.now())
        batches = {str(batch["id"]): batch for batch in situation.batches}
        batch = batches.get(callback.letter.says.batch_conversion_id)
        if batch is None:
            return expect_status(callback.letter, Ground(None, None, is_held=False, how_bad=None), process.now())
        ground = Ground(
            batch,
            self._exchange(batch),
            is_held=situation.is_held(batch),
            how_bad=self._world.lasting.exchanges.get(batch["cn_api_id"]),
        )
        return expect_status(callback.letter, ground, process.now())

    def end_callback(self, expected: int, status: int, *, is_undisturbed: bool) -> None:
        """Judge an answer; what is disturbed may be asked for again, and may be done by somebody else meanwhile."""
        allowed = {expected} if is_undisturbed else {expected, 503, 0}
        if status not in allowed and (is_undisturbed or status == 200):
            raise RuleBroken("a callback is answered as the design says", f"expected {expected}, saw {status}")
        self._world.journal.counts["callbacks judged"] += 1

    # Everything, after every step

    def verify_events(self) -> None:
        """Each batch has told of exactly what has happened to it."""
        rows = self._world.observer.sql("SELECT batch_conversion_id AS id, event FROM batch_events")
        told = {(row["id"], row["event"]) for row in rows}
        for batch in self._world.observer.sql(BATCHES):
            expected = {
                "batch.completed": batch["status"] == "completed" and batch["settled_by"] is not None,
                "batch.failed": batch["status"] == "failed" and batch["failure_reason"] is not None,
                "batch.created": batch["task_enqueued_at"] is not None and batch["opened_because"] is not None,
                "batch.paid_late": batch["late_usdt"] is not None,
                "batch.deposit_lost": batch["deposit_lost_at"] is not None,
                "batch.stuck": batch["stuck_reported_at"] is not None,
            }
            if str(batch["id"]) in self._world.rules.resent:  # which counts its time anew
                del expected["batch.stuck"]
            for event, is_due in expected.items():
                if ((batch["id"], event) in told) != is_due:
                    raise RuleBroken("every change is told of", f"expected {event}: {is_due} of {batch}")
