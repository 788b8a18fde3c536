"""The sandbox's commands: those that start a world, and those that are typed into a running one."""

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pg8000.dbapi
import requests
from google.api_core.exceptions import GoogleAPICallError

from sandbox.demo.kept import SHORT, Times, keep_running
from sandbox.demo.play import run_demo
from sandbox.demo.typed import (
    DrillRefusedError,
    drill_lines,
    export_lines,
    market_lines,
    payout_lines,
    queue_lines,
    run_operators,
    serve_functions,
)
from sandbox.postgres.server import PostgresError
from sandbox.processes.interrupts import Interrupts
from sandbox.world import operations
from sandbox.world.addresses import POLICY_SECRET, THRESHOLD_SECRET, Addresses, NoWorldError, find_world
from sandbox.world.function_process import FunctionError
from sandbox.world.wishes import FIRST_DAY, Wishes

PAYMENTS: Final = Path(__file__).parent / "demo" / "payments.csv"
TICK_S: Final = 900.0
DONE, FAILED, AWAY = 0, 1, 3
PLAIN: Final = {"payout": payout_lines, "environment": export_lines, "queues": queue_lines}
REFUSED: Final = (NoWorldError, FunctionError, PostgresError, DrillRefusedError, operations.RefusedPaymentError)


def main(arguments: list[str], interrupts: Interrupts) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options, interrupts)
    except REFUSED as error:
        print(error, file=sys.stderr)
        return FAILED
    except (GoogleAPICallError, requests.RequestException) as error:
        print(f"the sandbox does not answer: {type(error).__name__}", file=sys.stderr)
    except (pg8000.dbapi.Error, OSError) as error:
        print(f"the sandbox's database does not answer: {type(error).__name__}", file=sys.stderr)
    return AWAY


def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    if options.command == "demo":
        file = options.payments or options.file or PAYMENTS
        return run_demo(file, interrupts, with_details=options.details)
    if options.command == "run":
        keep_running(interrupts, _times(options), _wishes(options))
    world = find_world(options.world)
    if options.command == "functions":
        serve_functions(world, interrupts)
    if options.command in ("microbatch", "status"):
        return run_operators(world, getattr(options, "arguments", ["status"]))
    for line in _answer(options, world):
        print(line)
    return DONE


def _answer(options: argparse.Namespace, world: Addresses) -> Iterable[str]:
    """What a command that is typed into a running world has to say."""
    match options.command:
        case "pay":
            who = {"client_id": options.client, "user_id": options.user}
            number = operations.pay(world, options.amount_usd, nowpayments_outcome_amount=options.eth, **who)
            return [f"payment {number} is pending"]
        case "trigger":
            return [_trigger(options, world)]
        case "threshold":
            return [operations.add_secret_version(world, THRESHOLD_SECRET, options.value)]
        case "policy":
            return [operations.add_secret_version(world, POLICY_SECRET, options.value)]
        case "drill":
            return drill_lines(world, options.words)
        case "market":
            return market_lines(world, options.words)
        case _:
            return PLAIN[options.command](world)


def _trigger(options: argparse.Namespace, world: Addresses) -> str:
    if options.to:
        return f"answered {operations.deliver_tick(options.to, force=options.force)}"
    return f"message {operations.trigger(world, force=options.force)} is published"


def _times(options: argparse.Namespace) -> Times:
    short = SHORT if options.short else Times(TICK_S)
    return Times(
        tick_s=short.tick_s if options.every is None else options.every,
        grace_s=options.grace or short.grace_s,
        stuck_s=options.stuck or short.stuck_s,
        expiry_s=options.expiry or short.expiry_s,
    )


def _wishes(options: argparse.Namespace) -> Wishes:
    """A team's own services, by their addresses, take the place of the stand-ins."""
    return replace(
        FIRST_DAY if options.first_day else Wishes(),
        chain=options.chain,
        gchostpay1_url=os.environ.get("SANDBOX_GCHOSTPAY1_URL", "").rstrip("/"),
        gcaccumulator_url=os.environ.get("SANDBOX_GCACCUMULATOR_URL", "").rstrip("/"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="The world around the functions, on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_worlds(commands)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--world", type=Path, metavar="FOLDER", help="when several are running")
    _add_typed(commands, common)
    for name, meaning in (
        ("status", "the operators' view of this world"),
        ("queues", "how many tasks wait in each queue"),
        ("payout", "one tick of GCBatchProcessor"),
        ("environment", "the functions' settings, as a shell takes them"),
        ("functions", "serve both functions from the working tree"),
    ):
        commands.add_parser(name, parents=[common], help=meaning)
    return parser


def _add_worlds(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="play payments through everything, print the account")
    file = demo.add_mutually_exclusive_group()
    file.add_argument("file", nargs="?", type=Path, help="CSV file; sandbox/demo/payments.csv")
    file.add_argument("--payments", type=Path, metavar="FILE", help="the same, by name")
    demo.add_argument("--details", action="store_true", help="every payment of a long file, not a summary")
    run = commands.add_parser("run", help="keep the world running until Ctrl-C")
    run.add_argument("--every", type=float, metavar="SECONDS", help="between ticks; 900; 0: none")
    run.add_argument("--short", action="store_true", help="short times for drills: ticks, grace, stuck, expiry")
    run.add_argument("--first-day", action="store_true", help="payments wait already, and the first policy is mistyped")
    run.add_argument("--chain", action="store_true", help="ETH and USDT move on a chain of its own, for reconcile")
    run.add_argument("--grace", type=int, metavar="SECONDS", help="from the order to the first question")
    run.add_argument("--stuck", type=int, metavar="SECONDS", help="until a batch is called stuck")
    run.add_argument("--expiry", type=float, metavar="SECONDS", help="of an exchange that nobody pays")


def _add_typed(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    pay = commands.add_parser("pay", parents=[common], help="a payment comes in")
    pay.add_argument("amount_usd", help="dollars before the fee, such as 12.50")
    pay.add_argument("--client", default="client-1", metavar="ID")
    pay.add_argument("--eth", metavar="ETH", help="what it brought in, as NowPayments tells it")
    pay.add_argument("--user", type=int, default=1, metavar="ID")
    trigger = commands.add_parser("trigger", parents=[common], help="one check")
    trigger.add_argument("--force", action="store_true", help="open a batch below the threshold")
    trigger.add_argument("--to", metavar="URL", help="a check_threshold of your own, instead of the topic")
    threshold = commands.add_parser("threshold", parents=[common], help="set the threshold, whatever you type")
    threshold.add_argument("value", help="dollars, such as 50.00")
    policy = commands.add_parser("policy", parents=[common], help="set the policy, whatever you type")
    policy.add_argument("value", help="JSON, such as '{\"paused\": true}'")
    drill = commands.add_parser("drill", parents=[common], help="let something go wrong: `drill` lists what")
    drill.add_argument("words", nargs="*", metavar="NAME | end [NAME]")
    market = commands.add_parser("market", parents=[common], help="move ChangeNow's market")
    market.add_argument("words", nargs="*", metavar="NAME=VALUE", help="such as eth_price_usd=2500")
    operators = commands.add_parser("microbatch", parents=[common], help="the operators' command line, on this world")
    operators.add_argument("arguments", nargs=argparse.REMAINDER)
