"""`make sandbox`: the world kept running, with addresses and commands to type, until Ctrl-C."""

import time
from typing import NoReturn

from sandbox.changenow.exchange import Schedule
from sandbox.processes.interrupts import Interrupts
from sandbox.world.world import Wishes, World

# Slow enough to be watched.
SCHEDULE = Schedule(confirming_s=2.0, exchanging_s=3.0, sending_s=2.0)
QUESTION_INTERVAL_S = 5.0
LOOK_S = 0.2


def keep_running(interrupts: Interrupts, tick_s: float) -> NoReturn:
    """Run until a signal comes, with a scheduler's tick each *tick_s* seconds; 0: none."""
    print("starting PostgreSQL, the neighbours and the two functions ...", flush=True)
    world = World(Wishes(schedule=SCHEDULE, gchostpay1_interval_s=QUESTION_INTERVAL_S), held=interrupts.held)
    try:
        try:
            world.start()
            print(_guide(world, tick_s), flush=True)
            _follow(world, tick_s)
        finally:
            world.stop()
    finally:
        world.stop()  # a signal may have come just before the first


def _follow(world: World, tick_s: float) -> NoReturn:
    """Print what the functions log, and tick."""
    shown = {"check_threshold": 0, "swap_executed": 0}
    next_tick = time.monotonic() + tick_s
    while True:
        for name, count in shown.items():
            for line in world.logs(name)[count:]:
                print(f"{name}: {line.get('severity')} {line.get('message')}", flush=True)
                shown[name] += 1
        if tick_s and time.monotonic() >= next_tick:
            next_tick += tick_s
            world.trigger()
        time.sleep(LOOK_S)


def _guide(world: World, tick_s: float) -> str:
    at = world.addresses
    ticks = f"every {tick_s:g} s by itself, and" if tick_s else "only"
    return f"""
The sandbox is running. A check is made {ticks} when you trigger one. Ctrl-C ends it all.

  GCAccumulator      {at.gcaccumulator_url}
  check_threshold    {at.check_threshold_url}
  swap_executed      {at.swap_executed_url}
  GCHostPay1         {at.gchostpay1_url}
  ChangeNow          {at.changenow_url}
  PostgreSQL         {at.database_url}
  Cloud Tasks        {at.cloud_tasks}   (gRPC, as are the next two)
  Secret Manager     {at.secret_manager}
  Pub/Sub            {at.pubsub}
  logs               {at.folder}

Type in another terminal:

  .venv/bin/python -m sandbox pay 12.50                a payment comes in
  .venv/bin/python -m sandbox trigger                  one check, as the scheduler makes it
  .venv/bin/python -m sandbox trigger --force          one check that opens a batch in any case
  .venv/bin/python -m sandbox threshold 50.00          another threshold, from the next check on
  .venv/bin/python -m sandbox policy '{{"paused": true}}'   another policy, likewise
  .venv/bin/python -m sandbox status                   what waits, what was decided, the batches
  curl {at.swap_executed_url}/health
  curl -d '{{"eth_price_usd": "2500"}}' {at.changenow_url}/_market
"""
