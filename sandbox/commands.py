"""The sandbox's commands: demo, run, pay, trigger, threshold, policy, status."""

import argparse
import sys
from pathlib import Path

import requests
from google.api_core.exceptions import GoogleAPICallError

from sandbox.demo.kept import keep_running
from sandbox.demo.play import run_demo
from sandbox.demo.status import status_lines
from sandbox.postgres.server import PostgresError
from sandbox.processes.interrupts import Interrupts
from sandbox.world import operations
from sandbox.world.addresses import POLICY_SECRET, THRESHOLD_SECRET, NoWorldError, find_world
from sandbox.world.function_process import FunctionError

PAYMENTS = Path(__file__).parent / "demo" / "payments.csv"
TICK_S = 900.0
DONE, FAILED = 0, 1


def main(arguments: list[str], interrupts: Interrupts) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options, interrupts)
    except (NoWorldError, FunctionError, PostgresError, operations.RefusedPaymentError) as error:
        print(error, file=sys.stderr)
    except (GoogleAPICallError, requests.RequestException) as error:
        print(f"the sandbox does not answer: {type(error).__name__}", file=sys.stderr)
    return FAILED


def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    if options.command == "demo":
        return run_demo(options.payments or options.file or PAYMENTS, interrupts)
    if options.command == "run":
        keep_running(interrupts, options.every)
    world = find_world(options.world)
    match options.command:
        case "pay":
            number = operations.pay(world, options.amount_usd, client_id=options.client, user_id=options.user)
            print(f"payment {number} is pending")
        case "trigger":
            print(f"message {operations.trigger(world, force=options.force)} is published")
        case "threshold":
            print(operations.add_secret_version(world, THRESHOLD_SECRET, options.value))
        case "policy":
            print(operations.add_secret_version(world, POLICY_SECRET, options.value))
        case _:
            print("\n".join(status_lines(world)))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="The world around the functions, on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="play payments through everything, print the account")
    file = demo.add_mutually_exclusive_group()
    file.add_argument("file", nargs="?", type=Path, help="CSV file; sandbox/demo/payments.csv")
    file.add_argument("--payments", type=Path, metavar="FILE", help="the same, by name")
    run = commands.add_parser("run", help="keep the world running until Ctrl-C")
    run.add_argument("--every", type=float, default=TICK_S, metavar="SECONDS", help="0: no ticks")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--world", type=Path, metavar="FOLDER", help="when several are running")
    pay = commands.add_parser("pay", parents=[common], help="a payment comes in")
    pay.add_argument("amount_usd", help="dollars before the fee, such as 12.50")
    pay.add_argument("--client", default="client-1", metavar="ID")
    pay.add_argument("--user", type=int, default=1, metavar="ID")
    trigger = commands.add_parser("trigger", parents=[common], help="one check")
    trigger.add_argument("--force", action="store_true", help="open a batch below the threshold")
    threshold = commands.add_parser("threshold", parents=[common], help="set the threshold")
    threshold.add_argument("value", help="dollars, such as 50.00")
    policy = commands.add_parser("policy", parents=[common], help="set the policy")
    policy.add_argument("value", help="JSON, such as '{\"paused\": true}'")
    commands.add_parser("status", parents=[common], help="what waits and what was decided")
    return parser
