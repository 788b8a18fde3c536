"""Histories in which a backup is put back: made at one moment, put back at another, and people go through the page."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation.history.vocabulary import (
    Action,
    AfterRestore,
    Check,
    Fault,
    History,
    KeepBackup,
    Pause,
    PutBack,
    Repeat,
    Wait,
)

MINUTE, HOUR = 60, 3600
STEPS: Final = (
    *("payments", "payments", "enter", "enter", "enter", "give up", "accept", "the fence is away"),
    *("all", "all"),
)
KINDS: Final = ("database", "database", "fence", "tasks", "POST /exchange", "any")
MOMENTS: Final = (4, 10, 40, 80)
SPANS: Final = (MINUTE, 15 * MINUTE, 31 * MINUTE, 2 * HOUR, 5 * HOUR)


def is_restored(history: History) -> bool:
    """Whether a backup is put back in it."""
    return any(isinstance(action, PutBack) for action in history.actions)


def with_restore(history: History) -> History:
    """The same history with one or two restores in it; what is drawn for them changes nothing else."""
    random = Random(f"{history.seed}/restore")
    actions = list(history.actions)
    for _ in range(random.choice((1, 1, 1, 2))):
        kept_at = random.randrange(1, len(actions) + 1)
        actions.insert(kept_at, KeepBackup())
        put_back_at = random.randrange(kept_at + 1, len(actions) + 1)
        if random.random() < 0.5:
            _at_a_moment(actions, random.randrange(kept_at, put_back_at), KeepBackup(), random)
        if random.random() < 0.3:
            _at_a_moment(actions, random.randrange(kept_at, put_back_at), PutBack(random.randrange(2)), random)
        actions[put_back_at:put_back_at] = [PutBack(random.randrange(3)), *_aftermath(random)]
    return replace(history, actions=tuple(actions))


def _at_a_moment(actions: list[Action], index: int, what: KeepBackup | PutBack, random: Random) -> None:
    """Let it happen at one moment of an action; nobody else is at work while a backup is put back."""
    action = actions[index]
    if not isinstance(action, Check | Wait | Repeat):
        return
    fault = Fault(random.randrange(random.choice(MOMENTS)), what, random.choice(KINDS))
    others = [other for other in action.faults if not (isinstance(what, PutBack) and isinstance(other.what, Pause))]
    actions[index] = replace(action, faults=(*others, fault))


def _aftermath(random: Random) -> list[Action]:
    """What people and ticks do next, one beside the other."""
    told: list[Action] = []
    for _ in range(random.choice((0, 2, 4, 6))):
        draw = random.random()
        if draw < 0.6:
            told.append(AfterRestore(random.choice(STEPS), random.randrange(24)))
        else:
            told.append(Check(random.randrange(2)) if draw < 0.85 else Wait(random.choice(SPANS)))
    return told
