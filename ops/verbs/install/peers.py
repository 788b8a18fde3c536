"""`peers check URL`: would a GCHostPay1 at this address read our orders rightly, and refuse what it must?"""

import time
from typing import Any, Final

import click
import urllib3
from urllib3.exceptions import HTTPError

from ops.command_line.answers import Answer, answering
from ops.command_line.exits import Exit
from ops.command_line.failures import Away
from ops.command_line.moments import Seconds
from ops.command_line.text import table, visible
from ops.outside.order_vectors import Trial, fresh_orders

ANSWER_SHOWN_MAX: Final = 60
COLUMNS = {"verdict": "", "name": "order", "expected": "expected", "status": "answered", "answer": "body"}


@click.group()
def command() -> None:
    """Try a neighbour's own service against the wire format."""


@command.command()
@click.argument("url")
@click.option("--timeout", "timeout_s", type=Seconds(0.1, 60), default=10, help="Seconds for each answer.")
@answering
def check(url: str, timeout_s: float) -> Answer:
    """Send the vectors' order, and all that must be refused, to a GCHostPay1 on trial.

    The orders are signed with the key of tests/vectors/tokens.json, which the service on trial has to be given: one
    that holds another key refuses all of them and pays nothing. Exit 1 where an answer is not the expected one.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} is not an http(s) address")
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=timeout_s))
    results = [_tried(pool, url, trial) for trial in fresh_orders(int(time.time()))]
    wrong = sum(not result["as_expected"] for result in results)
    shown = [result | {"verdict": "ok" if result["as_expected"] else "WRONG"} for result in results]
    verdict = f"{wrong} of {len(results)} answers are wrong" if wrong else f"all {len(results)} answers are as expected"
    code = Exit.REFUSED if wrong else Exit.DONE
    return Answer({"url": url, "wrong": wrong, "trials": results}, [*table(shown, COLUMNS), "", verdict], code)


def _tried(pool: urllib3.PoolManager, url: str, trial: Trial) -> dict[str, Any]:
    """Send one order and compare the answer: 2xx for the good one, 4xx for one that is to be refused."""
    try:
        answer = pool.request("POST", url, json={"token": trial.token}, redirect=False)
    except HTTPError as error:
        raise Away(f"{url} did not answer: {type(error).__name__}") from error
    as_expected = 200 <= answer.status < 300 if trial.is_good else 400 <= answer.status < 500
    return {
        "name": trial.name,
        "expected": "2xx" if trial.is_good else "4xx",
        "status": answer.status,
        "answer": visible(answer.data[:ANSWER_SHOWN_MAX].decode("utf-8", "replace")),
        "as_expected": as_expected,
    }
