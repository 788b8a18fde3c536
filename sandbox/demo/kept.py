"""`make sandbox`: the world kept running, with addresses and commands to type, until Ctrl-C."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from google.api_core.exceptions import GoogleAPICallError

from ops.command_line.database import STATEMENTS
from sandbox.changenow.exchange import Schedule
from sandbox.demo.guide import guide
from sandbox.demo.log_printer import LogPrinter
from sandbox.drills.server import DrillServer
from sandbox.processes.interrupts import Interrupts
from sandbox.world.environment import function_environment
from sandbox.world.wishes import Wishes
from sandbox.world.world import World
from shared.outside.database import open_database
from shared.settings import load_database_settings

# Slow enough to be watched.
SCHEDULE: Final = Schedule(confirming_s=1.0, exchanging_s=1.0, sending_s=1.0)
QUESTION_INTERVAL_S: Final = 4.0
LOOK_S: Final = 0.2


@dataclass(frozen=True)
class Times:
    """How long things take, in seconds; None: as in production."""

    tick_s: float
    """Between the scheduler's ticks; 0: none."""
    grace_s: int | None = None
    """From the order until the check asks ChangeNow itself."""
    stuck_s: int | None = None
    """Until a batch is called stuck."""
    expiry_s: float | None = None
    """Of waiting for a deposit, until ChangeNow calls an exchange expired; None: never."""


SHORT: Final = Times(tick_s=3.0, grace_s=10, stuck_s=15, expiry_s=30.0)


def keep_running(interrupts: Interrupts, times: Times, wishes: Wishes) -> NoReturn:
    """Run until a signal comes."""
    print("starting PostgreSQL, the neighbours and the two functions ...", flush=True)
    world = World(_timed(wishes, times), held=interrupts.held)
    drills = DrillServer(world)
    try:
        try:
            world.start()
            drills.start()
            with _serving_pages(world) as pages_url:
                where = replace(world.addresses, drills_url=drills.url, pages_url=pages_url)
                where.write()
                print(guide(where, tick_s=times.tick_s), flush=True)
                _Watch(world, times.tick_s).run()
        finally:
            drills.stop()
            world.stop()
    finally:
        world.stop()  # a signal may have come just before the first


@contextmanager
def _serving_pages(world: World) -> Iterator[str]:
    """Serve the operators' pages of this world, as `./microbatch serve` does; their address."""
    from ops.pages.serving import Pages  # noqa: PLC0415 - what draws takes a second that `sandbox pay` is spared

    database = open_database(load_database_settings(function_environment(world.addresses)), STATEMENTS)
    with closing(database), Pages(database, 0) as pages:
        yield pages.url


def _timed(wishes: Wishes, times: Times) -> Wishes:
    settings = {"RECONCILE_GRACE_S": times.grace_s, "STUCK_AFTER_S": times.stuck_s}
    return replace(
        wishes,
        schedule=replace(SCHEDULE, expires_after_s=times.expiry_s),
        gchostpay1_interval_s=QUESTION_INTERVAL_S,
        environment={name: str(value) for name, value in settings.items() if value is not None},
    )


class _Watch:
    """Prints what the functions log, ticks, and starts a function again that has died."""

    def __init__(self, world: World, tick_s: float) -> None:
        self._world = world
        self._tick_s = tick_s
        self._next_tick = time.monotonic() + tick_s
        self._logs = LogPrinter(world.functions)

    def run(self) -> NoReturn:
        while True:
            self._logs.print_new()
            for line in self._world.functions.revive():
                print(line, flush=True)
            if self._tick_s and time.monotonic() >= self._next_tick:
                self._next_tick += self._tick_s
                self._tick()
            time.sleep(LOOK_S)

    def _tick(self) -> None:
        try:
            self._world.trigger()
        except GoogleAPICallError as error:
            print(f"the scheduler's tick cannot be published ({type(error).__name__}): is Pub/Sub away?", flush=True)
