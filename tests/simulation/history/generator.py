"""A seed's history; the same one as long as this module and the names of the statements stay as they are."""

import json
from decimal import Decimal
from functools import cache
from random import Random
from typing import Final

from shared.outside.statements import STATEMENTS
from tests.simulation.history.odd_world import make_odd
from tests.simulation.history.restores import is_restored, with_restore
from tests.simulation.history.vocabulary import (
    Accept,
    Action,
    Check,
    Conditions,
    Fault,
    Forge,
    Health,
    History,
    Kill,
    MoveMarket,
    Pause,
    Pay,
    Payment,
    PeerFailure,
    Repeat,
    Replace,
    Restart,
    SetPolicy,
    SetThreshold,
    Skew,
    Wait,
)

MINUTE, HOUR = 60, 3600
INSTANCES: Final = 2
ODD_DOLLARS: Final = (None, "0", "-5", "NaN")
THRESHOLDS: Final = (b"20.00", b"20.00\n", b"5", b"100", b"1000", b"abc", b" ", b"-5", b"NaN", b"\xff\xfe", b"0")
SPANS: Final = (
    *(5, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 15 * MINUTE, 20 * MINUTE),
    *(11 * MINUTE, 31 * MINUTE, 50 * MINUTE, HOUR, 2 * HOUR, 5 * HOUR, 25 * HOUR),
)
PAUSES: Final = (0, 0, 0, 1, 30, 120, 240, 10 * MINUTE, 40 * MINUTE, HOUR, 25 * HOUR)
SKEWS: Final = (0, 0, -2, 3, 30, -240, 240, 20 * MINUTE, -40 * MINUTE, 2 * HOUR, -2 * HOUR)
POLICIES: Final[tuple[object, ...]] = (
    {},
    {},
    {"paused": True},
    {"max_age_hours": 1},
    {"max_payments": 3},
    {"max_batch_usd": 60},
    {"max_in_flight": 1},
    {"quote_deviation_pct": 5},
    {"quote_deviation_pct": 40},
    {"unknown": 1},
    [],
    {"max_batch_usd": "25.5", "max_in_flight": 2},
)
# How often a fault is meant for a kind of boundary or a call, and among how many of its moments (two a call).
MOMENTS: Final = {
    "database": (30, (10, 30, 80)),
    "POST /exchange": (10, (2, 4)),
    "GET /exchange/by-id": (10, (2, 6)),
    "GET /exchange/estimated-amount": (6, (4, 8)),
    "GET /exchange/range": (3, (2, 4)),
    "tasks": (18, (2, 2, 6)),
    "statement": (4, (20, 60)),
    "any statement": (12, (2, 2, 6)),
    "secrets": (5, (4,)),
    "events": (4, (4,)),
    "fence": (6, (2, 4, 6)),
    "connect": (2, (2, 4)),
}
NOT_MEANWHILE: Final = (Restart, Accept, Replace, Skew)


def generate(seed: int, favour: str | None = None) -> History:
    """Tell a seed's history; the faults of some seek out one kind of boundary or one call."""
    generator = _Generator(Random(seed), favour)
    return make_odd(History(seed, generator.conditions, generator.actions()))


def tell_restored(seed: int) -> History:
    """Tell a seed's history with a backup put back in it, whether chance wants one or not."""
    history = generate(seed)
    return history if is_restored(history) else with_restore(history)


@cache
def _statement_names() -> list[str]:
    return sorted(STATEMENTS.texts)


class _Generator:
    def __init__(self, random: Random, favour: str | None) -> None:
        self._random = random
        self._moments = MOMENTS | ({favour: (300, (2, 2, 4, 8))} if favour else {})
        self._price = Decimal(random.randint(1500, 4500))
        self._fault_rate = 1.0 if favour else random.choice((0.0, 0.5, 0.9, 0.9))
        self._traps_are_any = 0.5 if favour else 0.3
        self.conditions = Conditions(
            price=self._price,
            with_events=random.random() < 0.4,
            odd_fates=random.random() < 0.75,
            wallet_delays_s=(1, 1, 30, 120, 600, 2 * HOUR),
        )

    def actions(self) -> tuple[Action, ...]:
        """Tell what happens, from the first payment on."""
        told: list[Action] = [self._pay()]
        for _ in range(self._random.randint(5, 16)):
            told += self._scene() if self._random.random() < 0.35 else [self._action(depth=0)]
        return tuple(told)

    def _scene(self) -> list[Action]:
        return self._recovery() if self._random.random() < 0.6 else self._lever_moved()

    def _lever_moved(self) -> list[Action]:
        """Tell of a lever that operators move, and of checks that nothing disturbs: they must follow it."""
        random = self._random
        lever: Action = self._threshold() if random.random() < 0.3 else self._policy()
        return [
            *([self._pay()] if random.random() < 0.7 else []),
            lever,
            Check(random.randrange(INSTANCES), random.random() < 0.4),
            self._pay(),
            Check(random.randrange(INSTANCES), random.random() < 0.2),
        ]

    def _threshold(self) -> SetThreshold:
        return SetThreshold(self._random.choice(THRESHOLDS))

    def _policy(self) -> SetPolicy:
        return SetPolicy(json.dumps(self._random.choice(POLICIES)).encode())

    def _recovery(self) -> list[Action]:
        """Tell a few actions that belong together: what a fault left behind is found again, soon or late."""
        random = self._random
        trap = self._fault(0) if random.random() < self._traps_are_any else random.choice(self._traps())
        tick = Check(random.randrange(INSTANCES), faults=(trap,))
        return [
            *([self._pay()] if random.random() < 0.7 else []),
            tick,
            Wait(random.choice((MINUTE, 11 * MINUTE, 25 * MINUTE, 50 * MINUTE, 100 * MINUTE))),
            *([self._move_market()] if random.random() < 0.2 else []),
            Check(random.randrange(INSTANCES), faults=self._faults(0)),
        ]

    def _traps(self) -> tuple[Fault, ...]:
        """Name the faults that leave most behind."""
        random = self._random
        beside = (self._action(1), Check(random.randrange(INSTANCES), forced=True))
        return (
            Fault(random.randrange(2), Kill(), "tasks"),
            Fault(0, PeerFailure(random.choice((0, random.randrange(10**6))), 3), "tasks"),
            Fault(random.randrange(2), Kill(), "POST /exchange"),
            Fault(0, PeerFailure(random.randrange(10**6), 3), "POST /exchange"),
            Fault(random.randrange(80), Pause(random.choice(PAUSES), beside), "database"),
            Fault(random.randrange(8), Pause(random.choice((0, 240)), beside), "GET /exchange/estimated-amount"),
        )

    def _action(self, depth: int) -> Action:
        random = self._random
        kinds = (
            (36, lambda: Check(random.randrange(INSTANCES), random.random() < 0.2, self._faults(depth))),
            (22, lambda: Wait(random.choice(SPANS if depth == 0 else SPANS[:6]), self._faults(depth))),
            (18, self._pay),
            (4, lambda: Repeat(random.randrange(8), self._faults(depth))),
            (3, lambda: Forge(random.randrange(24))),
            (1, lambda: Health(self._faults(depth))),
            (4, self._threshold),
            (4, self._policy),
            (4, self._move_market),
            (2, lambda: Skew(random.randrange(INSTANCES), random.choice(SKEWS))),
            (1, lambda: Restart(random.random() < 0.5)),
            (2, lambda: Replace(random.randrange(INSTANCES))),
            (1, Accept),
        )
        return random.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()

    def _pay(self) -> Pay:
        return Pay(tuple(self._row() for _ in range(self._random.choice((1, 1, 2, 3, 5, 8)))))

    def _row(self) -> Payment:
        random = self._random
        if random.random() < 0.04:
            return Payment(random.choice(ODD_DOLLARS))
        usd = Decimal(random.choice((random.randint(100, 6000), random.randint(1000, 3000)))).scaleb(-2)
        if random.random() < 0.3:
            usd += Decimal(random.randint(0, 10**6)).scaleb(-8)
        return Payment(str(usd), self._ether(usd), random.choice((0, 0, 0, 1, HOUR, 30 * HOUR)))

    def _ether(self, usd: Decimal) -> str | None:
        """What the payment brought in, where the other service wrote it down; now and then it wrote nonsense."""
        random = self._random
        if random.random() < 0.5:
            return None
        if random.random() < 0.02:
            return random.choice(("0", "-1", "NaN"))
        eth = usd / self._price * Decimal(random.randint(985, 1015)) / 1000
        return format(eth.quantize(Decimal("1e-18")), "f")

    def _move_market(self) -> MoveMarket:
        random = self._random
        price = (self.conditions.price * random.randint(700, 1300) / 1000).quantize(Decimal("0.01"))
        self._price = price
        smallest = random.choice(("0.0005", "0.0005", "0.004", "0.02"))
        largest = random.choice((None, None, "0.02", "0.011"))
        return MoveMarket(price, Decimal(smallest), Decimal(largest) if largest else None)

    def _faults(self, depth: int) -> tuple[Fault, ...]:
        if depth > 1 or self._random.random() >= self._fault_rate:
            return ()
        return tuple(self._fault(depth) for _ in range(self._random.choice((1, 1, 1, 2, 3))))

    def _fault(self, depth: int) -> Fault:
        random = self._random
        kind = random.choices(list(self._moments), [weight for weight, _ in self._moments.values()])[0]
        at = random.randrange(random.choice(self._moments[kind][1]))
        if kind == "any statement":
            kind = random.choice(_statement_names())
        draw = random.random()
        if draw < 0.4:
            return Fault(at, Kill(), kind)
        if draw < 0.8:
            return Fault(at, PeerFailure(random.randrange(10**6), random.choice((1, 1, 2, 3, 4))), kind)
        meanwhile = tuple(self._action(depth + 1) for _ in range(random.choice((0, 1, 1, 2))))
        meanwhile = tuple(action for action in meanwhile if not isinstance(action, NOT_MEANWHILE))
        return Fault(at, Pause(random.choice(PAUSES), meanwhile), kind)
