"""The world of one history: a clock, what is due when, the processes that stand, and what the peers remember."""

import heapq
import itertools
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from sandbox.changenow.market import Market
from shared import logs
from shared.errors import (
    BatchConflict,
    BatchUnknown,
    CheckInProgress,
    DatabaseUnavailable,
    Refused,
    TokenRejected,
    TokenUnreadable,
    Unavailable,
    ValueImpossible,
)
from shared.flow.callback import process_callback
from shared.flow.check import Outcome, run_check
from shared.flow.health import Health
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from shared.settings import CallbackSettings, CheckSettings, load_callback_settings, load_check_settings
from tests.rig import PROJECT
from tests.simulation.database.backups import Backups
from tests.simulation.database.installation import EMPTY, MOVED_IN
from tests.simulation.database.old_service import move_in
from tests.simulation.engine.journal import Journal
from tests.simulation.engine.running_action import RunningAction
from tests.simulation.history.vocabulary import Action, Check, History
from tests.simulation.model.judge import Judge
from tests.simulation.model.levers import Levers
from tests.simulation.proofs.rules import Rules
from tests.simulation.world.cloud_tasks import OrderTask
from tests.simulation.world.gchostpay1 import Peers
from tests.simulation.world.lasting import Lasting
from tests.simulation.world.peer_records import Callback, PeerRecords, RuleBroken
from tests.simulation.world.processes import Process
from tests.simulation.world.servers import EPOCH, Servers

STATUSES: Final[dict[type[Refused], int]] = {
    TokenUnreadable: 400,
    TokenRejected: 401,
    BatchUnknown: 404,
    BatchConflict: 409,
    ValueImpossible: 422,
}

IMPATIENT: Final = {"DATABASE_LOCK_TIMEOUT_S": "1"}

Event = Callable[[RunningAction], None]
Perform = Callable[["World", Action, int], None]  # what plays an action


class World:
    """Everything outside the functions, on a clock that only this moves."""

    def __init__(self, servers: Servers, history: History, perform: "Perform") -> None:
        self.servers = servers
        self.history = history
        self._perform = perform
        self.journal = Journal()
        self.records = PeerRecords()
        self.observer = servers.observer
        self.is_healed = False
        self.step = 0
        self.skews: dict[int, timedelta] = {}
        self.clocks_apart = timedelta()  # how far instances' clocks have ever been from each other
        self.peers = Peers(self)
        self.rules = Rules(self)
        self.levers = Levers()
        self.lasting = Lasting(servers.exchange.bad)
        self.judge = Judge(self)
        self.backups = Backups(self)
        self._agenda: list[tuple[datetime, int, Event]] = []
        self._numbers = itertools.count()
        self._processes: dict[tuple[str, int, int], Process] = {}
        self._exchanges_seen = 0
        self._lock = threading.RLock()
        self._prepare()

    def _prepare(self) -> None:
        servers = self.servers
        servers.clear()
        servers.clock.now = EPOCH
        self.set_market(Market(eth_price_usd=self.history.conditions.price, slippage_pct=Decimal(0)))
        servers.tasks.time = self._seconds
        servers.tasks.taken = self._task_taken
        servers.exchange.made = self._spoil
        self.set_threshold(self.history.conditions.threshold)
        self.set_policy(self.history.conditions.policy)
        servers.shelves.put_back(MOVED_IN if self.history.conditions.moving_in else EMPTY)
        if self.history.conditions.moving_in:
            self.levers.ours_from = None
            move_in(self)
            self._exchanges_seen = len(servers.exchange.exchanges)
        self.rules.begin()

    def close(self) -> None:
        """End the processes, and let go of the rows."""
        self.observer.held.free_all()
        for process in self._processes.values():
            self._end(process)

    # Time

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.servers.clock.now

    def _seconds(self) -> float:
        return self.now.timestamp()

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on and nothing else happen."""
        self.servers.clock.now += timedelta(seconds=seconds)

    def plan(self, delay_s: float, event: Event) -> None:
        """Put an event on the agenda."""
        with self._lock:
            heapq.heappush(self._agenda, (self.now + timedelta(seconds=delay_s), next(self._numbers), event))

    def wait(self, seconds: float, running: RunningAction) -> None:
        """Let time pass and what is due happen."""
        until = self.now + timedelta(seconds=seconds)
        while (event := self._next_due(until)) is not None:
            event(running)
        self.servers.clock.now = max(self.now, until)

    def _next_due(self, until: datetime) -> Event | None:
        self._notice_exchanges()
        with self._lock:
            if not self._agenda or self._agenda[0][0] > until:
                return None
            due, _, event = heapq.heappop(self._agenda)
        self.servers.clock.now = max(self.now, due)
        return event

    def _notice_exchanges(self) -> None:
        """Plan the end of every exchange made since somebody last looked."""
        made = list(self.servers.exchange._exchanges)
        for number in range(self._exchanges_seen, len(made)):
            self.peers.expire(made[number], number)
        self._exchanges_seen = len(made)

    def _spoil(self, number: int, exchange_id: str) -> None:
        for bad in self.history.conditions.bad:
            if bad.number == number and not bad.once_paid:
                self.lasting.exchanges[exchange_id] = bad.how

    def spoil_once_paid(self, exchange_id: str) -> None:
        """Let an exchange go bad now that it is paid, where the history has it so."""
        number = list(self.servers.exchange._exchanges).index(exchange_id) + 1
        for bad in self.history.conditions.bad:
            if bad.number == number and bad.once_paid:
                self.lasting.exchanges[exchange_id] = bad.how

    # The market

    @property
    def market(self) -> Market:
        """The market now."""
        return self.servers.exchange.market

    def set_market(self, market: Market) -> None:
        """Move the market; the rules remember what it was."""
        self.servers.exchange.market = market
        self.rules.market_moved(market)

    # The operators' levers

    def set_threshold(self, payload: bytes) -> None:
        """Add a version to the threshold's secret."""
        self.servers.secrets.add_version(PROJECT, THRESHOLD_SECRET, payload)
        self.levers.threshold_payload = payload

    def set_policy(self, payload: bytes) -> None:
        """Add a version to the policy's secret."""
        self.servers.secrets.add_version(PROJECT, POLICY_SECRET, payload)
        self.levers.policy_payload = payload
        self.rules.policy_set(payload)

    # Processes

    def process(self, kind: str, instance: int, depth: int) -> Process:
        """An instance of a function, started when first asked for."""
        key = (kind, instance, depth)
        if key not in self._processes:
            self.journal.counts["processes"] += 1
            self._processes[key] = Process(
                self._settings,
                self.servers.clock,
                self.pass_time,
                skew=self.skews.get(instance, timedelta()),
                with_events=self.history.conditions.with_events,
            )
        return self._processes[key]

    def bury(self, process: Process) -> None:
        """Forget a process that died; its connections break, and the server frees what they held."""
        self._processes = {key: other for key, other in self._processes.items() if other is not process}
        self._end(process)

    def replace(self, instance: int) -> None:
        """Close the connections of this number's instances, even of one that stands still in a check."""
        gone = [key for key in self._processes if key[1] == instance]
        for key in gone:
            self._end(self._processes.pop(key))

    def _end(self, process: Process) -> None:
        process.close()
        self.observer.cut_off([backend for backend, _ in process.backends])

    def set_skew(self, instance: int, seconds: int) -> None:
        """Let an instance's clock go wrong, or right again."""
        self.skews[instance] = timedelta(seconds=seconds)
        self.clocks_apart = max(self.clocks_apart, *(2 * abs(skew) for skew in self.skews.values()))
        for key, process in self._processes.items():
            if key[1] == instance:
                process.skew = self.skews[instance]

    @cached_property
    def _settings(self) -> tuple[CheckSettings, CallbackSettings]:
        environment = self.servers.environment | (IMPATIENT if self.history.holds_rows else {})
        return load_check_settings(environment), load_callback_settings(environment)

    # What reaches the functions

    def act(self, action: Action, depth: int) -> None:
        """Play a further action."""
        self._perform(self, action, depth)

    def check(self, check: Check, running: RunningAction) -> Outcome | None:
        """Let a tick reach check_threshold; None where it failed and would be redelivered."""
        self.journal.counts["checks"] += 1
        process = self.process("check", check.instance, running.depth)
        sight = self.judge.begin_check(check, process, running)
        outcome = None
        try:
            outcome = running.play(process, lambda alive: run_check(alive.check, forced=check.forced))
        except DatabaseUnavailable:
            self.journal.counts["checks failed for the database"] += 1
        except CheckInProgress:
            self.journal.counts["forced ticks sent back"] += 1
            running.was_paused = True
        except (RuleBroken, TimeoutError):
            raise
        except Exception as error:
            raise RuleBroken("a check ends well or for want of a database", traceback.format_exc()) from error
        if outcome is not None:
            self.journal.counts[f"check: {outcome.reason}"] += 1
            if not running.was_paused:
                self.rules.after_check(sight.situation)
        self.judge.end_check(sight, None if outcome is None else str(outcome.reason))
        return outcome

    def call_back(self, callback: Callback, running: RunningAction) -> int:
        """Deliver a callback to swap_executed; the status it answers with, 0 for no answer."""
        if callback not in self.records.callbacks:
            self.records.callbacks.append(callback)
        process = self.process("callback", 0, running.depth)
        is_undisturbed = not running.has_faults and not running.depth and self.servers.is_sound
        expected = self.judge.expect_callback(callback, process)
        try:
            done = running.play(process, lambda alive: process_callback(alive.callback, callback.token))
            status = 0 if done is None else 200
        except Refused as refusal:
            status = STATUSES[type(refusal)]
        except Unavailable:
            status = 503
        except (RuleBroken, TimeoutError):
            raise
        except Exception as error:
            raise RuleBroken("a callback is answered", traceback.format_exc()) from error
        self.journal.counts[f"callback: {status or 'no answer'}"] += 1
        self.rules.called_back(callback, status)
        self.judge.end_callback(expected, status, is_undisturbed=is_undisturbed)
        return status

    def ask_health(self, running: RunningAction) -> None:
        """Ask swap_executed whether its database answers."""
        process = self.process("callback", 0, running.depth)
        try:
            running.play(process, lambda alive: Health(alive.callback.database).require())
        except DatabaseUnavailable:
            self.journal.counts["unhealthy"] += 1

    def logged(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take in what a process said; an error of its own is one, however well it was contained."""
        if event == logs.Event.INTERNAL_ERROR:
            raise RuleBroken("no process meets an error of its own", str(fields))
        self.judge.hear(event, fields)

    def _task_taken(self, task: OrderTask) -> None:
        self.rules.order_taken(task)
        self.peers.take_task(task)
