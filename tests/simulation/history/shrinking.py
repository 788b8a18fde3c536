"""Finds a shorter history that breaks the same rule: fewer actions, fewer faults, fewer payments, calmer fates."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.simulation.engine.play import Result, play
from tests.simulation.history.vocabulary import Action, Check, Fault, Health, History, Pause, Pay, Repeat, Wait
from tests.simulation.world.servers import Servers

Breaks = Callable[[History], bool]


@dataclass
class Shrinker:
    """Tries simpler histories for a bounded time."""

    breaks: Breaks
    until: float  # on the monotonic clock

    def shrink(self, history: History) -> History:
        """Return the simplest history found that still breaks the rule."""
        while True:
            simpler = self._first(self._simpler(history))
            if simpler is None:
                return history
            history = simpler

    def _first(self, candidates: Iterator[History]) -> History | None:
        for candidate in candidates:
            if time.monotonic() > self.until:
                return None
            if self.breaks(candidate):
                return candidate
        return None

    def _simpler(self, history: History) -> Iterator[History]:
        actions = history.actions
        yield from _calmer(history)
        size = len(actions) // 2
        while size:
            for start in range(0, len(actions), size):
                yield replace(history, actions=actions[:start] + actions[start + size :])
            size //= 2
        for index, action in enumerate(actions):
            for simpler in _simpler_action(action):
                yield replace(history, actions=(*actions[:index], simpler, *actions[index + 1 :]))


def _calmer(history: History) -> Iterator[History]:
    conditions = history.conditions
    if conditions.odd_fates:
        yield replace(history, conditions=replace(conditions, odd_fates=False))
    for calm in ({"moving_in": False}, {"odd_deposits": False}, {"bad": ()}):
        if any(getattr(conditions, name) != value for name, value in calm.items()):
            yield replace(history, conditions=replace(conditions, **calm))
    if conditions.with_events:
        yield replace(history, conditions=replace(conditions, with_events=False))


def _simpler_action(action: Action) -> Iterator[Action]:
    if isinstance(action, Pay):
        for index in range(len(action.payments) if len(action.payments) > 1 else 0):
            yield Pay(action.payments[:index] + action.payments[index + 1 :])
    if isinstance(action, Check | Wait | Repeat | Health):
        for index, fault in enumerate(action.faults):
            rest = action.faults[:index], action.faults[index + 1 :]
            yield replace(action, faults=rest[0] + rest[1])
            for what in _simpler_pauses(fault):
                yield replace(action, faults=(*rest[0], replace(fault, what=what), *rest[1]))


def _simpler_pauses(fault: Fault) -> Iterator[Pause]:
    if not isinstance(fault.what, Pause):
        return
    pause = fault.what
    for index, action in enumerate(pause.meanwhile):
        yield replace(pause, meanwhile=pause.meanwhile[:index] + pause.meanwhile[index + 1 :])
        for simpler in _simpler_action(action):
            yield replace(pause, meanwhile=(*pause.meanwhile[:index], simpler, *pause.meanwhile[index + 1 :]))
    if pause.seconds:
        yield replace(pause, seconds=0)


def shortest(servers: Servers, result: Result, patience_s: float) -> Result:
    """Shrink the history of a broken rule."""
    assert result.broken is not None
    rule = result.broken.rule

    def breaks(history: History) -> bool:
        broken = play(servers, history).broken
        return broken is not None and broken.rule == rule

    history = Shrinker(breaks, time.monotonic() + patience_s).shrink(result.history)
    again = play(servers, history)
    return again if again.broken is not None else result
