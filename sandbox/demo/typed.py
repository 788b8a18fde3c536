"""What is typed into a running sandbox by another terminal."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

import requests

from sandbox.demo.columns import counted
from sandbox.demo.log_printer import LogPrinter
from sandbox.processes.interrupts import Interrupts
from sandbox.wire.google_clients import tasks_client
from sandbox.world.addresses import BATCH_QUEUE, PAYOUT_QUEUE, RESPONSE_QUEUE, Addresses, NoWorldError, queue_path
from sandbox.world.environment import function_environment, operator_environment
from sandbox.world.functions import Functions
from sandbox.world.operations import TIMEOUT_S

PORTS: Final = (8081, 8082)
LOOK_S: Final = 0.2
SERVED: Final = """
Both functions are served from this working tree, against the running sandbox. Ctrl-C ends them.

  check_threshold    {check}
  swap_executed      {callback}

Type in another terminal:

  .venv/bin/python -m sandbox trigger --to {check}
  curl {callback}/health
"""


class DrillRefusedError(Exception):
    """The sandbox does not let this go wrong now; the message says why."""


def drill_lines(where: Addresses, words: Sequence[str]) -> Iterator[str]:
    """List drills, begin one, or end one or all: `drill`, `drill NAME`, `drill end [NAME]`."""
    if not where.drills_url:
        raise NoWorldError("this sandbox takes no drills: start one with `make sandbox`")
    if not words:
        for drill in requests.get(where.drills_url, timeout=TIMEOUT_S).json():
            mark = "GOING ON" if drill["going_on"] else ""
            yield f"  {drill['name']:<28}{drill['summary']:<72}{mark}".rstrip()
        return
    ending = words[0] == "end"
    name = (words[1:] or [""])[0] if ending else words[0]
    method = "DELETE" if ending else "POST"
    answer = requests.request(method, f"{where.drills_url}/{name}", timeout=TIMEOUT_S)
    message = str(answer.json()["message"])
    if answer.status_code != 200:
        raise DrillRefusedError(message)
    yield message


def payout_lines(where: Addresses) -> Iterator[str]:
    """One tick of GCBatchProcessor."""
    answer = requests.post(where.gcbatchprocessor_url, timeout=TIMEOUT_S)
    document = answer.json()
    if answer.status_code != 200:
        raise DrillRefusedError(str(document["message"]))
    yield f"clients paid out: {document['batches_created']}"


def market_lines(where: Addresses, words: Sequence[str]) -> Iterator[str]:
    """Move the market: `market eth_price_usd=2500 fee_pct=1`; without words, what it is."""
    fields = dict(word.partition("=")[::2] for word in words)
    answer = requests.post(f"{where.changenow_url}/_market", json=fields, timeout=TIMEOUT_S)
    document = answer.json()
    if answer.status_code != 200:
        raise DrillRefusedError(str(document["message"]))
    for name, value in document.items():
        yield f"{name:<16}{value}"


def queue_lines(where: Addresses) -> Iterator[str]:
    """What waits in each queue."""
    with tasks_client(where.cloud_tasks) as client:
        for queue in (BATCH_QUEUE, RESPONSE_QUEUE, PAYOUT_QUEUE):
            waiting = list(client.list_tasks(parent=queue_path(queue), timeout=TIMEOUT_S))
            yield f"{queue:<28}{counted(len(waiting), 'task')}"


def export_lines(where: Addresses) -> Iterator[str]:
    """The functions' environment for a shell: `eval "$(.venv/bin/python -m sandbox environment)"`."""
    for name, value in operator_environment(where).items():
        yield f"export {name}={shlex.quote(value)}"


def run_operators(where: Addresses, arguments: Sequence[str]) -> int:
    """Run a verb of the operators' command line against the sandbox, and return its exit code."""
    environment = {**os.environ, **operator_environment(where)}
    return subprocess.run([sys.executable, "-m", "ops", *arguments], env=environment, check=False).returncode


def serve_functions(where: Addresses, interrupts: Interrupts) -> NoReturn:
    """Serve both functions from the working tree against the sandbox's servers, beside its own, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        with interrupts.held():
            functions = Functions(function_environment(where), Path(folder), ports=PORTS)
        try:
            functions.start()
            functions.ready()
            print(SERVED.format(check=functions.check_threshold.url, callback=functions.swap_executed.url), flush=True)
            logs = LogPrinter(functions)
            while True:
                logs.print_new()
                for line in functions.revive():
                    print(line, flush=True)
                time.sleep(LOOK_S)
        finally:
            with interrupts.held():
                functions.stop()
